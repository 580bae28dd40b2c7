package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// preparable says whether an item is to be prepared, and what it stands on is.
func (w *world) preparable(i *item) bool {
	q := w.store.queues[i.queue]
	if q == nil || i.result != "" {
		return false
	}
	e := q.entry(i.name)
	if !e.Active || e.Halted || i.merge != nil && i.merge.epoch == e.Epoch {
		return false
	}
	if e.Ahead == "" {
		return true
	}
	_, ok := w.stepsOf(q, e)
	return ok
}

// stepsOf are the changes of the state that an entry stands on; false when that
// is not prepared.
func (w *world) stepsOf(q *queue, e entry) ([]model.Change, bool) {
	ahead := q.entry(e.Ahead)
	a := w.store.items[e.Ahead]
	if ahead.Epoch == 0 || ahead.Epoch != e.AheadEpoch || a == nil || a.merge == nil || a.merge.epoch != e.AheadEpoch || len(a.merge.states) == 0 {
		return nil, false
	}
	if set := w.store.sets[a.merge.set]; set != nil {
		return set.steps, true
	}
	if ahead.Ahead == "" {
		return a.changes, true
	}
	before, ok := w.stepsOf(q, ahead)
	return append(slices.Clone(before), a.changes...), ok
}

// prepare makes an item's state, reads its configuration and freezes its jobs
// (controllers/queueitem).
func (w *world) prepare(i *item) {
	q := w.store.queues[i.queue]
	e := q.entry(i.name)
	if set := w.store.sets[setName(i.name, e.Epoch)]; set != nil {
		// It died before it noted that; what was decided stays decided.
		i.merge = set.merge
		w.touchSets(i.name)
		w.touch("queue " + q.name)
		w.wrote()
		return
	}
	m := &itemMerge{epoch: e.Epoch}
	var steps []model.Change
	var ahead *item
	if e.Ahead != "" {
		steps, _ = w.stepsOf(q, e)
		ahead = w.store.items[e.Ahead]
	}
	w.mergeStates(i, ahead, m)
	steps = w.rebase(i, m, steps)
	if m.problem == "" {
		w.configure(i, m, append(slices.Clone(steps), numbered(i.changes)...))
	}
	i.merge = m
	w.tellRequiring()
	w.touchSets(i.name)
	w.touch("queue " + q.name)
	w.wrote()
}

// rebase leaves out what merged since the state ahead was made: the branch has it.
func (w *world) rebase(i *item, m *itemMerge, steps []model.Change) []model.Change {
	for len(steps) > 0 && w.mergedAlone(i.queue, steps[0]) {
		if st := m.state(ownBranch(steps[0])); st != nil {
			st.base = append(slices.Clone(st.base), rev(steps[0]))
		}
		steps = steps[1:]
	}
	return steps
}

// mergedAlone says whether a change merged as an item of its own.
func (w *world) mergedAlone(queue string, c model.Change) bool {
	for _, i := range w.store.items {
		if i.queue == queue && i.merged && len(i.changes) == 1 && i.changes[0].Key() == c.Key() && i.changes[0].Head == c.Head {
			return true
		}
	}
	return false
}

// numbered leaves out branches as they are: nothing is merged for them.
func numbered(changes []model.Change) []model.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c model.Change) bool { return c.Number == 0 })
}

