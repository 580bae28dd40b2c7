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
	// repositories of the workspaces, and what each job gets of them.
	repositories repositories
	// others are the repositories of roles and of files of variables.
	others    repositories
	checkouts map[*jobgraph.Job][]gozer.Checkout
	// failFast is the project's wish that one failure ends all jobs.
	failFast bool
}

const maxConfigErrors = 20

// prepare makes the state, reads its configuration and freezes its jobs. An
// error is worth another try; what is the change's fault is a problem in the result.
func (r *Reconciler) prepare(ctx context.Context, s *scope) (*prepared, error) {
	p := &prepared{merge: &gozer.ItemMerge{Epoch: s.entry.Epoch}}
	if err := r.rebase(ctx, s); err != nil {
		return p, err
	}
	result, err := r.merge(ctx, s)
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
	own := make([]mergeplan.StepResult, len(s.item.Spec.Changes))
	if n := len(ownSteps(s.item)); n > 0 {
		own = result.Steps[len(result.Steps)-n:]
	}
	projects, err := r.projects(ctx, s)
	if err != nil {
		return p, err
	}
	proposes := map[branch]bool{}
	for n, step := range own {
		if step.Truncated || slices.ContainsFunc(step.ChangedFiles, func(f string) bool {
			return configlang.IsConfigPath(f, projects[n].Spec.ExtraConfigPaths)
		}) {
			proposes[branchOf(s.item.Spec.Changes[n])] = true
		}
	}
	p.merge.ConfigChanged = len(proposes) > 0
	p.merge.States = s.states(result.States, proposes)
	l, ahead, err := r.configure(ctx, s, p, projects, proposes)
	if err != nil || p.merge.Problem != "" || !s.item.Spec.Live {
		return p, err
	}
	return p, r.freeze(ctx, s, p, l, ahead, own)
}

// branch of a project.
type branch struct {
	project gozer.ProjectRef
	name    string
}

func branchOf(c gozer.ChangeRef) branch { return branch{c.Project, c.Branch} }

// merge makes the state of the item.
func (r *Reconciler) merge(ctx context.Context, s *scope) (mergeplan.Result, error) {
	result, err := r.Merger.Prepare(ctx, merger.PrepareRequest{Request: mergeplan.Request{Bases: s.bases(), Steps: convert.Steps(s.steps())}})
	if err == nil && result.Conflict == nil {
		err = s.standsOnAhead(result)
	}
	if err == nil || !s.rebased {
		return result, err
	}
	// What the host made of the changes that merged is not what was tested, as
	// their trees tell: what is tested here is the state as it was.
	s.unrebase()
	return r.merge(ctx, s)
}

