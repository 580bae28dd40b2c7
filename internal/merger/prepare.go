package merger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

// project is one project's part of a request.
type project struct {
	mirror *gitrepo.Mirror
	remote gitrepo.Remote
	chains []mergeplan.Chain
	// frozen are the heads of branches that the merger itself looked up just now.
	frozen map[string]string
	// results by step; filled by merge.
	states   []mergeplan.State
	results  map[int]mergeplan.StepResult
	conflict *mergeplan.Conflict
}

// Prepare implements Merger.
//
//  1. Freeze the branches that the request does not freeze.
//  2. Per project: one fetch of all that is missing, then the chain of merges,
//     each taken from the cache when its digest is known.
//  3. If nothing conflicts, publish the states under the scope.
func (s *Service) Prepare(ctx context.Context, req PrepareRequest) (mergeplan.Result, error) {
	var scope gitrepo.Scope
	if err := mergeplan.Validate(req.Request); err != nil {
		return mergeplan.Result{}, badRequest(err)
	}
	if req.Scope != "" {
		var err error
		if scope, err = gitrepo.ParseScope(req.Scope); err != nil {
			return mergeplan.Result{}, badRequest(err)
		}
	}
	projects, err := s.openAll(ctx, req)
	if err != nil {
		return mergeplan.Result{}, classify(err)
	}
	if err := s.freeze(ctx, &req.Request, projects); err != nil {
		return mergeplan.Result{}, classify(err)
	}
	err = each(ctx, projects, func(ctx context.Context, p *project) error { return s.merge(ctx, req.Request, p) })
	if err != nil {
		return mergeplan.Result{}, classify(err)
	}
	result := combine(req.Request, projects)
	if result.Conflict != nil {
		s.Stats.Conflicts.Add(1)
		return result, nil
	}
	if req.Scope != "" {
		err = s.publish(ctx, scope, req.Repositories, projects)
	}
	if err != nil {
		return mergeplan.Result{}, classify(err)
	}
	return result, nil
}

// each works on the projects in parallel.
func each(ctx context.Context, projects []*project, do func(context.Context, *project) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, p := range projects {
		g.Go(func() error { return do(ctx, p) })
	}
	return g.Wait()
}

func (s *Service) openAll(ctx context.Context, req PrepareRequest) ([]*project, error) {
	var all []model.Project
	for _, c := range mergeplan.Chains(req.Request) {
		all = append(all, c.Project)
	}
	for _, r := range req.Repositories {
		all = append(all, r.Project)
	}
	var projects []*project
	seen := map[model.Project]bool{}
	for _, name := range all {
		if seen[name] {
			continue
		}
		seen[name] = true
		m, r, err := s.open(ctx, name)
		if err != nil {
			return nil, err
		}
		projects = append(projects, &project{mirror: m, remote: r, results: map[int]mergeplan.StepResult{}})
	}
	return projects, nil
}

// freeze adds a base for every branch that has none, and hands the chains to
// their projects.
func (s *Service) freeze(ctx context.Context, req *mergeplan.Request, projects []*project) error {
	loose := map[model.Project][]string{}
	for _, c := range mergeplan.Chains(*req) {
		if c.Base == "" {
			loose[c.Project] = append(loose[c.Project], c.Branch)
		}
	}
	err := each(ctx, projects, func(ctx context.Context, p *project) (err error) {
		if branches := loose[p.mirror.Project]; len(branches) > 0 {
			p.frozen, err = s.heads(ctx, p.mirror, p.remote, branches)
		}
		return err
	})
	if err != nil {
		return err
	}
	req.Bases = slices.Clone(req.Bases)
	for _, p := range projects {
		for branch, commit := range p.frozen {
			req.Bases = append(req.Bases, mergeplan.Base{Project: p.mirror.Project, Branch: branch, Commit: commit})
		}
	}
	chains := mergeplan.Chains(*req)
	for _, p := range projects {
		p.chains = slices.DeleteFunc(slices.Clone(chains), func(c mergeplan.Chain) bool { return c.Project != p.mirror.Project })
	}
	return nil
}

