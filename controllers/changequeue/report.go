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
	r.Recorder.Eventf(i.QueueItem, kind, string(a.Result), "%s: %s", i.name(), report.Description(report.Item{Result: a.Result, Reason: i.Status.Reason, Merges: i.Status.Merged != nil}))
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

// tell uses the reporters of the result. A change, or a repository, that is
// gone cannot be told anything: its item must not block the queue.
func (r *Reconciler) tell(ctx context.Context, s *scope, i *item, a gate.Action) error {
	if a.Result == model.ItemDequeued && i.Status.StartReported == 0 {
		return nil // nobody was told that it came
	}
	result := a.Result
	if cause, _ := s.gone(i); result == model.ItemFailure && cause == report.NeedsInvalid {
		result = model.ItemConfigError // of another change, and an error of the configuration all the same
	}
	if err := r.use(ctx, s, i, reporters(&s.pipeline, result), a); !errors.Is(err, drivers.ErrNotFound) {
		return err
	}
	return nil
}

// use performs the actions for the change's own connection.
func (r *Reconciler) use(ctx context.Context, s *scope, i *item, actions []gozer.ReportAction, a gate.Action) error {
	n := slices.IndexFunc(actions, func(x gozer.ReportAction) bool { return x.Connection == i.change().Project.Connection })
	if n < 0 {
		return nil
	}
	host, err := r.Hosts.Host(ctx, i.change().Project.Connection)
	if err != nil {
		return err
	}
	// A merged change got its status before it was merged.
	if i.Status.Merged == nil {
		if err := r.setStatus(ctx, s, i, host, actions, a.Result, a.Why); err != nil {
			return err
		}
	}
	if !actions[n].Comment {
		return nil
	}
	text, err := r.words(ctx, s, i, a)
	if err != nil {
		return err
	}
	comment := report.Comment(text)
	if comment == "" {
		return nil
	}
	return host.Comment(ctx, convert.Change(i.change()), report.Marker(text.BuildSet, a.Result), comment)
}

// setStatus sets the commit status that the actions ask for.
func (r *Reconciler) setStatus(ctx context.Context, s *scope, i *item, host drivers.Host, actions []gozer.ReportAction, result model.ItemResult, why string) error {
	for _, a := range actions {
		if a.Connection != i.change().Project.Connection || a.Status == "" {
			continue
		}
		text := report.Item{Result: result, Reason: why, Merges: s.queue.Spec.Manager == gozer.ManagerDependent}
		err := host.SetStatus(ctx, convert.Change(i.change()), drivers.Status{
			Context: report.Context(s.tenant, s.queue.Spec.Pipeline), State: a.Status,
			Description: report.Description(text), URL: r.statusURL(i),
		})
		if err != nil {
			return err
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
