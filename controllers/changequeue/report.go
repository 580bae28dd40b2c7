package changequeue

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/tell"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// report tells the code host the result and records that it was told.
func (r *Reconciler) report(ctx context.Context, s *scope, i *item, a gate.Action) error {
	// What was counted was told before; the pipeline may be disabled since.
	if !counted(s, i) {
		if _, start := beginnings(&s.pipeline); a.Result != model.ItemDequeued && i.Status.Merged == nil {
			r.reportStart(ctx, s, i, start)
		}
		if err := r.tell(ctx, s, i, a); err != nil {
			return err
		}
		if err := r.count(ctx, s, i, a.Result); err != nil {
			return err
		}
	}
	story := string(a.Result)
	if a.Result != model.ItemSuccess && a.Why != "" {
		story += ": " + a.Why
	}
	i.told(r.Now(), a, story)
	r.forget(s, i)
	kind := corev1.EventTypeNormal
	if a.Result != model.ItemSuccess && a.Result != model.ItemDequeued {
		kind = corev1.EventTypeWarning
	}
	r.Recorder.Eventf(i.QueueItem, kind, string(a.Result), "%s: %s", i.name(), report.Description(report.Item{Result: a.Result, Reason: i.Status.Reason, Merges: i.Status.Merged != nil, RescuedBy: s.rescuedBy(i)}))
	return nil
}

// told records that nothing is left to say about the item.
func (i *item) told(now time.Time, a gate.Action, story string) {
	reason := a.Why
	if a.Result == model.ItemSuccess {
		reason = ""
	}
	i.finish(now, a.Result, reason)
	i.Status.Reported = convert.MicroTime(now)
	i.decide(now, "Reported", story)
}

// tell uses the reporters of the result.
func (r *Reconciler) tell(ctx context.Context, s *scope, i *item, a gate.Action) error {
	if a.Result == model.ItemDequeued && i.Status.StartReported == 0 {
		return nil // nobody was told that it came
	}
	result := a.Result
	if cause, _ := s.gone(i); result == model.ItemFailure && cause == report.NeedsInvalid {
		result = model.ItemConfigError // of another change, and an error of the configuration all the same
	}
	return r.use(ctx, s, i, reporters(&s.pipeline, result), a)
}

// use performs the actions for every change of the item, on its own connection:
// a cycle fails or merges as one.
func (r *Reconciler) use(ctx context.Context, s *scope, i *item, actions []gozer.ReportAction, a gate.Action) error {
	// A merged change was marked before it was merged.
	if i.Status.Merged == nil {
		if err := r.marks(ctx, s, i, actions, a); err != nil {
			return err
		}
	}
	return r.comment(ctx, i, actions, a.Result, func(ref gozer.ChangeRef) (string, error) {
		text, err := r.words(ctx, s, i, ref, a)
		return report.Comment(text), err
	})
}

// comment comments on every change whose connection's action asks for it.
func (r *Reconciler) comment(ctx context.Context, i *item, actions []gozer.ReportAction, result model.ItemResult, words func(gozer.ChangeRef) (string, error)) error {
	for _, ref := range i.Spec.Changes {
		if ref.Number == 0 || !slices.ContainsFunc(actions, func(x gozer.ReportAction) bool { return x.Connection == ref.Project.Connection && x.Comment }) {
			continue
		}
		host, err := r.Hosts.Host(ctx, ref.Project.Connection)
		if err != nil {
			return err
		}
		text, err := words(ref)
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		err = host.Comment(ctx, convert.Change(ref), report.Marker(i.Name, result), text)
		if why, ok := tell.Refused("the comment", err); ok {
			i.note(r.Now(), decisionNotTold, why) // who locked the conversation does not hold up the queue
		} else if !tell.Gone(err) {
			return err
		}
	}
	return nil
}

// marks sets statuses, checks, reviews and labels that the actions ask for, on all changes of the item.
func (r *Reconciler) marks(ctx context.Context, s *scope, i *item, actions []gozer.ReportAction, a gate.Action) error {
	for _, ref := range i.Spec.Changes {
		for _, action := range actions {
			if action.Connection != ref.Project.Connection {
				continue
			}
			host, err := r.Hosts.Host(ctx, ref.Project.Connection)
			if err != nil {
				return err
			}
			left, err := tell.Marks(ctx, host, convert.Change(ref), action, r.mark(ctx, s, i, ref, a))
			for _, what := range left {
				i.note(r.Now(), decisionNotTold, what)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// mark is what there is to say of a change of an item.
func (r *Reconciler) mark(ctx context.Context, s *scope, i *item, ref gozer.ChangeRef, a gate.Action) tell.Mark {
	text := report.Item{Result: a.Result, Reason: a.Why, Merges: s.queue.Spec.Manager == gozer.ManagerDependent, RescuedBy: s.rescuedBy(i)}
	return tell.Mark{
		Status: drivers.Status{Context: report.Context(s.tenant, s.queue.Spec.Pipeline), Description: report.Description(text), URL: r.statusURL(i)},
		// One check of an item, from its start to its end.
		Check: drivers.Check{ID: i.Name, StartedAt: i.Spec.EnqueuedAt.Time, EndedAt: r.Now()},
		Words: func() (report.Item, error) {
			if a.Result == report.Enqueued || a.Result == model.ItemUndecided {
				words := r.about(s, i, ref)
				words.Result = a.Result
				return words, nil
			}
			return r.words(ctx, s, i, ref, a)
		},
	}
}

// statusURL is where a person reads more about an item.
func (r *Reconciler) statusURL(i *item) string {
	if r.WebURL == "" || i.buildSet == nil || len(i.buildSet.Spec.Jobs) == 0 {
		return ""
	}
	return fmt.Sprintf("%s/t/%s/build/%s", r.WebURL, i.Namespace, i.buildSet.Spec.Jobs[0].Build)
}
