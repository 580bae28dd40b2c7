package configlang

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

func cmpText(a, b string) int { return strings.Compare(a, b) }

// named reads an entry that is a name or a mapping with one; known begins with
// the attribute that the name is short for.
func (p *parser) named(n *yaml.Node, what string, known []string, read func(key string, v *yaml.Node) bool) {
	if kindOf(n) == kindMapping {
		p.attributes(n, what, known, known[:1], read)
		return
	}
	read(known[0], n)
}

func (p *parser) playbooks(n *yaml.Node, post bool) []Playbook {
	var out []Playbook
	known := []string{"name", "semaphores"}
	if post {
		known = append(known, "cleanup")
	}
	p.each(n, func(n *yaml.Node) {
		b := Playbook{}
		p.named(n, "a playbook", known, func(key string, v *yaml.Node) bool {
			switch {
			case key == "name":
				b.Path = p.str(v)
			case key == "semaphores":
				b.Semaphores = p.strings(v)
				slices.Sort(b.Semaphores)
			case key == "cleanup" && post:
				b.Cleanup = *p.boolean(v)
			default:
				return false
			}
			return true
		})
		p.filePath(n, "playbook", b.Path)
		out = append(out, b)
	})
	return out
}

// filePath refuses what cannot be the path of a file inside a repository.
func (p *parser) filePath(n *yaml.Node, what, s string) {
	clean := path.Clean(s)
	switch {
	case p.broken:
	case s == "" || clean == "." || clean == ".." || len(s) > maxPath, path.IsAbs(clean), strings.HasPrefix(clean, "../"),
		strings.ContainsFunc(s, unicode.IsControl), slices.Contains(strings.Split(clean, "/"), ".git"):
		p.fail(posOf(n), "give the path of a file inside the repository", "%q is not the path of a %s", brief(s), what)
	}
}

func (p *parser) role(j *Job, n *yaml.Node) {
	r, galaxy := Role{}, false
	p.attributes(n, "a role", []string{"zuul", "galaxy", "name"}, nil, func(key string, v *yaml.Node) bool {
		switch key {
		case "zuul":
			r.Project = p.name(v)
		case "galaxy":
			p.str(v)
			galaxy = true
		case "name":
			r.Name = p.str(v)
		default:
			return false
		}
		return true
	})
	switch {
	case r.Project != "" && galaxy, r.Project == "" && !galaxy && !p.broken:
		p.fail(posOf(n), `write "zuul: project"`, "a role is from zuul or from galaxy")
	case r.Project != "":
		if r.Name == "" {
			r.Name = path.Base(r.Project)
		}
		j.Roles = append(j.Roles, r)
	}
}

func (p *parser) secretUse(n *yaml.Node) SecretUse {
	s := SecretUse{}
	if kindOf(n) != kindMapping {
		s.Name = p.name(n)
		s.Alias = s.Name
		return s
	}
	p.attributes(n, "a secret of the job", []string{"name", "secret", "pass-to-parent"}, []string{"name", "secret"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			if s.Alias = p.name(v); !varName.MatchString(s.Alias) {
				p.fail(posOf(v), "begin with a letter and use letters, digits and underscores", "Invalid Ansible variable name %q", brief(s.Alias))
			}
		case "secret":
			s.Name = p.name(v)
		case "pass-to-parent":
			s.PassToParent = *p.boolean(v)
		default:
			return false
		}
		return true
	})
	return s
}

func (p *parser) jobSemaphore(n *yaml.Node) JobSemaphore {
	s := JobSemaphore{}
	p.named(n, "a semaphore of the job", []string{"name", "resources-first"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			s.Name = p.name(v)
		case "resources-first":
			s.ResourcesFirst = *p.boolean(v)
		default:
			return false
		}
		return true
	})
	return s
}

func (p *parser) dependency(n *yaml.Node) Dependency {
	d := Dependency{}
	p.named(n, "a dependency", []string{"name", "soft"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			d.Name = p.name(v)
		case "soft":
			d.Soft = *p.boolean(v)
		default:
			return false
		}
		return true
	})
	return d
}

func (p *parser) requiredProject(n *yaml.Node) RequiredProject {
	r := RequiredProject{}
	p.named(n, "a required project", []string{"name", "override-checkout", "override-branch"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			r.Name = p.name(v)
		case "override-checkout":
			r.OverrideCheckout = p.str(v)
		case "override-branch":
			r.OverrideBranch = p.str(v)
		default:
			return false
		}
		return true
	})
	return r
}

