package gitrepo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	maxPacks = 40
	// pruneAfter keeps objects that nothing refers to yet: a merge in progress.
	pruneAfter = "2.days.ago"
)

// Sweep deletes what has not been wanted since a time: prepared states,
// fetched changes and published scopes. It gives the digests of the states
// that are gone. A ref's age is that of its file: refs are never packed.
func (m *Mirror) Sweep(ctx context.Context, states, scopes time.Time) ([]string, error) {
	old, err := m.oldRefs(ctx, []string{stateRefs, frozenRefs, fetchedRefs + "c-*", fetchedRefs + "s-*"}, states)
	if err != nil {
		return nil, err
	}
	if err := m.DeleteRefs(ctx, old); err != nil {
		return nil, err
	}
	var digests []string
	for _, ref := range old {
		if d, ok := strings.CutPrefix(ref, stateRefs); ok {
			digests = append(digests, d)
		}
	}
	return digests, m.sweepScopes(ctx, scopes)
}

func (m *Mirror) oldRefs(ctx context.Context, patterns []string, before time.Time) ([]string, error) {
	out, _, err := m.run(ctx, command{args: append([]string{"for-each-ref", "--format=%(refname)"}, patterns...)})
	if err != nil {
		return nil, err
	}
	var old []string
	for _, ref := range splitOutput(out, '\n') {
		if m.refTime(ref).Before(before) {
			old = append(old, ref)
		}
	}
	return old, nil
}

func (m *Mirror) refTime(ref string) time.Time {
	for _, file := range []string{ref, "packed-refs"} {
		if st, err := os.Stat(filepath.Join(m.dir, filepath.FromSlash(file))); err == nil {
			return st.ModTime()
		}
	}
	return time.Now()
}

// Maintain repacks a mirror that has become scattered. Refs stay loose, since
// their age is read from their files.
func (m *Mirror) Maintain(ctx context.Context) error {
	packs, err := filepath.Glob(filepath.Join(m.dir, "objects/pack/*.pack"))
	if err != nil {
		return err
	}
	loose, err := filepath.Glob(filepath.Join(m.dir, "objects/17/*")) // a 256th of them, as git gc --auto counts
	if err != nil || (len(packs) <= maxPacks && len(loose) <= 27) {
		return err
	}
	return m.gc(ctx)
}

func (m *Mirror) gc(ctx context.Context) error {
	m.repacking.Lock()
	defer m.repacking.Unlock()
	defer m.forget()
	_, _, err := m.run(ctx, command{
		args:    []string{"gc", "--quiet", "--prune=" + pruneAfter},
		config:  []configPair{{"gc.packRefs", "false"}, {"pack.threads", "1"}, {"gc.writeCommitGraph", "true"}},
		timeout: m.store.opts.NetworkTimeout,
	})
	return err
}

// forget what was read: gc takes away what nothing refers to.
func (m *Mirror) forget() {
	m.objects.reset()
	m.known.commits.Clear()
	m.known.trees.Clear()
	m.known.frozen.Clear()
}
