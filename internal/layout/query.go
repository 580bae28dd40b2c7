package layout

import (
	"cmp"
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/model"
)

// Variants are all definitions of a job, in order.
func (l *Layout) Variants(job string) []*Job {
	if job == Noop {
		return []*Job{l.noop}
	}
	return l.jobs.get(job)
}

// Defined says whether there is any definition of the job.
func (l *Layout) Defined(job string) bool { return job == Noop || len(l.jobs.get(job)) > 0 }

// ProjectNamed finds a project by its canonical name, or by its name where that is unique.
func (l *Layout) ProjectNamed(name string) *Project {
	p, _ := l.project(name)
	return p
}

// Stanzas of a project, in order.
func (l *Layout) Stanzas(canonical string) []*Stanza { return l.projects.get(canonical) }

// Templates of a name, in order.
func (l *Layout) Templates(name string) []*Stanza { return l.templates.get(name) }

// Secret finds a secret.
func (l *Layout) Secret(name string) *Def[configlang.Secret] { return l.secrets.first(name) }

// HasNodeSet says whether there is a nodeset of that name.
func (l *Layout) HasNodeSet(name string) bool { return l.nodeSets.first(name) != nil }

// Image finds an image; proposals cannot change these.
func (l *Layout) Image(name string) *Def[configlang.Image] { return l.static().images.first(name) }

// static is the layout that decides what proposals cannot change.
func (l *Layout) static() *Layout {
	if l.inForce != nil {
		return l.inForce
	}
	return l
}

// Pipelines in the order of definition.
func (l *Layout) Pipelines() []*configlang.BoundPipeline {
	s := l.static()
	var defs []*Def[configlang.BoundPipeline]
	s.pipelines.each(func(_ string, e *entry[*Def[configlang.BoundPipeline]]) { defs = append(defs, e.in...) })
	slices.SortStableFunc(defs, func(a, b *Def[configlang.BoundPipeline]) int {
		if c := s.compare(a.Origin.chunk, b.Origin.chunk); c != 0 {
			return c
		}
		return slices.Index(a.Origin.chunk.pipelines, a) - slices.Index(b.Origin.chunk.pipelines, b)
	})
	out := make([]*configlang.BoundPipeline, len(defs))
	for i, d := range defs {
		out[i] = d.Value
	}
	return out
}

// Pipeline finds a pipeline, or returns nil.
func (l *Layout) Pipeline(name string) *configlang.BoundPipeline {
	if d := l.static().pipelines.first(name); d != nil {
		return d.Value
	}
	return nil
}

// SemaphoreMax is how many may hold a semaphore; one that is not defined has room for one.
func (l *Layout) SemaphoreMax(name string) int64 {
	if d := l.static().semaphores.first(name); d != nil {
		return d.Value.Max
	}
	return 1
}

// Semaphores that are defined, by name.
func (l *Layout) Semaphores() []*configlang.Semaphore {
	var out []*configlang.Semaphore
	l.static().semaphores.each(func(_ string, e *entry[*Def[configlang.Semaphore]]) {
		if len(e.in) > 0 {
			out = append(out, e.in[0].Value)
		}
	})
	slices.SortFunc(out, func(a, b *configlang.Semaphore) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Queue is the change queue of a project: the first that a stanza or template
// of it names. It is not evaluated speculatively. ok is false if there is none;
// a queue that is not defined has a queue's defaults.
func (l *Layout) Queue(canonical string) (configlang.Queue, bool) {
	s := l.static()
	for _, st := range s.Stanzas(canonical) {
		names := []string{st.Queue}
		for _, t := range st.Templates {
			for _, ts := range s.Templates(t) {
				names = append(names, ts.Queue)
			}
		}
		for _, n := range names {
			if n == "" {
				continue
			}
			if d := s.queues.first(n); d != nil {
				return *d.Value, true
			}
			return configlang.Queue{Name: n}, true
		}
	}
	return configlang.Queue{}, false
}

// InPipeline says whether a project has anything to do in a pipeline on any branch.
func (l *Layout) InPipeline(canonical, pipeline string) bool {
	for _, s := range l.Stanzas(canonical) {
		if s.In(pipeline) != nil {
			return true
		}
		for _, name := range s.Templates {
			if slices.ContainsFunc(l.Templates(name), func(t *Stanza) bool { return t.In(pipeline) != nil }) {
				return true
			}
		}
	}
	return false
}

// QueueName is the name of the change queue that changes of a project share in
// dependent pipelines: the queue of the project, or the project's own.
func (l *Layout) QueueName(p model.Project, branch string) string {
	q, shared := l.Queue(p.Canonical())
	switch {
	case shared && q.PerBranch:
		return q.Name + ":" + branch
	case shared:
		return q.Name
	case len(l.byName[p.Name]) > 1:
		return p.Canonical() // the short name is not unique
	}
	return p.Name
}

// MergeMode of a project: the first that a stanza chooses, or the host's default.
func (l *Layout) MergeMode(canonical string) string {
	for _, st := range l.Stanzas(canonical) {
		if st.MergeMode != "" {
			return st.MergeMode
		}
	}
	if p := l.byCanonical[canonical]; p != nil {
		return p.DefaultMergeMode
	}
	return "merge"
}

// DefaultBranch of a project: the first that a stanza names, or the host's.
func (l *Layout) DefaultBranch(p *Project) string {
	for _, st := range l.Stanzas(p.Canonical()) {
		if st.DefaultBranch != "" {
			return st.DefaultBranch
		}
	}
	return p.DefaultBranch
}

// Counts of what is in force, for status.
func (l *Layout) Counts() (projects, pipelines, jobs int) {
	l.static().pipelines.each(func(_ string, e *entry[*Def[configlang.BoundPipeline]]) { pipelines += len(e.in) })
	l.jobs.each(func(_ string, e *entry[*Job]) {
		if len(e.in) > 0 {
			jobs++
		}
	})
	return len(l.Projects), pipelines, jobs
}

// PipelineError is an error where a pipeline is defined; nil when it is not.
func (l *Layout) PipelineError(name, hint, message string) *Error {
	d := l.static().pipelines.first(name)
	if d == nil {
		return nil
	}
	return newError(d.Origin, nil, d.stanza(), "", hint, message)
}
