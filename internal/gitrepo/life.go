package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// life of a Mirror is that of its directory. When the directory goes, because
// it is broken or takes room, a new Mirror begins at the same path. The old one
// must not write there: it remembers objects that the new one does not have.
type life struct {
	// Number tells the Mirrors of one process apart.
	number uint64
	// use is held for reading by who runs git or writes, for writing by who takes
	// the directory away. ctx ends before that, so that nobody waits for long.
	use sync.RWMutex
	ctx context.Context //nolint:containedctx // what runs in the mirror ends with the mirror
	end context.CancelCauseFunc
	// used is when it was used last, in Unix nanoseconds; marked is when that was
	// written down on disk.
	used, marked atomic.Int64
	// bytes on disk when it was last measured.
	bytes atomic.Int64
}

// GoneError says that a mirror was taken away while it was used. Asking the
// store for it again makes a new one.
type GoneError struct{ Project, Why string }

func (e *GoneError) Error() string {
	return fmt.Sprintf("the mirror of %s was taken away (%s); the next try makes a new one", e.Project, e.Why)
}

// Generation differs whenever the mirror of a project was made anew: what was
// made in an earlier one is not here.
func (m *Mirror) Generation() uint64 { return m.life.number }

// hold keeps the mirror's directory in place until release.
func (m *Mirror) hold() (release func(), err error) {
	m.life.use.RLock()
	if m.life.ctx.Err() != nil {
		m.life.use.RUnlock()
		return nil, context.Cause(m.life.ctx)
	}
	return m.life.use.RUnlock, nil
}

// markEvery bounds how often the time of the last use is written down: it is
// the time of the file HEAD, which nothing else changes.
const markEvery = int64(time.Minute)

// markUsed says that somebody wants the mirror. Housekeeping does not count.
func (m *Mirror) markUsed() {
	now := m.store.opts.Now()
	m.life.used.Store(now.UnixNano())
	if marked := m.life.marked.Load(); now.UnixNano()-marked >= markEvery && m.life.marked.CompareAndSwap(marked, now.UnixNano()) {
		_ = os.Chtimes(filepath.Join(m.dir, "HEAD"), now, now) // it only decides what is evicted first
	}
}

// lastUsed is when the mirror was used last, also by an earlier process.
func (m *Mirror) lastUsed() time.Time {
	if n := m.life.used.Load(); n != 0 {
		return time.Unix(0, n)
	}
	st, err := os.Stat(filepath.Join(m.dir, "HEAD"))
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

// run runs git in the mirror.
func (m *Mirror) run(ctx context.Context, c command) ([]byte, int, error) {
	return m.runIn(ctx, m.dir, c)
}

// runIn runs git in the mirror, or in a repository that is inside of it.
func (m *Mirror) runIn(ctx context.Context, dir string, c command) ([]byte, int, error) {
	release, err := m.hold()
	if err != nil {
		return nil, -1, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(m.life.ctx, func() { cancel(context.Cause(m.life.ctx)) })
	out, code, err := m.store.run(ctx, dir, c)
	stopped := ctx.Err() != nil
	stop()
	cancel(nil)
	release()
	if !stopped { // git that was stopped says all sorts of things
		err = m.judge(err)
	}
	return out, code, err
}

// discard takes the mirror's directory away; whoever works in it is stopped.
func (m *Mirror) discard(why string) error {
	m.life.end(&GoneError{Project: m.Project.Canonical(), Why: why})
	m.life.use.Lock()
	defer m.life.use.Unlock()
	return m.store.moveAway(m)
}

// discardUnused is discard for a mirror that nobody works in; else it does nothing.
func (m *Mirror) discardUnused(why string) (bool, error) {
	if !m.life.use.TryLock() {
		return false, nil
	}
	defer m.life.use.Unlock()
	m.life.end(&GoneError{Project: m.Project.Canonical(), Why: why})
	return true, m.store.moveAway(m)
}

// trashDir is where directories of mirrors wait to be deleted.
const trashDir = ".trash"

// moveAway makes room at the mirror's path at once and deletes in the background.
func (s *Store) moveAway(m *Mirror) error {
	m.forget()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mirrors[m.dir] != m {
		return nil
	}
	aside := filepath.Join(s.opts.Root, trashDir, strconv.FormatUint(m.life.number, 10))
	err := errors.Join(os.MkdirAll(filepath.Dir(aside), 0o700), os.Rename(m.dir, aside))
	if err != nil { // no room for a directory's name, it may be: then it goes in place
		err = os.RemoveAll(m.dir)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be taken away; delete it: %w", m.dir, err)
	}
	delete(s.mirrors, m.dir)
	s.background.Go(func() { _ = os.RemoveAll(aside) }) // what is left goes when the store is opened again
	return nil
}
