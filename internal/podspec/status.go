package podspec

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// NodeState is what the state of a node Pod means.
type NodeState struct {
	// Ready: the agent runs and has an address.
	Ready bool
	// Failed: it will not become ready; or it was and is gone.
	Failed bool
	// Gone: it failed because it vanished or was ended, which another attempt may mend.
	Gone bool
	// Message in plain words for what it waits for or why it failed; empty while it just starts.
	Message string
}

// OfNode reads the state of a node Pod.
func OfNode(pod *corev1.Pod) NodeState {
	switch {
	case pod.DeletionTimestamp != nil:
		return NodeState{Failed: true, Gone: true, Message: "node Pod " + pod.Name + " was deleted"}
	case pod.Status.Phase == corev1.PodFailed, pod.Status.Phase == corev1.PodSucceeded:
		return NodeState{Failed: true, Gone: true, Message: "node Pod " + pod.Name + " ended: " + endReason(pod)}
	}
	for _, s := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if w := s.State.Waiting; w != nil {
			switch w.Reason {
			case "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
				return NodeState{Failed: true, Message: fmt.Sprintf("node Pod %s cannot start: %s: %s", pod.Name, w.Reason, w.Message)}
			case "ErrImagePull", "ImagePullBackOff":
				return NodeState{Message: fmt.Sprintf("node Pod %s waits for its image: %s", pod.Name, w.Message)}
			}
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return NodeState{Message: fmt.Sprintf("node Pod %s cannot be scheduled: %s", pod.Name, c.Message)}
		}
	}
	if pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "" {
		return NodeState{Ready: true}
	}
	return NodeState{}
}

// endReason is why a Pod is over, as Kubernetes tells it.
func endReason(pod *corev1.Pod) string {
	if pod.Status.Reason != "" {
		return strings.TrimSpace(pod.Status.Reason + " " + pod.Status.Message)
	}
	for _, s := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if t := s.State.Terminated; t != nil && t.ExitCode != 0 {
			return fmt.Sprintf("%s (exit code %d)", t.Reason, t.ExitCode)
		}
	}
	return "its container exited"
}

// OfExecutor reads the outcome of an executor Pod; decided is false while it
// runs. A Pod that ended without an outcome says nothing about the change: it
// is a retry.
func OfExecutor(pod *corev1.Pod) (o buildspec.Outcome, decided bool) {
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name != "executor" || s.State.Terminated == nil {
			continue
		}
		if err := json.Unmarshal([]byte(s.State.Terminated.Message), &o); err == nil && o.Result != model.Undetermined {
			return o, true
		}
		return buildspec.Outcome{
			Result: model.Retry, LogBytes: -1,
			Reason: fmt.Sprintf("the executor Pod ended without a result: %s (exit code %d)", s.State.Terminated.Reason, s.State.Terminated.ExitCode),
		}, true
	}
	switch {
	case pod.DeletionTimestamp != nil:
		return buildspec.Outcome{Result: model.Retry, Reason: "the executor Pod was deleted", LogBytes: -1}, true
	case pod.Status.Phase == corev1.PodFailed, pod.Status.Phase == corev1.PodSucceeded:
		return buildspec.Outcome{Result: model.Retry, Reason: "the executor Pod ended: " + endReason(pod), LogBytes: -1}, true
	}
	return o, false
}

// Waiting is why the containers of an executor Pod do not start, in words for
// people; empty while they just start.
func Waiting(pod *corev1.Pod) string {
	for _, s := range pod.Status.ContainerStatuses {
		w := s.State.Waiting
		if w == nil || w.Reason == "ContainerCreating" || w.Reason == "PodInitializing" {
			continue
		}
		return strings.TrimSpace(fmt.Sprintf("the container %s of the executor Pod does not start: %s: %s", s.Name, w.Reason, w.Message))
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "the executor Pod cannot be scheduled: " + c.Message
		}
	}
	return ""
}

// Running says whether the executor's container runs.
func Running(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }
