package executor

import (
	"context"
	"time"
)

// Backoff spaces attempts: First, then twice as long each time, at most Max.
type Backoff struct {
	First, Max time.Duration
	// Attempts in all; 0 is no bound.
	Attempts int
}

// pause is the time after the nth failed attempt, n from 0.
func (b Backoff) pause(n int) time.Duration {
	d := b.First
	for range n {
		d *= 2
		if d >= b.Max {
			return b.Max
		}
	}
	return min(d, b.Max)
}

// wait returns false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
