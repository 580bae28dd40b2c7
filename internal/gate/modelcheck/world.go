package modelcheck

import "github.com/gozer-dev/gozer/internal/gate"

// Sizes of the largest world.
const (
	maxItems   = 4
	maxChanges = 5
	projects   = 2
	maxJobs    = 2
)

// Engine is what is checked.
type Engine struct {
	Plan  func(gate.Queue) []gate.Action
	Apply func(gate.Queue, []gate.Action) gate.Queue
}

// Gate is the engine as it is.
func Gate() Engine { return Engine{Plan: gate.Plan, Apply: gate.Apply} }

// Item of a world.
type Item struct {
	// Projects of its changes, one each; two are a cycle of dependencies.
	Projects []int
	// Needs are the items that it depends on; they arrive before it.
	Needs []int
}

// World says what there is and how often what is rare may happen.
type World struct {
	Name   string
	Items  []Item
	Jobs   int
	Window gate.Window
	// Rescue lets an item that failed be rescued by one behind it.
	Rescue bool
	// Conflict names two items that cannot be merged together, by number; none when equal.
	Conflict [2]int
	// InOrder lets the items arrive in their order only.
	InOrder bool
	// Failures of jobs, pushes by hand, departures (closed at the host, or
	// dequeued), refusals to merge, and deaths of the process.
	Failures, Pushes, Leaves, Refusals, Crashes int
}

// change is a change's number; 0 is none.
type change uint8

// pushed stands for a commit that somebody pushed by hand.
const pushed change = 15

// stage is a world with an engine in it.
type stage struct {
	World
	engine  Engine
	changes [maxItems][]change
	// project of each change.
	project [maxChanges + 1]int
	names   [maxItems]string
	ids     map[string]int
}

func newStage(w World, e Engine) *stage {
	m := &stage{World: w, engine: e, ids: map[string]int{}}
	next := change(1)
	for i, it := range w.Items {
		m.names[i] = string(rune('A' + i))
		m.ids[m.names[i]] = i
		for _, p := range it.Projects {
			m.changes[i] = append(m.changes[i], next)
			m.project[next] = p
			next++
		}
	}
	return m
}

// own is the item's change in a project; 0 when it has none there.
func (m *stage) own(i, p int) change {
	for _, c := range m.changes[i] {
		if m.project[c] == p {
			return c
		}
	}
	return 0
}

// conflicts says whether two items cannot be merged together in a sequence.
func (m *stage) conflicts(s sequence) bool {
	a, b := m.Conflict[0], m.Conflict[1]
	if a == b {
		return false
	}
	for _, x := range m.changes[a] {
		for _, y := range m.changes[b] {
			if m.project[x] == m.project[y] && s.has(x) && s.has(y) {
				return true
			}
		}
	}
	return false
}
