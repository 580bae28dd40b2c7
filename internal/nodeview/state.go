package nodeview

import (
	corev1 "k8s.io/api/core/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// StateOf a node Pod, as far as the Pod itself tells: whether its build is over
// is not on it.
func StateOf(p *corev1.Pod) gozer.NodeState {
	state := podspec.OfNode(p)
	switch {
	case p.DeletionTimestamp != nil:
		return gozer.NodeDeleting
	case state.Failed:
		return gozer.NodeFailed
	case p.Labels[gozer.LabelNodeState] == string(gozer.NodeHold):
		return gozer.NodeHold
	case !state.Ready:
		return gozer.NodeBuilding
	case p.Labels[gozer.LabelNodeRequest] != "":
		return gozer.NodeInUse
	}
	return gozer.NodeReady
}
