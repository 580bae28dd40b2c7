package queueitem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// prepared is the outcome of preparing: what is stored, and what the buildset is made of.
type prepared struct {
	merge  *gozer.ItemMerge
	jobs   []*jobgraph.Job
	states []gozer.PreparedState
	layout *configsource.Config
	// failFast is the project's wish that one failure ends all jobs.
	failFast bool
}

const maxConfigErrors = 20

// prepare makes the state, reads its configuration and freezes its jobs. An
// error is worth another try; what is the change's fault is a problem in the result.
func (r *Reconciler) prepare(ctx context.Context, s *scope) (*prepared, error) {
	p := &prepared{merge: &gozer.ItemMerge{Epoch: s.entry.Epoch}}
	result, err := r.Merger.Prepare(ctx, merger.PrepareRequest{Request: mergeplan.Request{Bases: s.bases(), Steps: convert.Steps(s.steps())}})
	switch {
	case merger.IsTerminal(err):
		p.problem(model.ItemMergeFailure, err.Error())
		return p, nil
	case err != nil:
		return p, err
	case result.Conflict != nil:
		p.problem(model.ItemMergeConflict, s.conflictText(result.Conflict))
		return p, nil
	}
	if err := s.standsOnAhead(result); err != nil {
		return p, err
	}
	own := result.Steps[len(result.Steps)-1]
	project, err := r.project(ctx, s)
	if err != nil {
		return p, err
	}
	p.merge.ConfigChanged = own.Truncated || slices.ContainsFunc(own.ChangedFiles, func(f string) bool {
		return configlang.IsConfigPath(f, project.Spec.ExtraConfigPaths)
	})
	p.merge.States = s.states(result.States, p.merge.ConfigChanged)
	l, ahead, err := r.configure(ctx, s, p, project.Trusted)
	if err != nil || p.merge.Problem != "" || !s.item.Spec.Live {
		return p, err
	}
	changed := own.ChangedFiles
	if own.Truncated {
		changed = nil // not known, so all jobs run
	}
	return p, r.freeze(ctx, s, p, l, ahead, changed)
}

// standsOnAhead checks that the item's own change was merged onto exactly the
// commits that the item ahead was tested as. Commits are reproducible, so
// anything else is a mistake of ours, and must not be tested, let alone merged.
func (s *scope) standsOnAhead(result mergeplan.Result) error {
	if s.ahead == nil {
		return nil
	}
	own := s.item.Spec.Changes[0]
	steps := s.steps()
	for _, st := range s.ahead.Status.Merge.States {
		got := ""
		if st.Project == own.Project && st.Branch == own.Branch {
			got = st.Base
			for n, step := range steps[:len(steps)-1] {
				if step.Change.Project == st.Project && step.Change.Branch == st.Branch {
					got = result.Steps[n].Commit
				}
			}
		} else {
			for _, made := range result.States {
				if convert.ProjectRef(made.Project) == st.Project && made.Branch == st.Branch {
					got = made.Commit
				}
			}
		}
		if got != st.Commit {
			return fmt.Errorf("the state of %s was made again as %s of %s, but it was tested as %s",
				s.ahead.Name, model.ShortCommit(got), st.Project.Name, model.ShortCommit(st.Commit))
		}
	}
	return nil
}

func (p *prepared) problem(kind model.ItemResult, message string) {
	p.merge.Problem, p.merge.Message = string(kind), convert.Cut(message, 8000)
}

// steps are the changes of the state in merge order, the item's own last.
func (s *scope) steps() []gozer.MergeStep {
	return append(slices.Clone(s.aheadSteps), ownSteps(s.item)...)
}

// bases freezes the branches where the item ahead has them.
func (s *scope) bases() []mergeplan.Base {
	if s.ahead == nil {
		return nil
	}
	return convert.Bases(branchStates(s.ahead.Status.Merge.States))
}

func branchStates(in []gozer.PreparedState) []gozer.BranchState {
	var out []gozer.BranchState
	for _, st := range in {
		out = append(out, st.BranchState)
	}
	return out
}

