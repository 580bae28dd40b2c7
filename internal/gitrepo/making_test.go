package gitrepo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
)

// A merger that is killed while it makes a mirror must not leave half of one.
func TestMirrorIsWholeOrNotThere(t *testing.T) {
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	killed := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(killed, []byte("#!/bin/sh\necho 'ref: refs/heads/none' >\"$GIT_DIR/HEAD\"\nkill -9 $$\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	s, err := NewStore(Options{Root: root, GitBinary: killed})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.EnsureMirror(t.Context(), api); err == nil {
		t.Fatal("git was killed, and there is a mirror")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	m := newMirror(t, Options{Root: root})
	fetchHead(t, m, r, head)
	if all, err := m.store.Existing(); err != nil || len(all) != 1 {
		t.Errorf("%d mirrors: %v", len(all), err)
	}
}
