package jobgraph

import (
	"slices"
)

// connect forces what others need, leaves out what the files do not want, and
// checks the edges and the rules that only jobs that run must fulfil.
func (f *freezer) connect(jobs []*Job) ([]*Job, error) {
	named := byName(jobs)
	if err := hardEdges(jobs, named); err != nil {
		return nil, err
	}
	if err := cycle(jobs, named); err != nil {
		return nil, err
	}
	forceNeeded(jobs, named)
	jobs = slices.DeleteFunc(jobs, func(j *Job) bool { return j.offFiles })
	named = byName(jobs)
	for _, j := range jobs {
		for _, d := range j.Dependencies {
			if d.Soft && len(named.parents(j, d.Name)) == 0 && !f.layout.Defined(d.Name) {
				return nil, errorf(kindNotDefined, "Job %s not defined", d.Name)
			}
		}
	}
	for _, j := range jobs {
		if err := f.runnable(j); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// names finds jobs by their names: one for each change, in an item of several.
type names map[string][]*Job

func byName(jobs []*Job) names {
	out := names{}
	for _, j := range jobs {
		out[j.Name] = append(out[j.Name], j)
	}
	return out
}

// parents are the jobs of a name that a job depends on: those for the same
// change, or for each of its changes.
func (n names) parents(j *Job, name string) []*Job {
	var out []*Job
	for _, p := range n[name] {
		if p.covers(j.Change) || slices.ContainsFunc(j.Others, p.covers) {
			out = append(out, p)
		}
	}
	return out
}

// covers says whether the job is for a change.
func (j *Job) covers(change int) bool { return j.Change == change || slices.Contains(j.Others, change) }

func hardEdges(jobs []*Job, named names) *Error {
	for _, j := range jobs {
		for _, d := range j.Dependencies {
			if d.Soft {
				continue
			}
			for _, change := range append([]int{j.Change}, j.Others...) {
				if !slices.ContainsFunc(named[d.Name], func(p *Job) bool { return p.covers(change) }) {
					return errorf(kindConfiguration, "Job %s depends on %s which was not run.", j.Name, d.Name)
				}
			}
		}
	}
	return nil
}

// cycle visits the graph depth first; a job met again on the way down is in a cycle.
func cycle(jobs []*Job, named names) *Error {
	const onPath, done = 1, 2
	state := map[*Job]int{}
	var visit func(j *Job) *Error
	visit = func(j *Job) *Error {
		switch state[j] {
		case done:
			return nil
		case onPath:
			return errorf(kindCycle, "Dependency cycle detected in job %s", j.Name)
		}
		state[j] = onPath
		for _, d := range j.Dependencies {
			for _, p := range named.parents(j, d.Name) {
				if err := visit(p); err != nil {
					return err
				}
			}
		}
		state[j] = done
		return nil
	}
	for _, j := range jobs {
		if err := visit(j); err != nil {
			return err
		}
	}
	return nil
}

// forceNeeded runs what a running job needs, whatever files it is for.
func forceNeeded(jobs []*Job, named names) {
	done := map[*Job]bool{}
	var force func(j *Job)
	force = func(j *Job) {
		if done[j] {
			return
		}
		done[j] = true
		for _, d := range j.Dependencies {
			if d.Soft {
				continue
			}
			for _, p := range named.parents(j, d.Name) {
				p.offFiles = false
				force(p)
			}
		}
	}
	for _, j := range jobs {
		if !j.offFiles {
			force(j)
		}
	}
}

// runnable checks what is an error only for a job that runs.
func (f *freezer) runnable(j *Job) *Error {
	name := f.in.Changes[j.Change].Project.Name
	switch {
	case j.abstract:
		return errorf(kindConfiguration, "Job %s is abstract and may not be directly run", j.Name)
	case !j.ignoreAllowed && j.AllowedProjects != nil && !slices.Contains(j.AllowedProjects, name):
		return errorf(kindConfiguration, "Project %s is not allowed to run job %s", name, j.Name)
	case !f.in.PostReview && j.PostReview:
		return errorf(kindConfiguration, "Pre-review pipeline %s does not allow post-review job %s", f.in.Pipeline, j.Name)
	case len(j.Run) == 0 && j.Path[0].Origin != nil: // noop has nothing to run, nor have its children
		return errorf(kindConfiguration, "Job %s does not specify a run playbook", j.Name)
	}
	return nil
}
