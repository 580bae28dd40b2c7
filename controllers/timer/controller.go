// Package timer brings in branches when the times of a tenant's pipelines come
// (Zuul: the timer driver).
//
// For each branch of each project that has jobs in the pipeline it stores a
// TriggerEvent, as intake does for what a code host tells; everything else
// follows from that. An event is named by what came when, so that the same tick
// is never there twice, whoever stores it and however often. Up to when a time
// is done with is kept in the status of the Pipeline: a process that begins
// anew goes on there.
package timer

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/controllers/tenant"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/timer"
)

// Reconciler watches the times of one tenant at a time.
type Reconciler struct {
	client.Client
	Loader *configsource.Loader
	// Namespace of the operator, where events are.
	Namespace string
	// Grace: a tick that was missed by less is made up for; see GraceOf. It should be
	// shorter than events are kept, for they tell which ticks were stored already.
	Grace time.Duration
	Now   func() time.Time

	// done says, by tenant, up to when times of pipelines are done with, where the
	// status does not say so yet.
	done map[types.UID]map[key]time.Time
}

// MaxGrace is how late a tick may be made up for: longer than a manager takes to
// begin anew, and not so long that a night's load comes in the morning.
const MaxGrace = 10 * time.Minute

// soon is for a time that came while the last one was stored.
const soon = time.Millisecond

// GraceOf is the grace where events are kept for so long.
func GraceOf(kept time.Duration) time.Duration { return min(MaxGrace, max(kept/2, lag)) }

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("timer").
		For(&gozer.Tenant{}, builder.WithPredicates(tenant.Loaded())).
		Watches(&gozer.Pipeline{}, handler.EnqueueRequestsFromMapFunc(tenant.OfNamespace(r)), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(retry.Options(1)).
		Complete(r)
}

// Reconcile stores the ticks that have come, and comes back for the next.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var t gozer.Tenant
	if err := r.Get(ctx, req.NamespacedName, &t); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if t.DeletionTimestamp != nil || t.Status.Layout == nil {
		return ctrl.Result{}, nil
	}
	// 1. What times there are, and for which branches.
	s, err := r.gather(ctx, &t)
	if err != nil || len(s.pipelines) == 0 {
		return ctrl.Result{}, err
	}
	// 2. Which of them have come.
	ticks, next := timer.Plan(s.now, r.Grace, s.timers)
	// 3. Events first: what is noted as done with must be there.
	if err := r.store(ctx, s, ticks); err != nil {
		return ctrl.Result{}, err
	}
	// 4. Up to when the times are done with.
	if err := r.note(ctx, s); err != nil || next.IsZero() {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: max(next.Sub(r.Now()), soon)}, nil
}