// standsOnAhead checks that the item's own changes were merged onto exactly what
// the item ahead was tested as: the same commits, for those are reproducible, or
// the same trees on what has merged since. Anything else is a mistake of ours,
// and must not be tested, let alone merged.
func (s *scope) standsOnAhead(result mergeplan.Result) error {
	if s.ahead == nil {
		return nil
	}
	steps := s.steps()
	before := len(steps) - len(ownSteps(s.item))
	for _, st := range s.ahead.Status.Merge.States {
		commit, tree := "", ""
		for _, made := range result.States {
			if convert.ProjectRef(made.Project) == st.Project && made.Branch == st.Branch {
				commit, tree = made.Base, made.BaseTree
			}
		}
		for n, step := range steps[:before] {
			if step.Change.Project == st.Project && step.Change.Branch == st.Branch {
				commit, tree = result.Steps[n].Commit, result.Steps[n].Tree
			}
		}
		if tree != st.Tree || !s.rebased && commit != st.Commit {
			return fmt.Errorf("the state of %s was made again as %s of %s, but it was tested as %s",
				s.ahead.Name, model.ShortCommit(commit), st.Project.Name, model.ShortCommit(st.Commit))
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

// bases freezes the branches where the item ahead has them, or where a push has
// put the item's own.
func (s *scope) bases() []mergeplan.Base {
	if c := s.item.Spec.Changes[0]; c.Number == 0 && c.Branch == "" {
		return nil // a tag: nothing is prepared
	} else if c.Number == 0 {
		return []mergeplan.Base{{Project: convert.Project(c.Project), Branch: c.Branch, Commit: c.Head}}
	}
	if s.ahead == nil {
		return nil
	}
	bases := convert.Bases(branchStates(s.ahead.Status.Merge.States))
	for n, b := range bases {
		if commit, ok := s.mergedAs[branch{convert.ProjectRef(b.Project), b.Branch}]; ok {
			bases[n].Commit = commit
		}
	}
	return bases
}

func branchStates(in []gozer.PreparedState) []gozer.BranchState {
	var out []gozer.BranchState
	for _, st := range in {
		out = append(out, st.BranchState)
	}
	return out
}

// states records the prepared branches with what must be there when the item
// merges; proposes are those whose configuration the item itself changes.
func (s *scope) states(in []mergeplan.State, proposes map[branch]bool) []gozer.PreparedState {
	var out []gozer.PreparedState
	for _, m := range in {
		st := gozer.PreparedState{BranchState: convert.BranchState(m), BaseTree: m.BaseTree}
		if s.ahead != nil {
			for _, before := range s.ahead.Status.Merge.States {
				if before.Project == st.Project && before.Branch == st.Branch {
					st.ExpectedTree, st.ProposedConfig = before.Tree, before.ProposedConfig
				}
			}
		}
		st.ProposedConfig = st.ProposedConfig || proposes[branch{st.Project, st.Branch}]
		out = append(out, st)
	}
	return out
}

// conflictText tells the author which change conflicts where, and with whom.
func (s *scope) conflictText(c *mergeplan.Conflict) string {
	steps := s.steps()
	var b strings.Builder
	b.WriteString(c.Message)
	if c.Step < len(steps)-len(ownSteps(s.item)) {
		fmt.Fprintf(&b, "\nThe conflict is in %s, on which this change was to be tested.", convert.ChangeName(steps[c.Step].Change))
	}
	return b.String()
}

// projects finds the projects of the item's changes in the tenant.
func (r *Reconciler) projects(ctx context.Context, s *scope) ([]configsource.Project, error) {
	all, err := r.Loader.Projects(ctx, s.tenant)
	if err != nil {
		return nil, err
	}
	var out []configsource.Project
	for _, c := range s.item.Spec.Changes {
		own := convert.Project(c.Project)
		n := slices.IndexFunc(all, func(p configsource.Project) bool { return p.Project == own })
		if n < 0 {
			// It was taken out of the tenant: nothing is configured for it any more.
			out = append(out, configsource.Project{Project: own})
			continue
		}
		out = append(out, all[n])
	}
	return out, nil
}

// configure builds the layout that is in force for the item, and reports what
// its own changes make wrong.
func (r *Reconciler) configure(ctx context.Context, s *scope, p *prepared, projects []configsource.Project, proposes map[branch]bool) (inForce, ahead *configsource.Config, err error) {
	var without, with []configsource.Overlay
	for _, st := range p.merge.States {
		o := configsource.Overlay{Project: convert.Project(st.Project).Canonical(), Branch: st.Branch, Commit: st.Base}
		if st.ProposedConfig {
			o.Commit = st.Commit
		}
		with = append(with, o)
		if proposes[branch{st.Project, st.Branch}] {
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
	if trusted := trustedOf(projects); len(trusted) > 0 {
		// Checked, and not in force before it merged.
		for n := range with {
			with[n].EvenTrusted = slices.Contains(trusted, with[n].Project)
		}
		if proposed, err = r.Loader.Layout(ctx, s.tenant, s.tenant.Status.Layout.Heads, with); err != nil {
			return nil, nil, err
		}
	}
	var errs []*layout.Error
	seen := map[branch]bool{}
	for _, c := range s.item.Spec.Changes {
		if at := branchOf(c); proposes[at] && !seen[at] {
			seen[at] = true
			errs = append(errs, layout.NewErrors(proposed.Layout, ahead.Layout, convert.Project(c.Project).Canonical(), c.Branch)...)
		}
	}
	if proposed != inForce {
		errs = append(errs, convert.NewRefusals(proposed.Layout, ahead.Layout)...)
	}
	if len(errs) > 0 {
		p.problem(model.ItemConfigError, convert.ProposalErrors(errs))
		p.merge.ConfigErrors = convert.ConfigErrors(errs, maxConfigErrors)
		if len(trustedOf(projects)) == 0 {
			p.merge.NeedsConfig, err = r.needsConfig(ctx, s, with, without)
		}
	}
	return inForce, ahead, err
}

// trustedOf are the canonical names of the config projects among some.
func trustedOf(projects []configsource.Project) []string {
	var out []string
	for _, p := range projects {
		if p.Trusted {
			out = append(out, p.Canonical())
		}
	}
	return out
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
func (r *Reconciler) freeze(ctx context.Context, s *scope, p *prepared, l, ahead *configsource.Config, own []mergeplan.StepResult) error {
	if err := r.Get(ctx, client.ObjectKey{Namespace: s.item.Namespace, Name: s.item.Spec.Pipeline}, &s.pipeline); err != nil {
		return fmt.Errorf("pipeline of the item: %w", err)
	}
	in := jobgraph.Input{
		Pipeline: s.item.Spec.Pipeline, PostReview: s.pipeline.Spec.PostReview, Cache: &l.Jobs,
		// The one that the event was about is the last of a cycle.
		Triggering: len(own) - 1,
	}
	for n, c := range s.item.Spec.Changes {
		ref, err := r.refOf(ctx, c)
		if err != nil {
			return err
		}
		change := jobgraph.Change{Project: convert.Project(c.Project), Ref: ref, Files: own[n].ChangedFiles}
		if own[n].Truncated {
			change.Files = nil // not known, so all jobs run
		}
		in.Changes = append(in.Changes, change)
	}
	if ahead != nil && ahead.Digest != l.Digest {
		in.Ahead = ahead.Layout
	}
	graph, err := jobgraph.Freeze(l.Layout, in)
	jobs := graph.Jobs
	if err == nil {
		err = jobgraph.Runnable(jobs)
	}
	if err == nil && !s.pipeline.Spec.PostReview {
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
	p.states, err = r.allStates(ctx, s, p)
	var broken *merger.Error
	if merger.IsTerminal(err) && errors.As(err, &broken) {
		p.merge.Jobs, p.merge.BuildSet = 0, ""
		p.problem(model.ItemMergeFailure, broken.Message)
		return nil
	}
	return err
}

// refOf is what the jobs of a change are for: its branch, or a tag, for which
// those count that are for a branch that has the tag's commit.
func (r *Reconciler) refOf(ctx context.Context, c gozer.ChangeRef) (layout.Ref, error) {
	if c.Branch != "" {
		return layout.Ref{Branch: c.Branch}, nil
	}
	branches, err := r.Merger.Containing(ctx, convert.Project(c.Project), c.Head)
	return layout.Ref{Name: c.Ref, Containing: branches}, err
}

// allStates adds the branches that jobs need besides those of the changes.
func (r *Reconciler) allStates(ctx context.Context, s *scope, p *prepared) ([]gozer.PreparedState, error) {
	if err := r.freezeRepositories(ctx, s, p); err != nil {
		return nil, err
	}
	p.checkouts = map[*jobgraph.Job][]gozer.Checkout{}
	for _, j := range p.jobs {
		var err error
		if p.checkouts[j], err = s.checkouts(p, j); err != nil {
			return nil, err
		}
	}
	s.keepTags(p)
	touched := branchStates(p.merge.States)
	extra := p.extraBranches(s, touched)
	if len(extra) == 0 {
		return p.merge.States, nil
	}
	bases := convert.Bases(touched)
	for _, e := range extra {
		// The branch is where it was when the whole repository was frozen.
		st := p.repositories.of(e.Project)
		if st == nil {
			st = p.others.of(e.Project)
		}
		if st != nil {
			bases = append(bases, mergeplan.Base{Project: e.Project, Branch: e.Branch, Commit: st.Head(e.Branch)})
		}
	}
	result, err := r.Merger.Prepare(ctx, merger.PrepareRequest{Request: mergeplan.Request{Bases: bases, Steps: convert.Steps(s.steps()), Extra: extra}})
	if err != nil {
		return nil, err
	}
	states := slices.Clone(p.merge.States)
	for _, m := range result.States {
		if slices.Contains(extra, model.BranchRef{Project: m.Project, Branch: m.Branch}) {
			states = append(states, gozer.PreparedState{BranchState: convert.BranchState(m), BaseTree: m.BaseTree, Extra: true})
		}
	}
	return states, nil
}

// extraBranches are the branches of playbooks, roles and checkouts that no change touches.
func (p *prepared) extraBranches(s *scope, states []gozer.BranchState) []model.BranchRef {
	var out []model.BranchRef
	need := func(project model.Project, branch string) {
		ref := model.BranchRef{Project: project, Branch: branch}
		has := slices.ContainsFunc(states, func(st gozer.BranchState) bool {
			return convert.Project(st.Project) == project && st.Branch == branch
		})
		if branch != "" && !has && !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	for _, j := range p.jobs {
		for _, b := range j.Playbooks() {
			need(b.Origin.Project.Project, b.Origin.Branch)
		}
		for _, v := range s.includeVars(nil, p, j) {
			need(convert.Project(v.Checkout.Project), v.Checkout.Branch)
		}
		for _, b := range j.AnsiblePlaybooks() {
			for _, role := range b.Roles {
				if branch, ok := strings.CutPrefix(s.roleRef(p, j, b, role), "refs/heads/"); ok {
					need(role.Project.Project, branch)
				}
			}
		}
		for _, c := range p.checkouts[j] {
			need(convert.Project(c.Project), c.Branch)
		}
	}
	return out
}
