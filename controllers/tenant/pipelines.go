package tenant

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

var errByHand = errors.New("a Pipeline of that name was applied by hand; delete it, or rename the one in the config project")

func ownedBy(p *gozer.Pipeline, t *gozer.Tenant) bool {
	owner := metav1.GetControllerOf(p)
	return owner != nil && owner.UID == t.UID
}

// applyPipeline makes one Pipeline be as the config project says. A Pipeline
// that a person applied is theirs and is not touched.
func (r *Reconciler) applyPipeline(ctx context.Context, t *gozer.Tenant, name string, spec gozer.PipelineSpec) error {
	var p gozer.Pipeline
	err := r.Get(ctx, client.ObjectKey{Namespace: t.Namespace, Name: name}, &p)
	if apierrors.IsNotFound(err) {
		p = gozer.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: name}, Spec: spec}
		if err := ctrl.SetControllerReference(t, &p, r.Scheme()); err != nil {
			return err
		}
		return r.Create(ctx, &p)
	}
	if err != nil {
		return err
	}
	if !ownedBy(&p, t) {
		return errByHand
	}
	if equality.Semantic.DeepEqual(p.Spec, spec) {
		return nil
	}
	p.Spec = spec
	return r.Update(ctx, &p)
}
