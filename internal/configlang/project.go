package configlang

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// mergeModes that a project may choose.
var mergeModes = []string{"merge", "merge-resolve", "cherry-pick", "squash-merge", "rebase"}

var projectAttrs = []string{"name", "description", "branches", "vars", "templates", "merge-mode", "default-branch", "queue"}

func (p *parser) project(n *yaml.Node) *Project {
	pr := &Project{Pos: p.stanza.Pos}
	p.attributes(n, "the project", projectAttrs, nil, func(key string, v *yaml.Node) bool {
		switch key {
		case "templates":
			p.list(v, func(n *yaml.Node) {
				if name := p.str(n); !slices.Contains(pr.Templates, name) {
					pr.Templates = append(pr.Templates, name)
				}
			})
		case "branches":
			pr.Branches = p.matchers(v, key)
		case "merge-mode":
			pr.MergeMode = p.oneOf(v, mergeModes...)
		case "default-branch":
			pr.DefaultBranch = p.name(v)
		default:
			return p.projectAttr(pr, key, v)
		}
		return true
	})
	if strings.HasPrefix(pr.Name, "^") && !p.broken {
		p.nameRegex(pr, n)
	}
	return pr
}

func (p *parser) nameRegex(pr *Project, n *yaml.Node) {
	re, err := zuulregex.Compile(pr.Name)
	switch {
	case err != nil:
		p.fail(posOf(n), "", "%q is not a regular expression: %v", brief(pr.Name), err)
	case re.Deprecation() != "":
		p.fail(posOf(n), "", "%q is not a regular expression here: %s", brief(pr.Name), re.Deprecation())
	}
	pr.NameRegex = re
}

func (p *parser) template(n *yaml.Node) *Project {
	pr := &Project{Pos: p.stanza.Pos}
	p.attributes(n, "the project-template", projectAttrs, []string{"name"}, func(key string, v *yaml.Node) bool { return p.projectAttr(pr, key, v) })
	return pr
}

// projectAttr reads what stanzas and templates have in common. Whatever else is there is a pipeline.
func (p *parser) projectAttr(pr *Project, key string, v *yaml.Node) bool {
	switch key {
	case "name":
		// A regular expression may be long: its bounds are those of expressions.
		if pr.Name = p.str(v); !strings.HasPrefix(pr.Name, "^") {
			pr.Name = p.name(v)
		}
	case "description":
		p.str(v)
	case "queue":
		pr.Queue = p.name(v)
	case "vars":
		pr.Vars = p.vars(v)
	default:
		if kindOf(v) != kindMapping {
			p.fail(posOf(v), p.suggest(key, projectAttrs), "%q must be a mapping of attributes; what is not an attribute of a project is a pipeline", brief(key))
			return true
		}
		pr.Pipelines = append(pr.Pipelines, p.projectPipeline(key, v))
	}
	return true
}

func (p *parser) projectPipeline(name string, n *yaml.Node) ProjectPipeline {
	pp := ProjectPipeline{Name: name, Pos: posOf(n)}
	seen := map[string][]*Job{}
	p.attributes(n, fmt.Sprintf("the pipeline %q of the project", brief(name)), []string{"jobs", "debug", "fail-fast"}, nil, func(key string, v *yaml.Node) bool {
		switch key {
		case "jobs":
			p.list(v, func(n *yaml.Node) { p.addVariant(&pp, seen, p.variant(n), n) })
		case "debug":
			pp.Debug = *p.boolean(v)
		case "fail-fast":
			pp.FailFast = p.boolean(v)
		default:
			return false
		}
		return true
	})
	return pp
}

// addVariant keeps an entry that says something new: the same one twice is one variant.
func (p *parser) addVariant(pp *ProjectPipeline, seen map[string][]*Job, j *Job, n *yaml.Node) {
	same := seen[j.Name]
	if slices.ContainsFunc(same, func(o *Job) bool { return reflect.DeepEqual(o, j) }) {
		return
	}
	if len(same) >= maxVariants {
		p.fail(posOf(n), "use fewer", "the job %q is in the list more than %d times", brief(j.Name), maxVariants)
		return
	}
	seen[j.Name] = append(same, j)
	pp.Jobs = append(pp.Jobs, j)
}

// maxVariants bounds how often a job may be in one list.
const maxVariants = 100
