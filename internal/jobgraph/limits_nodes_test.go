package jobgraph

import (
	"fmt"
	"testing"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// TestNodesAreBounded: what is stored of all alternatives has a bound, and a
// script has a node to run on whichever it is.
func TestNodesAreBounded(t *testing.T) {
	sets := func(sizes ...int) (out []*configlang.NodeSet) {
		for _, n := range sizes {
			ns := &configlang.NodeSet{}
			for k := range n {
				ns.Nodes = append(ns.Nodes, configlang.Node{Names: []string{fmt.Sprint(k)}, Label: "l"})
			}
			out = append(out, ns)
		}
		return out
	}
	for name, tc := range map[string]struct {
		sets []*configlang.NodeSet
		want string
	}{
		"all that fit":               {sets(64, 64, 64, 64), ""},
		"too many in the second":     {sets(1, 65), "job unit has 65 nodes; at most 64 are possible"},
		"too many in all":            {sets(64, 64, 64, 64, 1), "job unit has 257 nodes in all of its 5 nodesets; at most 256 are possible"},
		"the second has no node":     {sets(1, 0), "job unit has no node to run its scripts on, which this version of Gozer cannot do"},
		"the only one has no node":   {sets(0), "job unit has no node to run its scripts on, which this version of Gozer cannot do"},
		"one node in each, as usual": {sets(1, 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := &Job{Name: "unit", NodeSets: tc.sets, Attempts: 1, WorkspaceScheme: "golang", Run: []Playbook{scriptWith("a", true)}}
			got := ""
			if err := Runnable([]*Job{j}); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
