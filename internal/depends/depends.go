// Package depends finds what a change depends on.
//
// A change names others with lines "Depends-On: URL" in its commit message or
// pull request (Zuul: cross-repository dependencies). Order puts a change
// behind everything that it needs, and finds cycles.
package depends

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

var line = regexp.MustCompile(`(?im)^Depends-On:(.*?)\s*$`)

// Lines are the values of all Depends-On lines of a text, in order, each once.
func Lines(message string) []string {
	var out []string
	seen := map[string]bool{}
	for _, m := range line.FindAllStringSubmatch(message, -1) {
		if url := strings.TrimSpace(m[1]); url != "" && !seen[url] {
			seen[url] = true
			out = append(out, url)
		}
	}
	return out
}

// Change is a change with what its Depends-On lines name.
type Change struct {
	model.Change
	Needs []model.ChangeKey
}

// Graph is a change and everything that it needs, directly or through others.
type Graph map[model.ChangeKey]Change

// Order lists what the change needs and is not merged, dependencies first, in
// groups: the change itself is in the last one. A group of several changes is a
// cycle (Zuul: circular dependencies); its changes are in the order in which they
// are to merge. More dependencies than allowed (negative: no bound) is an error
// in words for the author of the change.
func Order(g Graph, root model.ChangeKey, maxDependencies int) ([][]Change, error) {
	t := tarjan{graph: g, index: map[model.ChangeKey]int{}, low: map[model.ChangeKey]int{}, open: map[model.ChangeKey]bool{}, done: map[model.ChangeKey]int{}}
	t.visit(root)
	n := -1
	for _, group := range t.out {
		n += len(group)
	}
	if maxDependencies >= 0 && n > maxDependencies {
		return nil, fmt.Errorf("it depends on %d changes; the tenant allows %d", n, maxDependencies)
	}
	return t.out, nil
}

// tarjan finds the strongly connected components; those that others need come out first.
type tarjan struct {
	graph Graph
	// index is when a change was met, low the earliest that can be reached from it.
	index, low map[model.ChangeKey]int
	stack      []model.ChangeKey
	open       map[model.ChangeKey]bool
	// done is when everything that a change needs had been looked at.
	done map[model.ChangeKey]int
	out  [][]Change
}

func (t *tarjan) visit(k model.ChangeKey) {
	c, ok := t.graph[k]
	if !ok || c.Merged {
		return
	}
	t.index[k] = len(t.index) + 1
	t.low[k] = t.index[k]
	t.stack = append(t.stack, k)
	t.open[k] = true
	for _, need := range c.Needs {
		if t.index[need] == 0 {
			t.visit(need)
			if low, visited := t.low[need]; visited {
				t.low[k] = min(t.low[k], low)
			}
		} else if t.open[need] {
			t.low[k] = min(t.low[k], t.index[need])
		}
	}
	t.done[k] = len(t.done)
	if t.low[k] == t.index[k] {
		t.close(k)
	}
}

// close takes the component off the stack that was begun with a change.
func (t *tarjan) close(first model.ChangeKey) {
	at := slices.Index(t.stack, first)
	members := slices.Clone(t.stack[at:])
	t.stack = t.stack[:at]
	slices.SortFunc(members, func(a, b model.ChangeKey) int { return cmp.Compare(t.done[a], t.done[b]) })
	group := make([]Change, 0, len(members))
	for _, m := range members {
		t.open[m] = false
		group = append(group, t.graph[m])
	}
	t.out = append(t.out, group)
}
