// Package queueitem prepares items: it has the speculative state of an item
// merged, reads the configuration that this state has, freezes the jobs, and
// creates the buildset that tests it (Zuul: prepareItem).
//
// It works on items that their queue has made active, once for each epoch. The
// state of an item is the state of the item ahead plus one merge.
package queueitem

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/naming"
)

// Reconciler of QueueItems.
type Reconciler struct {
	client.Client
	Merger merger.Merger
	Loader *configsource.Loader
	Now    func() time.Time
	// Workers is how many items are prepared at once.
	Workers int
}

const (
	retryAfter = 2 * time.Second
	lookAgain  = 20 * time.Millisecond
)

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("queueitem").
		For(&gozer.QueueItem{}, builder.WithPredicates(mergeChanged())).
		Watches(&gozer.QueueItem{}, handler.EnqueueRequestsFromMapFunc(r.itemsOn), builder.WithPredicates(mergeChanged())).
		Watches(&gozer.ChangeQueue{}, handler.EnqueueRequestsFromMapFunc(activeItems)).
		WithOptions(options(r.Workers)).
		Complete(r)
}

func mergeChanged() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*gozer.QueueItem)
			after, ok2 := e.ObjectNew.(*gozer.QueueItem)
			return ok1 && ok2 && !equality.Semantic.DeepEqual(before.Status.Merge, after.Status.Merge)
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}

// itemsOn are the items that wait for an item to be prepared.
func (r *Reconciler) itemsOn(ctx context.Context, obj client.Object) []reconcile.Request {
	i, ok := obj.(*gozer.QueueItem)
	if !ok || i.Status.Merge == nil {
		return nil
	}
	var q gozer.ChangeQueue
	if err := r.Get(ctx, client.ObjectKey{Namespace: i.Namespace, Name: i.Spec.Queue}, &q); err != nil {
		return nil // without a queue nobody waits
	}
	var out []reconcile.Request
	for _, e := range q.Status.Items {
		if e.Ahead == i.Name {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: i.Namespace, Name: e.Item}})
		}
	}
	return out
}

func activeItems(_ context.Context, obj client.Object) []reconcile.Request {
	q, ok := obj.(*gozer.ChangeQueue)
	if !ok {
		return nil
	}
	var out []reconcile.Request
	for _, e := range q.Status.Items {
		if e.Active && !e.Halted {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: q.Namespace, Name: e.Item}})
		}
	}
	return out
}

// scope is what is known of an item; gather fills it.
type scope struct {
	item   *gozer.QueueItem
	tenant *gozer.Tenant
	entry  gozer.QueueEntry
	// ahead are the items that this one stands on, the one nearest to the branch first.
	ahead []*gozer.QueueItem
}

// Reconcile prepares the item's present epoch.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s, ready, err := r.gather(ctx, req)
	if err != nil || !ready {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if m := s.item.Status.Merge; m != nil && m.Epoch == s.entry.Epoch {
		return ctrl.Result{}, nil
	}
	merge, err := r.ready(ctx, s)
	if err != nil {
		logf.FromContext(ctx).Info("Preparing is tried again", "item", s.item.Name, "reason", err.Error())
		return ctrl.Result{RequeueAfter: retryAfter}, nil
	}
	before := s.item.DeepCopy()
	s.item.Status.Merge = merge
	_, err = patch.Status(ctx, r.Client, s.item, before, patch.Lock)
	if apierrors.IsConflict(err) {
		// The cache lags, or the queue's controller wrote in between: look again.
		return ctrl.Result{RequeueAfter: lookAgain}, nil
	}
	return ctrl.Result{}, client.IgnoreNotFound(err)
}

// ready prepares the item's state with everything that tests it, in an order
// that makes it safe to die anywhere: the builds, then the buildset that names
// them, then the item's status. A buildset that exists is complete, and is
// what was decided.
func (r *Reconciler) ready(ctx context.Context, s *scope) (*gozer.ItemMerge, error) {
	var b gozer.BuildSet
	err := r.Get(ctx, client.ObjectKey{Namespace: s.item.Namespace, Name: naming.BuildSet(s.item.Name, s.entry.Epoch)}, &b)
	if err == nil {
		return mergeOf(&b), nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, err
	}
	p, err := r.prepare(ctx, s)
	if err != nil || p.merge.BuildSet == "" {
		return p.merge, err
	}
	return p.merge, r.create(ctx, s, p)
}

// gather reads what the item's state depends on. It is not ready when there
// is nothing to do for it now; a watch tells when there is.
func (r *Reconciler) gather(ctx context.Context, req ctrl.Request) (*scope, bool, error) {
	s := &scope{item: &gozer.QueueItem{}}
	if err := r.Get(ctx, req.NamespacedName, s.item); err != nil {
		return nil, false, err
	}
	if s.item.DeletionTimestamp != nil || s.item.Status.Result != "" {
		return s, false, nil
	}
	var q gozer.ChangeQueue
	if err := r.Get(ctx, client.ObjectKey{Namespace: req.Namespace, Name: s.item.Spec.Queue}, &q); err != nil {
		return nil, false, err
	}
	n := slices.IndexFunc(q.Status.Items, func(e gozer.QueueEntry) bool { return e.Item == s.item.Name })
	if n < 0 || !q.Status.Items[n].Active || q.Status.Items[n].Halted {
		return s, false, nil
	}
	s.entry = q.Status.Items[n]
	var tenants gozer.TenantList
	if err := r.List(ctx, &tenants, client.InNamespace(req.Namespace)); err != nil {
		return nil, false, err
	}
	t := slices.IndexFunc(tenants.Items, func(t gozer.Tenant) bool { return t.Status.Layout != nil })
	if t < 0 {
		return s, false, nil
	}
	s.tenant = &tenants.Items[t]
	ready, err := r.gatherAhead(ctx, s, q.Status.Items)
	return s, ready, err
}

// gatherAhead follows the item ahead to the branch. All of them must be
// prepared in the epoch that the next one stands on.
func (r *Reconciler) gatherAhead(ctx context.Context, s *scope, entries []gozer.QueueEntry) (bool, error) {
	byName := map[string]gozer.QueueEntry{}
	for _, e := range entries {
		byName[e.Item] = e
	}
	for e := s.entry; e.Ahead != ""; e = byName[e.Ahead] {
		var a gozer.QueueItem
		if err := r.Get(ctx, client.ObjectKey{Namespace: s.item.Namespace, Name: e.Ahead}, &a); err != nil {
			return false, err
		}
		m := a.Status.Merge
		if m == nil || m.Epoch != e.AheadEpoch || len(m.States) == 0 || byName[e.Ahead].Epoch != e.AheadEpoch {
			return false, nil
		}
		s.ahead = append(s.ahead, &a)
		if len(s.ahead) > len(entries) {
			return false, fmt.Errorf("the queue %s stands on itself", s.item.Spec.Queue)
		}
	}
	slices.Reverse(s.ahead)
	return true, nil
}
