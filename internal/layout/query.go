package layout

import (
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/model"
)

// Project finds a project by canonical name, or by its name where that is unique.
func (l *Layout) Project(name string) (Project, bool) {
	p := l.projects[name]
	if p == nil {
		return Project{}, false
	}
	return *p, true
}

// Counts of what is in force, for status.
func (l *Layout) Counts() (projects, pipelines, jobs int) {
	return len(l.tenant.Projects), len(l.Pipelines), len(l.jobs)
}

// NodeSet finds a nodeset by name.
func (l *Layout) NodeSet(name string) (configlang.NodeSet, bool) {
	ns, ok := l.nodeSets[name]
	return ns, ok
}

// MaxNodesPerJob that the tenant allows; negative for no bound.
func (l *Layout) MaxNodesPerJob() int { return l.tenant.MaxNodesPerJob }

// Variants of a job that are for the branch, in the order of definition.
func (l *Layout) Variants(job, branch string) []JobVariant {
	var out []JobVariant
	for _, v := range l.jobs[job] {
		if matchesBranch(v.Branches, v.implied, branch) {
			out = append(out, v)
		}
	}
	return out
}

// Defined says whether any variant of the job exists.
func (l *Layout) Defined(job string) bool { return len(l.jobs[job]) > 0 }

// ParentOf is the job that the variant inherits from, or "".
func (l *Layout) ParentOf(v JobVariant) string { return l.parentOf(v) }

// matchesBranch applies explicit matchers, or the implied one.
func matchesBranch(explicit []configlang.Matcher, implied, branch string) bool {
	if len(explicit) == 0 {
		return implied == "" || implied == branch
	}
	for _, m := range explicit {
		if m.Match(branch) {
			return true
		}
	}
	return false
}

// effective calls visit for each template and stanza of the project that is
// for the branch: the templates of a stanza come before it.
func (l *Layout) effective(project model.Project, branch string, visit func(s stanza)) {
	for _, s := range l.stanzas[project.Canonical()] {
		if !matchesBranch(s.Branches, s.implied, branch) {
			continue
		}
		for _, r := range s.Templates {
			for _, t := range l.templates[r.Name] {
				if matchesBranch(nil, t.implied, branch) {
					visit(t)
				}
			}
		}
		visit(s)
	}
}

// InPipeline says whether the project has anything to do in a pipeline on any branch.
func (l *Layout) InPipeline(project model.Project, pipeline string) bool {
	for _, s := range l.stanzas[project.Canonical()] {
		candidates := []stanza{s}
		for _, r := range s.Templates {
			candidates = append(candidates, l.templates[r.Name]...)
		}
		for _, c := range candidates {
			for _, pp := range c.Pipelines {
				if pp.Pipeline == pipeline {
					return true
				}
			}
		}
	}
	return false
}

// ProjectJobs are the variants that the project attaches in a pipeline, in
// order, and whether the project is in the pipeline at all.
func (l *Layout) ProjectJobs(project model.Project, branch, pipeline string) (variants []configlang.Job, vars map[string]any, in bool) {
	l.effective(project, branch, func(s stanza) {
		vars = mergeVars(vars, s.Vars)
		for _, pp := range s.Pipelines {
			if pp.Pipeline != pipeline {
				continue
			}
			in = true
			for _, j := range pp.Jobs {
				if matchesBranch(j.Branches, "", branch) {
					variants = append(variants, j)
				}
			}
		}
	})
	return variants, vars, in
}

func mergeVars(into, from map[string]any) map[string]any {
	if len(from) == 0 {
		return into
	}
	out := make(map[string]any, len(into)+len(from))
	for k, v := range into {
		out[k] = v
	}
	for k, v := range from {
		out[k] = v
	}
	return out
}

// Queue is the name of the change queue that changes of the project share in
// dependent pipelines: the first one named in its stanzas, or its own.
func (l *Layout) Queue(project model.Project, branch string) string {
	for _, s := range l.stanzas[project.Canonical()] {
		candidates := []stanza{s}
		for _, r := range s.Templates {
			candidates = append(candidates, l.templates[r.Name]...)
		}
		for _, c := range candidates {
			if c.Queue == nil {
				continue
			}
			if l.queues[c.Queue.Name].PerBranch {
				return c.Queue.Name + ":" + branch
			}
			return c.Queue.Name
		}
	}
	if l.projects[project.Name] == nil {
		return project.Canonical() // the short name is not unique
	}
	return project.Name
}

// MergeMode of the project; the first one set in its stanzas, or "merge".
func (l *Layout) MergeMode(project model.Project) string {
	for _, s := range l.stanzas[project.Canonical()] {
		if s.MergeMode != "" {
			return s.MergeMode
		}
	}
	return "merge"
}

// NewErrors are the errors of a layout that another one does not have.
func NewErrors(proposed, inForce *Layout) []configlang.Error {
	known := map[string]int{}
	for _, e := range inForce.Errors {
		known[e.Key()]++
	}
	var out []configlang.Error
	for _, e := range proposed.Errors {
		if known[e.Key()] > 0 {
			known[e.Key()]--
			continue
		}
		if e.Severity == configlang.SeverityError {
			out = append(out, e)
		}
	}
	return out
}
