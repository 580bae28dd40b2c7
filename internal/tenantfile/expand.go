package tenantfile

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// expand replaces aliases by copies and merge keys by what they bring. It
// returns nil when that is too much, or makes no sense.
func (l *loader) expand(n *yaml.Node, depth int) *yaml.Node {
	l.nodes++
	switch {
	case l.nodes > maxNodes:
		l.fail(n, "use fewer aliases", "the file grows to more than %d values", maxNodes)
		return nil
	case depth > maxDepth:
		l.fail(n, "", "the file nests values more than %d deep", maxDepth)
		return nil
	case n.Kind == yaml.AliasNode:
		return l.expand(n.Alias, depth+1)
	case len(n.Content) == 0:
		return n
	}
	out := *n
	out.Content = make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		if out.Content[i] = l.expand(c, depth+1); out.Content[i] == nil {
			return nil
		}
	}
	if n.Kind != yaml.MappingNode || !slices.ContainsFunc(out.Content, isMerge) {
		return &out
	}
	if at := badMerge(out.Content); at != nil {
		l.fail(at, "write `<<: *name`", "a merge key needs a mapping")
		return nil
	}
	out.Content = merge(out.Content)
	return &out
}

func isMerge(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!merge" }

func notMapping(n *yaml.Node) bool { return n.Kind != yaml.MappingNode }

// badMerge finds a merge key that brings nothing.
func badMerge(content []*yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(content); i += 2 {
		key, value := content[i], content[i+1]
		if isMerge(key) && notMapping(value) && (value.Kind != yaml.SequenceNode || slices.ContainsFunc(value.Content, notMapping)) {
			return key
		}
	}
	return nil
}

// merge puts what "<<: *defaults" brings in front of the other keys, which win
// over it. The order counts: it is that in which projects are loaded. Of a list
// of mappings the first wins, and the last stands in front, as in PyYAML.
func merge(content []*yaml.Node) []*yaml.Node {
	var out, own []*yaml.Node
	at := map[string]int{}
	put := func(key, value *yaml.Node) {
		i, there := at[key.Value]
		if !there {
			at[key.Value] = len(out)
			out = append(out, key, value)
			return
		}
		out[i], out[i+1] = key, value
	}
	for i := 0; i+1 < len(content); i += 2 {
		key, value := content[i], content[i+1]
		brought := value.Content
		switch {
		case !isMerge(key):
			own = append(own, key, value)
			continue
		case value.Kind == yaml.MappingNode:
			brought = []*yaml.Node{value}
		}
		for _, m := range slices.Backward(brought) {
			for j := 0; j+1 < len(m.Content); j += 2 {
				put(m.Content[j], m.Content[j+1])
			}
		}
	}
	given := map[string]bool{}
	for i := 0; i < len(own); i += 2 {
		if given[own[i].Value] {
			out = append(out, own[i], own[i+1]) // twice: whoever reads the mapping complains
			continue
		}
		given[own[i].Value] = true
		put(own[i], own[i+1])
	}
	return out
}
