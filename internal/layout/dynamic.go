package layout

import (
	"maps"
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// Change replaces the files of one branch.
type Change struct {
	// Project is the canonical name.
	Project string
	Branch  string
	Files   []File
	// Unreadable tells, in words, what could not be read.
	Unreadable []string
}

// With is the layout with other files in some branches (Zuul: dynamic layout).
//
// A proposal is checked and not in force: config projects are replaced, and so
// are pipelines, semaphores and images. Otherwise changes to config projects
// are left out, and what cannot be changed speculatively stays as it is.
func (l *Layout) With(proposal bool, changes ...Change) *Layout {
	next := *l
	next.errs = slices.Clone(l.errs)
	next.chunks = maps.Clone(l.chunks)
	next.told = map[*chunk]int{}
	if !proposal {
		next.inForce = l.static()
	}
	for _, c := range changes {
		p := l.byCanonical[c.Project]
		if p == nil || p.Trusted && !proposal {
			continue
		}
		next.put(p, c)
	}
	return &next
}

// put replaces one branch and checks what this touches.
func (l *Layout) put(p *Project, c Change) {
	key := chunkKey{p, c.Branch}
	old, now := l.chunks[key], l.bind(p, Branch{Name: c.Branch, Files: c.Files, Unreadable: c.Unreadable})
	l.chunks[key] = now
	if old != nil {
		l.forget(old)
	}
	l.errs = append(l.errs, now.errs...)
	before := *l
	t := touched{}
	l.pipelines, t.pipelines = l.pipelines.replace(l, old, now)
	l.nodeSets, t.nodeSets = l.nodeSets.replace(l, old, now)
	l.secrets, t.secrets = l.secrets.replace(l, old, now)
	l.jobs, t.jobs = l.jobs.replace(l, old, now)
	l.semaphores, _ = l.semaphores.replace(l, old, now)
	l.queues, _ = l.queues.replace(l, old, now)
	var images [5][]string
	l.images, images[0] = l.images.replace(l, old, now)
	l.flavors, images[1] = l.flavors.replace(l, old, now)
	l.labels, images[2] = l.labels.replace(l, old, now)
	l.sections, images[3] = l.sections.replace(l, old, now)
	l.providers, images[4] = l.providers.replace(l, old, now)
	t.images = slices.Concat(images[:]...)
	l.templates, t.templates = l.templates.replace(l, old, now)
	l.projects, t.projects = l.projects.replace(l, old, now)
	l.recheck(&before, t)
}

// touched are names whose entries are new.
type touched struct{ pipelines, nodeSets, secrets, jobs, images, templates, projects []string }

// recheck checks references again: those of what was touched, and those to it.
func (l *Layout) recheck(before *Layout, t touched) {
	if l.matters(before, t) {
		l.errs = slices.DeleteFunc(l.errs, func(e *Error) bool { return e.reference })
		c := l.checker()
		c.checkReferences()
		c.checkLoopsThrough(t.jobs)
		return
	}
	c := l.checker()
	for _, n := range t.nodeSets {
		c.checkNodeSets(l.nodeSets.get(n))
	}
	for _, n := range t.jobs {
		c.checkJobs(l.jobs.get(n))
	}
	c.checkLoopsThrough(t.jobs)
	for _, n := range t.templates {
		c.checkTemplates(l.templates.get(n))
	}
	for _, n := range t.projects {
		c.checkProjects(l.projects.get(n))
	}
}

// matters says whether what others may refer to has changed: then everything is
// checked again. Most changes alter what a job does and leave its name alone.
func (l *Layout) matters(before *Layout, t touched) bool {
	if len(t.pipelines) > 0 || len(t.images) > 0 {
		return true
	}
	for _, n := range t.jobs {
		if jobFacts(before.jobs.get(n)) != jobFacts(l.jobs.get(n)) && !l.unmet(before, n) {
			return true
		}
	}
	for _, n := range t.nodeSets {
		if a, b := before.nodeSets.first(n), l.nodeSets.first(n); (a == nil) != (b == nil) || a != nil && !sameText(a.Value, b.Value) {
			return true
		}
	}
	for _, n := range t.secrets {
		if a, b := before.secrets.first(n), l.secrets.first(n); (a == nil) != (b == nil) || a != nil && !a.Origin.sameProject(b.Origin) {
			return true
		}
	}
	for _, n := range t.templates {
		if (before.templates.first(n) == nil) != (l.templates.first(n) == nil) {
			return true
		}
	}
	// A template whose error nobody met is met when a project begins to use it.
	return slices.ContainsFunc(t.projects, func(n string) bool { return usesOther(before.projects.get(n), l.projects.get(n)) })
}

// unmet says that a job is new and that nobody misses it: no error names it.
func (l *Layout) unmet(before *Layout, name string) bool {
	missing := notDefined(name).message
	return !before.Defined(name) && !slices.ContainsFunc(before.errs, func(e *Error) bool { return e.reference && e.Message == missing })
}

func usesOther(a, b []*Stanza) bool {
	templates := func(list []*Stanza) (out []string) {
		for _, s := range list {
			out = append(out, s.Templates...)
		}
		return out
	}
	return !slices.Equal(templates(a), templates(b))
}

// facts of a job that checks of others depend on.
type facts struct {
	project                     *Project
	free, direct, open, defined bool
}

func jobFacts(list []*Job) facts {
	f := facts{}
	if len(list) > 0 && list[0].Origin != nil { // noop is from no file
		f.project = list[0].Origin.Project
	}
	for _, j := range list {
		f.defined = true
		f.free = f.free || !set(j.Final)
		f.direct = f.direct || !set(j.Intermediate)
		f.open = f.open || !set(j.Protected)
	}
	return f
}

// NewErrors are the errors of a proposal that its author is told: those that
// were not there before, and all in the branch that it changes. Warnings and
// further errors of an object are not among them.
func NewErrors(proposed, before *Layout, project, branch string) []*Error {
	was := map[string]int{}
	for _, e := range before.errs {
		was[e.key()]++
	}
	var out []*Error
	for _, e := range proposed.Errors() {
		if e.Severity != configlang.SeverityError || e.Further {
			continue
		}
		mine := e.Origin != nil && project == e.Origin.Project.Canonical() && branch == e.Origin.Branch
		if was[e.key()] > 0 && !mine {
			was[e.key()]--
			continue
		}
		out = append(out, e)
	}
	return out
}
