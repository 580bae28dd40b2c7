package semaphore

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// scope is what one decision is made of.
type scope struct {
	objects map[semaphore.Key]*gozer.Semaphore
	now     map[semaphore.Key]semaphore.Semaphore
	builds  []semaphore.Build
	// items of builds, by the builds' full names.
	items map[string]string
	// undefined are those that nobody defined, with whether they exist; names is
	// what jobs call them.
	undefined map[semaphore.Key]bool
	names     map[semaphore.Key]string
	// again is when to decide anew though nothing happens; 0 is never.
	again time.Duration
}

// come says that it is to be decided anew after a time.
func (s *scope) come(after time.Duration) {
	if s.again == 0 || after < s.again {
		s.again = after
	}
}

// fullName of a build.
func fullName(tenant, build string) string { return tenant + "/" + build }

func (r *Reconciler) gather(ctx context.Context) (*scope, error) {
	s := &scope{objects: map[semaphore.Key]*gozer.Semaphore{}, now: map[semaphore.Key]semaphore.Semaphore{}, items: map[string]string{},
		undefined: map[semaphore.Key]bool{}, names: map[semaphore.Key]string{}}
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
		if o.Labels[gozer.LabelUndefined] != "" {
			s.undefined[k] = true
		}
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
		if b.Status.Result != "" {
			continue
		}
		if err := r.gatherPlaybook(ctx, s, b, places, held[name]); err != nil {
			return err
		}
		waits := b.Status.Phase == gozer.BuildSemaphores
		if !waits && !b.Status.SemaphoresHeld && held[name] == nil {
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
		s.gatherMissing(b.Spec.Job.Semaphores, out.Needs)
	}
	return nil
}

// gatherPlaybook adds what a playbook of a build needs: apart from what the job
// needs, for it is asked for at another time.
func (r *Reconciler) gatherPlaybook(ctx context.Context, s *scope, b *gozer.Build, places *places, held []semaphore.Key) error {
	asked, err := build.AskedBy(b)
	if err != nil || len(asked.Names) == 0 {
		return nil //nolint:nilerr // what nobody can read asks for nothing, and stops nobody else
	}
	of := convert.OfPlaybook(b, asked.Names)
	out := semaphore.Build{Name: fullName(b.Namespace, b.Name), Holds: asked.Held}
	for _, j := range of {
		out.Needs = append(out.Needs, convert.SemaphoreKey(b.Namespace, r.Namespace, j))
	}
	if asked.Attempt != b.Status.Attempt {
		// Its executor is killed; what it was doing may still go on.
		runs, err := r.attemptRuns(ctx, s, b, asked.Attempt)
		if err != nil || !runs {
			return err
		}
		out.Needs = slices.DeleteFunc(out.Needs, func(k semaphore.Key) bool { return !slices.Contains(held, k) })
		s.builds, s.items[out.Name] = append(s.builds, out), b.Spec.Item
		return nil
	}
	if out.Place, err = places.of(ctx, b); err != nil {
		return err
	}
	s.builds, s.items[out.Name] = append(s.builds, out), b.Spec.Item
	s.gatherMissing(of, out.Needs)
	return nil
}

// attemptRuns says whether the executor of an attempt may still do something.
func (r *Reconciler) attemptRuns(ctx context.Context, s *scope, b *gozer.Build, attempt int32) (bool, error) {
	var p corev1.Pod
	err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: naming.ExecutorPod(b.Name, attempt)}, &p)
	return err == nil && s.mayRun(&p, r.Now()), client.IgnoreNotFound(err)
}

// gatherMissing notes which of a build's semaphores are not there, and may be made.
// A global one is the operator's to define: without it, nobody gets on.
func (s *scope) gatherMissing(of []gozer.JobSemaphore, needs []semaphore.Key) {
	for n, k := range needs {
		if j := of[n]; s.objects[k] == nil && !j.Global {
			s.undefined[k], s.names[k] = false, j.Name
		}
	}
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
		runs = s.mayRun(&pods.Items[i], r.Now()) || runs
	}
	if runs {
		s.builds = append(s.builds, semaphore.Build{Name: name, Needs: keys, Holds: true})
	}
	return nil
}

// mayRun says whether an executor may still do something: it has not ended, and its
// time to end is not over. It is looked again when that is.
func (s *scope) mayRun(p *corev1.Pod, now time.Time) bool {
	if ended(p) {
		return false
	}
	if p.DeletionTimestamp == nil {
		return true
	}
	left := p.DeletionTimestamp.Sub(now)
	if left > 0 {
		s.come(left)
	}
	return left > 0
}
