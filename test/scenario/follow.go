package scenario

import (
	"cmp"
	"slices"

	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// arrival is an event that brings changes into a pipeline (controllers/pipeline).
type arrival struct {
	p      *pipeline
	ev     model.TriggerEvent
	own    model.Change
	looked map[string]bool
	tried  map[model.ChangeKey]bool
}

func newArrival(p *pipeline, own model.Change, ev model.TriggerEvent) *arrival {
	return &arrival{p: p, own: own, ev: ev, looked: map[string]bool{}, tried: map[model.ChangeKey]bool{}}
}

// urgent says whether an entry is what the event is about, and that is urgent:
// what it needs comes along, what needs it does not.
func (a *arrival) urgent(e gate.Entry) bool {
	return a.ev.Urgent && slices.ContainsFunc(e.Changes, func(c gate.Candidate) bool { return c.Key() == a.own.Key() })
}

// itemOf is the item of an entry that is there already.
func (w *world) itemOf(a *arrival, e gate.Entry) string {
	if e.Item != "" {
		return e.Item
	}
	if i := w.liveItem(a.p.name, e.Changes[0].Change.Change); i != nil && e.Live && i.event == a.ev.Name && len(i.changes) == len(e.Changes) {
		return i.name
	}
	return ""
}

// followed completes what an event brings: the process may have died before.
func (w *world) followed(a *arrival) {
	var brought []*item
	for _, i := range w.store.itemList {
		if i.event == a.ev.Name && i.pipeline == a.p.name && i.live && (i.result == "" || i.merged) {
			brought = append(brought, i)
		}
	}
	slices.SortFunc(brought, func(a, b *item) int { return cmp.Compare(a.seq, b.seq) })
	for _, i := range brought {
		w.followers(a, i.name)
	}
}

// followers brings in what needs the changes of an item that the event brought.
func (w *world) followers(a *arrival, name string) {
	i := w.store.items[name]
	if i == nil || gate.Manager(a.p.spec.Manager) != gate.Dependent || !i.live || i.event != a.ev.Name || a.looked[name] {
		return
	}
	a.looked[name] = true
	for _, needed := range i.changes {
		a.tried[needed.Key()] = true
		for _, key := range w.host.opened {
			if c := *w.host.changes[key]; c.Open && !c.Merged && w.names(c, needed.Key()) {
				w.follow(a, needed, c)
			}
		}
	}
}

func (w *world) names(c model.Change, key model.ChangeKey) bool {
	return slices.ContainsFunc(depends.Lines(c.Message), func(url string) bool {
		named, ok, err := w.changeByURL(url)
		return err == nil && ok && named.Key() == key
	})
}

// follow brings a change in behind one that it needs, where it may enter.
func (w *world) follow(a *arrival, needed, c model.Change) {
	if _, ok := w.project(c.Project.Connection, c.Project.Name); !ok || a.tried[c.Key()] {
		return
	}
	a.tried[c.Key()] = true
	if i := w.liveItem(a.p.name, c); i != nil {
		w.followers(a, i.name)
		return
	}
	groups, err := w.dependencies(c)
	if err == nil && !a.own.Merged && slices.ContainsFunc(groups[len(groups)-1], func(x depends.Change) bool { return x.Key() == a.own.Key() }) {
		c = a.own // of a cycle, it says in which order it merges
		groups, err = w.dependencies(c)
	}
	if err != nil {
		return
	}
	rules, candidates := w.rulesOf(a.p, model.TriggerEvent{}), w.candidates(a.p, groups)
	queue := w.inForce().QueueName(needed.Project, needed.Branch)
	for _, own := range candidates[len(candidates)-1] {
		if gate.MayFollow(rules, queue, own) != "" {
			return
		}
	}
	if verdict := gate.Admit(rules, candidates, c.Key(), model.TriggerEvent{}); verdict.Refusal == "" {
		w.enqueue(a, verdict.Entries)
		w.supersede(a.p, c)
	}
}
