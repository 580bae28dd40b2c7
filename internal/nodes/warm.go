package nodes

import (
	"cmp"
	"slices"
	"time"
)

// Wish is how many nodes of a label are kept warm for a tenant.
type Wish struct {
	Tenant, Label string
	// Template is what they are to be made of.
	Template string
	Ready    int
	// Most that may wait; Ready when it is less.
	Most int
	// MaxAge of one that nobody took; 0 for no bound.
	MaxAge time.Duration
}

// Warm is a node that was made to wait.
type Warm struct {
	Name                    string
	Tenant, Label, Template string
	Made                    time.Time
	// Ready to be taken; Leaving is deleted already.
	Ready, Leaving bool
}

// Warmth is what to do about the warm nodes of a pool.
type Warmth struct {
	// Make one node for each.
	Make []Wish
	// Drop are the names of nodes that go.
	Drop []string
	// Next is when a node will be too old, or a failed one is replaced; zero for never.
	Next time.Time
}

// Keep decides which warm nodes a pool makes and drops. Those whose template is
// another than wished, that are too old or more than may wait go. One that failed
// stays until the time in which it could have started is over: what fails at
// once would otherwise be made again and again without a pause.
func Keep(wishes []Wish, have []Warm, patience time.Duration, now time.Time) Warmth {
	var out Warmth
	due := func(at time.Time) bool {
		if !at.After(now) {
			return true
		}
		if out.Next.IsZero() || at.Before(out.Next) {
			out.Next = at
		}
		return false
	}
	have = slices.SortedFunc(slices.Values(have), func(a, b Warm) int {
		return cmp.Or(first(!a.Ready)-first(!b.Ready), a.Made.Compare(b.Made), cmp.Compare(a.Name, b.Name))
	})
	left, room := map[int]int{}, map[int]int{}
	for i, w := range wishes {
		left[i], room[i] = w.Ready, max(w.Ready, w.Most)
	}
	for _, x := range have {
		i := slices.IndexFunc(wishes, func(w Wish) bool { return w.Tenant == x.Tenant && w.Label == x.Label })
		switch {
		case x.Leaving:
		case i < 0, wishes[i].Template != x.Template, room[i] == 0,
			wishes[i].MaxAge > 0 && due(x.Made.Add(wishes[i].MaxAge)),
			!x.Ready && due(x.Made.Add(patience)):
			out.Drop = append(out.Drop, x.Name)
		default:
			left[i]--
			room[i]--
		}
	}
	for i, w := range wishes {
		for range max(0, left[i]) {
			out.Make = append(out.Make, w)
		}
	}
	return out
}
