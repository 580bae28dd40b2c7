// Package cleanup deletes what has been done with for a while: finished items
// with everything that they own, states of repositories that nobody uses, and
// events that every tenant dealt with. What is worth keeping is in the history and in the logs.
package cleanup

import (
	"context"
	"slices"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/pipeline"
	"github.com/gozer-dev/gozer/controllers/tenant"
)

// Releaser takes back what was published for a buildset.
type Releaser interface {
	Release(ctx context.Context, scope string) error
}

// Items deletes finished QueueItems.
type Items struct {
	client.Client
	Merger Releaser
	// Keep finished items for so long.
	Keep time.Duration
	Now  func() time.Time
}

// SetupWithManager registers the controller.
func (r *Items) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("cleanup-items").For(&gozer.QueueItem{}).Complete(r)
}

// Reconcile deletes one item when its time has come.
func (r *Items) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var i gozer.QueueItem
	if err := r.Get(ctx, req.NamespacedName, &i); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if i.Status.CompletedAt == nil || i.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	if left := r.Keep - r.Now().Sub(i.Status.CompletedAt.Time); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	var items gozer.QueueItemList
	if err := r.List(ctx, &items, client.InNamespace(req.Namespace)); err != nil {
		return ctrl.Result{}, err
	}
	needed := slices.ContainsFunc(items.Items, func(o gozer.QueueItem) bool {
		return o.Status.Result == "" && slices.Contains(o.Spec.Needs, i.Name)
	})
	if needed {
		return ctrl.Result{RequeueAfter: r.Keep}, nil
	}
	var sets gozer.BuildSetList
	if err := r.List(ctx, &sets, client.InNamespace(req.Namespace), client.MatchingLabels{gozer.LabelItem: i.Name}); err != nil {
		return ctrl.Result{}, err
	}
	for _, b := range sets.Items {
		if err := r.Merger.Release(ctx, build.Scope(b.Namespace, b.Name)); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{}, patch.Delete(ctx, r.Client, &i, client.PropagationPolicy("Background"))
}

// Events deletes TriggerEvents that were dealt with.
type Events struct {
	client.Client
	// Keep events for so long: a repeated delivery within this time is recognised.
	Keep time.Duration
	Now  func() time.Time
}

// SetupWithManager registers the controller.
func (r *Events) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("cleanup-events").For(&gozer.TriggerEvent{}).Complete(r)
}

// Reconcile deletes one event when its time has come.
func (r *Events) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var e gozer.TriggerEvent
	if err := r.Get(ctx, req.NamespacedName, &e); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if left := r.keep(&e) - r.Now().Sub(e.CreationTimestamp.Time); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	var tenants gozer.TenantList
	if err := r.List(ctx, &tenants); err != nil {
		return ctrl.Result{}, err
	}
	for _, t := range tenants.Items {
		if tenant.HasProject(&t, e.Spec.Connection, e.Spec.Project) && !pipeline.DealtWith(&e, t.Namespace) &&
			(e.Spec.Tenant == "" || e.Spec.Tenant == t.Namespace) {
			return ctrl.Result{RequeueAfter: r.Keep}, nil
		}
	}
	return ctrl.Result{}, patch.Delete(ctx, r.Client, &e)
}

// keepUnmergeable is for how long a change may come into a pipeline that was
// asked to take it when the code host would not have merged it.
const keepUnmergeable = 24 * time.Hour

func (r *Events) keep(e *gozer.TriggerEvent) time.Duration {
	for _, t := range e.Status.Tenants {
		if slices.ContainsFunc(t.Pipelines, func(o gozer.PipelineOutcome) bool { return o.Unmergeable != "" }) {
			return max(r.Keep, keepUnmergeable)
		}
	}
	return r.Keep
}
