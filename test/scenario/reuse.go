package scenario

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
)

// sight is what a build sees: the world's own account of it, beside the digest
// that decides in production.
type sight struct {
	// definition of the job, without the commits of its playbooks.
	definition string
	// trees by branch: of the build's project, of those that it requires, of its playbooks.
	trees map[model.BranchRef][]string
}

func (s sight) same(o sight) bool {
	if s.definition != o.definition || len(s.trees) != len(o.trees) {
		return false
	}
	for at, tree := range s.trees {
		if other, ok := o.trees[at]; !ok || !slices.Equal(tree, other) {
			return false
		}
	}
	return true
}

// preparedStates are an item's states as a BuildSet has them. Commits differ from
// state to state; trees only when what is in them does.
func (w *world) preparedStates(m *itemMerge, required []model.Project) []gozer.PreparedState {
	var out []gozer.PreparedState
	add := func(at model.BranchRef, commit string, base, tree []string, extra bool) {
		out = append(out, gozer.PreparedState{
			BranchState: gozer.BranchState{Project: convert.ProjectRef(at.Project), Branch: at.Branch, Base: "commit " + strings.Join(base, " "), Commit: commit, Tree: treeName(tree)},
			BaseTree:    treeName(base), Extra: extra,
		})
	}
	for _, st := range m.states {
		add(st.at, fmt.Sprintf("epoch %d: %s", m.epoch, strings.Join(st.tree, " ")), st.base, st.tree, false)
	}
	for _, p := range required {
		at := model.BranchRef{Project: p, Branch: "main"}
		if tip, ok := w.host.tips[at]; ok && m.state(at) == nil {
			add(at, "commit "+strings.Join(tip, " "), tip, tip, true)
		}
	}
	return out
}

func treeName(sequence []string) string { return "tree " + strings.Join(sequence, " ") }

// requiredBy are the projects that a job requires, and those of its playbooks.
func (w *world) requiredBy(l *config, j *jobgraph.Job) (required, playbooks []model.Project) {
	for _, r := range j.RequiredProjects {
		if p := l.ProjectNamed(r.Name); p != nil {
			required = append(required, p.Project)
		}
	}
	for _, list := range [][]jobgraph.Playbook{j.PreRun, j.Run, j.PostRun} {
		for _, pb := range list {
			playbooks = append(playbooks, pb.Origin.Project.Project)
		}
	}
	return required, playbooks
}

// look fills what a build sees, and the digest of it where builds are kept.
func (w *world) look(b *build, i *item, m *itemMerge, l *config, j *jobgraph.Job) error {
	required, playbooks := w.requiredBy(l, j)
	own := i.changes[j.Change]
	states := w.preparedStates(m, append(slices.Clone(required), playbooks...))
	commitOf := func(pb jobgraph.Playbook) string {
		n := slices.IndexFunc(states, func(st gozer.PreparedState) bool {
			return convert.Project(st.Project) == pb.Origin.Project.Project && st.Branch == pb.Origin.Branch
		})
		switch {
		case n < 0:
			return ""
		case pb.Origin.Project.Trusted:
			return states[n].Base
		}
		return states[n].Commit
	}
	frozen, err := convert.FrozenJob(j, convert.Freezing{
		CommitOf: commitOf, RolesOf: func(jobgraph.Playbook) []gozer.PlaybookRole { return nil }, Required: required,
	})
	if err != nil {
		return err
	}
	if w.keeps(i.pipeline) {
		if b.inputs, err = convert.Inputs(states, frozen, convert.ChangeRef(own, "")); err != nil {
			return err
		}
	}
	b.sees = sight{trees: map[model.BranchRef][]string{}}
	see := func(at model.BranchRef, trusted bool) {
		st := m.state(at)
		switch {
		case st == nil:
			b.sees.trees[at] = w.host.tips[at]
		case trusted:
			b.sees.trees[at] = st.base
		default:
			b.sees.trees[at] = st.tree
		}
	}
	for n, list := range [][]jobgraph.Playbook{j.PreRun, j.Run, j.PostRun} {
		for k, pb := range list {
			see(model.BranchRef{Project: pb.Origin.Project.Project, Branch: pb.Origin.Branch}, pb.Origin.Project.Trusted)
			[][]gozer.Playbook{frozen.PreRun, frozen.Run, frozen.PostRun}[n][k].Commit = ""
		}
	}
	for _, p := range required {
		see(model.BranchRef{Project: p, Branch: "main"}, false)
	}
	for _, st := range m.states {
		if st.at.Project == own.Project || slices.Contains(required, st.at.Project) {
			see(st.at, false)
		}
	}
	raw, err := json.Marshal(frozen)
	b.sees.definition = string(raw)
	return err
}

