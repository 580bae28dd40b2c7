package gate

import (
	"cmp"
	"fmt"

	"github.com/gozer-dev/gozer/internal/model"
)

// Kind of an action.
type Kind string

// The closed set of actions. Structural ones change the queue and are carried
// out by Apply; outside ones are performed by the caller and become facts.
const (
	// Put gives a new item its first place.
	Put Kind = "Put"
	// Reset gives an item a new state: its builds are worth nothing any more.
	Reset Kind = "Reset"
	// Attach changes what an item stands on without changing its state: what it stood on has merged.
	Attach Kind = "Attach"
	// Activate lets an item into the window.
	Activate Kind = "Activate"
	// Halt cancels an item's jobs: a change that it needs is failing.
	Halt Kind = "Halt"
	// Rescue notes who rescues an item that failed, or that nobody does after all.
	Rescue Kind = "Rescue"
	// GiveUp ends the wait for somebody who rescues an item.
	GiveUp Kind = "GiveUp"
	// Remove takes an item out of the queue.
	Remove Kind = "Remove"
	// Resize changes the window.
	Resize Kind = "Resize"

	// Lookup asks the code host about an item that is about to merge.
	Lookup Kind = "Lookup"
	// Merge merges the item's change.
	Merge Kind = "Merge"
	// Report tells the code host the item's result.
	Report Kind = "Report"
)

// Outside says whether the action is the caller's to perform.
func (k Kind) Outside() bool { return k == Lookup || k == Merge || k == Report }

// Action is one thing to do.
type Action struct {
	Kind Kind
	// Item that it is about; empty for Resize.
	Item string
	// Place that the item gets: Put, Reset, Attach, Activate, Halt, Rescue, GiveUp.
	Place Place
	// Result to report, or with which the item leaves.
	Result model.ItemResult
	// Size of the window: Resize.
	Size int
	// Why, in words for the author of the change.
	Why string
}

func (a Action) String() string {
	on := func() string {
		if a.Place.Ahead == "" {
			return "the branch"
		}
		return a.Place.Ahead
	}
	s := fmt.Sprintf("%s %s", a.Kind, a.Item)
	switch a.Kind {
	case Put, Reset, Attach:
		s += " onto " + on()
	case Rescue:
		s += " by " + cmp.Or(a.Place.Rescuer, "nobody yet")
	case Report, Remove:
		s += " " + string(a.Result)
	case Resize:
		s = fmt.Sprintf("%s %d", a.Kind, a.Size)
	}
	if a.Why != "" {
		s += ": " + a.Why
	}
	return s
}

// Apply carries out the structural actions on a copy of the queue.
func Apply(q Queue, actions []Action) Queue {
	at := make(map[string]int, len(q.Items))
	items := make([]Item, len(q.Items))
	copy(items, q.Items)
	for i := range items {
		at[items[i].ID] = i
	}
	removed := map[string]Action{}
	for _, a := range actions {
		switch a.Kind {
		case Put, Reset, Attach, Activate, Halt, Rescue, GiveUp:
			it := &items[at[a.Item]]
			switch {
			case a.Place.Epoch != it.Epoch:
				// A new state: nothing is known of it.
				it.Facts, it.Host = Facts{}, Host{}
			case a.Place.Ahead != it.Ahead && !it.Host.Merged:
				// It was asked about for the sake of the one that has merged.
				it.Host = Host{}
			}
			it.Place = a.Place
		case Remove:
			removed[a.Item] = a
		case Resize:
			q.Window.Size = a.Size
		}
	}
	q.Items = q.Items[:0:0]
	for _, it := range items {
		if _, gone := removed[it.ID]; gone {
			continue
		}
		it.Needs, it.NeedGone = settleNeeds(it, items, at, removed)
		q.Items = append(q.Items, it)
	}
	return q
}

// settleNeeds drops needs that merged, and names one that left without merging.
func settleNeeds(it Item, items []Item, at map[string]int, removed map[string]Action) (needs []string, gone string) {
	gone = it.NeedGone
	for _, id := range it.Needs {
		a, left := removed[id]
		switch {
		case !left:
			needs = append(needs, id)
		case a.Result != model.ItemSuccess:
			gone = items[at[id]].Name
		}
	}
	return needs, gone
}
