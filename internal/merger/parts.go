package merger

import (
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

// part is what a request asks of one project. Chains of different projects have
// nothing to do with one another.
type part struct {
	project model.Project
	request PrepareRequest
	// steps are the places that the part's steps have in the whole request.
	steps []int
}

// split gives the parts of a request, in the order in which projects are in a
// result. They have no scope yet.
func split(req PrepareRequest) []*part {
	var parts []*part
	found := map[model.Project]*part{}
	of := func(project model.Project) *part {
		p := found[project]
		if p == nil {
			p = &part{project: project}
			found[project], parts = p, append(parts, p)
		}
		return p
	}
	for _, c := range mergeplan.Chains(req.Request) {
		of(c.Project)
	}
	for _, b := range req.Request.Bases {
		r := &of(b.Project).request.Request
		r.Bases = append(r.Bases, b)
	}
	for i, s := range req.Request.Steps {
		p := of(s.Change.Project)
		p.request.Request.Steps = append(p.request.Request.Steps, s)
		p.steps = append(p.steps, i)
	}
	for _, e := range req.Request.Extra {
		r := &of(e.Project).request.Request
		r.Extra = append(r.Extra, e)
	}
	for _, st := range req.Repositories {
		r := &of(st.Project).request
		r.Repositories = append(r.Repositories, st)
	}
	return parts
}

// freeze gives the part the bases that its branches were found at.
func (p *part) freeze(states []mergeplan.State) {
	r := &p.request.Request
	r.Bases = nil
	for _, st := range states {
		r.Bases = append(r.Bases, mergeplan.Base{Project: st.Project, Branch: st.Branch, Commit: st.Base})
	}
}

// join puts the results of parts together; the earliest conflict counts. Steps
// before it are in their parts' results: no part ends before its own conflict.
func join(steps int, parts []*part, results []mergeplan.Result) mergeplan.Result {
	r := mergeplan.Result{Steps: make([]mergeplan.StepResult, steps)}
	for n, p := range parts {
		for i, res := range results[n].Steps {
			r.Steps[p.steps[i]] = res
		}
		r.States = append(r.States, results[n].States...)
		if c := p.conflict(results[n].Conflict); c != nil && (r.Conflict == nil || c.Step < r.Conflict.Step) {
			r.Conflict = c
		}
	}
	if r.Conflict != nil {
		r.States = nil
		r.Steps = r.Steps[:r.Conflict.Step+1]
	}
	return r
}

// conflict gives a conflict of the part the steps of the whole request. Its
// message names changes, so it stays.
func (p *part) conflict(c *mergeplan.Conflict) *mergeplan.Conflict {
	if c == nil {
		return nil
	}
	out := *c
	out.Step, out.With = p.steps[c.Step], nil
	for _, i := range c.With {
		out.With = append(out.With, p.steps[i])
	}
	return &out
}
