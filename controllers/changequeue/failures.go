package changequeue

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/model"
)

// disabled says whether too many changes failed in a row since the pipeline
// got its present spec.
func disabled(p *gozer.Pipeline) bool {
	return p.Spec.DisableAfterConsecutiveFailures > 0 && p.Status.Disabled && p.Status.CountedGeneration == p.Generation
}

// verdict is what a result means to the count of failures.
type verdict int

const (
	// uncounted: what no job decided says nothing about the jobs.
	uncounted verdict = iota
	failed
	succeeded
)

// verdictOn an item that is reported.
func verdictOn(i *item, result model.ItemResult) verdict {
	switch {
	case result == model.ItemSuccess:
		return succeeded
	case result == model.ItemFailure && i.buildSet != nil && i.buildSet.Status.Result == string(model.ItemFailure):
		return failed
	}
	return uncounted
}

// maxCounted bounds Pipeline.status.countedItems. It must hold the items that
// are told and not yet written down as told, when the process dies.
const maxCounted = 64

// tally counts a verdict. changed is false when the status stays as it is: an
// item is counted once, and a disabled pipeline does not count.
func tally(p *gozer.Pipeline, name string, v verdict) (next gozer.PipelineStatus, changed bool) {
	next = *p.Status.DeepCopy()
	if p.Spec.DisableAfterConsecutiveFailures == 0 || v == uncounted || disabled(p) || slices.Contains(next.CountedItems, name) {
		return next, false
	}
	if next.CountedGeneration != p.Generation {
		next.ConsecutiveFailures, next.Disabled, next.CountedGeneration = 0, false, p.Generation
	}
	if v == succeeded {
		if next.ConsecutiveFailures == 0 {
			return next, false
		}
		next.ConsecutiveFailures = 0
	} else {
		next.ConsecutiveFailures++
	}
	next.Disabled = next.ConsecutiveFailures >= p.Spec.DisableAfterConsecutiveFailures
	next.CountedItems = append(next.CountedItems, name)
	next.CountedItems = next.CountedItems[max(0, len(next.CountedItems)-maxCounted):]
	return next, true
}

// recount reads the pipeline of the scope from the API server, if it counts
// failures: a cache that lags would let a disabled pipeline report on.
func (r *Reconciler) recount(ctx context.Context, s *scope) error {
	if s.pipeline.Spec.DisableAfterConsecutiveFailures == 0 {
		return nil
	}
	return client.IgnoreNotFound(r.Live.Get(ctx, client.ObjectKeyFromObject(&s.pipeline), &s.pipeline))
}

// attempts to count, when others write the pipeline at the same time.
const countAttempts = 3

// count writes a verdict into the pipeline's status, after the report was made:
// the one that disables the pipeline is still told as usual.
func (r *Reconciler) count(ctx context.Context, s *scope, i *item, result model.ItemResult) error {
	for attempt := 1; ; attempt++ {
		next, changed := tally(&s.pipeline, i.Name, verdictOn(i, result))
		if !changed {
			return nil
		}
		now := s.pipeline.DeepCopy()
		now.Status = next
		if next.Disabled {
			patch.Condition(&now.Status.Conditions, now.Generation, gozer.ConditionDisabled, true, "ConsecutiveFailures", whyDisabled(now), r.Now())
		}
		_, err := patch.Status(ctx, r.Client, now, &s.pipeline, patch.Lock)
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case apierrors.IsConflict(err) && attempt < countAttempts:
			if err := r.recount(ctx, s); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("counting the failures of pipeline %s: %w", s.pipeline.Name, err)
		}
		s.pipeline = *now
		if next.Disabled {
			r.Recorder.Event(now, corev1.EventTypeWarning, "Disabled", whyDisabled(now))
		}
		return nil
	}
}

func whyDisabled(p *gozer.Pipeline) string {
	return fmt.Sprintf("%d changes failed one after another: only the disabled reporters are used until the pipeline's spec changes", p.Spec.DisableAfterConsecutiveFailures)
}

// counted says whether the item's report was made before the process died.
func counted(s *scope, i *item) bool {
	return slices.Contains(s.pipeline.Status.CountedItems, i.Name)
}

// Failures begins the count of a pipeline anew when its spec changes (Zuul:
// reconfiguration). Nothing depends on it: a count holds for its generation
// only. It lets people see that the pipeline is in use again.
type Failures struct {
	client.Client
	Recorder record.EventRecorder
	Now      func() time.Time
}

// SetupWithManager registers the controller.
func (r *Failures) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("failures").
		For(&gozer.Pipeline{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(retry.Options(1)).
		Complete(r)
}

// Reconcile takes back what was counted for another spec.
func (r *Failures) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var p gozer.Pipeline
	if err := r.Get(ctx, req.NamespacedName, &p); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if p.Status.CountedGeneration == p.Generation || p.Status.ConsecutiveFailures == 0 && !p.Status.Disabled {
		return ctrl.Result{}, nil
	}
	before := p.DeepCopy()
	p.Status.ConsecutiveFailures, p.Status.Disabled, p.Status.CountedGeneration = 0, false, p.Generation
	if before.Status.Disabled {
		patch.Condition(&p.Status.Conditions, p.Generation, gozer.ConditionDisabled, false, "Changed", "the pipeline's spec changed", r.Now())
	}
	if _, err := patch.Status(ctx, r.Client, &p, before, patch.Lock); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if before.Status.Disabled {
		r.Recorder.Event(&p, corev1.EventTypeNormal, "Enabled", "the pipeline's spec changed: all its reporters are used again")
	}
	return ctrl.Result{}, nil
}
