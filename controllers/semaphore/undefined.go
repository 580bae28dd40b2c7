package semaphore

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// maxMade is how many Semaphores are made in one pass: others must not wait for
// those of one change.
const maxMade = 100

// lookForRoom is how often it is looked whether a tenant has room again for
// semaphores that nobody defined.
const lookForRoom = time.Second

// makeMissing makes the Semaphores that nobody defined: they have room for one, and
// are decided about when they can be seen. What cannot be made, for example in a
// namespace that is being deleted, is in no other's way; builds for which there are
// too many are left out of the decision.
func (r *Reconciler) makeMissing(ctx context.Context, s *scope) (errs []error) {
	names := semaphore.Names(s.undefined, s.now, s.builds, r.Undefined)
	s.builds = slices.DeleteFunc(s.builds, func(b semaphore.Build) bool { return names.Refused[b.Name] && !b.Holds })
	if len(names.Refused) > 0 {
		s.come(lookForRoom) // what is given back in this pass makes room for them
	}
	for _, k := range names.Drop {
		// Not if somebody got it or defined it in between.
		before := s.objects[k]
		err := patch.Delete(ctx, r.Client, before, client.Preconditions{ResourceVersion: &before.ResourceVersion})
		if err != nil {
			errs = append(errs, fmt.Errorf("semaphore %s of %s: %w", k.Name, k.Scope, err))
		}
		delete(s.now, k)
	}
	if len(names.Make) > maxMade {
		names.Make = names.Make[:maxMade]
		s.come(lookAgain)
	}
	owners := owners{r: r, of: map[string]*gozer.Tenant{}}
	for _, k := range names.Make {
		if err := r.makeUndefined(ctx, s, owners, k); err != nil {
			errs = append(errs, fmt.Errorf("semaphore %s of %s: %w", k.Name, k.Scope, err))
		}
	}
	return errs
}

// makeUndefined makes one, unless there is nobody with whom it would go: a Tenant
// that is deleted takes its builds along, too.
func (r *Reconciler) makeUndefined(ctx context.Context, s *scope, owners owners, k semaphore.Key) error {
	t, err := owners.tenant(ctx, k.Scope)
	if err != nil {
		return err
	}
	if t == nil {
		s.come(lookForTenant)
		return nil
	}
	sem := &gozer.Semaphore{
		ObjectMeta: metav1.ObjectMeta{Namespace: k.Scope, Name: k.Name, Labels: map[string]string{gozer.LabelUndefined: "true"}},
		Spec:       convert.SemaphoreSpec(s.names[k], 1),
	}
	if err := ctrl.SetControllerReference(t, sem, r.Scheme()); err != nil {
		return err
	}
	return patch.Create(ctx, r.Client, sem)
}

// owners are the Tenants of namespaces, each looked for once in a pass.
type owners struct {
	r  *Reconciler
	of map[string]*gozer.Tenant
}

// tenant that is in force in a namespace; nil if there is none.
func (o owners) tenant(ctx context.Context, namespace string) (*gozer.Tenant, error) {
	if t, known := o.of[namespace]; known {
		return t, nil
	}
	var list gozer.TenantList
	if err := o.r.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	o.of[namespace] = nil
	if n := slices.IndexFunc(list.Items, func(t gozer.Tenant) bool { return t.Status.Layout != nil && t.DeletionTimestamp == nil }); n >= 0 {
		o.of[namespace] = &list.Items[n]
	}
	return o.of[namespace], nil
}
