package buildset

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/index"
	"github.com/gozer-dev/gozer/internal/naming"
)

// lookAgain is how soon it is seen whether a reset item was prepared anew.
const lookAgain = 200 * time.Millisecond

// buildSetsOf are the buildsets that a build is part of: the one that it was made
// for, and later ones that kept it.
func (r *Reconciler) buildSetsOf(ctx context.Context, obj client.Object) []reconcile.Request {
	b, ok := obj.(*gozer.Build)
	if !ok {
		return nil
	}
	out := []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.BuildSet}}}
	if b.Spec.Inputs == "" {
		return out
	}
	var list gozer.BuildSetList
	if err := r.List(ctx, &list, client.InNamespace(b.Namespace), index.By(gozer.LabelItem, b.Spec.Item), client.UnsafeDisableDeepCopy); err != nil {
		logf.FromContext(ctx).Error(err, "Cannot list buildsets")
		return out
	}
	for i := range list.Items {
		if set := &list.Items[i]; set.Name != b.Spec.BuildSet && set.Status.Result == "" &&
			slices.ContainsFunc(set.Spec.Jobs, func(j gozer.BuildSetJob) bool { return j.Build == b.Name }) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(set)})
		}
	}
	return out
}

// mayBeKept says whether it is still open if the item's next state keeps builds
// of this buildset: cancelling them now would be for nothing. It is decided as
// soon as the next buildset is there, which names those that it keeps.
func (r *Reconciler) mayBeKept(ctx context.Context, b *gozer.BuildSet) (bool, error) {
	var p gozer.Pipeline
	if err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Pipeline}, &p); err != nil || !p.Spec.ReuseResults && !b.Spec.Alternative {
		return false, client.IgnoreNotFound(err)
	}
	var q gozer.ChangeQueue
	if err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Queue}, &q); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	n := slices.IndexFunc(q.Status.Items, func(e gozer.QueueEntry) bool { return e.Item == b.Spec.Item })
	if n < 0 || q.Status.Items[n].Halted || !q.Status.Items[n].Active {
		return false, nil
	}
	epoch := q.Status.Items[n].Epoch
	var next gozer.BuildSet
	err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: naming.BuildSet(b.Spec.Item, epoch)}, &next)
	if !apierrors.IsNotFound(err) {
		return false, err
	}
	var item gozer.QueueItem
	if err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Item}, &item); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	// Prepared, and without a buildset: there is nothing that could keep them.
	return item.Status.Merge == nil || item.Status.Merge.Epoch != epoch, nil
}
