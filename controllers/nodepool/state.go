package nodepool

import (
	corev1 "k8s.io/api/core/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// State of a node.
type State string

// States of nodes, by the names that Nodepool has for them.
const (
	Building State = "building"
	Ready    State = "ready"
	InUse    State = "in-use"
	Failed   State = "failed"
	Deleting State = "deleting"
)

// StateOf a node Pod.
func StateOf(p *corev1.Pod) State {
	state := podspec.OfNode(p)
	switch {
	case p.DeletionTimestamp != nil:
		return Deleting
	case state.Failed:
		return Failed
	case !state.Ready:
		return Building
	case p.Labels[gozer.LabelNodeRequest] != "":
		return InUse
	}
	return Ready
}
