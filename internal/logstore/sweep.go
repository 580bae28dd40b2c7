package logstore

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Swept is what a sweep did.
type Swept struct {
	Removed      int
	RemovedBytes int64
	// Kept is the number of bytes of the logs that are left.
	Kept int64
}

// Sweep removes logs that are too old, and then, as long as all logs together
// are too large, the oldest: finished ones first.
func (s *Store) Sweep() (Swept, error) {
	all, err := s.list()
	if err != nil {
		return Swept{}, err
	}
	var done Swept
	for _, i := range all {
		done.Kept += i.Size
	}
	for _, i := range toRemove(all, s.opts, s.opts.Now()) {
		if err := s.remove(i.Key); err != nil {
			return done, err
		}
		done.Removed++
		done.RemovedBytes += i.Size
		done.Kept -= i.Size
	}
	return done, nil
}

// SweepEvery sweeps until ctx ends; errors go to logf.
func (s *Store) SweepEvery(ctx context.Context, every time.Duration, logf func(format string, args ...any)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if _, err := s.Sweep(); err != nil {
			logf("log store: sweep: %v", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// toRemove is pure: which logs have to go, given all of them.
func toRemove(all []Info, o Options, now time.Time) []Info {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Info) int {
		if a.Final != b.Final {
			if a.Final {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Modified.Compare(b.Modified), strings.Compare(a.Key.String(), b.Key.String()))
	})
	var total int64
	tooOld := func(i Info) bool { return o.MaxAge > 0 && now.Sub(i.Modified) > o.MaxAge }
	for _, i := range all {
		if !tooOld(i) {
			total += i.Size
		}
	}
	var out []Info
	for _, i := range all {
		switch {
		case tooOld(i):
			out = append(out, i)
		case o.MaxTotalBytes > 0 && total > o.MaxTotalBytes:
			out = append(out, i)
			total -= i.Size
		}
	}
	return out
}

// list finds all logs; what else lies in the directory is left alone.
func (s *Store) list() ([]Info, error) {
	var out []Info
	err := fs.WalkDir(s.root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		base, ok := strings.CutSuffix(path.Base(p), logSuffix)
		build := path.Dir(p)
		if !ok || strings.Count(p, "/") != 2 {
			return nil
		}
		k, err := ParseKey(path.Dir(build), path.Base(build), base)
		if err != nil {
			return nil //nolint:nilerr // not a log: it is left alone
		}
		if info, err := s.Stat(k); err == nil {
			out = append(out, info)
		}
		return nil
	})
	return out, err
}

// remove takes one log away; whoever follows it is told.
func (s *Store) remove(k Key) error {
	l := s.use(k)
	defer s.release(k, l)
	l.writing.Lock()
	defer l.writing.Unlock()
	defer s.announce(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	// The marker last: a log without its marker would look unfinished.
	for _, suffix := range []string{logSuffix, finalSuffix} {
		if err := s.root.Remove(k.path(suffix)); err != nil && !isNotExist(err) {
			return err
		}
	}
	// These fail while others are in them.
	_ = s.root.Remove(k.dir())
	_ = s.root.Remove(k.Namespace)
	return nil
}