// states records the prepared branches with what must be there when the item merges.
func (s *scope) states(in []mergeplan.State, configChanged bool) []gozer.PreparedState {
	own := s.item.Spec.Changes[0]
	var out []gozer.PreparedState
	for _, m := range in {
		st := gozer.PreparedState{BranchState: convert.BranchState(m)}
		isOwn := st.Project == own.Project && st.Branch == own.Branch
		if s.ahead != nil {
			for _, before := range s.ahead.Status.Merge.States {
				if before.Project == st.Project && before.Branch == st.Branch {
					st.ExpectedTree, st.ProposedConfig = before.Tree, before.ProposedConfig
				}
			}
		}
		st.ProposedConfig = st.ProposedConfig || isOwn && configChanged
		out = append(out, st)
	}
	return out
}

// conflictText tells the author which change conflicts where, and with whom.
func (s *scope) conflictText(c *mergeplan.Conflict) string {
	steps := s.steps()
	var b strings.Builder
	b.WriteString(c.Message)
	if c.Step < len(steps)-1 {
		fmt.Fprintf(&b, "\nThe conflict is in %s, on which this change was to be tested.", convert.ChangeName(steps[c.Step].Change))
	}
	return b.String()
}

// project finds the item's own project in the tenant.
func (r *Reconciler) project(ctx context.Context, s *scope) (configsource.Project, error) {
	projects, err := r.Loader.Projects(ctx, s.tenant)
	if err != nil {
		return configsource.Project{}, err
	}
	own := convert.Project(s.item.Spec.Changes[0].Project)
	for _, p := range projects {
		if p.Project == own {
			return p, nil
		}
	}
	// It was taken out of the tenant: nothing is configured for it any more.
	return configsource.Project{Project: own}, nil
}

// configure builds the layout that is in force for the item, and reports what
// its own change makes wrong.
func (r *Reconciler) configure(ctx context.Context, s *scope, p *prepared, trusted bool) (inForce, ahead *configsource.Config, err error) {
	own := s.item.Spec.Changes[0]
	var without, with []configsource.Overlay
	for _, st := range p.merge.States {
		isOwn := st.Project == own.Project && st.Branch == own.Branch
		o := configsource.Overlay{Project: convert.Project(st.Project).Canonical(), Branch: st.Branch, Commit: st.Base}
		if st.ProposedConfig {
			o.Commit = st.Commit
		}
		with = append(with, o)
		if isOwn && p.merge.ConfigChanged {
			o.Commit = s.commitAhead(st)
		}
		without = append(without, o)
	}
	if inForce, err = r.Loader.Layout(ctx, s.tenant, s.tenant.Status.Layout.Heads, with); err != nil {
		return nil, nil, err
	}
	p.merge.Layout = inForce.Digest
	if !p.merge.ConfigChanged {
		return inForce, nil, nil
	}
	if ahead, err = r.Loader.Layout(ctx, s.tenant, s.tenant.Status.Layout.Heads, without); err != nil {
		return nil, nil, err
	}
	proposed := inForce
	if trusted {
		// Checked, and not in force before it merged.
		for n := range with {
			with[n].EvenTrusted = with[n].Project == convert.Project(own.Project).Canonical()
		}
		if proposed, err = r.Loader.Layout(ctx, s.tenant, s.tenant.Status.Layout.Heads, with); err != nil {
			return nil, nil, err
		}
	}
	if errs := layout.NewErrors(proposed.Layout, ahead.Layout, convert.Project(own.Project).Canonical(), own.Branch); len(errs) > 0 {
		p.problem(model.ItemConfigError, fmt.Sprintf("%d errors in the proposed configuration; the first: %s: %s", len(errs), errs[0].Where(), errs[0].Message))
		p.merge.ConfigErrors = convert.ConfigErrors(errs, maxConfigErrors)
		if !trusted {
			p.merge.NeedsConfig, err = r.needsConfig(ctx, s, with, without)
		}
	}
	return inForce, ahead, err
}

// commitAhead is the commit of a branch before the item's own change.
func (s *scope) commitAhead(st gozer.PreparedState) string {
	if s.ahead != nil {
		for _, before := range s.ahead.Status.Merge.States {
			if before.Project == st.Project && before.Branch == st.Branch {
				return before.Commit
			}
		}
	}
	return st.Base
}

