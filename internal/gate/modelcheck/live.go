package modelcheck

import "errors"

// live asserts that no run of fair steps is endless. There are finitely many
// states, so an endless run goes in a circle; states without a fair step ahead
// of them are taken away until none is left, or a circle is. As a state without
// a fair step has an empty queue, every queue drains.
func live(crew []*worker, states int) *violation {
	into := make([]uint16, states)
	where := make([]uint64, states) // worker and place of a state's edges
	for c, w := range crew {
		for at := 0; at < len(w.edges); {
			from, n := w.edges[at], int(w.edges[at+1])
			where[from] = uint64(c)<<48 | uint64(at)
			for _, to := range w.edges[at+2 : at+2+n] {
				into[to]++
			}
			at += 2 + n
		}
	}
	edges := func(n uint32) []uint32 {
		list := crew[where[n]>>48].edges
		at := int(where[n] & (1<<48 - 1))
		return list[at+2 : at+2+int(list[at+1])]
	}
	var free []uint32
	for n, d := range into {
		if d == 0 {
			free = append(free, uint32(n))
		}
	}
	taken := 0
	for len(free) > 0 {
		n := free[len(free)-1]
		free = free[:len(free)-1]
		taken++
		for _, to := range edges(n) {
			if into[to]--; into[to] == 0 {
				free = append(free, to)
			}
		}
	}
	if taken == states {
		return nil
	}
	for n, d := range into {
		if d > 0 {
			return &violation{errors.New("not live: fair steps lead in a circle from here"), uint32(n), -1}
		}
	}
	return nil
}
