// Package semaphore gives builds the semaphores that they need (Zuul: semaphore
// handler). What it writes is decided by internal/semaphore.
//
// A build asks by its phase, reads in the Semaphores that it has all of them, and
// writes that it goes on. From then on it is the build itself that says what it
// holds: a Semaphore that was deleted is filled again.
package semaphore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// Reconciler of all Semaphores: a build gets several at once, of which some may be
// shared by all tenants, so that they are decided about together, one decision at a time.
type Reconciler struct {
	client.Client
	// Live reads past the cache.
	Live client.Reader
	// Namespace of the operator, where global Semaphores are.
	Namespace string
	// Undefined is how many semaphores a tenant may have that nobody defined.
	Undefined int
	Now       func() time.Time

	// counts are Semaphores of which only the number of those who wait changed.
	counts patch.Later
}

const (
	lookAgain = 20 * time.Millisecond
	// tellWaiting is how long people may wait to see how many builds wait.
	tellWaiting = time.Second
	// lookForTenant is how often it is looked whether there is a Tenant again.
	lookForTenant = 10 * time.Second
)

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("semaphore").
		Watches(&gozer.Semaphore{}, handler.EnqueueRequestsFromMapFunc(all), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&gozer.Build{}, handler.EnqueueRequestsFromMapFunc(all), builder.WithPredicates(buildMoved())).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.ofHolder), builder.WithPredicates(executorEnded())).
		WithOptions(retry.Options(1)).
		Complete(r)
}

// all Semaphores have one key.
func all(context.Context, client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: "all"}}}
}

// buildMoved are builds that begin or cease to need semaphores.
func buildMoved() predicate.Predicate {
	needs := func(obj client.Object) bool { return obj.GetLabels()[gozer.LabelSemaphores] != "" }
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return needs(e.Object) },
		DeleteFunc: func(e event.DeleteEvent) bool { return needs(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*gozer.Build)
			after, ok2 := e.ObjectNew.(*gozer.Build)
			return ok1 && ok2 && needs(after) && (before.Status.Phase != after.Status.Phase || before.Status.Result != after.Status.Result ||
				before.Status.Attempt != after.Status.Attempt || before.Annotations[gozer.AnnotationPlaybook] != after.Annotations[gozer.AnnotationPlaybook])
		},
	}
}

// executorEnded are executor Pods in which nothing runs any more.
func executorEnded() predicate.Predicate {
	executor := func(obj client.Object) bool { return obj.GetLabels()[gozer.LabelRole] == build.RoleExecutor }
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(e event.DeleteEvent) bool { return executor(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*corev1.Pod)
			after, ok2 := e.ObjectNew.(*corev1.Pod)
			return ok1 && ok2 && executor(after) && !ended(before) && ended(after)
		},
	}
}

func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// ofHolder leaves out Pods of builds that hold nothing.
func (r *Reconciler) ofHolder(ctx context.Context, obj client.Object) []reconcile.Request {
	var list gozer.SemaphoreList
	if err := r.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return all(ctx, obj) // it finds out
	}
	for _, s := range list.Items {
		for _, h := range s.Status.Holders {
			if h.Tenant == obj.GetNamespace() && h.Build == obj.GetLabels()[gozer.LabelBuild] {
				return all(ctx, obj)
			}
		}
	}
	return nil
}

// Reconcile decides about all Semaphores, and writes those that change.
func (r *Reconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	s, err := r.gather(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	errs := r.makeMissing(ctx, s)
	decided := semaphore.Decide(s.now, s.builds)
	// In this order, and a build gets nothing beyond one that cannot be written: see
	// internal/semaphore. Others are not held up by it.
	without := map[string]bool{}
	for _, k := range slices.SortedFunc(maps.Keys(decided), semaphore.Compare) {
		d := decided[k].Withheld(s.now[k], without)
		wait, err := r.write(ctx, s, k, d)
		switch {
		case apierrors.IsConflict(err):
			// The cache lags behind our own write, or somebody changed the maximum:
			// what was decided may be wrong as a whole.
			return ctrl.Result{RequeueAfter: lookAgain}, errors.Join(errs...)
		case err != nil:
			for _, b := range d.Given(s.now[k]) {
				without[b] = true
			}
			if !apierrors.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("semaphore %s of %s: %w", k.Name, k.Scope, err))
			}
		case wait > 0:
			s.come(wait)
		}
	}
	return ctrl.Result{RequeueAfter: s.again}, errors.Join(errs...)
}

// write makes a Semaphore be as it was decided; wait is how long that may take yet.
func (r *Reconciler) write(ctx context.Context, s *scope, k semaphore.Key, d semaphore.Decision) (wait time.Duration, err error) {
	before := s.objects[k]
	sem := before.DeepCopy()
	sem.Status = s.status(sem, d, metav1.NewMicroTime(r.Now()))
	if given := slices.Equal(s.now[k].Holders, d.Holders); given && (sem.Status.Waiting != before.Status.Waiting || sem.Status.Next != before.Status.Next) {
		if wait := r.counts.Left(sem, tellWaiting, r.Now()); wait > 0 {
			return wait, nil
		}
	}
	r.counts.Done(client.ObjectKeyFromObject(sem))
	_, err = patch.Status(ctx, r.Client, sem, before, patch.Lock)
	return 0, err
}
