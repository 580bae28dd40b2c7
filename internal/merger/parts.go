package merger

import (
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

// part is what a request asks of one project. Chains of different projects have
// nothing to do with one another.
type part struct {
	project model.Project
	request mergeplan.Request
	// steps are the places that the part's steps have in the whole request.
	steps []int
}

// split gives the parts of a request, in the order in which projects are in a result.
func split(req mergeplan.Request) []*part {
	var parts []*part
	of := map[model.Project]*part{}
	for _, c := range mergeplan.Chains(req) {
		if of[c.Project] == nil {
			of[c.Project] = &part{project: c.Project}
			parts = append(parts, of[c.Project])
		}
	}
	for _, b := range req.Bases {
		p := of[b.Project]
		p.request.Bases = append(p.request.Bases, b)
	}
	for i, s := range req.Steps {
		p := of[s.Change.Project]
		p.request.Steps = append(p.request.Steps, s)
		p.steps = append(p.steps, i)
	}
	for _, e := range req.Extra {
		p := of[e.Project]
		p.request.Extra = append(p.request.Extra, e)
	}
	return parts
}

// freeze gives the part the bases that its branches were found at.
func (p *part) freeze(states []mergeplan.State) {
	p.request.Bases = nil
	for _, st := range states {
		p.request.Bases = append(p.request.Bases, mergeplan.Base{Project: st.Project, Branch: st.Branch, Commit: st.Base})
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
