package logarchive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
)

// Keep moves logs that have ended from the manager's store here, until ctx ends.
// It looks when one ends, and every so often for those that could not be moved.
func (a *Archive) Keep(ctx context.Context, from *logstore.Store, every time.Duration, logf func(format string, args ...any)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := a.MoveAll(ctx, from); err != nil && ctx.Err() == nil {
			logf("logs stay on the manager's disk for now: %v", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-from.Ended():
		case <-tick.C:
		}
	}
}

// MoveAll moves all logs that have ended. One that cannot be moved does not keep
// the others, and is tried again later, each time after twice as long. It is not
// to be called twice at once.
func (a *Archive) MoveAll(ctx context.Context, from *logstore.Store) error {
	ended, err := from.Final()
	errs := []error{err}
	again := map[logstore.Key]later{} // what is gone is forgotten
	var mu sync.Mutex
	var moves errgroup.Group
	moves.SetLimit(movesAtOnce)
	for _, i := range ended {
		l, failed := a.later[i.Key]
		if failed && a.opts.Now().Before(l.at) {
			mu.Lock()
			again[i.Key] = l
			mu.Unlock()
			continue
		}
		moves.Go(func() error {
			if err := a.moveInTime(ctx, from, i); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: %w", i.Key, err))
				again[i.Key] = l.next(a.opts.Now())
			}
			return nil
		})
	}
	_ = moves.Wait() // nothing of it ends the others
	a.later = again
	return errors.Join(errs...)
}

// movesAtOnce: what a bucket elsewhere takes is its answers' time, not its width.
const movesAtOnce = 8

// later is when a move that failed is tried again: what will never go must not
// be sent as a whole every time.
type later struct {
	at   time.Time
	wait time.Duration
}

const (
	firstWait   = 25 * time.Second // less than what Keep waits: the next look tries again
	longestWait = 30 * time.Minute
)

func (l later) next(now time.Time) later {
	wait := min(max(2*l.wait, firstWait), longestWait)
	return later{at: now.Add(wait), wait: wait}
}

const (
	// moveTime is how long a log may take to be moved, and slowestMove bytes a second beyond that.
	moveTime    = time.Minute
	slowestMove = 256 << 10
)

// moveInTime gives up on a bucket that does not answer: other logs wait behind this.
func (a *Archive) moveInTime(ctx context.Context, from *logstore.Store, i logstore.Info) error {
	ctx, cancel := context.WithTimeout(ctx, timeOf(i.Size))
	defer cancel()
	return a.move(ctx, from, i.Key)
}

func timeOf(size int64) time.Duration {
	return moveTime + time.Duration(size/slowestMove)*time.Second
}

// move is safe at any point: the log is in the store until it is known to be
// here, as a whole. Moving it again writes the same.
func (a *Archive) move(ctx context.Context, from *logstore.Store, k logstore.Key) error {
	f, info, err := from.OpenLog(k)
	if err != nil {
		return err
	}
	defer f.Close()
	// A log that was begun anew while the bucket was away is shorter than what was moved before.
	before, err := a.Stat(ctx, k, buildspec.LogName)
	switch {
	case err == nil && before.Size > info.Size:
		return from.Remove(k)
	case err != nil && !errors.Is(err, logstore.ErrNotFound):
		return err
	}
	if err := a.write(ctx, k, buildspec.LogName, info.Size, f); err != nil {
		return err
	}
	kept, err := a.Stat(ctx, k, buildspec.LogName)
	if err != nil {
		return err
	}
	if kept.Size != info.Size {
		return fmt.Errorf("the bucket has %d of %d bytes", kept.Size, info.Size)
	}
	if err := a.folder.sync(); err != nil {
		return err
	}
	return from.Remove(k)
}
