// Package hold keeps the nodes of builds that failed for people to look at
// (Zuul: autohold). What counts for which build, and when what is kept goes, is
// decided by internal/hold.
//
// A build is noted in the Hold first: that says that its nodes stay, whoever dies
// in between. Then the noderequest controller makes the Pods the Hold's: they have
// it as owner, so that Kubernetes deletes them with it, and a deadline, so that
// Kubernetes ends them in time, also when no manager runs.
package hold

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/hold"
)

// Reconciler of Holds.
type Reconciler struct {
	client.Client
	Now func() time.Time
}

// lookAgain is how soon a Hold is looked at again that the cache showed too old.
const lookAgain = 50 * time.Millisecond

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("hold").
		For(&gozer.Hold{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(holdOfPod)).
		WithOptions(retry.Options(1)).
		Complete(r)
}

func holdOfPod(_ context.Context, obj client.Object) []reconcile.Request {
	name := obj.GetLabels()[gozer.LabelHold]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}}}
}

// Reconcile deletes nodes whose time is over, tells what is kept, and removes a
// Hold that is done.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var h gozer.Hold
	if err := r.Get(ctx, req.NamespacedName, &h); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if h.DeletionTimestamp != nil {
		return ctrl.Result{}, nil // its Pods have it as owner
	}
	before := h.DeepCopy()
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(h.Namespace), client.MatchingLabels{gozer.LabelHold: h.Name}); err != nil {
		return ctrl.Result{}, err
	}
	plan := hold.Tend(facts(&h, pods.Items), r.Now())
	for i := range pods.Items {
		if err := r.drop(ctx, &pods.Items[i], plan); err != nil {
			return ctrl.Result{}, err
		}
	}
	if plan.Remove {
		return ctrl.Result{}, patch.Delete(ctx, r.Client, &h, client.Preconditions{UID: &h.UID, ResourceVersion: &h.ResourceVersion})
	}
	r.tell(&h, plan)
	_, err := patch.Status(ctx, r.Client, &h, before, patch.Lock)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: lookAgain}, nil
	}
	result := ctrl.Result{}
	if !plan.Next.IsZero() {
		result.RequeueAfter = max(time.Second, plan.Next.Sub(r.Now()))
	}
	return result, client.IgnoreNotFound(err)
}

func (r *Reconciler) drop(ctx context.Context, pod *corev1.Pod, plan hold.Plan) error {
	for _, name := range plan.Drop {
		if name == pod.Name {
			return patch.Delete(ctx, r.Client, pod)
		}
	}
	return nil
}

// facts of a Hold, with the Pods that have its label.
func facts(h *gozer.Hold, pods []corev1.Pod) hold.Held {
	f := hold.Held{Count: int(h.Spec.Count), Made: h.CreationTimestamp.Time, There: map[string]bool{}}
	if h.Spec.ExpiresAt != nil {
		f.Until = h.Spec.ExpiresAt.Time
	}
	if h.Spec.Ref != nil {
		f.Wrong = hold.Check(*h.Spec.Ref)
	}
	for _, b := range h.Status.Builds {
		f.Kept = append(f.Kept, hold.Kept{Build: b.Build, Since: b.HeldAt.Time, Till: b.ExpiresAt.Time, Nodes: b.Nodes})
	}
	for i := range pods {
		f.There[pods[i].Name] = pods[i].DeletionTimestamp != nil
	}
	return f
}

// tell what a Hold keeps, in its status.
func (r *Reconciler) tell(h *gozer.Hold, plan hold.Plan) {
	st := &h.Status
	st.Held, st.Nodes = int32(len(st.Builds)), 0 //nolint:gosec // it has a bound
	for i := range st.Builds {
		st.Builds[i].Nodes = plan.Nodes[i]
		st.Nodes += int32(len(plan.Nodes[i])) //nolint:gosec // it has a bound
	}
	patch.Condition(&st.Conditions, h.Generation, gozer.ConditionReady, plan.Standing == hold.Waiting, string(plan.Standing), convert.Cut(plan.Message, 1000), r.Now())
}
