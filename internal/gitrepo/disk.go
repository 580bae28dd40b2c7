package gitrepo

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// FullError says that the disk of the mirrors is full.
type FullError struct{ Err error }

func (e *FullError) Error() string {
	return fmt.Sprintf("the merger's disk is full; give its volume more room, or set --max-disk below its size, so that mirrors that nobody uses are deleted in time: %v", e.Err)
}

func (e *FullError) Unwrap() error { return e.Err }

// inUse is how long after its last use a mirror counts as used: a request may
// come back to it after it waited for something else.
const inUse = 5 * time.Minute

// diskFull makes the room that can be made, for the next try.
func (s *Store) diskFull(err error) error {
	if evicted := s.evict(1); evicted == 0 {
		s.opts.Log.Error("The disk is full, and there is no mirror that could be deleted", "error", err)
	}
	return &FullError{Err: err}
}

// hasNoRoom says whether the disk has room for a small file.
func (s *Store) hasNoRoom() bool {
	var fs syscall.Statfs_t
	const small = 64 << 10
	err := syscall.Statfs(s.opts.Root, &fs)
	return err == nil && (fs.Bavail*uint64(fs.Bsize) < small || fs.Files > 0 && fs.Ffree == 0) //nolint:gosec,unconvert // a size is not negative; its type differs between systems
}

// whenFull words an error, if a full disk is its reason.
func whenFull(err error) error {
	if full(err) {
		return &FullError{Err: err}
	}
	return err
}

// MakeRoom deletes mirrors, those that were not used for longest first, until
// all take no more than Options.MaxBytes. A mirror stays that is in use, or in
// which a scope is published: builds read from it. It gives the bytes that are
// left.
func (s *Store) MakeRoom() (int64, error) {
	mirrors, err := s.Existing()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, m := range mirrors {
		total += m.measure()
	}
	if s.opts.MaxBytes == 0 || total <= s.opts.MaxBytes {
		return total, nil
	}
	return total - s.evict(total-s.opts.MaxBytes), nil
}

// evict deletes mirrors until so many bytes are freed, and gives how many were.
func (s *Store) evict(bytes int64) int64 {
	if !s.evicting.TryLock() {
		return 0 // somebody is at it
	}
	defer s.evicting.Unlock()
	mirrors, err := s.Existing()
	if err != nil {
		return 0
	}
	slices.SortFunc(mirrors, func(a, b *Mirror) int { return a.lastUsed().Compare(b.lastUsed()) })
	var freed int64
	now := s.opts.Now()
	for _, m := range mirrors {
		if freed >= bytes {
			break
		}
		if now.Sub(m.lastUsed()) < inUse || m.publishedAfter(now.Add(-s.opts.KeepScopes)) {
			continue
		}
		size := m.measure()
		gone, err := m.discardUnused("it was not used for longest, and its room was needed")
		if err != nil {
			s.opts.Log.Error("A mirror that is not used cannot be deleted", "project", m.Project.Canonical(), "error", err)
		}
		if gone && err == nil {
			freed += size
			s.Stats.Evictions.Add(1)
			s.opts.Log.Info("A mirror was deleted to make room", "project", m.Project.Canonical(), "bytes", size, "unused", now.Sub(m.lastUsed()).Round(time.Second).String())
		}
	}
	return freed
}

// publishedAfter says whether a scope was published in the mirror after a time.
func (m *Mirror) publishedAfter(t time.Time) bool {
	scopes, err := m.published(func(at time.Time) bool { return at.After(t) })
	return err != nil || len(scopes) > 0
}

// measure counts the bytes of the mirror's files.
func (m *Mirror) measure() int64 {
	var sum int64
	_ = filepath.WalkDir(m.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what is gone takes no room
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	m.life.bytes.Store(sum)
	return sum
}

// roomFor makes room when a mirror is new: the others may have to go.
func (s *Store) roomFor(m *Mirror) {
	if s.opts.MaxBytes == 0 {
		return
	}
	if left, err := s.MakeRoom(); err != nil || left > s.opts.MaxBytes {
		s.opts.Log.Warn("The mirrors take more room than they should, and all that could be deleted are in use",
			"bytes", left, "most", s.opts.MaxBytes, "project", m.Project.Canonical(), "error", err)
	}
}

// isEmpty says whether nothing was fetched yet.
func (m *Mirror) isEmpty() bool {
	packs, err := filepath.Glob(filepath.Join(m.dir, "objects/pack/*.pack"))
	return err == nil && len(packs) == 0
}

// removeUnfinished removes what a failed fetch left behind: git does so only
// when it can. It gives the size of the largest file.
func (m *Mirror) removeUnfinished() (largest int64) {
	if !m.repacking.TryLock() {
		return 0 // the files may be those of repack; the next process removes what is left
	}
	defer m.repacking.Unlock()
	left, _ := filepath.Glob(filepath.Join(m.dir, "objects/pack/tmp_*"))
	for _, path := range left {
		if st, err := os.Stat(path); err == nil {
			largest = max(largest, st.Size())
		}
		_ = os.Remove(path)
	}
	return largest
}