func (p *parser) includeVars(n *yaml.Node) IncludeVars {
	iv := IncludeVars{Required: true, UseRef: true}
	ofChange := false
	p.named(n, "a file of variables", []string{"name", "project", "zuul-project", "use-ref", "required"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			iv.Path = p.str(v)
		case "project":
			iv.Project = p.name(v)
		case "zuul-project":
			iv.ZuulProject, ofChange = *p.boolean(v), true
		case "use-ref":
			iv.UseRef, ofChange = *p.boolean(v), true
		case "required":
			iv.Required = *p.boolean(v)
		default:
			return false
		}
		return true
	})
	if iv.Project != "" && ofChange {
		p.fail(posOf(n), "", "a file of variables is from a project, or from the project of the change (zuul-project, use-ref)")
	}
	p.filePath(n, "file of variables", iv.Path)
	return iv
}

// nodeSetAttrs of a nodeset that is written out.
var nodeSetAttrs = []string{"name", "nodes", "groups", "alternatives"}

func (p *parser) namedNodeSet(n *yaml.Node) *NodeSet {
	ns := p.nodeSet(n, fmt.Sprintf("the nodeset %q", brief(p.stanza.Name)), "name")
	ns.Pos = p.stanza.Pos
	return ns
}

// nodeSet reads a set of nodes or of alternatives; need is an attribute that it must have, or "".
func (p *parser) nodeSet(n *yaml.Node, what, need string) *NodeSet {
	ns := &NodeSet{Pos: posOf(n)}
	var required []string
	if need != "" {
		required = []string{need}
	}
	p.attributes(n, what, nodeSetAttrs, required, func(key string, v *yaml.Node) bool {
		switch {
		case key == "name" && need != "":
			ns.Name = p.name(v)
		case key == "nodes":
			p.each(v, func(n *yaml.Node) { ns.Nodes = append(ns.Nodes, p.node(n)) })
		case key == "groups":
			p.each(v, func(n *yaml.Node) { ns.Groups = append(ns.Groups, p.group(n)) })
		case key == "alternatives":
			p.list(v, func(n *yaml.Node) { ns.Alternatives = append(ns.Alternatives, p.alternative(n)) })
		default:
			return false
		}
		return true
	})
	switch {
	case kindOf(n) != kindMapping:
	case has(n, "nodes") == has(n, "alternatives"):
		p.fail(posOf(n), "", "%s needs nodes, or alternatives, and not both", what)
	case has(n, "groups") && has(n, "alternatives"):
		p.fail(posOf(n), "give the groups to the alternatives", "%s has alternatives, so it has no groups of its own", what)
	}
	p.checkNodeSet(ns, what)
	return ns
}

func (p *parser) alternative(n *yaml.Node) Alternative {
	if kindOf(n) == kindMapping {
		if has(n, "alternatives") {
			p.fail(posOf(n), "name a nodeset that has them", "an alternative that is written out cannot have alternatives")
		}
		return Alternative{NodeSet: p.nodeSet(n, "the alternative", "")}
	}
	return Alternative{Name: p.name(n)}
}

func (p *parser) node(n *yaml.Node) Node {
	node := Node{Pos: posOf(n)}
	p.attributes(n, "a node", []string{"name", "label"}, []string{"name", "label"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			p.each(v, func(n *yaml.Node) { node.Names = append(node.Names, p.name(n)) })
		case "label":
			node.Label = p.name(v)
		default:
			return false
		}
		return true
	})
	return node
}

func (p *parser) group(n *yaml.Node) NodeGroup {
	g := NodeGroup{Pos: posOf(n)}
	p.attributes(n, "a node group", []string{"name", "nodes"}, []string{"name", "nodes"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			g.Name = p.name(v)
		case "nodes":
			g.Nodes = p.strings(v)
		default:
			return false
		}
		return true
	})
	return g
}

func (p *parser) checkNodeSet(ns *NodeSet, what string) {
	seen := map[string]bool{}
	for _, node := range ns.Nodes {
		for _, name := range node.Names {
			switch {
			case name == "localhost":
				p.fail(node.Pos, "choose another name", "Nodes named 'localhost' are not allowed.")
			case seen[name]:
				p.failAs(NameDuplicateNode, node.Pos, "choose another name", "the node %q appears multiple times in %s", name, what)
			}
			seen[name] = true
		}
	}
	groups := map[string]bool{}
	for _, g := range ns.Groups {
		if g.Name == "localhost" {
			p.fail(g.Pos, "choose another name", "Groups named 'localhost' are not allowed.")
		}
		for _, name := range g.Nodes {
			if !seen[name] {
				p.failAs(NameNodeFromGroup, g.Pos, "", "the group %q of %s has the node %q, which is not defined in it", g.Name, what, name)
			}
		}
		if groups[g.Name] {
			p.failAs(NameDuplicateGroup, g.Pos, "choose another name", "the group %q appears multiple times in %s", g.Name, what)
		}
		groups[g.Name] = true
	}
}