// freeze decides the jobs and prepares the further repositories that they need.
func (r *Reconciler) freeze(ctx context.Context, s *scope, p *prepared, l, ahead *configsource.Config, changedFiles []string) error {
	own := s.item.Spec.Changes[0]
	var pipeline gozer.Pipeline
	if err := r.Get(ctx, client.ObjectKey{Namespace: s.item.Namespace, Name: s.item.Spec.Pipeline}, &pipeline); err != nil {
		return fmt.Errorf("pipeline of the item: %w", err)
	}
	in := jobgraph.Input{
		Pipeline: s.item.Spec.Pipeline, PostReview: pipeline.Spec.PostReview, Cache: &l.Jobs,
		Changes: []jobgraph.Change{{Project: convert.Project(own.Project), Ref: layout.Ref{Branch: own.Branch}, Files: changedFiles}},
	}
	if ahead != nil && ahead.Digest != l.Digest {
		in.Ahead = ahead.Layout
	}
	graph, err := jobgraph.Freeze(l.Layout, in)
	jobs := graph.Jobs
	if err == nil {
		err = jobgraph.Runnable(jobs)
	}
	if err == nil && !pipeline.Spec.PostReview {
		err = jobgraph.SecretsKept(jobs)
	}
	if err != nil {
		p.problem(model.ItemConfigError, "Unable to freeze job graph: "+err.Error())
		return nil //nolint:nilerr // the author's to mend: trying again changes nothing
	}
	p.merge.Jobs = int32(len(jobs))
	if len(jobs) == 0 {
		return nil
	}
	p.jobs, p.layout, p.failFast = jobs, l, graph.FailFast
	p.merge.BuildSet = naming.BuildSet(s.item.Name, s.entry.Epoch)
	p.states, err = r.allStates(ctx, s, p, l, jobs)
	var broken *merger.Error
	if merger.IsTerminal(err) && errors.As(err, &broken) {
		p.merge.Jobs, p.merge.BuildSet = 0, ""
		p.problem(model.ItemMergeFailure, broken.Message)
		return nil
	}
	return err
}

// allStates adds the branches that jobs need besides those of the changes.
func (r *Reconciler) allStates(ctx context.Context, s *scope, p *prepared, l *configsource.Config, jobs []*jobgraph.Job) ([]gozer.PreparedState, error) {
	touched := branchStates(p.merge.States)
	extra := s.extraBranches(l, touched, jobs)
	if len(extra) == 0 {
		return p.merge.States, nil
	}
	result, err := r.Merger.Prepare(ctx, merger.PrepareRequest{Request: mergeplan.Request{
		Bases: convert.Bases(touched), Steps: convert.Steps(s.steps()), Extra: extra,
	}})
	if err != nil {
		return nil, err
	}
	states := slices.Clone(p.merge.States)
	for _, m := range result.States {
		if slices.Contains(extra, model.BranchRef{Project: m.Project, Branch: m.Branch}) {
			states = append(states, gozer.PreparedState{BranchState: convert.BranchState(m), Extra: true})
		}
	}
	return states, nil
}

// extraBranches are the branches of playbooks and required projects that no change touches.
func (s *scope) extraBranches(l *configsource.Config, states []gozer.BranchState, jobs []*jobgraph.Job) []model.BranchRef {
	var out []model.BranchRef
	need := func(p model.Project, branch string) {
		ref := model.BranchRef{Project: p, Branch: branch}
		has := slices.ContainsFunc(states, func(st gozer.BranchState) bool { return convert.Project(st.Project) == p && st.Branch == branch })
		if branch != "" && !has && !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	for _, j := range jobs {
		for _, b := range slices.Concat(j.PreRun, j.Run, j.PostRun) {
			need(b.Origin.Project.Project, b.Origin.Branch)
		}
		for _, required := range j.RequiredProjects {
			if p := l.ProjectNamed(required.Name); p != nil {
				need(p.Project, s.branchOf(p.Project))
			}
		}
	}
	return out
}

// branchOf is the branch of a required project: the change's own where it exists, or the default one.
func (s *scope) branchOf(p model.Project) string {
	first := ""
	for _, h := range s.tenant.Status.Layout.Heads {
		if h.Project != p.Canonical() {
			continue
		}
		if first == "" {
			first = h.Branch
		}
		if h.Branch == s.item.Spec.Changes[0].Branch {
			return h.Branch
		}
	}
	return first
}
