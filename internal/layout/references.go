package layout

import (
	"fmt"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// problem is what a reference check finds.
type problem struct {
	name, hint, message string
	// word is what the place is found by, in the text of the stanza.
	word string
}

// at says which word of the stanza is wrong.
func (p *problem) at(word string) *problem {
	p.word = word
	return p
}

func problemf(name, hint, format string, args ...any) *problem {
	return &problem{name: name, hint: hint, message: fmt.Sprintf(format, args...)}
}

// checker checks references once over. It keeps what many checks ask for.
type checker struct {
	*Layout
	facts map[string]facts
	uses  map[string]int
	texts nodeSetTexts
}

func (l *Layout) checker() *checker {
	return &checker{Layout: l, facts: map[string]facts{}, texts: nodeSetTexts{}}
}

// found records a reference error of an object.
func (l *checker) found(o *Origin, owner any, at configlang.Stanza, p *problem) {
	if p == nil {
		return
	}
	before := len(l.errs)
	l.complain(o, owner, at, true, p.name, p.hint, "%s", p.message)
	if len(l.errs) == before || p.word == "" || o == nil || o.File == nil {
		return
	}
	if found, ok := o.File.FindWord(at.Pos, p.word); ok {
		l.errs[before].At = found
	}
}

// checkAll checks everything.
func (l *checker) checkAll() {
	l.checkReferences()
	l.checkLoops()
}

// checkReferences checks the references of everything.
func (l *checker) checkReferences() {
	l.nodeSets.each(func(_ string, e *entry[*Def[configlang.NodeSet]]) { l.checkNodeSets(e.in) })
	l.jobs.each(func(_ string, e *entry[*Job]) { l.checkJobs(e.in) })
	l.pipelines.each(func(_ string, e *entry[*Def[configlang.BoundPipeline]]) { l.checkPipelines(e.in) })
	l.checkImages()
	l.templates.each(func(_ string, e *entry[*Stanza]) { l.checkTemplates(e.in) })
	l.projects.each(func(_ string, e *entry[*Stanza]) { l.checkProjects(e.in) })
}

func (l *checker) checkNodeSets(list []*Def[configlang.NodeSet]) {
	for _, d := range list {
		_, p := l.flatten(&configlang.Alternative{NodeSet: d.Value}, l.texts)
		l.found(d.Origin, d, d.stanza(), p)
	}
}

// ReferenceError says that something named is not there.
type ReferenceError struct{ Name, Message string }

func (e *ReferenceError) Error() string { return e.Message }

func (l *checker) checkJobs(list []*Job) {
	for _, j := range list {
		l.found(j.Origin, j, j.stanza(), l.checkVariant(j))
	}
}

// checkVariant checks what a definition or a variant refers to; the first error counts.
func (l *checker) checkVariant(j *Job) *problem {
	if p := l.checkParent(j); p != nil {
		return p
	}
	if p := l.checkNodes(j); p != nil {
		return p
	}
	for _, d := range j.Dependencies {
		if !l.Defined(d.Name) {
			return notDefined(d.Name)
		}
	}
	if len(j.PreRun)+len(j.Run)+len(j.PostRun)+len(j.CleanupRun) == 0 {
		return nil // its secrets reach nothing
	}
	for _, s := range j.Secrets {
		d := l.secrets.first(s.Name)
		wrong := configlang.SecretVarError(s.Alias)
		switch {
		case d == nil:
			return problemf("", "define it in the same project", "The secret %q was not found.", s.Name).at(s.Name)
		case wrong != "":
			return problemf("", "give it the name of a variable: {name: VARIABLE, secret: SECRET}", "%s: %q", wrong, s.Alias).at(s.Alias)
		case !d.Origin.sameProject(j.Origin):
			return problemf("", "define a secret in this project", "Unable to use secret %s.  Secrets must be defined in the same project in which they are used", s.Name).at(s.Name)
		}
	}
	return nil
}

// checkNodes checks that the nodesets are there and not too large.
func (l *checker) checkNodes(j *Job) *problem {
	if j.NodeSetName == nil && j.NodeSet == nil {
		return nil
	}
	var one [1]*configlang.NodeSet
	sets := one[:]
	if one[0] = j.NodeSet; one[0] == nil {
		if d := l.nodeSets.first(*j.NodeSetName); d != nil {
			one[0] = d.Value
		}
	}
	if one[0] == nil || len(one[0].Alternatives) > 0 {
		var p *problem
		if sets, p = l.flatten(&configlang.Alternative{Name: orEmpty(j.NodeSetName), NodeSet: j.NodeSet}, l.texts); p != nil {
			return p
		}
	}
	for _, ns := range sets {
		if l.MaxNodesPerJob != -1 && len(ns.Nodes) > l.MaxNodesPerJob {
			return problemf("", "use fewer nodes", "The job %q exceeds tenant max-nodes-per-job %d.", j.Name, l.MaxNodesPerJob)
		}
	}
	return nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func notDefined(name string) *problem {
	return problemf("", "define it, or name another", "Job %s not defined", name).at(name)
}

// checkParent complains only when no variant of the parent could do.
func (l *checker) checkParent(j *Job) *problem {
	if j.Parent == "" || j.Base {
		return nil
	}
	parents := l.Variants(j.Parent)
	if len(parents) == 0 {
		return notDefined(j.Parent)
	}
	f, ok := l.facts[j.Parent]
	if !ok {
		f = jobFacts(parents)
		l.facts[j.Parent] = f
	}
	switch {
	case !f.free:
		return problemf("", "inherit from another job", "The parent of job %q, %q is final and can not act as a parent", j.Name, j.Parent).at(j.Parent)
	case !f.direct && !set(j.Abstract):
		return problemf("", "make it abstract", "The parent of job %q, %q is intermediate but %q is not abstract", j.Name, j.Parent, j.Name).at(j.Parent)
	case !f.open && !parents[0].Origin.sameProject(j.Origin):
		return problemf("", "inherit from another job", "The parent of job %q, %q is a protected job in a different project", j.Name, j.Parent).at(j.Parent)
	}
	return nil
}

func set(b *bool) bool { return b != nil && *b }

func (l *checker) checkPipelines(list []*Def[configlang.BoundPipeline]) {
	for _, d := range list {
		for _, name := range d.Value.Supersedes {
			if l.pipelines.first(name) == nil {
				l.found(d.Origin, d, d.stanza(), problemf("", "name a pipeline of the tenant", "The pipeline %q supercedes an unknown pipeline %s.", d.name, name).at(name))
				break
			}
		}
	}
}

// checkTemplates tells errors of templates that are used, once for each use.
func (l *checker) checkTemplates(list []*Stanza) {
	for _, t := range list {
		p := l.checkStanza(t)
		if p == nil {
			continue
		}
		uses, before := l.usesOf(t.Name), len(l.errs)
		if uses == 0 {
			continue
		}
		if l.found(t.Origin, t, t.stanza(), p); len(l.errs) > before {
			l.errs[before].Uses = uses
		}
	}
}

// usesOf counts the stanzas that use a template and that are looked at as far as it.
func (l *checker) usesOf(template string) int {
	if l.uses == nil {
		l.uses = map[string]int{}
		l.projects.each(func(_ string, e *entry[*Stanza]) {
			for _, s := range e.in {
				for _, name := range s.Templates {
					if l.templates.first(name) == nil {
						break
					}
					l.uses[name]++
				}
			}
		})
	}
	return l.uses[template]
}

func (l *checker) checkProjects(list []*Stanza) {
	for _, s := range list {
		l.found(s.Origin, s, s.stanza(), l.checkProject(s))
	}
}

func (l *checker) checkProject(s *Stanza) *problem {
	for _, name := range s.Templates {
		if l.templates.first(name) == nil {
			return problemf(configlang.NameTemplateNotFound, "define it, or name another", "The project template %q was not found.", name).at(name)
		}
	}
	return l.checkStanza(s)
}

// checkStanza checks the job lists; the first error counts.
func (l *checker) checkStanza(s *Stanza) *problem {
	for i := range s.Pipelines {
		for _, j := range s.Pipelines[i].Jobs {
			if !l.Defined(j.Name) {
				return notDefined(j.Name)
			}
			if p := l.checkVariant(j); p != nil {
				return p
			}
		}
	}
	return nil
}
