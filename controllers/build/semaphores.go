package build

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
)

// gatherSemaphores finds out which of its semaphores a build still needs. It asks
// for them by its phase (waitForSemaphores), the semaphore controller gives them,
// and that it went on with them is written down before anything follows from it.
func (r *Reconciler) gatherSemaphores(ctx context.Context, s *scope) error {
	if s.build.Status.SemaphoresHeld {
		return nil
	}
	keys := convert.SemaphoreKeys(s.build, r.Namespace)
	for n, k := range keys {
		var sem gozer.Semaphore
		if err := r.Get(ctx, client.ObjectKey{Namespace: k.Scope, Name: k.Name}, &sem); client.IgnoreNotFound(err) != nil {
			return err
		}
		held := slices.ContainsFunc(sem.Status.Holders, func(h gozer.SemaphoreHolder) bool {
			return h.Tenant == s.build.Namespace && h.Build == s.build.Name
		})
		if !held {
			s.missing = append(s.missing, s.build.Spec.Job.Semaphores[n].Name)
		}
	}
	return nil
}

// mayAskForNodes says whether no semaphore stands before that.
func (s *scope) mayAskForNodes() bool {
	return len(s.missing) == 0 || !convert.SemaphoresBeforeNodes(s.build)
}

// waitForSemaphores tells that the build waits for all of them: which are missing
// when it is looked at is no reason to write again.
func (s *scope) waitForSemaphores() {
	var names []string
	for _, j := range s.build.Spec.Job.Semaphores {
		names = append(names, j.Name)
	}
	what := "waits for the semaphore "
	if len(names) > 1 {
		what = "waits for the semaphores "
	}
	s.build.Status.Phase, s.build.Status.Reason = gozer.BuildSemaphores, convert.Cut(what+strings.Join(names, ", "), 1000)
}

func (s *scope) goOnWithSemaphores() {
	st := &s.build.Status
	st.SemaphoresHeld, st.Phase = true, gozer.BuildNodes
	if s.before.Status.Phase == gozer.BuildSemaphores {
		st.Reason = ""
	}
}

// newHolders lets builds go on that were given a semaphore, and only those: there
// may be many who have it.
func newHolders() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		before, ok1 := e.ObjectOld.(*gozer.Semaphore)
		after, ok2 := e.ObjectNew.(*gozer.Semaphore)
		if !ok1 || !ok2 {
			return
		}
		had := map[types.NamespacedName]bool{}
		for _, h := range before.Status.Holders {
			had[types.NamespacedName{Namespace: h.Tenant, Name: h.Build}] = true
		}
		for _, h := range after.Status.Holders {
			if name := (types.NamespacedName{Namespace: h.Tenant, Name: h.Build}); !had[name] {
				queue.Add(reconcile.Request{NamespacedName: name})
			}
		}
	}}
}
