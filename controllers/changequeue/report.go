package changequeue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
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
	// A merged change got its status before it was merged.
	if i.Status.Merged == nil {
		if err := r.statuses(ctx, s, i, actions, a.Result, a.Why); err != nil {
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
		if err := host.Comment(ctx, convert.Change(ref), report.Marker(i.Name, result), text); !gone(err) {
			return err
		}
	}
	return nil
}

// gone says whether a change, or its repository, is not there any more. It
// cannot be told anything, and its item must not block the queue.
func gone(err error) bool { return err == nil || errors.Is(err, drivers.ErrNotFound) }

// statuses sets the commit statuses that the actions ask for, on all changes of the item.
func (r *Reconciler) statuses(ctx context.Context, s *scope, i *item, actions []gozer.ReportAction, result model.ItemResult, why string) error {
	text := report.Item{Result: result, Reason: why, Merges: s.queue.Spec.Manager == gozer.ManagerDependent, RescuedBy: s.rescuedBy(i)}
	for _, ref := range i.Spec.Changes {
		for _, a := range actions {
			if a.Connection != ref.Project.Connection || a.Status == "" {
				continue
			}
			host, err := r.Hosts.Host(ctx, ref.Project.Connection)
			if err != nil {
				return err
			}
			err = host.SetStatus(ctx, convert.Change(ref), drivers.Status{
				Context: report.Context(s.tenant, s.queue.Spec.Pipeline), State: a.Status,
				Description: report.Description(text), URL: r.statusURL(i),
			})
			if !gone(err) {
				return err
			}
		}
	}
	return nil
}

// statusURL is where a person reads more about an item.
func (r *Reconciler) statusURL(i *item) string {
	if r.WebURL == "" || i.buildSet == nil || len(i.buildSet.Spec.Jobs) == 0 {
		return ""
	}
	return fmt.Sprintf("%s/t/%s/build/%s", r.WebURL, i.Namespace, i.buildSet.Spec.Jobs[0].Build)
}