// merge does one project's part: fetch, then every chain.
func (s *Service) merge(ctx context.Context, req mergeplan.Request, p *project) error {
	if err := s.fetchAll(ctx, req, p); err != nil {
		return err
	}
	unlock, err := s.lock(ctx, p.mirror.Project)
	if err != nil {
		return err
	}
	defer unlock()
	made := map[string]string{} // commits by digest
	for _, c := range p.chains {
		if err = p.mirror.WasThere(s.mergeChain(ctx, req, p, c, made)); err != nil {
			err = fmt.Errorf("%s, branch %s: %w", p.mirror.Project.Canonical(), c.Branch, err)
			break
		}
	}
	return errors.Join(err, s.keep(p.mirror, made))
}

// keep saves new states from gc, also when a later merge failed. What cannot
// be saved is forgotten.
func (s *Service) keep(m *gitrepo.Mirror, made map[string]string) error {
	err := m.KeepStates(made)
	if err != nil {
		for digest := range made {
			s.states.Remove(digest)
		}
	}
	return err
}

func (s *Service) fetchAll(ctx context.Context, req mergeplan.Request, p *project) error {
	var wants []gitrepo.Want
	names := map[string]string{}
	for _, c := range p.chains {
		wants = append(wants, gitrepo.Want{Commit: c.Base, Ref: "refs/heads/" + c.Branch})
		names[c.Base] = "the frozen head of branch " + c.Branch
		for _, l := range c.Links {
			ch := req.Steps[l.Step].Change
			wants = append(wants, gitrepo.Want{Commit: ch.Head, Ref: ch.Ref})
			names[ch.Head] = fmt.Sprintf("the head of change %d", ch.Number)
		}
	}
	err := s.fetch(ctx, p.mirror, p.remote, wants)
	return missingCommits(moved(err, p.frozen), names)
}

// mergeChain merges the steps of one branch in order, up to the first conflict.
func (s *Service) mergeChain(ctx context.Context, req mergeplan.Request, p *project, c mergeplan.Chain, made map[string]string) error {
	tree, err := p.mirror.TreeOf(ctx, c.Base)
	if err != nil {
		return err
	}
	state := outcome{Commit: c.Base, Tree: tree}
	for i, l := range c.Links {
		step := req.Steps[l.Step]
		changed, err := s.changed(ctx, p.mirror, c.Base, step.Change.Head)
		if err != nil {
			return err
		}
		next, err := s.state(ctx, p.mirror, c, state, step, l.Digest, made)
		if err != nil {
			return err
		}
		p.results[l.Step] = changed.result(next)
		if next.Conflict != nil {
			return s.blame(ctx, req, p, c, i, next)
		}
		state = next
	}
	p.states = append(p.states, mergeplan.State{
		Project: c.Project, Branch: c.Branch, Base: c.Base, Commit: state.Commit, Tree: state.Tree, BaseTree: tree,
	})
	return nil
}

// blame words the conflict of link i and keeps the earliest of the project.
func (s *Service) blame(ctx context.Context, req mergeplan.Request, p *project, c mergeplan.Chain, i int, o outcome) error {
	found := mergeplan.Conflict{Step: c.Links[i].Step, Files: o.Conflict.Files}
	if !o.WithBranch {
		var touched [][]string
		for _, l := range c.Links[:i] {
			changed, err := s.changed(ctx, p.mirror, c.Base, req.Steps[l.Step].Change.Head)
			if err != nil {
				return err
			}
			touched = append(touched, changed.files)
		}
		found.With = mergeplan.Blame(c.Links[:i], touched, o.Conflict.Files)
	}
	found.Message = mergeplan.Explain(req.Steps, found, o.Conflict.Message)
	found.Files = found.Files[:min(len(found.Files), mergeplan.MaxChangedFiles)]
	if p.conflict == nil || found.Step < p.conflict.Step {
		p.conflict = &found
	}
	return nil
}

// combine puts the projects' parts together; the earliest conflict counts.
func combine(req mergeplan.Request, projects []*project) mergeplan.Result {
	r := mergeplan.Result{Steps: make([]mergeplan.StepResult, len(req.Steps))}
	for _, p := range projects {
		if p.conflict != nil && (r.Conflict == nil || p.conflict.Step < r.Conflict.Step) {
			r.Conflict = p.conflict
		}
		for i, res := range p.results {
			r.Steps[i] = res
		}
		r.States = append(r.States, p.states...)
	}
	if r.Conflict != nil {
		r.States = nil
		r.Steps = r.Steps[:r.Conflict.Step+1]
	}
	return r
}
