package logarchive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gocloud.dev/blob"

	"github.com/gozer-dev/gozer/internal/logstore"
)

// attempt is what one attempt has in the bucket.
type attempt struct {
	key  logstore.Key
	size int64
	// modified is when the last object came.
	modified time.Time
}

// Sweep removes attempts that are too old, and then, as long as all together
// are too large, the oldest. Only with a bound on all of them are they
// remembered at once: a bucket may have millions.
func (a *Archive) Sweep(ctx context.Context) (logstore.Swept, error) {
	var done logstore.Swept
	var left []attempt
	var failed []error
	// What cannot be deleted, a bucket may lock objects, does not keep the others.
	remove := func(t attempt) bool {
		if err := a.remove(ctx, t.key); err != nil {
			if len(failed) < toldFailures {
				failed = append(failed, fmt.Errorf("%s: %w", t.key, err))
			}
			return false
		}
		done.Removed++
		done.RemovedBytes += t.size
		return true
	}
	err := a.attempts(ctx, func(t attempt) error {
		tooOld := a.opts.MaxAge > 0 && a.opts.Now().Sub(t.modified) > a.opts.MaxAge
		if tooOld && remove(t) {
			return nil
		}
		done.Kept += t.size
		if !tooOld && a.opts.MaxTotalBytes > 0 {
			left = append(left, t)
		}
		return ctx.Err()
	})
	if err != nil {
		return done, errors.Join(append(failed, err)...)
	}
	slices.SortStableFunc(left, func(x, y attempt) int { return x.modified.Compare(y.modified) })
	for _, t := range left {
		if done.Kept <= a.opts.MaxTotalBytes || ctx.Err() != nil {
			break
		}
		if remove(t) {
			done.Kept -= t.size
		}
	}
	return done, errors.Join(append(failed, ctx.Err())...)
}

// toldFailures of one sweep; there may be as many as there are logs.
const toldFailures = 10

// SweepEvery sweeps until ctx ends; errors go to logf.
func (a *Archive) SweepEvery(ctx context.Context, every time.Duration, logf func(format string, args ...any)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		// A bucket that does not answer is asked again, not waited for.
		in, cancel := context.WithTimeout(ctx, max(every, moveTime))
		if _, err := a.Sweep(in); err != nil && ctx.Err() == nil {
			logf("kept logs: sweep: %v", err)
		}
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// attempts calls do with every attempt. Objects of one come one after the other:
// lists are in the order of keys, and a folder is walked folder by folder.
func (a *Archive) attempts(ctx context.Context, do func(attempt) error) error {
	var now attempt
	flush := func() error {
		if now.key == (logstore.Key{}) {
			return nil
		}
		return do(now)
	}
	err := a.below(ctx, "", func(o *blob.ListObject) error {
		k, _, ok := parseObject(o.Key)
		if !ok {
			return nil
		}
		if k != now.key {
			if err := flush(); err != nil {
				return err
			}
			now = attempt{key: k}
		}
		now.size += o.Size
		if o.ModTime.After(now.modified) {
			now.modified = o.ModTime
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// remove deletes all that an attempt has. When it breaks off, the next sweep goes on.
func (a *Archive) remove(ctx context.Context, k logstore.Key) error {
	files, err := a.List(ctx, k)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := notFound(a.bucket.Delete(ctx, objectKey(k, f.Name))); err != nil && !errors.Is(err, logstore.ErrNotFound) {
			return err
		}
	}
	a.folder.tidy(k)
	return nil
}
