package simulate

import (
	"fmt"
	"strings"

	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// gated is the real queue engine with one queue.
type gated struct {
	queue gate.Queue
	// entries by the item's name; an item is one entry of a change.
	entries map[string]*entry
	byRun   map[*Run]*entry
	n       int
	// expedite lets urgent changes pass those that wait.
	expedite bool
	// both tests those behind a build that is run again on both outcomes; assumed
	// are the runs of the other one, by item.
	both    bool
	assumed map[string]*assumed
}

type entry struct {
	change *Change
	id     string
	number int
	run    *Run
	// epoch that the run is for.
	epoch  int
	merged bool
}

func newGated(window gate.Window, o Options) *gated {
	return &gated{queue: gate.Queue{Merges: true, Rescue: o.Rescue, Window: window}, expedite: o.Expedite, both: o.Both, assumed: map[string]*assumed{},
		entries: map[string]*entry{}, byRun: map[*Run]*entry{}}
}

func (g *gated) Arrive(w *World, c *Change) {
	g.n++
	id := fmt.Sprintf("%d", g.n)
	g.entries[id] = &entry{change: c, id: id, number: g.n}
	g.queue.Items = append(g.queue.Items, gate.Item{ID: id, Name: c.Name, Live: true})
	if g.expedite && c.Urgent {
		g.pass(id)
	}
	g.settle(w)
}

// pass puts an urgent item behind those that have started, and other urgent ones.
func (g *gated) pass(id string) {
	at := map[string]gate.Item{}
	var order []string
	for _, it := range g.queue.Items {
		at[it.ID] = it
		order = append(order, it.ID)
	}
	stays := func(id string) bool { return at[id].Active || g.entries[id].change.Urgent }
	for n, next := range gate.Expedite(order, id, stays, nil) {
		g.queue.Items[n] = at[next]
	}
}

func (g *gated) Moved(w *World, r *Run) {
	e := g.byRun[r]
	if e == nil || e.run != r || !r.Failed && !r.Done && !g.queue.Rescue && !g.both {
		return
	}
	for i := range g.queue.Items {
		it := &g.queue.Items[i]
		if it.ID != e.id || it.Epoch != e.epoch {
			continue
		}
		it.Facts.Failing, it.Facts.Complete, it.Facts.Retrying = r.Failed, r.Done, r.again > 0
		if r.Failed {
			it.Facts.Reason = "a job failed"
		}
		it.Facts.Votes = g.votes(r)
	}
	g.settle(w)
}

// votes of a run; only a queue that rescues asks for them.
func (g *gated) votes(r *Run) []gate.Vote {
	var out []gate.Vote
	for _, b := range r.builds {
		v := gate.Vote{Job: b.job.Name}
		switch {
		case !g.queue.Rescue || !b.job.Voting:
			continue
		case b.failed:
			v.Verdict = gate.Failed
		case b.over:
			v.Verdict = gate.Passed
		}
		out = append(out, v)
	}
	return out
}

// broken are the jobs that bad changes ahead break for an item, so that it does
// not rescue them. Without rescues that makes no difference: when a bad change
// fails, what stood on it starts anew.
func (g *gated) broken(it *gate.Item) map[string]bool {
	out := map[string]bool{}
	at := map[string]*gate.Item{}
	for i := range g.queue.Items {
		at[g.queue.Items[i].ID] = &g.queue.Items[i]
	}
	for a := at[it.Ahead]; a != nil && g.queue.Rescue; a = at[a.Ahead] {
		for _, job := range g.entries[a.ID].change.broken() {
			out[job] = true
		}
	}
	return out
}

// settle plans and acts until nothing is left to do. Preparing takes no time.
func (g *gated) settle(w *World) {
	for {
		actions := gate.Plan(g.queue)
		if len(actions) == 0 && !g.prepare(w) {
			g.assume(w)
			return
		}
		for _, a := range actions {
			g.note(w, a)
		}
		g.queue = gate.Apply(g.queue, actions)
		for _, a := range actions {
			g.perform(w, a)
		}
		g.prepare(w)
		w.res.length(w.Now, len(g.queue.Items))
	}
}

// note ends what a reset or a removal throws away, and counts it.
func (g *gated) note(w *World, a gate.Action) {
	e := g.entries[a.Item]
	switch a.Kind {
	case gate.Reset:
		if e.run != nil {
			w.res.restart(cause(a.Why), len(e.run.builds))
		}
		g.drop(w, e)
	case gate.Halt, gate.Remove:
		g.drop(w, e)
	}
}

func (g *gated) drop(w *World, e *entry) {
	w.Cancel(e.run)
	delete(g.byRun, e.run)
	e.run = nil
}

// cause of a reset without the names of the changes.
func cause(why string) string {
	switch {
	case strings.Contains(why, "failed"):
		return "a change ahead failed"
	case strings.Contains(why, "left"):
		return "a change ahead left"
	}
	return "the state ahead is another one"
}

// prepare starts the jobs of items that are worked on. It says whether there were any.
func (g *gated) prepare(w *World) bool {
	some := false
	for i := range g.queue.Items {
		it := &g.queue.Items[i]
		e := g.entries[it.ID]
		if !it.Active || it.Halted || it.Facts.Prepared || it.Epoch == 0 {
			continue
		}
		some = true
		e.epoch = it.Epoch
		if e.run = g.came(w, it); e.run == nil {
			e.run = w.Start(e.number, e.change)
		}
		e.run.broken = g.broken(it)
		g.byRun[e.run] = e
		it.Facts = gate.Facts{Prepared: true, Jobs: len(e.run.builds), Failing: e.run.Failed, Complete: e.run.Done, Votes: g.votes(e.run)}
		if e.run.Failed {
			it.Facts.Reason = "a job failed"
		}
	}
	return some
}

func (g *gated) perform(w *World, a gate.Action) {
	if !a.Kind.Outside() {
		return
	}
	e := g.entries[a.Item]
	for i := range g.queue.Items {
		it := &g.queue.Items[i]
		if it.ID != a.Item {
			continue
		}
		switch a.Kind {
		case gate.Lookup:
			it.Host.Known = true
		case gate.Merge:
			it.Host.Merged = true
			e.merged = true
			if it.Facts.Failing {
				w.res.res.Rescued++
			}
			w.Merge(e.change, e.run)
		case gate.Report:
			it.Reported = a.Result
			if a.Result != model.ItemSuccess {
				w.Eject(e.change, e.run)
			}
		}
	}
}
