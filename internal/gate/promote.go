package gate

import "slices"

// Promote puts items at the front of a queue in the given order, each behind
// what it needs; the others keep theirs (Zuul: promote). Who stood behind the
// same items as before is not tested anew: Plan sees to that.
func Promote(order, first []string, needs map[string][]string) []string {
	out := make([]string, 0, len(order))
	placed := map[string]bool{}
	var place func(id string)
	place = func(id string) {
		if placed[id] || !slices.Contains(order, id) {
			return
		}
		placed[id] = true
		for _, need := range needs[id] {
			place(need)
		}
		out = append(out, id)
	}
	for _, id := range first {
		place(id)
	}
	for _, id := range order {
		place(id)
	}
	return out
}
