package github

import (
	"context"
	"sync"
)

// slots let so many in at once; of those who wait the highest priority first, then
// who came first.
type slots struct {
	mu      sync.Mutex
	free    int
	waiting [forMerging + 1][]chan struct{}
}

func newSlots(n int) *slots { return &slots{free: n} }

func (s *slots) take(ctx context.Context, p priority) error {
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	rank := p.rank()
	s.waiting[rank] = append(s.waiting[rank], turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, w := range s.waiting[rank] {
		if w == turn {
			s.waiting[rank] = append(s.waiting[rank][:n], s.waiting[rank][n+1:]...)
			return ctx.Err()
		}
	}
	s.next() // it was given a place meanwhile, and does not want it
	return ctx.Err()
}

func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next()
}

// next gives a place that is free now to who waits.
func (s *slots) next() {
	for rank := len(s.waiting) - 1; rank >= 0; rank-- {
		if w := s.waiting[rank]; len(w) > 0 {
			s.waiting[rank] = w[1:]
			close(w[0])
			return
		}
	}
	s.free++
}

// rank orders priorities, the lowest first.
func (p priority) rank() int {
	switch p {
	case forPolling:
		return 0
	case forReading:
		return 1
	case forReporting:
		return 2
	}
	return 3
}
