package configlang

import (
	"fmt"
	"path"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

var laterJob = later{"protected", "final", "intermediate", "attribute-control", "success-message", "failure-message",
	"hold-following-changes", "match-on-config-updates", "tags", "provides", "requires", "semaphore", "semaphores",
	"secrets", "cleanup-run", "ansible-version", "ansible-split-streams", "roles", "override-checkout", "override-branch",
	"extra-vars", "host-vars", "group-vars", "include-vars", "allowed-projects", "post-review", "deduplicate",
	"failure-output", "workspace-scheme", "workspace-checkout", "image-build-name"}

func (p *parser) job(n *yaml.Node) Job {
	j := Job{Pos: p.pos(n)}
	before := p.failures
	p.jobAttrs(n, &j, "job"+nameOf(n))
	if j.Name == "" && p.failures == before {
		p.fail(j.Pos, "give it a name", "the job has no name")
	}
	return j
}

// jobVariant reads an entry of a project's list of jobs: a name, or {name: attributes}.
func (p *parser) jobVariant(n *yaml.Node) Job {
	j := Job{Pos: p.pos(n)}
	switch {
	case n.Kind == yaml.ScalarNode:
		p.name(&j.Name)(n)
	case n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Kind == yaml.ScalarNode:
		name := n.Content[0].Value
		if !p.isNull(n.Content[1]) {
			p.jobAttrs(n.Content[1], &j, fmt.Sprintf("job %q", cut(name)))
		}
		j.Pos = p.pos(n.Content[0])
		p.name(&j.Name)(n.Content[0])
	default:
		p.fail(p.pos(n), `write "- name" or "- name: {voting: false}"`, "this is not a job")
	}
	return j
}

func (p *parser) jobAttrs(n *yaml.Node, j *Job, what string) {
	ignored := func(*yaml.Node) {}
	p.read(n, what, attrs{
		"name":                p.name(&j.Name),
		"parent":              p.parent(j),
		"description":         p.str(&j.Description),
		"variant-description": ignored,
		"success-url":         ignored,
		"failure-url":         ignored,
		"abstract":            p.optBoolean(&j.Abstract),
		"voting":              p.optBoolean(&j.Voting),
		"branches":            p.matchers(&j.Branches),
		"files":               p.matchers(&j.Files),
		"irrelevant-files":    p.matchers(&j.IrrelevantFiles),
		"dependencies":        p.dependencies(&j.Dependencies),
		"nodeset":             p.nodeSetRef(j),
		"timeout":             integer(p, &j.Timeout, 1),
		"post-timeout":        integer(p, &j.PostTimeout, 1),
		"attempts":            integer(p, &j.Attempts, 1),
		"pre-run":             p.playbooks(&j.PreRun),
		"run":                 p.playbooks(&j.Run),
		"post-run":            p.playbooks(&j.PostRun),
		"required-projects":   p.requiredProjects(&j.RequiredProjects),
		"vars":                p.vars(&j.Vars),
	}, laterJob)
}

// nameOf is ` "unit"` for a mapping that has a name.
func nameOf(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "name" && n.Content[i+1].Kind == yaml.ScalarNode {
				return ` "` + n.Content[i+1].Value + `"`
			}
		}
	}
	return ""
}

func (p *parser) parent(j *Job) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if p.isNull(n) {
			j.NoParent = true
			return
		}
		j.Parent = new(string)
		p.name(j.Parent)(n)
	}
}

func (p *parser) playbooks(to *[]PlaybookRef) func(*yaml.Node) {
	return p.each(func(n *yaml.Node) {
		b := PlaybookRef{Pos: p.pos(n)}
		if n.Kind == yaml.MappingNode {
			p.read(n, "a playbook", attrs{"name": p.str(&b.Path)}, later{"semaphores", "cleanup"})
		} else {
			p.str(&b.Path)(n)
		}
		if !isFilePath(b.Path) {
			p.fail(b.Pos, "give the path of a file inside the repository", "%q is not a path of a playbook", b.Path)
		}
		b.Path = path.Clean(b.Path)
		*to = append(*to, b)
	})
}

// isFilePath says whether the path can be that of a file inside a repository.
func isFilePath(s string) bool {
	clean := path.Clean(s)
	switch {
	case s == "" || clean == "." || clean == ".." || len(s) > maxPath:
	case path.IsAbs(clean) || strings.HasPrefix(clean, "../") || strings.HasSuffix(s, "/"):
	case strings.ContainsFunc(s, unicode.IsControl):
	default:
		return true
	}
	return false
}

func (p *parser) requiredProjects(to *[]RequiredProject) func(*yaml.Node) {
	return p.each(func(n *yaml.Node) {
		r := RequiredProject{Pos: p.pos(n)}
		if n.Kind == yaml.MappingNode {
			p.read(n, "a required project", attrs{"name": p.name(&r.Name)}, later{"override-checkout", "override-branch"})
			p.needsName(n, "required project", r.Name)
		} else {
			p.name(&r.Name)(n)
		}
		*to = append(*to, r)
	})
}

func (p *parser) dependencies(to *[]Dependency) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*to = []Dependency{}
		p.each(func(n *yaml.Node) {
			d := Dependency{Pos: p.pos(n)}
			if n.Kind == yaml.MappingNode {
				p.read(n, "a dependency", attrs{"name": p.name(&d.Name), "soft": p.boolean(&d.Soft)}, nil)
				p.needsName(n, "dependency", d.Name)
			} else {
				p.name(&d.Name)(n)
			}
			*to = append(*to, d)
		})(n)
	}
}

// needsName complains of an entry that leaves its name out.
func (p *parser) needsName(n *yaml.Node, what, name string) {
	if name == "" && !has(n, "name") {
		p.fail(p.pos(n), "give it a name", "the %s has no name", what)
	}
}

func has(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}
