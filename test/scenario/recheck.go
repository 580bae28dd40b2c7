package scenario

import (
	"fmt"
	"slices"

	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// recheck looks at the items of a change of which an event tells: whether it can
// still be merged, and whether it depends on what it did (controllers/pipeline).
func (w *world) recheck(c model.Change, ev model.TriggerEvent) {
	if c.Merged || !c.Open {
		return
	}
	for _, i := range w.itemsOf(c.Key()) {
		p := w.store.pipeline(i.pipeline)
		if p == nil || !i.live || i.dequeue != "" || i.patchset(c.Key()) != c.Patchset {
			continue
		}
		if why, _ := gate.Unmergeable(c, nil); why != "" && gate.Manager(p.spec.Manager) == gate.Dependent {
			i.lost = gate.Lost(why)
			w.touch("queue " + i.queue)
			w.wrote()
			continue
		}
		if ev.Action == "edited" {
			w.edited(p, i, c, ev)
		}
	}
}

// edited enqueues a change anew that depends on something else now.
func (w *world) edited(p *pipeline, i *item, c model.Change, ev model.TriggerEvent) {
	a := newArrival(p, c, ev)
	if i.event == ev.Name {
		w.followed(a) // it died before that
		return
	}
	groups, err := w.dependencies(c)
	if err != nil {
		w.dequeue(i, fmt.Sprintf("What it depends on was edited: %v.", err))
		return
	}
	switch {
	case w.stands(i, groups):
	case w.admit(a, c):
		w.followed(a)
	default:
		w.dequeue(i, "What it depends on was edited.")
	}
}

// stands says whether an item still has the changes of its group, and needs what they need.
func (w *world) stands(i *item, groups [][]depends.Change) bool {
	own := groups[len(groups)-1]
	if len(own) != len(i.changes) || slices.ContainsFunc(own, func(c depends.Change) bool { return i.patchset(c.Key()) == "" }) {
		return false
	}
	var needs []string
	for _, group := range groups[:len(groups)-1] {
		n := slices.IndexFunc(w.itemsOf(group[0].Key()), func(o *item) bool { return o.queue == i.queue })
		if n < 0 {
			return false
		}
		needs = append(needs, w.itemsOf(group[0].Key())[n].name)
	}
	return !slices.ContainsFunc(i.needs, func(n string) bool { return !slices.Contains(needs, n) })
}