// mergeStates is the state ahead plus the item's own changes.
func (w *world) mergeStates(i, ahead *item, m *itemMerge) {
	if ahead != nil {
		for _, st := range ahead.merge.states {
			if !st.extra {
				m.states = append(m.states, state{at: st.at, base: st.base, before: st.tree, tree: st.tree, proposed: st.proposed})
			}
		}
	}
	for _, c := range i.changes {
		st := m.state(ownBranch(c))
		if st == nil {
			tip := w.host.tips[ownBranch(c)]
			if c.Number == 0 {
				tip = tip[:slices.Index(tip, c.Head)+1]
			}
			m.states = append(m.states, state{at: ownBranch(c), base: tip, before: tip, tree: tip})
			st = &m.states[len(m.states)-1]
		}
		if c.Number == 0 || slices.Contains(st.tree, rev(c)) {
			continue
		}
		if with := w.host.conflicting(st.tree, c); with != "" {
			m.problem, m.message = model.ItemMergeConflict, fmt.Sprintf("%s conflicts with %s", rev(c), with)
			m.details, m.states = m.message, nil
			return
		}
		st.tree = append(slices.Clone(st.tree), rev(c))
		if w.touchesConfig(c) {
			st.proposed, m.configChanged = true, true
		}
	}
}

func (w *world) touchesConfig(c model.Change) bool {
	for path := range w.host.files[rev(c)] {
		if configlang.IsConfigPath(path, nil) {
			return true
		}
	}
	return false
}

// configure reads the configuration of the state and decides the jobs.
func (w *world) configure(i *item, m *itemMerge, steps []model.Change) {
	var with, without []overlay
	trusted := false
	for _, st := range m.states {
		o := overlay{at: st.at, sequence: st.base}
		if st.proposed {
			o.sequence = st.tree
		}
		with = append(with, o)
		if slices.ContainsFunc(i.changes, func(c model.Change) bool { return ownBranch(c) == st.at && w.touchesConfig(c) }) {
			o.sequence = st.before
			trusted = trusted || st.at.Project.Name == configProject
		}
		without = append(without, o)
	}
	inForce := w.layout(w.store.heads, with)
	var before *config
	if m.configChanged {
		before = w.layout(w.store.heads, without)
		proposed := inForce
		if trusted {
			for n := range with {
				with[n].evenTrusted = with[n].at.Project.Name == configProject
			}
			proposed = w.layout(w.store.heads, with)
		}
		if w.configErrors(i, m, proposed, before); m.problem != "" {
			return
		}
	}
	if i.live {
		w.freeze(i, m, inForce, before, steps)
	}
}

// configErrors tells what the item's own changes make wrong.
func (w *world) configErrors(i *item, m *itemMerge, proposed, before *config) {
	seen := map[model.BranchRef]bool{}
	var errs []*layout.Error
	for _, c := range i.changes {
		if at := ownBranch(c); w.touchesConfig(c) && !seen[at] {
			seen[at] = true
			errs = append(errs, layout.NewErrors(proposed.Layout, before.Layout, c.Project.Canonical(), c.Branch)...)
		}
	}
	errs = append(errs, convert.NewRefusals(proposed.Layout, before.Layout)...)
	if len(errs) == 0 {
		return
	}
	m.problem = model.ItemConfigError
	m.message = convert.ProposalErrors(errs)
	var text []string
	for _, e := range errs {
		text = append(text, firstLine(e.Message))
	}
	m.details = strings.Join(text, "\n")
}

// freeze decides the jobs, and creates the buildset with its builds.
func (w *world) freeze(i *item, m *itemMerge, l, before *config, steps []model.Change) {
	postReview := false
	if p := w.store.pipeline(i.pipeline); p != nil {
		postReview = p.spec.PostReview
	}
	in := jobgraph.Input{Pipeline: i.pipeline, PostReview: postReview, Cache: &l.jobs, Triggering: len(i.changes) - 1}
	for _, c := range i.changes {
		in.Changes = append(in.Changes, jobgraph.Change{Project: c.Project, Ref: layout.Ref{Branch: c.Branch}, Files: w.filesOf(c)})
	}
	if before != nil && before.key != l.key {
		in.Ahead = before.Layout
	}
	graph, err := jobgraph.Freeze(l.Layout, in)
	if err == nil {
		err = jobgraph.Runnable(graph.Jobs)
	}
	if err == nil && !postReview {
		err = jobgraph.SecretsKept(graph.Jobs)
	}
	if err != nil {
		m.problem, m.message = model.ItemConfigError, "Unable to freeze job graph: "+err.Error()
		m.details = m.message
		return
	}
	if m.jobs = len(graph.Jobs); m.jobs == 0 {
		return
	}
	m.set = setName(i.name, m.epoch)
	w.createSet(i, m, l, graph, steps)
}

