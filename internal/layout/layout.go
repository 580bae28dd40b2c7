package layout

import (
	"fmt"
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/model"
)

// Project is a repository of the tenant and what was read from it.
type Project struct {
	model.Project
	// Trusted projects are config projects.
	Trusted bool
	// Classes of objects that are loaded; nil for all that it may have.
	Classes []string
	// DefaultBranch of the repository.
	DefaultBranch string
	// Branches that were read, the default branch first.
	Branches []Branch
}

// Branch is the configuration of one branch: its files in the order in which they are read.
type Branch struct {
	Name  string
	Files []*configlang.Source
}

// Tenant is everything that a layout is built from.
type Tenant struct {
	Name string
	// DefaultParent of jobs that name none.
	DefaultParent  string
	MaxNodesPerJob int
	MaxJobTimeout  int64
	// Connections that pipelines may name.
	Connections []string
	// Projects in the tenant's order: config projects first.
	Projects []Project
}

// Layout is the configuration in force.
type Layout struct {
	tenant    Tenant
	Pipelines []configlang.Pipeline
	jobs      map[string][]JobVariant
	nodeSets  map[string]configlang.NodeSet
	queues    map[string]configlang.Queue
	templates map[string][]stanza
	stanzas   map[string][]stanza // by canonical project name
	projects  map[string]*Project // by canonical and, where unique, by short name
	Errors    []configlang.Error
}

// JobVariant is one definition of a job and where it is from.
type JobVariant struct {
	configlang.Job
	Project model.Project
	Branch  string
	Trusted bool
	// implied restricts the variant to the branch that it is defined on.
	implied string
}

// stanza is a project stanza or a template, and where it is from.
type stanza struct {
	configlang.Project
	from    *Project
	branch  string
	implied string
}

// Build puts the files of a tenant together.
func Build(t Tenant) *Layout {
	l := &Layout{
		tenant: t, jobs: map[string][]JobVariant{}, nodeSets: map[string]configlang.NodeSet{},
		queues: map[string]configlang.Queue{}, templates: map[string][]stanza{},
		stanzas: map[string][]stanza{}, projects: map[string]*Project{},
	}
	l.index()
	for i := range t.Projects {
		p := &t.Projects[i]
		for _, b := range p.Branches {
			for _, f := range b.Files {
				objects, errs := parse(f)
				l.Errors = append(l.Errors, errs...)
				l.add(p, b.Name, objects)
			}
		}
	}
	l.checkReferences()
	return l
}

// index makes projects findable by canonical name, and by name where that is unique.
func (l *Layout) index() {
	count := map[string]int{}
	for i := range l.tenant.Projects {
		p := &l.tenant.Projects[i]
		l.projects[p.Canonical()] = p
		count[p.Name]++
		l.projects[p.Name] = p
	}
	for name, n := range count {
		if n > 1 {
			delete(l.projects, name)
		}
	}
}

func (l *Layout) fail(pos configlang.Pos, name, hint, format string, args ...any) {
	l.Errors = append(l.Errors, configlang.Error{
		Severity: configlang.SeverityError, Name: name, Pos: pos, Hint: hint, Message: fmt.Sprintf(format, args...),
	})
}

func loads(p *Project, class string) bool {
	return p.Classes == nil || slices.Contains(p.Classes, class)
}

func (l *Layout) add(p *Project, branch string, o configlang.Objects) {
	for _, pl := range o.Pipelines {
		l.addPipeline(p, pl)
	}
	implied := impliedBranch(p, branch)
	if loads(p, "nodeset") {
		for _, ns := range o.NodeSets {
			l.addNodeSet(ns)
		}
	}
	if loads(p, "queue") {
		for _, q := range o.Queues {
			l.addQueue(q)
		}
	}
	if loads(p, "job") {
		for _, j := range o.Jobs {
			l.addJob(p, JobVariant{Job: j, Project: p.Project, Branch: branch, Trusted: p.Trusted, implied: implied})
		}
	}
	if loads(p, "project-template") {
		for _, t := range o.Templates {
			l.addTemplate(stanza{Project: t, from: p, branch: branch, implied: implied})
		}
	}
	if loads(p, "project") {
		for _, s := range o.Projects {
			l.addProject(p, branch, s)
		}
	}
}

// impliedBranch is the branch that objects of an untrusted project are for: its own, if it has several.
func impliedBranch(p *Project, branch string) string {
	if p.Trusted || len(p.Branches) < 2 {
		return ""
	}
	return branch
}

