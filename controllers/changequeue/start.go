package changequeue

import (
	"context"
	"strings"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// reportStarts tells once that an item entered, and once that its jobs run. It
// is a courtesy: a host that cannot be reached does not hold anything up.
func (r *Reconciler) reportStarts(ctx context.Context, s *scope) {
	enqueue, start := beginnings(&s.pipeline)
	for _, name := range s.order {
		i := s.items[name]
		if !i.Spec.Live || i.Status.StartReported > 0 || i.Status.Result != "" {
			continue
		}
		if !i.Status.EnqueueReported && len(enqueue) > 0 && i.Annotations[gozer.AnnotationDequeue] == "" {
			i.Status.EnqueueReported = r.courtesy(ctx, s, i, enqueue, report.Enqueued)
		}
		r.reportStart(ctx, s, i, start)
	}
}

// reportStart tells that an item's jobs run; also when they were done before it
// could be told.
func (r *Reconciler) reportStart(ctx context.Context, s *scope, i *item, start []gozer.ReportAction) {
	if i.buildSet == nil || i.Status.StartReported > 0 || !r.courtesy(ctx, s, i, start, model.ItemUndecided) {
		return
	}
	i.Status.StartReported = i.buildSet.Spec.Epoch
	i.decide(r.Now(), "Started", jobsRun(i.buildSet.Spec.Jobs))
}

// courtesy says whether the host could be told.
func (r *Reconciler) courtesy(ctx context.Context, s *scope, i *item, actions []gozer.ReportAction, what model.ItemResult) bool {
	err := r.announce(ctx, s, i, actions, what)
	if err != nil {
		logf.FromContext(ctx).Info("What begins could not be reported", "item", i.Name, "what", what, "reason", err.Error())
		s.comeBack(delayOf(err, r.Now()))
	}
	return err == nil
}

// announce marks the change, and comments when the pipeline asks for it.
func (r *Reconciler) announce(ctx context.Context, s *scope, i *item, actions []gozer.ReportAction, what model.ItemResult) error {
	if len(actions) == 0 {
		return nil
	}
	if err := r.marks(ctx, s, i, actions, gate.Action{Result: what}); err != nil {
		return err
	}
	return r.comment(ctx, i, actions, what, func(ref gozer.ChangeRef) (string, error) {
		if what == report.Enqueued {
			return report.Enqueue(r.about(s, i, ref)), nil
		}
		return report.Start(r.about(s, i, ref)), nil
	})
}

// jobsRun names the jobs that a buildset runs.
func jobsRun(jobs []gozer.BuildSetJob) string {
	var names []string
	for _, j := range jobs {
		names = append(names, j.Name)
	}
	return "jobs: " + strings.Join(names, ", ")
}
