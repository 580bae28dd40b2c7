package simulate

import (
	"container/heap"

	"github.com/gozer-dev/gozer/internal/gate"
)

// assumed is a run on the state that an item gets if a failed build that is run
// again fails for good.
type assumed struct {
	gate.Alternative
	run *Run
}

// idle is the priority of what only takes nodes that nobody else waits for.
const idle = 1 << 30

// assume starts the runs of the outcomes that may come, and ends those that cannot
// come any more.
func (g *gated) assume(w *World) {
	if !g.both {
		return
	}
	want := map[string]gate.Alternative{}
	for _, a := range gate.Alternatives(g.queue) {
		want[a.Item] = a
	}
	for id, a := range g.assumed {
		if now := want[id]; a.Ahead != "" && now.Ahead == "" && now.Epoch == a.Epoch && g.entries[a.Ahead].merged {
			a.Alternative = now // what it stands on is the branch now
		}
		if want[id] != a.Alternative {
			w.Cancel(a.run)
			delete(g.assumed, id)
		}
	}
	for i := range g.queue.Items {
		id := g.queue.Items[i].ID
		a, ok := want[id]
		if e := g.entries[id]; ok && g.assumed[id] == nil {
			g.assumed[id] = &assumed{Alternative: a, run: w.Start(idle+e.number, e.change)}
		}
	}
}

// came gives the run of an item's new state, when that is what was assumed.
func (g *gated) came(w *World, it *gate.Item) *Run {
	a := g.assumed[it.ID]
	if a == nil || a.Alternative != (gate.Alternative{Item: it.ID, Ahead: it.Ahead, AheadEpoch: it.AheadEpoch, Epoch: it.Epoch}) {
		return nil
	}
	delete(g.assumed, it.ID)
	a.run.priority -= idle
	heap.Init(&w.wait)
	return a.run
}
