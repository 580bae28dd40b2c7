package noderequest

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// seeAgain is how soon it is looked whether an executor has cleaned up.
const seeAgain = time.Second

// cleansUp says whether the executor of an attempt that is over may still need the
// nodes: it was stopped, and has playbooks that clean up. Its Pod lasts only as
// long as those may take.
func (r *Reconciler) cleansUp(ctx context.Context, s *scope) (bool, error) {
	if s.build == nil || !slices.ContainsFunc(s.build.Spec.Job.PostRun, func(p gozer.Playbook) bool { return p.Cleanup }) {
		return false, nil
	}
	var pod corev1.Pod
	err := r.Get(ctx, client.ObjectKey{Namespace: s.request.Namespace, Name: naming.ExecutorPod(s.build.Name, s.request.Spec.Attempt)}, &pod)
	if err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if gone := pod.DeletionTimestamp; gone != nil && pod.Spec.TerminationGracePeriodSeconds != nil &&
		r.Now().After(gone.Add(time.Duration(*pod.Spec.TerminationGracePeriodSeconds)*time.Second)) {
		return false, nil // its machine does not answer: nobody cleans up any more
	}
	return pod.Status.Phase == corev1.PodRunning && !ended(&pod), nil
}

// ended says whether the executor itself has ended. Containers that run playbooks go on
// until the Pod is deleted.
func ended(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.Name == podspec.ContainerExecutor && c.State.Terminated != nil
	})
}
