package semaphore

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// scope is what one decision is made of.
type scope struct {
	objects map[semaphore.Key]*gozer.Semaphore
	now     map[semaphore.Key]semaphore.Semaphore
	builds  []semaphore.Build
	// items of builds, by the builds' full names.
	items map[string]string
	// missing are Semaphores that builds need and nobody has made.
	missing []*gozer.Semaphore
	// again is when an executor that is killed is gone for sure; 0 without any.
	again time.Duration
}

// fullName of a build.
func fullName(tenant, build string) string { return tenant + "/" + build }

func (r *Reconciler) gather(ctx context.Context) (*scope, error) {
	s := &scope{objects: map[semaphore.Key]*gozer.Semaphore{}, now: map[semaphore.Key]semaphore.Semaphore{}, items: map[string]string{}}
	var list gozer.SemaphoreList
	if err := r.List(ctx, &list); err != nil {
		return nil, err
	}
	held := map[string][]semaphore.Key{}
	for i := range list.Items {
		o := &list.Items[i]
		if o.DeletionTimestamp != nil {
			continue
		}
		k := semaphore.Key{Scope: o.Namespace, Name: o.Name}
		sem := semaphore.Semaphore{Max: int(o.Spec.Max)}
		for _, h := range o.Status.Holders {
			name := fullName(h.Tenant, h.Build)
			sem.Holders, held[name] = append(sem.Holders, name), append(held[name], k)
			s.items[name] = h.Item
		}
		s.objects[k], s.now[k] = o, sem
	}
	if err := r.gatherBuilds(ctx, s, held); err != nil {
		return nil, err
	}
	for name, keys := range held { // of builds that are over
		if err := r.gatherEnding(ctx, s, name, keys); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// gatherBuilds finds those that hold semaphores or wait for some, and takes them
// out of the holders.
func (r *Reconciler) gatherBuilds(ctx context.Context, s *scope, held map[string][]semaphore.Key) error {
	var list gozer.BuildList
	if err := r.List(ctx, &list, client.MatchingLabels{gozer.LabelSemaphores: "true"}, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	places := &places{r: r}
	for i := range list.Items {
		b := &list.Items[i]
		name := fullName(b.Namespace, b.Name)
		waits := b.Status.Phase == gozer.BuildSemaphores
		if b.Status.Result != "" || !waits && !b.Status.SemaphoresHeld && held[name] == nil {
			continue
		}
		delete(held, name)
		out := semaphore.Build{Name: name, Needs: convert.SemaphoreKeys(b, r.Namespace), Holds: b.Status.SemaphoresHeld}
		if waits {
			var err error
			if out.Place, err = places.of(ctx, b); err != nil {
				return err
			}
		}
		s.builds, s.items[name] = append(s.builds, out), b.Spec.Item
		if err := r.gatherMissing(ctx, s, b, out.Needs); err != nil {
			return err
		}
	}
	return nil
}

// gatherMissing are the Semaphores of a build that are to be made.
func (r *Reconciler) gatherMissing(ctx context.Context, s *scope, b *gozer.Build, needs []semaphore.Key) error {
	for n, k := range needs {
		j := b.Spec.Job.Semaphores[n]
		there := s.objects[k] != nil || j.Global || slices.ContainsFunc(s.missing, func(m *gozer.Semaphore) bool { return m.Namespace == k.Scope && m.Name == k.Name })
		if there {
			continue
		}
		var tenants gozer.TenantList
		if err := r.List(ctx, &tenants, client.InNamespace(b.Namespace)); err != nil {
			return err
		}
		sem := &gozer.Semaphore{ObjectMeta: metav1.ObjectMeta{Namespace: k.Scope, Name: k.Name}, Spec: convert.SemaphoreSpec(j.Name, 1)}
		if t := slices.IndexFunc(tenants.Items, func(t gozer.Tenant) bool { return t.Status.Layout != nil }); t >= 0 {
			if err := ctrl.SetControllerReference(&tenants.Items[t], sem, r.Scheme()); err != nil {
				return err
			}
		}
		s.missing = append(s.missing, sem)
	}
	return nil
}

// gatherEnding looks after a holder that is over. What its executor was doing may
// still go on: it holds until that has ended, or its time to end is over.
func (r *Reconciler) gatherEnding(ctx context.Context, s *scope, name string, keys []semaphore.Key) error {
	tenant, own, _ := strings.Cut(name, "/")
	var b gozer.Build
	err := r.Get(ctx, client.ObjectKey{Namespace: tenant, Name: own}, &b)
	if apierrors.IsNotFound(err) {
		// A cache that is behind must not take a semaphore from who has it.
		err = r.Live.Get(ctx, client.ObjectKey{Namespace: tenant, Name: own}, &b)
	}
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	runs := err == nil && b.Status.Result == ""
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(tenant), client.MatchingLabels{gozer.LabelBuild: own, gozer.LabelRole: build.RoleExecutor}); err != nil {
		return err
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		left := time.Duration(0)
		if p.DeletionTimestamp != nil {
			left = p.DeletionTimestamp.Sub(r.Now())
		}
		switch {
		case ended(p) || p.DeletionTimestamp != nil && left <= 0:
			continue
		case left > 0 && (s.again == 0 || left < s.again):
			s.again = left
		}
		runs = true
	}
	if runs {
		s.builds = append(s.builds, semaphore.Build{Name: name, Needs: keys, Holds: true})
	}
	return nil
}
