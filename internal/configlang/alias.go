package configlang

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// expand replaces aliases by copies and merge keys by what they bring, within
// bounds. It returns nil when the bounds are exceeded.
func (p *parser) expand(n *yaml.Node, depth int) *yaml.Node {
	if p.nodes++; p.nodes > maxNodes {
		if p.nodes == maxNodes+1 {
			p.fail(posOf(n), "use fewer aliases", "the file grows to more than %d values", maxNodes)
		}
		return nil
	}
	if depth > maxDepth {
		p.fail(posOf(n), "", "the file nests values more than %d deep", maxDepth)
		return nil
	}
	if n.Kind == yaml.AliasNode {
		if slices.Contains(p.within, n.Alias) {
			p.fail(posOf(n), "repeat only what ends before", "what the alias %q repeats contains the alias itself", "*"+brief(n.Value))
			return nil
		}
		p.within = append(p.within, n.Alias)
		defer func() { p.within = p.within[:len(p.within)-1] }()
		return p.expand(n.Alias, depth+1)
	}
	if len(n.Content) == 0 {
		return n
	}
	out := *n
	out.Content = make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		if out.Content[i] = p.expand(c, depth+1); out.Content[i] == nil {
			return nil
		}
	}
	if n.Kind == yaml.MappingNode {
		return p.withoutMerges(&out)
	}
	return &out
}

// withoutMerges puts the attributes of "<<: *defaults" into the mapping.
func (p *parser) withoutMerges(n *yaml.Node) *yaml.Node {
	if !slices.ContainsFunc(n.Content, isMerge) {
		return n
	}
	var own []*yaml.Node
	var brought [][]*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !isMerge(key):
			own = append(own, key, value)
		case value.Kind == yaml.MappingNode:
			brought = append(brought, []*yaml.Node{value})
		case value.Kind == yaml.SequenceNode && !slices.ContainsFunc(value.Content, notMapping):
			brought = append(brought, value.Content)
		default:
			p.fail(posOf(key), "write `<<: *name`", "a merge key needs a mapping")
			return nil
		}
	}
	// A later merge key goes before an earlier one; within its list the first mapping wins.
	slices.Reverse(brought)
	n.Content = merged(own, slices.Concat(brought...))
	return n
}

func notMapping(n *yaml.Node) bool { return n.Kind != yaml.MappingNode }

// merged adds the attributes that are not given otherwise. Those named earlier win.
func merged(own []*yaml.Node, brought []*yaml.Node) []*yaml.Node {
	seen := map[string]bool{}
	for i := 0; i < len(own); i += 2 {
		seen[own[i].Value] = true
	}
	for _, b := range brought {
		for i := 0; i+1 < len(b.Content); i += 2 {
			if key := b.Content[i]; !seen[key.Value] {
				seen[key.Value] = true
				own = append(own, key, b.Content[i+1])
			}
		}
	}
	return own
}
