package modelcheck

import (
	"fmt"

	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// maxRounds of planning without anything to do outside.
const maxRounds = 20

// gather begins a reconcile: what is stored is read once, and a round is planned.
func (m *stage) gather(s *state) error {
	s.busy, s.seen, s.size = true, s.arrived, s.window
	for _, a := range s.arrival[:s.arrived] {
		it := &s.items[a]
		s.memory[a] = known{place: it.place, facts: it.facts, gone: it.gone, leave: it.leave, merged: it.merged, reported: it.reported}
	}
	return m.rounds(s)
}

// rounds plans until something is to be done outside, or nothing at all.
func (m *stage) rounds(s *state) error {
	s.acting = false
	for range maxRounds {
		before := m.snapshot(s)
		actions := m.engine.Plan(before)
		after := m.engine.Apply(before, actions)
		if err := m.checkPlan(before, actions, after, s.forgot); err != nil {
			return err
		}
		m.adopt(s, after, actions)
		s.last = len(actions) == 0
		if s.last || s.hasTodo() {
			return m.advance(s)
		}
	}
	return fmt.Errorf("not live: %d rounds of planning with nothing to do outside, and still %v", maxRounds, m.engine.Plan(m.snapshot(s)))
}

func (s *state) hasTodo() bool {
	for i := range s.memory {
		if s.memory[i].todo != nothing {
			return true
		}
	}
	return false
}

// advance goes on where no step is needed: storing nothing, acting on nothing.
func (m *stage) advance(s *state) error {
	if !s.acting {
		if s.queueDirty() || s.itemsDirty() {
			return nil
		}
		if s.last {
			s.busy, s.forgot = false, false
			return nil
		}
		s.acting = true
	}
	if s.hasTodo() {
		return nil
	}
	return m.rounds(s)
}

func (s *state) itemDirty(i int) bool {
	it, k := &s.items[i], &s.memory[i]
	return it.merged != k.merged || it.reported != k.reported
}

func (s *state) itemsDirty() bool {
	for _, a := range s.arrival[:s.seen] {
		if s.itemDirty(int(a)) {
			return true
		}
	}
	return false
}

func (s *state) queueDirty() bool {
	for _, a := range s.arrival[:s.seen] {
		if s.items[a].place != s.memory[a].place || s.items[a].gone != s.memory[a].gone {
			return true
		}
	}
	return s.window != s.size
}

// storeItem writes an item's status.
func (s *state) storeItem(i int) {
	s.items[i].merged, s.items[i].reported = s.memory[i].merged, s.memory[i].reported
}

// storeQueue writes places, order and window, all at once.
func (s *state) storeQueue() {
	for _, a := range s.arrival[:s.seen] {
		s.items[a].place, s.items[a].gone = s.memory[a].place, s.memory[a].gone
	}
	s.window = s.size
}

// results as the engine names them.
var itemResults = [...]model.ItemResult{undecided: model.ItemUndecided, success: model.ItemSuccess, failure: model.ItemFailure,
	conflict: model.ItemMergeConflict, refused: model.ItemMergeFailure, dequeued: model.ItemDequeued}

func resultOf(r model.ItemResult) result {
	for n, x := range itemResults {
		if x == r {
			return result(n)
		}
	}
	panic("no result is called " + r)
}

// snapshot is the queue in memory, as the engine sees it.
func (m *stage) snapshot(s *state) gate.Queue {
	q := gate.Queue{Merges: true, Rescue: m.Rescue, Window: m.Window, Items: make([]gate.Item, 0, s.seen)}
	q.Window.Size = int(s.size)
	for _, a := range s.arrival[:s.seen] {
		k := &s.memory[a]
		if k.gone {
			continue
		}
		g := gate.Item{ID: m.names[a], Name: m.names[a], Live: true, Reported: itemResults[k.reported], Facts: m.factsOf(k)}
		g.Place = gate.Place{Epoch: int(k.place.epoch), AheadEpoch: int(k.aheadEpoch), Active: k.active, Halted: k.halted, GivenUp: k.givenUp}
		if k.ahead > 0 {
			g.Ahead = m.names[k.ahead-1]
		}
		if k.rescuer > 0 {
			g.Rescuer = m.names[k.rescuer-1]
		}
		if k.leave {
			g.Leave = "somebody wants it to"
		}
		g.Host = gate.Host{Known: k.asked || k.merged, Merged: k.merged}
		if k.refuses {
			g.Host.Refused = "the host refuses"
		}
		if k.moved {
			g.Host.Moved = "a branch moved"
		}
		for _, n := range m.Items[a].Needs {
			switch {
			case !s.memory[n].gone:
				g.Needs = append(g.Needs, m.names[n])
			case !s.memory[n].merged:
				g.NeedGone = m.names[n]
			}
		}
		q.Items = append(q.Items, g)
	}
	return q
}

// jobNames are those of every item: each runs what the others run.
var jobNames = [maxJobs]string{"one", "two"}

// votes are the verdicts as the engine names them.
var votes = [...]gate.Verdict{running: gate.Pending, good: gate.Passed, broken: gate.Failed}

func (m *stage) factsOf(k *known) gate.Facts {
	if k.facts.epoch == 0 || k.facts.epoch != k.place.epoch {
		return gate.Facts{}
	}
	f := gate.Facts{Prepared: true}
	if k.problem {
		f.Problem, f.Reason = model.ItemMergeConflict, "conflict"
		return f
	}
	f.Jobs, f.Complete, f.Canceled = m.Jobs, !k.canceled, k.canceled
	for j, v := range k.jobs[:m.Jobs] {
		f.Complete = f.Complete && v != running
		f.Failing = f.Failing || v == broken
		if m.Rescue {
			f.Votes = append(f.Votes, gate.Vote{Job: jobNames[j], Verdict: votes[v]})
		}
	}
	if f.Failing {
		f.Reason = "a job failed"
	}
	return f
}

// adopt takes over what the structural actions made of the queue, and notes what is to be done outside.
func (m *stage) adopt(s *state, after gate.Queue, actions []gate.Action) {
	var stays [maxItems]bool
	for n := range after.Items {
		g := &after.Items[n]
		i := m.ids[g.ID]
		stays[i] = true
		k := &s.memory[i]
		if int(k.place.epoch) != g.Epoch {
			*k = known{leave: k.leave, merged: k.merged, reported: k.reported}
		}
		next := place{epoch: uint8(g.Epoch), aheadEpoch: uint8(g.AheadEpoch), active: g.Active, halted: g.Halted, givenUp: g.GivenUp}
		if g.Ahead != "" {
			next.ahead = uint8(m.ids[g.Ahead] + 1)
		}
		if g.Rescuer != "" {
			next.rescuer = uint8(m.ids[g.Rescuer] + 1)
		}
		if next.ahead != k.ahead {
			// It was asked about for the sake of one that has merged.
			k.asked, k.refuses, k.moved, k.raced = false, false, false, false
		}
		k.place = next
	}
	for _, a := range s.arrival[:s.seen] {
		if !stays[a] {
			s.memory[a].gone = true
		}
	}
	s.size = uint8(after.Window.Size)
	for _, a := range actions {
		k := &s.memory[m.ids[a.Item]]
		switch a.Kind {
		case gate.Lookup:
			k.todo = doLookup
		case gate.Merge:
			k.todo = doMerge
		case gate.Report:
			k.todo, k.tell = doReport, resultOf(a.Result)
		}
	}
}
