package changequeue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/drivers"
)

func TestDelayOf(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	unanswered := func(in time.Duration) error {
		return fmt.Errorf("post: %w", &drivers.UnansweredError{Host: "code.example.com", Again: now.Add(in), Err: context.DeadlineExceeded})
	}
	for name, tc := range map[string]struct {
		err  error
		want time.Duration
	}{
		"later, says the host":         {fmt.Errorf("merge: %w", drivers.ErrTryLater), retryMerge},
		"refused":                      {errors.New("connection refused"), retryHost},
		"not asked for 12 s":           {unanswered(12 * time.Second), 12 * time.Second},
		"to be asked again since long": {unanswered(-time.Minute), retryHost},
	} {
		if got := delayOf(tc.err, now); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}
