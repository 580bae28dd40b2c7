package scenario

import (
	"maps"
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

func byName[T any](m map[string]T) []T {
	var out []T
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}

// view is what one reconcile of a queue knows.
type view struct {
	*queue
	items map[string]*item
	// order of the items, new ones last.
	order []string
	hosts map[string]gate.Host
	spec  gozer.PipelineSpec
	// expedited are urgent items that were given their place in this turn.
	expedited map[string]bool
}

// gather reads a queue; nil when it is too early for it.
func (w *world) gather(q *queue) *view {
	v := &view{queue: q, items: map[string]*item{}, hosts: map[string]gate.Host{}, expedited: map[string]bool{}}
	for _, i := range w.store.items {
		if i.queue == q.name {
			v.items[i.name] = i
		}
	}
	if q.item != "" && !q.windowSet && v.items[q.item] == nil {
		return nil // what it needs is created first
	}
	v.spec.Manager = q.manager
	if p := w.store.pipeline(q.pipeline); p != nil {
		v.spec = p.spec
	}
	for _, e := range q.entries {
		v.order = append(v.order, e.item)
	}
	fresh := slices.DeleteFunc(w.unfinished(), func(i *item) bool { return i.queue != q.name || slices.Contains(v.order, i.name) })
	for _, i := range fresh {
		v.order = append(v.order, i.name)
	}
	v.expedite()
	for _, name := range v.order {
		if h, ok := w.refusals[setName(name, q.entry(name).Epoch)]; ok {
			v.hosts[name] = h
		}
	}
	return v
}

// expedite gives urgent items their place (controllers/changequeue). Builds are not kept here.
func (v *view) expedite() {
	if !v.spec.Expedite || v.manager != gozer.ManagerDependent {
		return
	}
	needs := map[string][]string{}
	for name, i := range v.items {
		needs[name] = i.needs
	}
	for _, name := range slices.Clone(v.order) {
		e, i := v.entry(name), v.items[name]
		if !i.urgent || e.urgent || e.Active || i.merged || i.result != "" {
			continue
		}
		v.order = gate.Expedite(v.order, name, func(other string) bool {
			e, i := v.entry(other), v.items[other]
			return v.expedited[other] || e.urgent || e.Active || i.merged || i.result != ""
		}, needs)
		v.expedited[name] = true
	}
}

// snapshot is the queue as the engine sees it.
func (w *world) snapshot(v *view) gate.Queue {
	q := gate.Queue{
		Merges: v.manager == gozer.ManagerDependent,
		Alone:  v.manager == gozer.ManagerSerial || v.manager == gozer.ManagerSupercedent,
		Newest: v.manager == gozer.ManagerSupercedent,
		Rescue: v.spec.Rescue,
		Window: convert.Window(v.spec, v.window, v.windowSet),
	}
	for _, name := range v.order {
		i := v.items[name]
		e := v.entry(name)
		g := gate.Item{ID: name, Name: i.title(), Live: i.live, Leave: i.dequeue, Lost: i.lost, Place: e.Place, Facts: w.facts(i, e.Epoch), Host: v.hosts[name]}
		if q.Merges && g.Facts.Prepared && g.Facts.Problem == model.ItemUndecided && g.Facts.Jobs == 0 {
			g.Facts.Problem, g.Facts.Reason = model.ItemNoJobs, "no job of the project runs for it in this pipeline"
		}
		if q.Rescue && q.Merges {
			g.Facts.Votes = w.votes(i, e.Epoch)
		}
		if i.merged {
			g.Host = gate.Host{Known: true, Merged: true}
		}
		if i.reported {
			g.Reported = i.result
		}
		for _, need := range i.needs {
			switch {
			case slices.Contains(v.order, need):
				g.Needs = append(g.Needs, need)
			case v.items[need] == nil:
				g.NeedGone = "a change that was deleted"
			case !v.items[need].merged:
				g.NeedGone = v.items[need].title()
			}
		}
		q.Items = append(q.Items, g)
	}
	return q
}

// facts about an item's state of an epoch.
func (w *world) facts(i *item, epoch int) gate.Facts {
	m := i.merge
	if m == nil || m.epoch != epoch || epoch == 0 {
		return gate.Facts{}
	}
	f := gate.Facts{Prepared: true, Problem: m.problem, Reason: m.message, Jobs: m.jobs}
	if b := w.store.sets[m.set]; b != nil {
		f.Failing, f.Canceled = b.failing, b.canceled
		f.Complete = b.result != "" && !f.Canceled
		if f.Failing {
			f.Reason = b.reason
		}
	}
	return f
}

// votes are the voting jobs of an item's state.
func (w *world) votes(i *item, epoch int) []gate.Vote {
	if i.merge == nil || i.merge.epoch != epoch || w.store.sets[i.merge.set] == nil {
		return nil
	}
	set := w.store.sets[i.merge.set]
	var out []gate.Vote
	for n, j := range set.jobs {
		b := w.store.builds[j.build]
		st := set.states[n]
		if v, votes := gate.VerdictOf(st.Result, st.Reason); votes && st.Voting {
			of := ownBranch(i.changes[b.change])
			out = append(out, gate.Vote{Job: b.job, Project: of.Project.Canonical() + "@" + of.Branch, Verdict: v})
		}
	}
	return out
}

// maxRounds of planning in one turn; a random order gives fewer.
const maxRounds = 50

// reconcileQueue plans until nothing is left to do (controllers/changequeue).
func (w *world) reconcileQueue(q *queue) {
	v := w.gather(q)
	if v == nil {
		return
	}
	w.lookAfterPush(v)
	w.expedites = len(v.expedited) > 0
	rounds := maxRounds
	if w.order != nil {
		rounds = 1 + w.order.IntN(maxRounds)
	}
	for round := 0; ; round++ {
		if round == rounds {
			w.touch("queue " + q.name)
			break
		}
		snapshot := w.snapshot(v)
		actions := gate.Plan(snapshot)
		if len(actions) == 0 {
			break
		}
		next := gate.Apply(snapshot, actions)
		w.checkPlan(snapshot, actions, next)
		w.adopt(v, next, actions)
		for _, a := range actions {
			if a.Kind.Outside() {
				w.outside(v, a)
			}
		}
	}
	w.sayStarts(v)
	if q.item != "" && len(v.order) == 0 && (q.windowSet || v.items[q.item] != nil) {
		delete(w.store.queues, q.name)
		w.wrote()
	}
}

// adopt writes what the structural actions made of the queue: items that leave first.
func (w *world) adopt(v *view, next gate.Queue, actions []gate.Action) {
	for _, a := range actions {
		w.tell(v, a)
		if i := v.items[a.Item]; a.Kind == gate.Remove && i.result == "" {
			i.result, i.reason = a.Result, a.Why
			w.wrote()
		}
	}
	entries := []entry{}
	v.order = nil
	for _, g := range next.Items {
		if old := v.entry(g.ID); old.Epoch != g.Epoch || old.Ahead != g.Ahead {
			delete(v.hosts, g.ID)
		}
		entries = append(entries, entry{g.ID, v.expedited[g.ID] || v.entry(g.ID).urgent, g.Place})
		v.order = append(v.order, g.ID)
	}
	if v.windowSet && int32(next.Window.Size) == v.window && slices.Equal(entries, v.entries) {
		return
	}
	v.entries, v.window = entries, int32(next.Window.Size)
	v.windowSet = v.windowSet || len(entries) > 0
	for _, b := range w.store.sets {
		if b.queue == v.name && b.result == "" {
			w.touch("set " + b.name)
		}
	}
	w.wrote()
}

// tell writes an action into the story.
func (w *world) tell(v *view, a gate.Action) {
	on := func() string {
		if ahead := v.items[a.Place.Ahead]; ahead != nil {
			return ahead.title()
		}
		return "the branch"
	}
	switch a.Kind {
	case gate.Reset:
		w.say("%s: reset %s onto %s: %s", v.pipeline, v.items[a.Item].title(), on(), a.Why)
	case gate.Halt:
		w.say("%s: halted %s: %s", v.pipeline, v.items[a.Item].title(), a.Why)
	case gate.Rescue:
		w.say("%s: rescue of %s: %s", v.pipeline, v.items[a.Item].title(), a.Why)
	case gate.GiveUp:
		w.say("%s: gave up %s: %s", v.pipeline, v.items[a.Item].title(), a.Why)
	case gate.Remove:
		if i := v.items[a.Item]; i.result == "" && i.live {
			w.say("%s: removed %s: %s", v.pipeline, i.title(), a.Why)
		}
	case gate.Resize:
		w.say("%s: window %d", v.pipeline, a.Size)
	}
}
