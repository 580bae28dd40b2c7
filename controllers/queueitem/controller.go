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
	"github.com/gozer-dev/gozer/controllers/retry"
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

	early early
	asked *asked
}

const (
	retryAfter = 2 * time.Second
	lookAgain  = 20 * time.Millisecond
)

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.asked = newAsked()
	return ctrl.NewControllerManagedBy(mgr).Named("queueitem").
		For(&gozer.QueueItem{}, builder.WithPredicates(mergeChanged())).
		Watches(&gozer.QueueItem{}, handler.EnqueueRequestsFromMapFunc(r.itemsOn), builder.WithPredicates(mergeChanged())).
		Watches(&gozer.ChangeQueue{}, handler.EnqueueRequestsFromMapFunc(activeItems)).
		Watches(&gozer.BuildSet{}, handler.EnqueueRequestsFromMapFunc(r.assuming), builder.WithPredicates(alternativeMade())).
		WatchesRawSource(r.early.source()).
		WithOptions(retry.Options(r.Workers)).
		Complete(r)
}

// handlerOfItem is for sources that name the item itself.
var handlerOfItem = &handler.EnqueueRequestForObject{}

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
	// entries of the queue, front to back, and where items stand if builds that
	// are run again fail for good.
	entries      []gozer.QueueEntry
	alternatives []gozer.AlternativePlace
	// alternative: it is that which is prepared.
	alternative bool
	// pipeline of the item; freeze fills it.
	pipeline gozer.Pipeline
	// ahead is the item on whose state this one is built; nil for the branches.
	ahead *gozer.QueueItem
	// aheadSteps are the changes of that state, in merge order.
	aheadSteps []gozer.MergeStep
	// rebased tells that those of them that merged since are left out; then
	// mergedAs are the heads of branches that the host made of them.
	rebased  bool
	mergedAs map[branch]string
	// allSteps are those with the merged ones.
	allSteps []gozer.MergeStep
}

// Reconcile prepares the item's present epoch.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s, ready, err := r.gather(ctx, req)
	if err != nil || !ready {
		if apierrors.IsNotFound(err) {
			r.early.done(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if m := s.item.Status.Merge; m != nil && m.Epoch == s.entry.Epoch {
		r.early.done(req.NamespacedName)
		return ctrl.Result{}, r.prepareAlternative(ctx, s)
	}
	merge, err := r.ready(ctx, s)
	if err != nil {
		logf.FromContext(ctx).Info("Preparing is tried again", "item", s.item.Name, "reason", err.Error())
		return ctrl.Result{RequeueAfter: retryAfter}, nil
	}
	before := s.item.DeepCopy()
	s.item.Status.Merge = merge
	if merge.BuildSet != "" {
		// Its queue would tell the same a moment later, in a write of its own.
		s.item.Status.State, s.item.Status.Builds = gozer.ItemRunning, fmt.Sprintf("0/%d", merge.Jobs)
	}
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
	if made := r.early.get(client.ObjectKeyFromObject(s.item), s.entry.Epoch); made != nil {
		// Others may stand on it already: it stays what it is. Its builds get the names
		// that they had, so they are made of the same.
		s.pipeline = made.pipeline
		return made.prepared.merge, r.create(ctx, s, made.prepared)
	}
	p, err := r.prepare(ctx, s)
	if err != nil || p.merge.BuildSet == "" {
		return p.merge, err
	}
	r.tellBehind(ctx, s, p)
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
	s.entry, s.entries, s.alternatives = q.Status.Items[n], q.Status.Items, q.Status.Alternatives
	var tenants gozer.TenantList
	if err := r.List(ctx, &tenants, client.InNamespace(req.Namespace)); err != nil {
		return nil, false, err
	}
	t := slices.IndexFunc(tenants.Items, func(t gozer.Tenant) bool { return t.Status.Layout != nil })
	if t < 0 {
		return s, false, nil
	}
	s.tenant = &tenants.Items[t]
	ready, err := r.gatherAhead(ctx, s)
	return s, ready, err
}

// gatherAhead reads the state of the item ahead. It must be prepared in the
// epoch that this item stands on.
func (r *Reconciler) gatherAhead(ctx context.Context, s *scope) (bool, error) {
	if s.entry.Ahead == "" {
		return true, nil
	}
	steps, a, err := r.stepsOf(ctx, s.item.Namespace, s.entry, s.entries)
	if err != nil || a == nil {
		return false, err
	}
	s.ahead, s.aheadSteps = a, steps
	return true, nil
}

// stepsOf gives the item ahead of an entry and what its state consists of; nil
// when it is not prepared in that epoch. Its buildset tells; an item that is
// not live has none, and consists of what is ahead of it and itself.
func (r *Reconciler) stepsOf(ctx context.Context, namespace string, e gozer.QueueEntry, entries []gozer.QueueEntry) ([]gozer.MergeStep, *gozer.QueueItem, error) {
	n := slices.IndexFunc(entries, func(x gozer.QueueEntry) bool { return x.Item == e.Ahead })
	if n < 0 || entries[n].Epoch != e.AheadEpoch {
		return nil, nil, nil
	}
	var a gozer.QueueItem
	if err := r.Get(ctx, client.ObjectKey{Namespace: namespace, Name: e.Ahead}, &a); err != nil {
		return nil, nil, err
	}
	if steps, ok := r.earlyAhead(&a, e.AheadEpoch); ok {
		return steps, &a, nil
	}
	m := a.Status.Merge
	if m == nil || m.Epoch != e.AheadEpoch || len(m.States) == 0 {
		return nil, nil, nil
	}
	if m.BuildSet != "" {
		var b gozer.BuildSet
		if err := r.Get(ctx, client.ObjectKey{Namespace: namespace, Name: m.BuildSet}, &b); err != nil {
			// %v: not seen yet is no reason to stop looking, and no watch tells of it.
			return nil, nil, fmt.Errorf("the buildset of %s: %v", a.Name, err) //nolint:errorlint // see above
		}
		return b.Spec.Steps, &a, nil
	}
	if entries[n].Ahead == "" {
		return ownSteps(&a), &a, nil
	}
	// Only items further ahead: the order of the queue ends the recursion.
	before, ahead, err := r.stepsOf(ctx, namespace, entries[n], entries[:n])
	if err != nil || ahead == nil {
		return nil, nil, err
	}
	return append(slices.Clone(before), ownSteps(&a)...), &a, nil
}

// ownSteps are the item's own changes.
func ownSteps(i *gozer.QueueItem) []gozer.MergeStep {
	var out []gozer.MergeStep
	for _, c := range i.Spec.Changes {
		if c.Number == 0 {
			continue // a branch as it is: nothing is merged
		}
		out = append(out, gozer.MergeStep{Change: c, Time: i.Spec.EnqueuedAt})
	}
	return out
}
