package modelcheck

import (
	"slices"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// planned is an engine whose plans are changed by a function.
func planned(f func(q gate.Queue, actions []gate.Action) []gate.Action) Engine {
	return Engine{Apply: gate.Apply, Plan: func(q gate.Queue) []gate.Action { return f(q, gate.Plan(q)) }}
}

// without drops actions.
func without(drop func(q gate.Queue, a gate.Action) bool) Engine {
	return planned(func(q gate.Queue, actions []gate.Action) []gate.Action {
		return slices.DeleteFunc(actions, func(a gate.Action) bool { return drop(q, a) })
	})
}

// seen changes what the engine is shown.
func seen(f func(q *gate.Queue)) Engine {
	return Engine{Apply: gate.Apply, Plan: func(q gate.Queue) []gate.Action {
		q.Items = slices.Clone(q.Items)
		f(&q)
		return gate.Plan(q)
	}}
}

func each(f func(it *gate.Item)) Engine {
	return seen(func(q *gate.Queue) {
		for i := range q.Items {
			f(&q.Items[i])
		}
	})
}

// TestMutants: a checker that cannot fail is worth nothing. Each engine here is
// wrong in one way, and a small world shows it.
func TestMutants(t *testing.T) {
	for name, tc := range map[string]struct {
		engine Engine
		want   string
	}{
		"never resets": {without(func(_ gate.Queue, a gate.Action) bool { return a.Kind == gate.Reset }), "not "},
		"never halts":  {without(func(_ gate.Queue, a gate.Action) bool { return a.Kind == gate.Halt }), ""},
		"never looks up": {planned(func(_ gate.Queue, actions []gate.Action) []gate.Action {
			for i := range actions {
				if actions[i].Kind == gate.Lookup {
					actions[i].Kind = gate.Merge
				}
			}
			return actions
		}), "not safe"},
		"never reports":                    {without(func(_ gate.Queue, a gate.Action) bool { return a.Kind == gate.Report }), "not live"},
		"never attaches":                   {without(func(_ gate.Queue, a gate.Action) bool { return a.Kind == gate.Attach }), "not "},
		"does not see that a branch moved": {each(func(it *gate.Item) { it.Host.Moved = "" }), "not minimal"},
		"does not see failures":            {each(func(it *gate.Item) { it.Facts.Failing = false }), "not minimal"},
		"does not see conflicts": {each(func(it *gate.Item) {
			if it.Facts.Problem != model.ItemUndecided {
				it.Facts = gate.Facts{Prepared: true, Complete: true, Jobs: 1}
			}
		}), "not "},
		"does not see needs":    {each(func(it *gate.Item) { it.Needs, it.NeedGone = nil, "" }), "not "},
		"does not see refusals": {each(func(it *gate.Item) { it.Host.Refused = "" }), "not "},
		"takes any job as done": {each(func(it *gate.Item) { it.Facts.Complete = it.Facts.Prepared }), "not safe"},
		"lets who leaves go without asking": {seen(func(q *gate.Queue) {
			for i := range q.Items {
				if it := &q.Items[i]; it.Leave != "" && !it.Host.Merged {
					it.Host.Known = true
				}
			}
		}), "not honest"},
		"resets everybody when one fails": {planned(func(q gate.Queue, actions []gate.Action) []gate.Action {
			for i := range q.Items {
				it := q.Items[i]
				if i > 0 && it.Epoch == 1 && q.Items[0].Facts.Failing && !it.Halted && it.Ahead == "" {
					it.Epoch++
					actions = append(actions, gate.Action{Kind: gate.Reset, Item: it.ID, Place: it.Place})
				}
			}
			return actions
		}), "not "},
		"merges out of order": {planned(func(q gate.Queue, actions []gate.Action) []gate.Action {
			for _, it := range q.Items {
				if it.Ahead != "" && it.Facts.Complete && !it.Facts.Failing && !it.Host.Merged && it.Reported == "" {
					return append(actions, gate.Action{Kind: gate.Merge, Item: it.ID})
				}
			}
			return actions
		}), "not safe"},
		"forgets what stands behind": {Engine{Plan: gate.Plan, Apply: func(q gate.Queue, actions []gate.Action) gate.Queue {
			q = gate.Apply(q, actions)
			for i := range q.Items {
				q.Items[i].Ahead, q.Items[i].AheadEpoch = "", 0
			}
			return q
		}}, "not "},
		"asks for ever": {planned(func(_ gate.Queue, actions []gate.Action) []gate.Action {
			for i := range actions {
				if actions[i].Kind == gate.Merge {
					actions[i].Kind = gate.Lookup
				}
			}
			return actions
		}), "not live: fair steps lead in a circle"},
		"takes any job for one that rescues": {each(func(it *gate.Item) {
			for n := range it.Facts.Votes {
				if it.Facts.Votes = slices.Clone(it.Facts.Votes); it.Ahead != "" {
					it.Facts.Votes[n].Verdict = gate.Passed
				}
			}
			it.Facts.Complete = it.Facts.Complete || len(it.Facts.Votes) > 0
		}), "not safe"},
		"lets those rescue who stand on another state": {each(func(it *gate.Item) { it.AheadEpoch = 1 }), "not "},
		"does not ask about who rescues": {seen(func(q *gate.Queue) {
			for i := range q.Items {
				if it := &q.Items[i]; q.Rescue && it.Ahead != "" {
					it.Host.Known = true
				}
			}
		}), "not safe"},
		"forgets who rescues":     {each(func(it *gate.Item) { it.Rescuer = "" }), "not "},
		"forgets who is given up": {each(func(it *gate.Item) { it.GivenUp = false }), "not "},
		"never gives up":          {without(func(_ gate.Queue, a gate.Action) bool { return a.Kind == gate.GiveUp }), "not "},
		"lets nobody into the window": {planned(func(_ gate.Queue, actions []gate.Action) []gate.Action {
			for i := range actions {
				actions[i].Place.Active = false
			}
			return actions
		}), "not "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tried []string
			for _, w := range small() {
				out := Check(w, tc.engine, 1, 0)
				if out.Violation == nil {
					tried = append(tried, w.Name)
					continue
				}
				if !strings.HasPrefix(out.Violation.Error(), tc.want) {
					t.Errorf("in %s: %v, want %s\n%s", w.Name, out.Violation, tc.want, strings.Join(out.Story, "\n"))
				}
				if len(out.Story) < 3 {
					t.Errorf("no story: %v", out.Story)
				}
				return
			}
			t.Errorf("nothing wrong was found in %v", tried)
		})
	}
}
