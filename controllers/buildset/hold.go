package buildset

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// heldBy names the job of an item ahead for which this one waits (Zuul:
// hold-following-changes); empty if there is none. What the item ahead waits for
// itself holds those behind it as well.
func (r *Reconciler) heldBy(ctx context.Context, b *gozer.BuildSet) (string, error) {
	var q gozer.ChangeQueue
	if err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Queue}, &q); err != nil {
		return "", client.IgnoreNotFound(err)
	}
	n := slices.IndexFunc(q.Status.Items, func(e gozer.QueueEntry) bool { return e.Item == b.Spec.Item })
	if n < 0 || q.Status.Items[n].Ahead == "" {
		return "", nil
	}
	var ahead gozer.BuildSet
	name := naming.BuildSet(q.Status.Items[n].Ahead, q.Status.Items[n].AheadEpoch)
	if err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: name}, &ahead); err != nil {
		return "", client.IgnoreNotFound(err) // an item that is not live runs no jobs
	}
	if ahead.Status.Holding != "" {
		return ahead.Status.Holding, nil
	}
	return holding(&ahead), nil
}

// holding names the first of the buildset's own jobs for which those behind wait.
func holding(b *gozer.BuildSet) string {
	for _, j := range b.Spec.Jobs {
		if !j.HoldFollowing {
			continue
		}
		done := slices.ContainsFunc(b.Status.Jobs, func(s gozer.JobStatus) bool {
			return s.Name == j.Name && s.Result == string(model.Success)
		})
		if !done {
			return convert.Cut(j.Name+" of "+b.Annotations[gozer.AnnotationChange], 1000)
		}
	}
	return ""
}

// buildSetsBehind are those that may wait for the buildset's jobs.
func (r *Reconciler) buildSetsBehind(ctx context.Context, obj client.Object) []reconcile.Request {
	b, ok := obj.(*gozer.BuildSet)
	if !ok {
		return nil
	}
	q := &gozer.ChangeQueue{}
	q.Namespace, q.Name = b.Namespace, b.Spec.Queue
	return r.buildSetsOfQueue(ctx, q)
}

// holdingChanged leaves out everything but the end of a wait.
func holdingChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*gozer.BuildSet)
			after, ok2 := e.ObjectNew.(*gozer.BuildSet)
			return ok1 && ok2 && before.Status.Holding != after.Status.Holding
		},
	}
}
