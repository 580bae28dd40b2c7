package scenario

import (
	"fmt"
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// unfinished are the items without a result.
func (w *world) unfinished() []*item {
	var out []*item
	for _, i := range w.store.itemList {
		if i.result == "" {
			out = append(out, i)
		}
	}
	return out
}

// itemsOf are the unfinished items of a change.
func (w *world) itemsOf(key model.ChangeKey) []*item {
	return slices.DeleteFunc(w.unfinished(), func(i *item) bool { return i.patchset(key) == "" })
}

// liveItem finds a change's live item in a pipeline.
func (w *world) liveItem(pipeline string, c model.Change) *item {
	for _, i := range w.itemsOf(c.Key()) {
		if i.pipeline == pipeline && i.live && i.patchset(c.Key()) == c.Patchset && i.dequeue == "" {
			return i
		}
	}
	return nil
}

// dequeueStale takes out versions of a change that are not the current one, and closed changes.
func (w *world) dequeueStale(c model.Change) {
	for _, i := range w.itemsOf(c.Key()) {
		p := w.store.pipeline(i.pipeline)
		switch old := i.patchset(c.Key()); {
		case c.Merged:
			// The queue finds out.
		case !c.Open:
			w.dequeue(i, "The change was closed.")
		case old != c.Patchset && (p == nil || !p.spec.KeepOldPatchsets):
			w.dequeue(i, fmt.Sprintf("A new version was pushed: %s replaces %s.", c.Patchset, old))
		}
	}
}

// dequeue asks for an item to be taken out.
func (w *world) dequeue(i *item, why string) {
	if i.dequeue != "" {
		return
	}
	i.dequeue = why
	w.touch("queue " + i.queue)
	w.wrote()
}

// enqueue puts entries into their queue, the change's own item last, and behind
// each what needs it.
func (w *world) enqueue(a *arrival, entries []gate.Entry) {
	p, own := a.p, entries[len(entries)-1]
	q := w.queueFor(p, own.Changes, a.ev)
	names := map[model.ChangeKey]string{}
	name := ""
	for _, e := range entries {
		if name = w.itemOf(a, e); name == "" {
			name = w.createItem(p, q, e, a.ev, names, a.urgent(e))
		}
		for _, c := range e.Changes {
			names[c.Key()] = name
		}
		w.followers(a, name)
	}
	w.touch("queue " + q.name)
	for _, c := range own.Changes {
		for _, i := range w.itemsOf(c.Key()) {
			if i.name != name && i.live && i.pipeline == p.name && i.patchset(c.Key()) == c.Patchset {
				w.dequeue(i, "What it depends on was edited; it is tested anew.")
			}
		}
	}
}

// createItem creates an item; that it is there already is what a repeated event finds.
func (w *world) createItem(p *pipeline, q *queue, e gate.Entry, ev model.TriggerEvent, names map[model.ChangeKey]string, urgent bool) string {
	i := &item{pipeline: p.name, queue: q.name, event: ev.Name, live: e.Live, urgent: urgent}
	for _, c := range e.Changes {
		i.changes = append(i.changes, c.Change.Change)
		for _, need := range c.Needs {
			if name := names[need]; name != "" && !slices.Contains(i.needs, name) {
				i.needs = append(i.needs, name)
			}
		}
	}
	last := i.changes[len(i.changes)-1]
	i.name = naming.Item(p.name, last, ev.Name)
	if !i.live {
		i.name = naming.Item(p.name, last, ev.Name+"/"+q.name)
	}
	if w.store.items[i.name] != nil {
		return i.name
	}
	i.seq = w.store.tick()
	w.store.items[i.name] = i
	w.store.itemList = append(w.store.itemList, i)
	kind := "enqueued"
	if !i.live {
		kind = "not live"
	}
	w.say("%s: %s %s in %s", p.name, i.title(), kind, q.label)
	w.touch("queue " + q.name)
	w.wrote()
	return i.name
}

// queueFor finds or creates the queue that a change enters.
func (w *world) queueFor(p *pipeline, changes []gate.Candidate, ev model.TriggerEvent) *queue {
	c := changes[len(changes)-1]
	q := &queue{pipeline: p.name, manager: p.spec.Manager}
	switch p.spec.Manager {
	case gozer.ManagerDependent, gozer.ManagerSerial:
		q.label = c.Queue
		q.name = naming.SharedQueue(p.name, q.label)
	case gozer.ManagerSupercedent:
		q.label = c.Project.Name + ":" + c.Branch
		q.name = naming.SharedQueue(p.name, c.Project.Canonical()+":"+c.Branch)
	default:
		q.label = changeName(c.Change.Change)
		q.name = naming.Item(p.name, c.Change.Change, ev.Name)
		q.item = q.name
	}
	if old := w.store.queues[q.name]; old != nil {
		return old
	}
	w.store.queues[q.name] = q
	w.store.tick()
	w.wrote()
	return q
}

// queuesInOrder are the queues by name.
func (w *world) queuesInOrder() []*queue {
	return byName(w.store.queues)
}