func (l *Layout) addPipeline(p *Project, pl configlang.Pipeline) {
	switch {
	case !p.Trusted:
		l.fail(pl.Pos, "Pipeline Forbidden", "move it to a config project", "pipeline %q is defined in the untrusted project %s", pl.Name, p.Name)
		return
	case !loads(p, "pipeline"):
		return
	}
	for _, other := range l.Pipelines {
		if other.Name == pl.Name {
			l.fail(pl.Pos, "", "rename one of them", "pipeline %q is defined twice", pl.Name)
			return
		}
	}
	if connection, ok := l.unknownConnection(pl); ok {
		l.fail(pl.Pos, "Unknown Connection", fmt.Sprintf("the tenant's connections are %v", l.tenant.Connections),
			"pipeline %q names the connection %q, which the tenant does not have", pl.Name, connection)
		return
	}
	l.Pipelines = append(l.Pipelines, pl)
}

func (l *Layout) unknownConnection(pl configlang.Pipeline) (string, bool) {
	var named []string
	for _, t := range pl.Triggers {
		named = append(named, t.Connection)
	}
	for _, r := range append(slices.Clone(pl.Require), pl.Reject...) {
		named = append(named, r.Connection)
	}
	for _, occasion := range []string{"start", "success", "failure", "dequeue"} {
		for _, r := range pl.Reporters[occasion] {
			named = append(named, r.Connection)
		}
	}
	for _, n := range named {
		if !slices.Contains(l.tenant.Connections, n) {
			return n, true
		}
	}
	return "", false
}

func (l *Layout) addNodeSet(ns configlang.NodeSet) {
	if n := l.tenant.MaxNodesPerJob; n >= 0 && len(ns.Nodes) > n {
		l.fail(ns.Pos, "", "", "nodeset %q has %d nodes; the tenant allows %d for a job", ns.Name, len(ns.Nodes), n)
		return
	}
	if first, ok := l.nodeSets[ns.Name]; ok {
		l.again("nodeset", ns.Name, first.Pos, ns.Pos, sameNodeSet(first, ns))
		return
	}
	l.nodeSets[ns.Name] = ns
}

func (l *Layout) addQueue(q configlang.Queue) {
	if first, ok := l.queues[q.Name]; ok {
		l.again("queue", q.Name, first.Pos, q.Pos, first.PerBranch == q.PerBranch)
		return
	}
	l.queues[q.Name] = q
}

func (l *Layout) addJob(p *Project, j JobVariant) {
	if variants := l.jobs[j.Name]; len(variants) > 0 && variants[0].Project != p.Project {
		l.fail(j.Pos, "", "give it another name, with the other as its parent", "job %s in %s is not permitted to shadow job %s in %s",
			j.Name, p.Name, j.Name, variants[0].Project.Name)
		return
	}
	if !p.Trusted && l.parentOf(j) == "" {
		l.fail(j.Pos, "", "give it a parent", "base jobs must be defined in config projects")
		return
	}
	l.jobs[j.Name] = append(l.jobs[j.Name], j)
}

// addTemplate adds a template, or what another branch adds to it. Another
// project may not: it would give jobs to whoever uses the template.
func (l *Layout) addTemplate(t stanza) {
	if there := l.templates[t.Name]; len(there) > 0 && there[0].from.Project != t.from.Project {
		l.fail(t.Pos, "", "give it another name", "the project-template %q is already defined in %s", t.Name, there[0].from.Name)
		return
	}
	l.templates[t.Name] = append(l.templates[t.Name], t)
}

func (l *Layout) addProject(p *Project, branch string, s configlang.Project) {
	target := p
	if s.Name != "" {
		if target = l.projects[s.Name]; target == nil {
			l.fail(s.Pos, "Project Not Found", "add it to the tenant, or use its canonical name if it is ambiguous", "project %q is not in the tenant", s.Name)
			return
		}
	}
	st := stanza{Project: s, from: p, branch: branch}
	if !p.Trusted {
		if target.Project != p.Project {
			l.fail(s.Pos, "Project Forbidden", "move the stanza to that project or to a config project", "the untrusted project %s may not configure %s", p.Name, target.Name)
			return
		}
		st.implied = branch
	}
	key := target.Canonical()
	l.stanzas[key] = append(l.stanzas[key], st)
}
