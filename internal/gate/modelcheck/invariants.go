package modelcheck

import (
	"errors"
	"fmt"

	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// checkPlan asserts what holds for every plan. A process that forgot
// what the host said resets more than it would have to.
func (m *stage) checkPlan(before gate.Queue, actions []gate.Action, after gate.Queue, forgot bool) error {
	for i := range after.Items {
		if after.Items[i].Epoch == 0 {
			return fmt.Errorf("%s has no place after a plan", after.Items[i].ID)
		}
	}
	if len(actions) == 0 {
		return nil
	}
	for _, a := range m.engine.Plan(after) {
		if !a.Kind.Outside() && a.Kind != gate.Remove {
			return fmt.Errorf("not level-based: planning again gives %v after %v", a, actions)
		}
	}
	if forgot {
		return nil
	}
	return minimal(before, actions)
}

// change of an item's place by a plan.
type fate struct{ anew, stopped, givenUp bool }

// minimal asserts that exactly those items get a new state whose present one
// contains something that is failing, gone or itself made anew.
func minimal(q gate.Queue, actions []gate.Action) error {
	fates := make(map[string]fate, len(actions))
	for _, a := range actions {
		f := fates[a.Item]
		switch a.Kind {
		case gate.Reset:
			f.anew = true
		case gate.Halt:
			f.stopped = true
		case gate.GiveUp:
			f.givenUp = true
		case gate.Remove:
			f.stopped = a.Result != model.ItemSuccess
		}
		fates[a.Item] = f
	}
	present := make(map[string]bool, len(q.Items))
	for i := range q.Items {
		present[q.Items[i].ID] = true
	}
	spoilt := make(map[string]bool, len(q.Items))
	for i := range q.Items {
		it := &q.Items[i]
		if it.Epoch == 0 {
			continue
		}
		f := fates[it.ID]
		self := !it.Host.Merged && (it.Halted && !f.stopped || it.Host.Moved != "" || it.Facts.Canceled)
		onSpoilt := it.Ahead != "" && (spoilt[it.Ahead] || !present[it.Ahead])
		exempt := f.stopped || going(it) || it.Reported != "" || it.Halted
		if (self || onSpoilt) != f.anew && !exempt {
			return fmt.Errorf("not minimal: %s reset=%v, but stands on something spoilt=%v or is itself=%v (%v)", it.ID, f.anew, onSpoilt, self, actions)
		}
		waits := q.Rescue && onlyJobs(it) && !it.GivenUp && !f.givenUp
		spoilt[it.ID] = f.anew || f.stopped || failing(it) && !waits || it.Halted
	}
	return nil
}

// going says whether an item leaves whatever its jobs say.
func going(it *gate.Item) bool {
	return !it.Host.Merged && (it.Leave != "" || it.NeedGone != "")
}

// failing says whether nothing can stand on an item.
func failing(it *gate.Item) bool {
	bad := it.Facts.Problem != model.ItemUndecided || it.Facts.Failing || it.Host.Refused != ""
	return going(it) || bad && !it.Host.Merged
}

// onlyJobs says whether nothing but its jobs speaks against an item: it may be rescued.
func onlyJobs(it *gate.Item) bool {
	return !going(it) && it.Facts.Problem == model.ItemUndecided && it.Host.Refused == "" && it.Facts.Failing && !it.Facts.Canceled
}

// checkLeaving asserts that who leaves was told the stored result, and nothing else.
func (m *stage) checkLeaving(s *state) error {
	for _, a := range s.arrival[:s.seen] {
		if s.items[a].gone || !s.memory[a].gone {
			continue
		}
		if s.items[a].reported == undecided || s.told[a] != s.items[a].reported {
			return fmt.Errorf("%s leaves as %q, but was told %q", m.names[a], itemResults[s.items[a].reported], itemResults[s.told[a]])
		}
	}
	return nil
}

// checkEnd asserts that a state in which nothing happens by itself has an empty queue.
func (m *stage) checkEnd(s *state) error {
	for _, a := range s.arrival[:s.arrived] {
		if !s.items[a].gone {
			return fmt.Errorf("not live: nothing is left to happen, and %s is still in the queue", m.names[a])
		}
	}
	if s.busy {
		return errors.New("not live: the process is in the middle of something and has no next step")
	}
	return nil
}
