package gate

import "slices"

// Alternatives are the places that items get if those of which a failed build is
// run again fail for good: what Plan would make of the queue then. There are none
// while the queue is not settled, for then everything may be different soon.
func Alternatives(q Queue) []Alternative {
	doubtful := false
	for i := range q.Items {
		doubtful = doubtful || q.Items[i].Facts.Retrying
	}
	if !doubtful {
		return nil
	}
	for _, a := range Plan(q) {
		if !a.Kind.Outside() {
			return nil
		}
	}
	q.Items = slices.Clone(q.Items)
	for i := range q.Items {
		if f := &q.Items[i].Facts; f.Retrying {
			f.Failing, f.Reason = true, "its failed build fails again"
		}
	}
	next := Apply(q, Plan(q))
	now := make(map[string]int, len(q.Items))
	for i := range q.Items {
		now[q.Items[i].ID] = i
	}
	var out []Alternative
	for i := range next.Items {
		it := &next.Items[i]
		if was := &q.Items[now[it.ID]]; was.Active && it.Active && it.Epoch > was.Epoch {
			out = append(out, Alternative{Item: it.ID, Ahead: it.Ahead, AheadEpoch: it.AheadEpoch, Epoch: it.Epoch})
		}
	}
	return out
}

// Alternative is where an item would stand.
type Alternative struct {
	Item string
	// Ahead is the item that it would be tested on, in that epoch; empty for the
	// branches. An epoch that Ahead does not have yet is that of its own alternative.
	Ahead      string
	AheadEpoch int
	// Epoch that it would have.
	Epoch int
}
