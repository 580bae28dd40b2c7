package gitrepo

import "sync/atomic"

// Stats count what a Store did.
type Stats struct {
	// Heals of mirrors that were broken; Evictions of mirrors for room.
	Heals, Evictions atomic.Int64
}

// Bytes that the mirrors take, as they were last measured.
func (s *Store) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for _, m := range s.mirrors {
		sum += m.life.bytes.Load()
	}
	return sum
}

// BackingOff counts the code hosts, and repositories on them, that are left
// alone for a while because they failed.
func (s *Store) BackingOff() int { return s.network.backingOff() }
