package podspec

import (
	"cmp"
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
		return NodeState{Failed: true, Gone: true, Message: "node Pod " + pod.Name + " " + deleted(pod)}
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

// deleted says who deleted a Pod, as far as Kubernetes tells.
func deleted(pod *corev1.Pod) string {
	return cmp.Or(disruption(pod), "was deleted")
}

// disruption is why Kubernetes itself ended a Pod (condition DisruptionTarget);
// empty when it did not.
func disruption(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type != corev1.DisruptionTarget || c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Reason {
		case corev1.PodReasonPreemptionByScheduler:
			return "was preempted by a Pod of higher priority"
		case "EvictionByEvictionAPI":
			return "was evicted: its machine is drained"
		case "DeletionByTaintManager":
			return "was evicted: its machine has a taint that it does not tolerate, or is not reachable"
		case "DeletionByPodGC":
			return "was lost: its machine is gone"
		case corev1.PodReasonTerminationByKubelet:
			return strings.TrimSpace("was ended by its machine: " + strings.TrimSpace(pod.Status.Reason+" "+cmp.Or(pod.Status.Message, c.Message)))
		}
		return strings.TrimSpace("was ended: " + c.Reason + ": " + c.Message)
	}
	return ""
}

// endReason is why a Pod is over, as Kubernetes tells it.
func endReason(pod *corev1.Pod) string {
	if why := disruption(pod); why != "" {
		return why
	}
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
// is a retry, unless the job has filled its disk. An executor that was stopped
// does not know why; Kubernetes does.
func OfExecutor(pod *corev1.Pod) (o buildspec.Outcome, decided bool) {
	o, decided = outcome(pod)
	if o.Result != model.Retry {
		return o, decided
	}
	switch why := disruption(pod); {
	case pod.Status.Reason == evicted && strings.Contains(pod.Status.Message, `EmptyDir volume "`+volumeWork+`"`):
		o.Result, o.Reason = model.DiskFull, "the work directory is full: "+strings.TrimSpace(pod.Status.Message)
	case why != "":
		o.Reason = "the executor Pod " + why
	case pod.Status.Reason != "":
		o.Reason = "the executor Pod ended: " + endReason(pod)
	}
	return o, decided
}

// evicted is the reason of a Pod that its machine has ended.
const evicted = "Evicted"

// outcome is what the executor has said, or else how its Pod ended.
func outcome(pod *corev1.Pod) (o buildspec.Outcome, decided bool) {
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
		return buildspec.Outcome{Result: model.Retry, Reason: "the executor Pod " + deleted(pod), LogBytes: -1}, true
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
