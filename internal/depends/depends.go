// Package depends finds what a change depends on.
//
// A change names others with lines "Depends-On: URL" in its commit message or
// pull request (Zuul: cross-repository dependencies). Order puts a change
// behind everything that it needs.
package depends

import (
	"fmt"
	"regexp"
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

// Order lists what the change needs and is not merged, dependencies first and
// the change itself last. A cycle, or more dependencies than allowed (negative:
// no bound), is an error in words for the author of the change.
func Order(g Graph, root model.ChangeKey, maxDependencies int) ([]Change, error) {
	o := orderer{graph: g, state: map[model.ChangeKey]int{}}
	if err := o.visit(root); err != nil {
		return nil, err
	}
	if n := len(o.out) - 1; maxDependencies >= 0 && n > maxDependencies {
		return nil, fmt.Errorf("it depends on %d changes; the tenant allows %d", n, maxDependencies)
	}
	return o.out, nil
}

type orderer struct {
	graph Graph
	state map[model.ChangeKey]int
	way   []string
	out   []Change
}

const (
	onPath = 1
	done   = 2
)

func (o *orderer) visit(k model.ChangeKey) error {
	c, ok := o.graph[k]
	if !ok || c.Merged || o.state[k] == done {
		return nil
	}
	o.way = append(o.way, c.URL)
	defer func() { o.way = o.way[:len(o.way)-1] }()
	if o.state[k] == onPath {
		return fmt.Errorf("it is part of a dependency cycle (%s); remove one of the Depends-On lines", strings.Join(o.way, " -> "))
	}
	o.state[k] = onPath
	for _, need := range c.Needs {
		if err := o.visit(need); err != nil {
			return err
		}
	}
	o.state[k] = done
	o.out = append(o.out, c)
	return nil
}
