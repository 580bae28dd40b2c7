package gate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAlternatives(t *testing.T) {
	running := func(id, ahead string, more ...func(*Item)) Item {
		it := Item{ID: id, Name: id, Live: true, Place: Place{Epoch: 1, Ahead: ahead, Active: true}, Facts: Facts{Prepared: true, Jobs: 1}}
		if ahead != "" {
			it.AheadEpoch = 1
		}
		for _, f := range more {
			f(&it)
		}
		return it
	}
	retrying := func(it *Item) { it.Facts.Retrying = true }
	failing := func(it *Item) { it.Facts.Failing = true }
	needs := func(id string) func(*Item) { return func(it *Item) { it.Needs = []string{id} } }
	waiting := func(it *Item) { it.Active, it.Facts = false, Facts{} }
	for name, c := range map[string]struct {
		items []Item
		want  []Alternative
	}{
		"nothing fails": {[]Item{running("A", ""), running("B", "A")}, nil},
		"the head": {
			[]Item{running("A", "", retrying), running("B", "A"), running("C", "B")},
			[]Alternative{{Item: "B", Epoch: 2}, {Item: "C", Ahead: "B", AheadEpoch: 2, Epoch: 2}},
		},
		"in the middle": {
			[]Item{running("A", ""), running("B", "A", retrying), running("C", "B")},
			[]Alternative{{Item: "C", Ahead: "A", AheadEpoch: 1, Epoch: 2}},
		},
		"two": {
			// If A fails, B is tested anew and may pass: C stands on it.
			[]Item{running("A", "", retrying), running("B", "A", retrying), running("C", "B")},
			[]Alternative{{Item: "B", Epoch: 2}, {Item: "C", Ahead: "B", AheadEpoch: 2, Epoch: 2}},
		},
		"what needs it is not tested without it": {
			[]Item{running("A", "", retrying), running("B", "A", needs("A")), running("C", "B")},
			[]Alternative{{Item: "C", Epoch: 2}},
		},
		"what is outside the window waits": {
			[]Item{running("A", "", retrying), running("B", "A"), running("C", "B"), running("D", "C", waiting)},
			[]Alternative{{Item: "B", Epoch: 2}, {Item: "C", Ahead: "B", AheadEpoch: 2, Epoch: 2}},
		},
		"not while something else is to be decided": {
			[]Item{running("A", "", retrying), running("B", "A", failing), running("C", "B")},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := Queue{Merges: true, Window: Window{Size: 3, Floor: 1}, Items: c.items}
			before := q
			before.Items = append([]Item(nil), q.Items...)
			if diff := cmp.Diff(c.want, Alternatives(q)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, q); diff != "" {
				t.Errorf("the queue was changed:\n%s", diff)
			}
		})
	}
}
