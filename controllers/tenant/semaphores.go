package tenant

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/naming"
)

var errSemaphoreByHand = errors.New("a Semaphore of that name was applied by hand; delete it, or rename the one in the configuration")

// applySemaphores makes the Semaphores that the configuration defines. One that it
// does not define any more has room for one, as all that nobody defines, and goes
// when nobody has it or waits for it.
func (r *Reconciler) applySemaphores(ctx context.Context, t *gozer.Tenant, l *layout.Layout) (unusable []gozer.ConfigError, err error) {
	defined := map[string]bool{}
	for _, s := range l.Semaphores() {
		defined[naming.Semaphore(s.Name)] = true
		err := r.applySemaphore(ctx, t, s)
		switch {
		case apierrors.IsInvalid(err), errors.Is(err, errSemaphoreByHand):
			unusable = append(unusable, gozer.ConfigError{Severity: "error", Message: convert.Cut(fmt.Sprintf("semaphore %s: %v", s.Name, err), 4000)})
		case err != nil:
			return nil, fmt.Errorf("semaphore %s: %w", s.Name, err)
		}
	}
	var list gozer.SemaphoreList
	if err := r.List(ctx, &list, client.InNamespace(t.Namespace)); err != nil {
		return nil, err
	}
	for i := range list.Items {
		s := &list.Items[i]
		if defined[s.Name] || !metav1.IsControlledBy(s, t) {
			continue
		}
		if err := r.undefine(ctx, s); err != nil {
			return nil, err
		}
	}
	return unusable, nil
}

func (r *Reconciler) undefine(ctx context.Context, s *gozer.Semaphore) error {
	switch {
	case s.Status.Held == 0 && s.Status.Waiting == 0:
		// Not if it was given away in between.
		err := patch.Delete(ctx, r.Client, s, client.Preconditions{ResourceVersion: &s.ResourceVersion})
		if apierrors.IsConflict(err) {
			return nil
		}
		return err
	case s.Spec.Max == 1 && s.Labels[gozer.LabelUndefined] != "":
		return nil
	}
	s.Spec.Max = 1
	metav1.SetMetaDataLabel(&s.ObjectMeta, gozer.LabelUndefined, "true")
	return r.Update(ctx, s)
}

// applySemaphore makes one be as it is defined.
func (r *Reconciler) applySemaphore(ctx context.Context, t *gozer.Tenant, want *configlang.Semaphore) error {
	spec := convert.SemaphoreSpec(want.Name, want.Max)
	var s gozer.Semaphore
	err := r.Get(ctx, client.ObjectKey{Namespace: t.Namespace, Name: naming.Semaphore(want.Name)}, &s)
	switch {
	case apierrors.IsNotFound(err):
		s = gozer.Semaphore{ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: naming.Semaphore(want.Name)}, Spec: spec}
		if err := ctrl.SetControllerReference(t, &s, r.Scheme()); err != nil {
			return err
		}
		return r.Create(ctx, &s)
	case err != nil:
		return err
	case !metav1.IsControlledBy(&s, t):
		return errSemaphoreByHand
	case equality.Semantic.DeepEqual(s.Spec, spec) && s.Labels[gozer.LabelUndefined] == "":
		return nil
	}
	s.Spec = spec
	delete(s.Labels, gozer.LabelUndefined)
	return r.Update(ctx, &s)
}

// unknownSemaphores are errors about global ones that the operator does not have.
// Jobs that need one wait for it.
func (r *Reconciler) unknownSemaphores(ctx context.Context, t *gozer.Tenant) ([]gozer.ConfigError, error) {
	var out []gozer.ConfigError
	for _, name := range t.Spec.Semaphores {
		err := r.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: name}, &gozer.Semaphore{})
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil {
			out = append(out, gozer.ConfigError{Severity: "error", Name: configlang.NameGlobalSemaphore,
				Message: convert.Cut(fmt.Sprintf("there is no global semaphore %s, and jobs that need it wait: create a Semaphore of that name in the namespace %s, or take it out of spec.semaphores of the tenant %s", name, r.Namespace, t.Name), 4000)})
		}
	}
	return out, nil
}

// semaphoreDefined are Semaphores that come, go or get another maximum.
func (r *Reconciler) semaphoreDefined() predicate.Predicate {
	global := func(obj client.Object) bool { return obj.GetNamespace() == r.Namespace }
	return predicate.Funcs{
		// Those of tenants are made by the manager, or by whom it is no concern.
		CreateFunc: func(e event.CreateEvent) bool { return global(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !global(e.ObjectNew) && e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration()
		},
	}
}

// tenantsOfSemaphore are those whose configuration says something of it.
func (r *Reconciler) tenantsOfSemaphore(ctx context.Context, obj client.Object) []reconcile.Request {
	return Requests(ctx, r, func(t *gozer.Tenant) bool {
		for _, name := range t.Spec.Semaphores {
			if obj.GetNamespace() == r.Namespace && name == obj.GetName() {
				return true
			}
		}
		return metav1.IsControlledBy(obj, t)
	})
}
