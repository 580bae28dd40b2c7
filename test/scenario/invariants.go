package scenario

import (
	"slices"
	"strings"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// checkPlan checks that a plan is level-based and minimal.
func (w *world) checkPlan(q gate.Queue, actions []gate.Action, next gate.Queue) {
	for i := range next.Items {
		if next.Items[i].Epoch == 0 {
			w.violation("%s has no place after a plan", next.Items[i].Name)
		}
	}
	for _, a := range gate.Plan(next) {
		if !a.Kind.Outside() && a.Kind != gate.Remove {
			w.violation("not level-based: planning again gives %v after %v", a, actions)
		}
	}
	w.checkMinimal(q, actions)
	w.checkWindow(q, next)
}

// checkMinimal: exactly those items get a new state whose present one contains
// something that is failing, gone or itself made anew.
func (w *world) checkMinimal(q gate.Queue, actions []gate.Action) {
	anew, stopped, givenUp := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range actions {
		switch a.Kind {
		case gate.Reset:
			anew[a.Item] = true
		case gate.Halt:
			stopped[a.Item] = true
		case gate.GiveUp:
			givenUp[a.Item] = true
		case gate.Remove:
			stopped[a.Item] = a.Result != model.ItemSuccess || !q.Merges
		}
	}
	spoilt, there := map[string]bool{}, map[string]bool{}
	// revived: something that failed has another chance, and those behind stand on it again.
	revived := false
	for _, it := range q.Items {
		there[it.ID] = true
	}
	for _, it := range q.Items {
		if it.Epoch == 0 {
			continue
		}
		own := it.Halted || it.Facts.Canceled || it.Host.Moved != "" && !it.Host.Merged
		onSpoilt := it.Ahead != "" && (spoilt[it.Ahead] || !there[it.Ahead])
		passed := w.expedites && !it.Active // an urgent one is ahead of it now; it has no builds to lose
		if anew[it.ID] && !own && !onSpoilt && !revived && !passed {
			w.violation("not minimal: %s is reset, and nothing that it stands on is spoilt (%v)", it.Name, actions)
		}
		leaves := it.Leave != "" || it.Lost != "" || it.NeedGone != "" || it.Reported != "" || stopped[it.ID] || it.Halted
		if onSpoilt && !anew[it.ID] && !leaves && it.Live {
			w.violation("%s stands on something spoilt and is not reset (%v)", it.Name, actions)
		}
		failing := it.Facts.Problem != "" || it.Facts.Failing || it.Host.Refused != "" || it.Leave != "" || it.Lost != "" || it.NeedGone != ""
		if q.Rescue && onlyJobs(it) && !it.GivenUp && !givenUp[it.ID] {
			failing = false // one behind it may rescue it
		}
		revived = revived || anew[it.ID] && (failing || it.Halted) || w.forgotten(it)
		spoilt[it.ID] = anew[it.ID] || stopped[it.ID] || failing && !it.Host.Merged && it.Live || it.Halted
	}
}

// onlyJobs says whether nothing but its jobs speaks against an item.
func onlyJobs(it gate.Item) bool {
	return it.Facts.Failing && it.Facts.Problem == "" && it.Host.Refused == "" && it.Leave == "" && it.Lost == "" && it.NeedGone == ""
}

// forgotten says whether the host refused an item, and the process died before
// it told that: until the host is asked again, those behind stand on it again.
func (w *world) forgotten(it gate.Item) bool {
	return it.Host.Refused == "" && w.refusedOnce[setName(it.ID, it.Epoch)]
}

// checkWindow: only items within the window begin to be worked on.
func (w *world) checkWindow(q, next gate.Queue) {
	was := map[string]bool{}
	for _, it := range q.Items {
		was[it.ID] = it.Active
	}
	for n, it := range next.Items {
		if it.Active && !was[it.ID] && next.Window.Size > 0 && n >= next.Window.Size {
			w.violation("%s is worked on at place %d, outside the window of %d", it.Name, n, next.Window.Size)
		}
	}
}

// checkMerge: what merges was tested as it merges, its jobs passed, and nothing
// ahead of it could still merge.
func (w *world) checkMerge(v *view, i *item, n int) {
	c := i.changes[n]
	st := i.merge.state(ownBranch(c))
	want := append(slices.Clone(w.host.tips[st.at]), rev(c))
	if len(want) > len(st.tree) || !slices.Equal(st.tree[:len(want)], want) {
		w.violation("not safe: %s merges as %v, and was tested as %v", rev(c), want, st.tree)
	}
	for _, other := range i.merge.states {
		if tip := w.host.tips[other.at]; !other.extra && n == 0 && !slices.Equal(tip, other.before) && !w.halfway(i, other, tip) {
			w.violation("not safe: %s merges while %s of %s is at %v, and was tested with %v", rev(c), other.at.Branch, other.at.Project.Name, tip, other.before)
		}
	}
	set := w.store.sets[i.merge.set]
	switch {
	case set != nil && set.epoch == v.entry(i.name).Epoch && set.result == "SUCCESS":
		w.checkResults(i, set)
	case set != nil && set.epoch == v.entry(i.name).Epoch && v.spec.Rescue && w.checkRescue(v, i, set):
	default:
		w.violation("not safe: %s merges without a buildset that succeeded", rev(c))
		return
	}
	w.checkOrder(v, i)
}

// checkResults: every voting job of a buildset deserves to pass.
func (w *world) checkResults(i *item, set *buildSet) {
	for n, j := range set.jobs {
		b := w.store.builds[j.build]
		if st := set.states[n]; st.Voting && !st.Noop && b.result != model.Success && st.Result != model.Skipped {
			w.violation("not safe: %s merges, and %s is %q", i.title(), title(b), b.result)
		}
		if !j.reused && !slices.Equal(w.contents(b), names(set.steps)) || len(set.steps) < len(i.changes) {
			w.violation("not safe: %s ran on %v", title(b), w.contents(b))
		}
		w.checkTrees(i, b)
	}
}

// checkTrees: what a build saw of the branches of the item's state is what is in them.
func (w *world) checkTrees(i *item, b *build) {
	for at, tree := range b.sees.trees {
		if st := i.merge.state(at); st != nil && !slices.Equal(st.tree, tree) && at.Project.Name != configProject {
			w.violation("not safe: %s merges, and %s saw %v of %s, not %v", i.title(), title(b), tree, at.Project.Name, st.tree)
		}
	}
}

// checkTold: who reads a report learns which jobs failed before they passed.
func (w *world) checkTold(text report.Item) {
	for _, b := range text.Builds {
		if flaky := len(b.Failures) > 0 && b.Result == model.Success; flaky && !strings.Contains(report.Comment(text), "flaky") {
			w.violation("%s failed before it passed, and nobody is told", b.Job)
		}
	}
}

// checkRescue: what failed for an item passed for one that stands on it as it is
// now, all of whose jobs passed, and which the host was asked about.
func (w *world) checkRescue(v *view, i *item, set *buildSet) bool {
	missing := w.votes(i, set.epoch)
	missing = slices.DeleteFunc(missing, func(x gate.Vote) bool { return x.Verdict == gate.Passed })
	on := map[string]int{i.name: set.epoch}
	for _, e := range v.entries {
		o := v.items[e.item]
		if epoch, ok := on[e.Ahead]; !ok || epoch != e.AheadEpoch || o.merge == nil || o.merge.epoch != e.Epoch {
			continue
		}
		on[e.item] = e.Epoch
		by := w.store.sets[o.merge.set]
		if h := v.hosts[e.item]; by == nil || by.result != "SUCCESS" || !h.Known || h.Refused != "" || h.Moved != "" {
			continue
		}
		passed := w.votes(o, e.Epoch)
		if !slices.ContainsFunc(missing, func(m gate.Vote) bool {
			return !slices.Contains(passed, gate.Vote{Job: m.Job, Project: m.Project, Verdict: gate.Passed})
		}) {
			w.checkResults(o, by)
			return true
		}
	}
	return false
}

func names(steps []model.Change) []string {
	var out []string
	for _, c := range steps {
		out = append(out, rev(c))
	}
	return out
}

// checkOrder: the order of merging is the order of the queue. What is ahead and
// did not merge is failing.
func (w *world) checkOrder(v *view, i *item) {
	snapshot := w.snapshot(v)
	for _, it := range snapshot.Items {
		if it.ID == i.name {
			return
		}
		failing := it.Facts.Problem != "" || it.Facts.Failing || it.Leave != "" || it.Lost != "" || it.NeedGone != "" || it.Halted || it.Host.Refused != ""
		if it.Live && !it.Host.Merged && !failing && it.Reported == "" {
			w.violation("not in order: %s merges before %s", i.title(), it.Name)
		}
	}
}

// checkBuilds: nothing runs that nobody waits for, and everybody who is worked
// on has something to wait for.
func (w *world) checkBuilds() {
	for _, b := range w.store.builds {
		if b.running() && w.unwanted(b) {
			w.violation("%s runs on, and nobody waits for it", title(b))
		}
	}
	for _, i := range w.unfinished() {
		q := w.store.queues[i.queue]
		if q == nil {
			w.violation("%s is in no queue", i.title())
			continue
		}
		e := q.entry(i.name)
		if !i.live || !e.Active || e.Halted || e.Ahead != "" || q.manager == gozer.ManagerSupercedent {
			continue
		}
		if set := w.setOf(i); set == nil || set.result != "" && (!set.failing || e.GivenUp || !w.awaited(q, e)) {
			w.violation("not live: %s is at the head, and nothing happens (%s)", i.title(), w.itemText(q, i))
		}
	}
}

// awaited says whether jobs run for an item that may rescue this one.
func (w *world) awaited(q *queue, of entry) bool {
	p := w.store.pipeline(q.pipeline)
	return p != nil && p.spec.Rescue && slices.ContainsFunc(q.entries, func(e entry) bool {
		set := w.setOf(w.store.items[e.item])
		return e.item != of.item && e.Ahead != "" && set != nil && set.result == ""
	})
}

func (w *world) setOf(i *item) *buildSet {
	if i.merge == nil {
		return nil
	}
	return w.store.sets[i.merge.set]
}
