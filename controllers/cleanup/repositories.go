package cleanup

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
)

// Repositories deletes RepositoryStates that no BuildSet names.
type Repositories struct {
	client.Client
	// Keep them for so long, and for no less than leastKept.
	Keep time.Duration
	Now  func() time.Time
}

// leastKept is longer than a buildset may need from storing what it names to
// being stored itself: the name of a RepositoryState is good for an hour.
const leastKept = 3 * time.Hour

// SetupWithManager registers the controller. It needs no more than their names.
func (r *Repositories) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("cleanup-repositories").For(&gozer.RepositoryState{}, builder.OnlyMetadata).Complete(r)
}

// Reconcile deletes one state when its time has come.
func (r *Repositories) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s := &metav1.PartialObjectMetadata{}
	s.SetGroupVersionKind(gozer.GroupVersion.WithKind("RepositoryState"))
	if err := r.Get(ctx, req.NamespacedName, s); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	keep := max(r.Keep, leastKept)
	if left := keep - r.Now().Sub(s.CreationTimestamp.Time); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	var sets gozer.BuildSetList
	if err := r.List(ctx, &sets, client.InNamespace(req.Namespace)); err != nil {
		return ctrl.Result{}, err
	}
	for _, b := range sets.Items {
		if slices.ContainsFunc(b.Spec.Repositories, func(f gozer.FrozenRepository) bool { return f.State == s.Name }) {
			return ctrl.Result{RequeueAfter: keep}, nil
		}
	}
	return ctrl.Result{}, patch.Delete(ctx, r.Client, s)
}
