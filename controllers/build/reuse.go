package build

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/index"
)

// adopted finds the buildset that decides about the build now: when the one that
// it was made for is given up, the latest one that kept it.
func (r *Reconciler) adopted(ctx context.Context, s *scope) error {
	if !s.set.Status.Canceled || s.build.Spec.Inputs == "" || s.build.Status.Result != "" {
		return nil
	}
	var list gozer.BuildSetList
	if err := r.List(ctx, &list, client.InNamespace(s.build.Namespace), index.By(gozer.LabelItem, s.build.Spec.Item)); err != nil {
		return err
	}
	for i := range list.Items {
		next := &list.Items[i]
		if next.Spec.Epoch > s.set.Spec.Epoch && slices.ContainsFunc(next.Spec.Jobs, func(j gozer.BuildSetJob) bool { return j.Build == s.build.Name }) {
			s.set = next
		}
	}
	return nil
}
