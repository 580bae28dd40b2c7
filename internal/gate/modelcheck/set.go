package modelcheck

import (
	"sync"
	"sync/atomic"
)

// set holds the fingerprints of the states that were seen, each with its number:
// open addressing in shards, each with a lock of its own.
type set struct {
	shards [shards]shard
	count  atomic.Uint32
}

const shards = 256

type shard struct {
	mu    sync.Mutex
	slots []slot
	used  int
}

type slot struct {
	print fingerprint
	// number plus one; 0 is free.
	number uint32
}

// add gives a state's number, and says whether it is new.
func (s *set) add(p fingerprint) (number uint32, fresh bool) {
	h := &s.shards[p.hi%shards]
	h.mu.Lock()
	defer h.mu.Unlock()
	if 4*h.used >= 3*len(h.slots) {
		h.grow()
	}
	at := h.find(p)
	if n := h.slots[at].number; n != 0 {
		return n - 1, false
	}
	h.used++
	n := s.count.Add(1)
	h.slots[at] = slot{print: p, number: n}
	return n - 1, true
}

func (h *shard) find(p fingerprint) int {
	mask := len(h.slots) - 1
	at := int(p.lo) & mask
	for h.slots[at].number != 0 && h.slots[at].print != p {
		at = (at + 1) & mask
	}
	return at
}

func (h *shard) grow() {
	old := h.slots
	h.slots = make([]slot, max(64, 2*len(old)))
	for _, x := range old {
		if x.number != 0 {
			h.slots[h.find(x.print)] = x
		}
	}
}
