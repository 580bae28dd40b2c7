package gitrepo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"
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