// keeps says whether a pipeline keeps builds whose inputs stay.
func (w *world) keeps(pipeline string) bool {
	p := w.store.pipeline(pipeline)
	return p != nil && p.spec.ReuseResults
}

// earlier are the builds that an item had on other states, the latest first.
func (w *world) earlier(i *item) []*build {
	var out []*build
	for _, set := range slices.Backward(w.store.setList) {
		if set.item != i.name {
			continue
		}
		for _, j := range set.jobs {
			if b := w.store.builds[j.build]; b.set == set.name {
				out = append(out, b)
			}
		}
	}
	return out
}

// reused finds for each job the earlier build that serves it; nil for a new one.
func (w *world) reused(i *item, jobs []*jobgraph.Job, fresh []*build) []*build {
	out := make([]*build, len(jobs))
	if !w.keeps(i.pipeline) {
		return out
	}
	earlier := w.earlier(i)
	var inputs []string
	for _, b := range fresh {
		inputs = append(inputs, b.inputs)
	}
	var past []jobgraph.Past
	for _, b := range earlier {
		past = append(past, jobgraph.Past{Inputs: b.inputs, Result: b.result})
	}
	for n, k := range jobgraph.Reuse(jobs, inputs, past) {
		if k >= 0 {
			out[n] = earlier[k]
		}
	}
	w.checkReuse(jobs, fresh, out, earlier)
	return out
}

// checkReuse: what is kept sees the same, and nothing is run again that could have been kept.
func (w *world) checkReuse(jobs []*jobgraph.Job, fresh, kept, earlier []*build) {
	isNew := map[string]bool{}
	for n, j := range jobs {
		isNew[fmt.Sprint(j.Name, j.Change)] = kept[n] == nil
		behindNew := slices.ContainsFunc(j.Dependencies, func(d jobgraph.Dependency) bool { return isNew[fmt.Sprint(d.Name, j.Change)] })
		if kept[n] != nil {
			if behindNew {
				w.violation("not safe: %s is kept, and what it depends on is run again", title(kept[n]))
			}
			if !kept[n].sees.same(fresh[n].sees) {
				w.violation("not safe: %s is kept, and saw %v, not %v", title(kept[n]), kept[n].sees, fresh[n].sees)
			}
			continue
		}
		if behindNew {
			continue
		}
		for _, old := range earlier {
			ended := old.result == "" || old.result == model.Success || old.result == model.Failure
			if ended && old.key == fresh[n].key && slices.Equal(old.own, fresh[n].own) && old.sees.same(fresh[n].sees) {
				w.violation("%s is run again, and sees what it saw", title(old))
			}
		}
	}
}

// decides is the buildset that decides about a build: the one that it was made
// for, or the latest that kept it.
func (w *world) decides(b *build) *buildSet {
	set := w.store.sets[b.set]
	if !set.canceled || b.inputs == "" || b.result != "" {
		return set
	}
	for _, next := range w.store.setList {
		if next.item == set.item && next.epoch > set.epoch && slices.ContainsFunc(next.jobs, func(j setJob) bool { return j.build == b.name }) {
			set = next
		}
	}
	return set
}

// mayBeKept says whether it is open if the item's next state keeps builds of a buildset.
func (w *world) mayBeKept(b *buildSet) bool {
	q := w.store.queues[b.queue]
	i := w.store.items[b.item]
	if q == nil || i == nil || !w.keeps(b.pipeline) {
		return false
	}
	e := q.entry(b.item)
	if e.Epoch == 0 || e.Halted || !e.Active || w.store.sets[setName(b.item, e.Epoch)] != nil {
		return false
	}
	return i.merge == nil || i.merge.epoch != e.Epoch
}

// touchSets tells the buildsets of an item that it is prepared.
func (w *world) touchSets(item string) {
	for _, set := range w.store.setList {
		if set.item == item && set.result == "" {
			w.touch("set " + set.name)
		}
	}
}

// lostBuild says whether a build that was to be kept was cancelled all the same.
func (w *world) lostBuild(b *buildSet) bool {
	return slices.ContainsFunc(b.jobs, func(j setJob) bool { return j.reused && w.store.builds[j.build].result == model.Canceled })
}

// seen are the changes that a build's result may depend on: where builds are
// kept, those of the trees that it sees.
func (w *world) seen(b *build) []string {
	all := w.contents(b)
	if b.inputs == "" {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(rev string) bool {
		for _, tree := range b.sees.trees {
			if slices.Contains(tree, rev) {
				return false
			}
		}
		return true
	})
}
