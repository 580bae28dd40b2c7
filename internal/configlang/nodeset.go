package configlang

import "go.yaml.in/yaml/v3"

func (p *parser) nodeSetRef(j *Job) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			p.name(&j.NodeSetName)(n)
			j.NodeSet = nil
			return
		}
		ns := p.nodeSet(n, "the nodeset")
		j.NodeSet, j.NodeSetName = &ns, ""
	}
}

func (p *parser) namedNodeSet(n *yaml.Node) NodeSet {
	before := p.failures
	ns := p.nodeSet(n, "nodeset"+nameOf(n))
	if ns.Name == "" && p.failures == before {
		p.fail(ns.Pos, "give it a name", "the nodeset has no name")
	}
	return ns
}

func (p *parser) nodeSet(n *yaml.Node, what string) NodeSet {
	ns := NodeSet{Pos: p.pos(n)}
	p.read(n, what, attrs{
		"name": p.name(&ns.Name),
		"nodes": p.each(func(n *yaml.Node) {
			node := Node{Pos: p.pos(n)}
			if p.read(n, "a node", attrs{"name": p.name(&node.Name), "label": p.name(&node.Label)}, nil) {
				ns.Nodes = append(ns.Nodes, node)
			}
		}),
		"groups": p.each(func(n *yaml.Node) {
			g := NodeGroup{Pos: p.pos(n)}
			p.read(n, "a node group", attrs{"name": p.name(&g.Name), "nodes": p.strings(&g.Nodes)}, nil)
			ns.Groups = append(ns.Groups, g)
		}),
	}, later{"alternatives"})
	p.checkNodeSet(ns, what)
	return ns
}

func (p *parser) checkNodeSet(ns NodeSet, what string) {
	seen := map[string]bool{}
	for _, node := range ns.Nodes {
		switch {
		case node.Name == "" || node.Label == "":
			p.fail(node.Pos, "", "a node of %s needs a name and a label", what)
		case node.Name == "localhost":
			p.fail(node.Pos, "choose another name", "a node cannot be called localhost")
		case seen[node.Name]:
			p.failAs("Duplicate Node", node.Pos, "choose another name", "node %q is there twice in %s", node.Name, what)
		}
		seen[node.Name] = true
	}
	groups := map[string]bool{}
	for _, g := range ns.Groups {
		if groups[g.Name] {
			p.failAs("Duplicate Nodeset Group", g.Pos, "choose another name", "group %q is there twice in %s", g.Name, what)
		}
		groups[g.Name] = true
		for _, name := range g.Nodes {
			if !seen[name] {
				p.failAs("Node From Group Not Found", g.Pos, "", "group %q of %s has the node %q, which is not there", g.Name, what, name)
			}
		}
	}
}

func (p *parser) queue(n *yaml.Node) Queue {
	q := Queue{Pos: p.pos(n)}
	before := p.failures
	p.read(n, "queue"+nameOf(n), attrs{"name": p.name(&q.Name), "per-branch": p.boolean(&q.PerBranch)},
		later{"allow-circular-dependencies", "dependencies-by-topic"})
	if q.Name == "" && p.failures == before {
		p.fail(q.Pos, "give it a name", "the queue has no name")
	}
	return q
}
