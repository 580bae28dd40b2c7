package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Bounds on how scattered the objects of a mirror may be: files of packs, and
// objects that have a file of their own.
const (
	maxPacks = 20
	maxLoose = 2000
)

const (
	// collectEvery is how often a mirror is rid of what nothing refers to. All of
	// it is packed anew then: a large mirror takes a while.
	collectEvery = 24 * time.Hour
	// keepUnreferenced keeps what nothing refers to yet: a merge in progress.
	keepUnreferenced = 48 * time.Hour
)

// Maintain keeps the objects of a mirror together. What is new is packed as soon as
// it is much, with no more of the old than keeps packs few; once a day everything
// is, and what nothing refers to goes. Refs stay loose, since their age is read
// from their files.
func (m *Mirror) Maintain(ctx context.Context) error {
	due, err := m.mustCollect()
	switch {
	case err != nil:
		return err
	case due:
		return m.collect(ctx)
	}
	scattered, err := m.isScattered()
	if err != nil || !scattered {
		return err
	}
	return m.pack(ctx)
}

func (m *Mirror) isScattered() (bool, error) {
	packs, err := filepath.Glob(filepath.Join(m.dir, "objects/pack/*.pack"))
	if err != nil {
		return false, err
	}
	loose, err := filepath.Glob(filepath.Join(m.dir, "objects/17/*")) // a 256th of them, as git gc --auto counts
	return len(packs) > maxPacks || len(loose) > maxLoose/256, err
}

// collected is the file whose time tells when a mirror was collected last, or when
// it was first looked at.
const collected = "collected"

// mustCollect says whether it is time, and notes that it was: after a failure, too, the
// next try is a day later, or a mirror that is too large would be at it all the time.
func (m *Mirror) mustCollect() (bool, error) {
	now, path := m.store.opts.Now(), filepath.Join(m.dir, collected)
	st, err := os.Stat(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	case err == nil && now.Sub(st.ModTime()) < collectEvery:
		return false, nil
	case err == nil && st.ModTime().After(m.lastUsed().Add(m.store.opts.KeepScopes+keepUnreferenced+2*collectEvery)):
		return false, nil // nobody used it for so long that all went that could
	}
	known := err == nil
	err = m.write(func() error {
		return errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, now, now))
	})
	return known, err
}

// pack packs loose objects, and with them those packs that are small beside what
// comes of it, so that sizes double from one pack to the next. Nothing is lost,
// also not what nothing refers to.
func (m *Mirror) pack(ctx context.Context) error {
	return m.repack(ctx, command{args: []string{"repack", "-d", "-n", "--quiet", "--geometric=2"}})
}

// collect packs everything that refs lead to, what was published among it, and
// deletes what they do not when it has not been written for keepUnreferenced.
// Until then that is in a pack of its own: as loose objects it would be packed
// again every hour.
func (m *Mirror) collect(ctx context.Context) error {
	defer m.forget()
	return m.repack(ctx, command{
		// By force: the lock of a gc that was killed counts for half a day, and is
		// believed when another process has its number meanwhile. There is no other gc.
		args:   []string{"gc", "--quiet", "--force", "--cruft", "--prune=" + strconv.Itoa(int(keepUnreferenced.Hours())) + ".hours.ago"},
		config: []configPair{{"gc.packRefs", "false"}, {"gc.writeCommitGraph", "true"}},
	})
}

// repack runs what writes packs, one at a time. It is in nobody's way, so it has one
// thread and the time of a fetch.
func (m *Mirror) repack(ctx context.Context, c command) error {
	m.repacking.Lock()
	defer m.repacking.Unlock()
	c.config = append(c.config, configPair{"pack.threads", "1"})
	c.timeout = m.store.opts.NetworkTimeout
	_, _, err := m.run(ctx, c)
	if err != nil {
		err = errors.Join(err, m.write(m.removeHalfPacked))
	}
	return err
}

// halfPacked are packs of a repack that did not end.
const halfPacked = ".tmp-"

// removeHalfPacked removes what a repack left that was killed; they may be as large
// as the mirror, and git never looks at them again.
func (m *Mirror) removeHalfPacked() error {
	left, err := filepath.Glob(filepath.Join(m.dir, "objects/pack", halfPacked+"*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return fmt.Errorf("what a repack left: %w", err)
	}
	return nil
}

// forget what was read: gc takes away what nothing refers to.
func (m *Mirror) forget() {
	m.objects.reset()
	m.known.commits.Clear()
	m.known.trees.Clear()
	m.known.frozen.Clear()
}
