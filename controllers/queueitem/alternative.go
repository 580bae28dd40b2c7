package queueitem

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/naming"
)

// prepareAlternative makes what tests an item where it would stand if the failed
// builds that are run again fail for good. Nothing depends on it: what cannot be
// made, for example because of a conflict, is left out.
func (r *Reconciler) prepareAlternative(ctx context.Context, s *scope) error {
	place := alternativeOf(s.alternatives, s.item.Name)
	if place == nil {
		return nil
	}
	alt := &scope{item: s.item, tenant: s.tenant, entries: s.entries, alternatives: s.alternatives, alternative: true, entry: s.entry}
	alt.entry.Ahead, alt.entry.AheadEpoch = place.Ahead, place.AheadEpoch
	name := alternativeName(s.entries, place)
	var made gozer.BuildSet
	if err := r.Get(ctx, client.ObjectKey{Namespace: s.item.Namespace, Name: name}, &made); !apierrors.IsNotFound(err) {
		return err
	}
	if ready, err := r.gatherAssumed(ctx, alt); err != nil || !ready {
		return err
	}
	p, err := r.prepare(ctx, alt)
	if err != nil || p.merge.Problem != "" || p.merge.BuildSet == "" {
		return err
	}
	p.merge.BuildSet = name
	if err := r.create(ctx, alt, p); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// assuming are the items whose alternatives stand on one that is made now. Only
// when it can be seen can they go on, so it is its watch that tells.
func (r *Reconciler) assuming(ctx context.Context, obj client.Object) []reconcile.Request {
	b, ok := obj.(*gozer.BuildSet)
	if !ok {
		return nil
	}
	var q gozer.ChangeQueue
	if err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Queue}, &q); err != nil {
		return nil // without a queue nobody waits
	}
	var out []reconcile.Request
	for _, a := range q.Status.Alternatives {
		if a.Ahead == b.Spec.Item {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: b.Namespace, Name: a.Item}})
		}
	}
	return out
}

// alternativeMade is when an alternative can be seen.
func alternativeMade() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			b, ok := e.Object.(*gozer.BuildSet)
			return ok && b.Spec.Alternative
		},
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// gatherAssumed reads the state that an alternative stands on: an item's own, or
// that of an alternative.
func (r *Reconciler) gatherAssumed(ctx context.Context, s *scope) (bool, error) {
	ahead := alternativeOf(s.alternatives, s.entry.Ahead)
	if ahead == nil || ahead.Epoch != s.entry.AheadEpoch {
		return r.gatherAhead(ctx, s)
	}
	var b gozer.BuildSet
	if err := r.Get(ctx, client.ObjectKey{Namespace: s.item.Namespace, Name: alternativeName(s.entries, ahead)}, &b); err != nil {
		return false, client.IgnoreNotFound(err) // its watch tells when it is made
	}
	var a gozer.QueueItem
	if err := r.Get(ctx, client.ObjectKey{Namespace: s.item.Namespace, Name: ahead.Item}, &a); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	a.Status.Merge = mergeOf(&b)
	s.ahead, s.aheadSteps = &a, b.Spec.Steps
	return true, nil
}

func alternativeOf(places []gozer.AlternativePlace, item string) *gozer.AlternativePlace {
	n := slices.IndexFunc(places, func(a gozer.AlternativePlace) bool { return a.Item == item })
	if n < 0 {
		return nil
	}
	return &places[n]
}

// alternativeName is the buildset that tests an item's present epoch elsewhere.
func alternativeName(entries []gozer.QueueEntry, a *gozer.AlternativePlace) string {
	n := slices.IndexFunc(entries, func(e gozer.QueueEntry) bool { return e.Item == a.Item })
	if n < 0 {
		return ""
	}
	return naming.Alternative(a.Item, entries[n].Epoch, a.Ahead, a.AheadEpoch)
}
