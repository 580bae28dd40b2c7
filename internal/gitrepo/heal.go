package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gozer-dev/gozer/internal/mergeplan"
)

// ward keeps account of what was done about doubts.
type ward struct {
	busy sync.Mutex
	// sound is when the mirror was last found to be whole.
	sound time.Time
}

// soundFor is how long a mirror that was found to be whole is not looked at
// again: looking takes as long as cloning.
const soundFor = 10 * time.Minute

// healEvery bounds how often a mirror is made anew: on a disk that breaks
// everything it would go on for ever.
const healEvery = time.Minute

// lastHeal says when the mirror at a path was made anew last; it is set when now is given.
func (s *Store) lastHeal(dir string, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.IsZero() {
		s.healed[dir] = now
	}
	return s.healed[dir]
}

// judge looks at an error of the mirror: a full disk and a broken mirror are
// dealt with and get their own errors.
func (m *Mirror) judge(err error) error {
	switch {
	case err == nil:
		return nil
	case full(err) || gitSaid(err, writeSigns) && m.store.hasNoRoom():
		return m.store.diskFull(err)
	case Denied(err) || unreachable(err) || gitSaid(err, fsckSigns) || gitSaid(err, limitSigns):
		return err // not the mirror's
	case errors.Is(err, fs.ErrExist) || gitSaid(err, lockSigns):
		m.removeLocks()
		return err
	case corrupt(err) || m.isAway(err):
		return m.doubt(err)
	}
	return err
}

// removeLocks removes what a git that was killed left behind. When nobody else
// works in the mirror, every lock is of the past.
func (m *Mirror) removeLocks() {
	if !m.life.use.TryLock() {
		return
	}
	defer m.life.use.Unlock()
	if err := removeStale(m.dir); err != nil {
		m.store.opts.Log.Warn("Old locks cannot be removed", "mirror", m.dir, "error", err)
	}
}

// isAway says whether the mirror's directory was deleted.
func (m *Mirror) isAway(err error) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err = os.Stat(m.dir)
	return errors.Is(err, fs.ErrNotExist)
}

// doubt finds out whether the mirror is broken, and if so does away with it.
func (m *Mirror) doubt(cause error) error {
	e := &CorruptError{Project: m.Project.Canonical(), Err: cause, Done: "it is being looked at, try again"}
	if !m.ward.busy.TryLock() {
		return e
	}
	defer m.ward.busy.Unlock()
	switch {
	case m.life.ctx.Err() != nil:
		return context.Cause(m.life.ctx)
	case m.store.opts.Now().Sub(m.ward.sound) < soundFor:
		return cause
	}
	if since := m.store.opts.Now().Sub(m.store.lastHeal(m.dir, time.Time{})); since < healEvery {
		e.Done = fmt.Sprintf("it was made anew %s ago, and is again in a minute; look at the disk", since.Round(time.Second))
		return e
	}
	refs := m.removeBrokenRefs()
	found := m.fault(m.life.ctx, cause)
	switch {
	case found != nil:
		e.Done = "it was put aside, and the next try makes a new one"
		m.store.lastHeal(m.dir, m.store.opts.Now())
		if err := m.discard("it was broken"); err != nil {
			e.Done = err.Error()
		}
	case refs > 0:
		found = fmt.Errorf("%d refs held no commit", refs)
		e.Done = "broken refs were taken away, try again"
	default:
		m.ward.sound = m.store.opts.Now()
		return cause
	}
	m.store.Stats.Heals.Add(1)
	m.store.opts.Log.Warn("A mirror was broken and is healed", "project", e.Project, "cause", cause.Error(), "found", found.Error(), "done", e.Done)
	return e
}

// absent is the error of an object that is not there although another one needs it.
func (m *Mirror) absent(id string) error { return m.judge(&absentError{id}) }

// WasThere is for errors about commits that Fetch found in the mirror just
// before: that one is missing now is the mirror's fault and not the author's.
func (m *Mirror) WasThere(err error) error {
	var missing *MissingError
	if errors.As(err, &missing) && len(missing.What) > 0 {
		return m.absent(missing.What[0])
	}
	return err
}

// fault is what is wrong with the mirror; nil if nothing is.
func (m *Mirror) fault(ctx context.Context, cause error) error {
	m.forget()
	var absent *absentError
	if errors.As(cause, &absent) {
		if kind, err := m.objects.kind(ctx, absent.id); err != nil || kind == "" {
			return cause
		}
	}
	// Connections first: that is quick, and finds what most crashes leave.
	for _, how := range []string{"--connectivity-only", "--full"} {
		_, _, err := m.store.run(ctx, m.dir, command{
			args:    []string{"fsck", how, "--no-dangling", "--no-progress", "--no-reflogs"},
			config:  fsckConfig(),
			timeout: m.store.opts.NetworkTimeout,
		})
		switch {
		case err == nil:
		case full(err) || gitSaid(err, limitSigns) || errors.Is(err, errDeadline) || ctx.Err() != nil:
			m.store.opts.Log.Warn("Whether a mirror is broken cannot be found out; if errors go on, delete it by hand", "mirror", m.dir, "error", err)
			return nil //nolint:nilerr // it is not known to be broken
		default:
			return err
		}
	}
	return nil
}

// fsckConfig forgives what fetching forgave.
func fsckConfig() []configPair {
	var c []configPair
	for _, p := range baseConfig {
		if id, ok := strings.CutPrefix(p.key, "fetch.fsck."); ok && p.value == "ignore" {
			c = append(c, configPair{"fsck." + id, p.value})
		}
	}
	return c
}

// removeBrokenRefs deletes ref files that hold no commit and counts them. Refs
// can be made again; a scope that lost one is not served any more, for it is
// published anew with every attempt of a build.
func (m *Mirror) removeBrokenRefs() int {
	removed := 0
	_ = filepath.WalkDir(filepath.Join(m.dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".lock") {
			return nil //nolint:nilerr // what cannot be read is found by fsck
		}
		content, err := os.ReadFile(path)
		said := strings.TrimSpace(string(content))
		if err != nil || strings.HasPrefix(said, "ref: refs/") || mergeplan.CheckCommit(said) == nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		removed++
		_ = os.Remove(path)
		if _, scope, ok := strings.Cut(filepath.ToSlash(path), "/"+publishedRefs); ok {
			_ = os.Remove(filepath.Join(m.dir, publishedName, filepath.FromSlash(scope), "HEAD"))
		}
		return nil
	})
	return removed
}
