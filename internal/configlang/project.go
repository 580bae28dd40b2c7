package configlang

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// projectNames are the attributes of a stanza, for hints.
var projectNames = []string{"branches", "default-branch", "description", "merge-mode", "name", "queue", "templates", "vars"}

func (p *parser) project(n *yaml.Node) Project {
	pr := Project{Pos: p.pos(n)}
	known := p.projectAttrs(&pr)
	known["templates"] = p.refs(&pr.Templates)
	known["branches"] = p.matchers(&pr.Branches)
	known["merge-mode"] = p.oneOf(&pr.MergeMode, "merge", "merge-resolve", "merge-recursive", "merge-ort", "cherry-pick", "squash-merge", "rebase")
	known["default-branch"] = func(n *yaml.Node) {
		p.fail(p.pos(n), "set it on the code host", "attribute \"default-branch\" of project is not supported by this version of Gozer")
	}
	p.read(n, "project"+nameOf(n), known, nil)
	if len(pr.Name) > 0 && pr.Name[0] == '^' {
		p.fail(pr.Pos, "write one stanza for each project", "a project stanza for several projects (%s) is not supported by this version of Gozer", pr.Name)
	}
	return pr
}

func (p *parser) template(n *yaml.Node) Project {
	pr := Project{Pos: p.pos(n)}
	before := p.failures
	p.read(n, "project-template"+nameOf(n), p.projectAttrs(&pr), nil)
	if pr.Name == "" && p.failures == before {
		p.fail(pr.Pos, "give it a name", "the project-template has no name")
	}
	return pr
}

// projectAttrs are common to stanzas and templates. Whatever else is there is a pipeline.
func (p *parser) projectAttrs(pr *Project) attrs {
	ignored := func(*yaml.Node) {}
	return attrs{
		"name":        p.name(&pr.Name),
		"description": ignored,
		"queue": func(n *yaml.Node) {
			pr.Queue = &Ref{Pos: p.pos(n)}
			p.name(&pr.Queue.Name)(n)
		},
		"vars": p.vars(&pr.Vars),
		"*": func(pair *yaml.Node) {
			pp := ProjectPipeline{Pos: p.pos(pair.Content[0]), Pipeline: pair.Content[0].Value}
			what := fmt.Sprintf("pipeline %q of the project", cut(pp.Pipeline))
			if pair.Content[1].Kind != yaml.MappingNode {
				p.fail(pp.Pos, didYouMean(pp.Pipeline, projectNames), "%s must be a mapping of attributes; what is not an attribute of a project is a pipeline", what)
				return
			}
			p.read(pair.Content[1], what, attrs{
				"jobs":  p.each(func(n *yaml.Node) { pp.Jobs = append(pp.Jobs, p.jobVariant(n)) }),
				"debug": ignored,
			}, later{"fail-fast"})
			pr.Pipelines = append(pr.Pipelines, pp)
		},
	}
}
