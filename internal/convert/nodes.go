package convert

import (
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
)

// NodeSpecs of a nodeset.
func NodeSpecs(ns *configlang.NodeSet) []gozer.NodeSpec {
	var out []gozer.NodeSpec
	for _, n := range ns.Nodes {
		spec := gozer.NodeSpec{Name: n.Names[0], Label: n.Label}
		for _, g := range ns.Groups {
			if slices.Contains(g.Nodes, n.Names[0]) {
				spec.Groups = append(spec.Groups, g.Name)
			}
		}
		out = append(out, spec)
	}
	return out
}

// NodesAskedFor are those of the alternative that a request has come to.
func NodesAskedFor(q *gozer.NodeRequest) []gozer.NodeSpec {
	n := int(q.Status.Alternative) - 1
	if n < 0 || n >= len(q.Spec.Alternatives) {
		return q.Spec.Nodes
	}
	return q.Spec.Alternatives[n].Nodes
}