// filesOf are the files that a change touches, for file matchers.
func (w *world) filesOf(c model.Change) []string {
	if c.Number == 0 {
		return nil // not known, so all jobs run
	}
	var out []string
	for path := range w.host.files[rev(c)] {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

// createSet creates the builds, and then the buildset that names them.
func (w *world) createSet(i *item, m *itemMerge, l *config, graph jobgraph.Graph, steps []model.Change) {
	set := &buildSet{name: m.set, item: i.name, queue: i.queue, pipeline: i.pipeline, epoch: m.epoch, steps: steps, merge: m, failFast: graph.FailFast, seq: w.store.tick()}
	jobs := jobgraph.InOrder(graph.Jobs)
	var fresh []*build
	for _, j := range jobs {
		b := w.newBuild(i, set, j)
		if len(j.Requires) > 0 {
			set.ahead = w.itemsAhead(i)
		}
		if err := w.look(b, i, m, l, j); err != nil {
			w.violation("what %s sees: %v", title(b), err)
		}
		fresh = append(fresh, b)
	}
	kept := w.reused(i, jobs, fresh)
	for n, j := range jobs {
		b := fresh[n]
		if kept[n] != nil {
			b = kept[n]
		}
		st := jobgraph.JobState{Name: b.key, Voting: j.Voting, Noop: j.IsNoop(), Started: kept[n] != nil}
		for _, d := range j.Dependencies {
			st.Dependencies = append(st.Dependencies, jobgraph.Dependency{Name: dependency(i, graph.Jobs, j, d.Name), Soft: d.Soft})
		}
		set.states = append(set.states, st)
		set.jobs = append(set.jobs, setJob{key: b.key, build: b.name, attempts: int(j.Attempts), nodes: b.nodes, reused: kept[n] != nil})
		w.store.builds[b.name] = b
	}
	w.store.sets[set.name] = set
	w.store.setList = append(w.store.setList, set)
	w.touch("set " + set.name)
	w.wrote()
}

func (w *world) newBuild(i *item, set *buildSet, j *jobgraph.Job) *build {
	key := jobKey(i, j.Name, j)
	b := &build{name: set.name + "/" + key, set: set.name, job: j.Name, key: key, change: j.Change, voting: j.Voting, nodes: len(convert.NodeSpecs(j.NodeSets[0])), provides: j.Provides, requires: j.Requires}
	for _, s := range j.Semaphores {
		b.needs = append(b.needs, semaphore.Key{Scope: "acme", Name: s.Name})
		b.early = b.early || !s.ResourcesFirst
	}
	if p := w.store.pipeline(i.pipeline); p != nil && j.Voting {
		b.retryFailed = int(p.spec.RetryFailed)
	}
	for n, c := range i.changes {
		if n == j.Change || slices.Contains(j.Others, n) {
			b.own = append(b.own, rev(c))
		}
	}
	return b
}

// jobKey names a job in an item's graph.
func jobKey(i *item, name string, j *jobgraph.Job) string {
	if len(i.changes) == 1 {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, changeName(i.changes[j.Change]))
}

// dependency finds the job of the same change, or the one that it shares.
func dependency(i *item, all []*jobgraph.Job, j *jobgraph.Job, name string) string {
	n := slices.IndexFunc(all, func(x *jobgraph.Job) bool {
		return x.Name == name && (x.Change == j.Change || slices.Contains(x.Others, j.Change))
	})
	if n < 0 {
		return name
	}
	return jobKey(i, name, all[n])
}
