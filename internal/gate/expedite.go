package gate

import "slices"

// Expedite puts an urgent item right behind the last one that it must not pass,
// with what it needs ahead of it; the others keep their order. An item that is
// not passed stands on what it stood on, so nobody who stays is tested anew.
//
//	A ● B ● C ○ D ○ U ○     U goes behind B, the last that has started: A B U C D.
func Expedite(order []string, urgent string, stays func(id string) bool, needs map[string][]string) []string {
	last := -1
	for n, id := range order {
		if id != urgent && stays(id) {
			last = n
		}
	}
	if slices.Index(order, urgent) <= last {
		return order // it is ahead of where it would be put
	}
	return Promote(order, append(slices.Clone(order[:last+1]), urgent), needs)
}
