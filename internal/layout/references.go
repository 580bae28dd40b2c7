package layout

import (
	"maps"
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// Noop is built in: it needs no definition and always succeeds.
const Noop = "noop"

// checkReferences leaves out what refers to something that is not there. It
// runs after everything was added, because order does not matter for references.
func (l *Layout) checkReferences() {
	// A job that goes may be the parent of another: until no more go.
	for before := -1; before != len(l.Errors); {
		before = len(l.Errors)
		for _, name := range slices.Sorted(maps.Keys(l.jobs)) {
			l.jobs[name] = slices.DeleteFunc(l.jobs[name], func(j JobVariant) bool { return !l.jobResolves(j) })
			if len(l.jobs[name]) == 0 {
				delete(l.jobs, name)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.stanzas)) {
		for i := range l.stanzas[key] {
			l.resolveStanza(&l.stanzas[key][i])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.templates)) {
		for i := range l.templates[key] {
			l.resolveStanza(&l.templates[key][i])
		}
	}
}

func (l *Layout) jobResolves(j JobVariant) bool {
	if parent := l.parentOf(j); parent != "" && parent != j.Name && len(l.jobs[parent]) == 0 {
		l.fail(j.Pos, "", "define it, or name another parent", "job %q has the parent %q, which is not defined", j.Name, parent)
		return false
	}
	return l.variantResolves(j.Job)
}

// variantResolves checks what any variant may refer to.
func (l *Layout) variantResolves(j configlang.Job) bool {
	if m := l.tenant.MaxJobTimeout; m >= 0 && (j.Timeout != nil && *j.Timeout > m || j.PostTimeout != nil && *j.PostTimeout > m) {
		l.fail(j.Pos, "Max Timeout Exceeded", "ask for less", "job %q asks for a longer timeout than the tenant allows (%d s)", j.Name, m)
		return false
	}
	if j.NodeSetName != "" {
		if _, ok := l.nodeSets[j.NodeSetName]; !ok {
			l.fail(j.Pos, "Nodeset Not Found", "define it, or name another", "job %q uses the nodeset %q, which is not defined", j.Name, j.NodeSetName)
			return false
		}
	}
	for _, r := range j.RequiredProjects {
		if l.projects[r.Name] == nil {
			l.fail(r.Pos, "Project Not Found", "add it to the tenant", "job %q requires the project %q, which is not in the tenant", j.Name, r.Name)
			return false
		}
	}
	return true
}

// resolveStanza works on copies: what was parsed is shared with other layouts.
func (l *Layout) resolveStanza(s *stanza) {
	s.Pipelines = slices.Clone(s.Pipelines)
	s.Templates = slices.DeleteFunc(slices.Clone(s.Templates), func(r configlang.Ref) bool {
		if len(l.templates[r.Name]) > 0 {
			return false
		}
		l.fail(r.Pos, "Template Not Found", "define it, or name another", "the project-template %q is not defined", r.Name)
		return true
	})
	if s.Queue != nil {
		if _, ok := l.queues[s.Queue.Name]; !ok {
			l.fail(s.Queue.Pos, "", `define it with "- queue: {name: ...}"`, "the queue %q is not defined", s.Queue.Name)
			s.Queue = nil
		}
	}
	for i := range s.Pipelines {
		pp := &s.Pipelines[i]
		pp.Jobs = slices.DeleteFunc(slices.Clone(pp.Jobs), func(j configlang.Job) bool {
			if j.Name != Noop && len(l.jobs[j.Name]) == 0 {
				l.fail(j.Pos, "", "define it, or name another", "the job %q is not defined", j.Name)
				return true
			}
			return !l.variantResolves(j)
		})
	}
}

// parentOf is the name of the job that a definition inherits from, or "".
func (l *Layout) parentOf(j JobVariant) string {
	switch {
	case j.NoParent:
		return ""
	case j.Parent != nil:
		return *j.Parent
	case j.Name == l.tenant.DefaultParent:
		return ""
	}
	return l.tenant.DefaultParent
}
