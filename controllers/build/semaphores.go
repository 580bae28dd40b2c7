package build

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
)

// untilOthersEnd begins the reason of a build for whose semaphores there is no room.
const untilOthersEnd = "waits until other builds have ended"

// tellSemaphores is how often a build looks whether its semaphores are made.
const tellSemaphores = 2 * time.Second

// gatherSemaphores finds out which of its semaphores a build still needs. It asks
// for them by its phase (waitForSemaphores), the semaphore controller gives them,
// and that it went on with them is written down before anything follows from it.
func (r *Reconciler) gatherSemaphores(ctx context.Context, s *scope) error {
	if s.build.Status.SemaphoresHeld {
		return nil
	}
	keys := convert.SemaphoreKeys(s.build, r.Namespace)
	notMade := 0
	for n, k := range keys {
		var sem gozer.Semaphore
		err := r.Get(ctx, client.ObjectKey{Namespace: k.Scope, Name: k.Name}, &sem)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		if err != nil && !s.build.Spec.Job.Semaphores[n].Global {
			notMade++
		}
		held := slices.ContainsFunc(sem.Status.Holders, func(h gozer.SemaphoreHolder) bool {
			return h.Tenant == s.build.Namespace && h.Build == s.build.Name
		})
		if !held {
			s.missing = append(s.missing, s.build.Spec.Job.Semaphores[n].Name)
		}
	}
	return r.gatherUndefined(ctx, s, notMade)
}

// gatherUndefined finds out whether a build waits because its tenant has too many
// semaphores that nobody defined.
func (r *Reconciler) gatherUndefined(ctx context.Context, s *scope, notMade int) error {
	if notMade == 0 {
		return nil
	}
	s.notMade = true
	var list gozer.SemaphoreList
	err := r.List(ctx, &list, client.InNamespace(s.build.Namespace), client.MatchingLabels{gozer.LabelUndefined: "true"}, client.UnsafeDisableDeepCopy)
	s.tooMany = len(list.Items)+notMade > r.UndefinedSemaphores
	return err
}

// mayAskForNodes says whether no semaphore stands before that.
func (s *scope) mayAskForNodes() bool {
	return len(s.missing) == 0 || !convert.SemaphoresBeforeNodes(s.build)
}

// waitForSemaphores tells that the build waits for all of them: which are missing
// when it is looked at is no reason to write again.
func (s *scope) waitForSemaphores(most int) {
	var names []string
	for _, j := range s.build.Spec.Job.Semaphores {
		names = append(names, j.Name)
	}
	what := "waits for the semaphore "
	if len(names) > 1 {
		what = "waits for the semaphores "
	}
	what += strings.Join(names, ", ")
	if s.tooMany {
		what = fmt.Sprintf(untilOthersEnd+", for the tenant has %d semaphores that nobody defined, as many as it may have: define those of this job, or let it name fewer. It %s", most, what)
	}
	s.build.Status.Phase, s.build.Status.Reason = gozer.BuildSemaphores, convert.Cut(what, 1000)
}

// lookForSemaphores comes back to tell why they are not there, or that they are.
func (s *scope) lookForSemaphores() ctrl.Result {
	if !s.notMade && !strings.Contains(s.before.Status.Reason, untilOthersEnd) {
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: tellSemaphores}
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
