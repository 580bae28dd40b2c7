package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// smallDisk mounts a disk of so many bytes; ok is false for who may not mount.
func smallDisk(t *testing.T, bytes string) (dir string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes); err != nil {
		if os.Getuid() != 0 {
			t.Logf("Only root may mount a small disk; nothing is tested: %v", err)
			return dir, false
		}
		t.Fatalf("A full disk is tested on a tmpfs of %s bytes, but root may not mount one here (%v). Give the container CAP_SYS_ADMIN, or run as another user to go without.", bytes, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir, true
}

func TestFullDisk(t *testing.T) {
	root, ok := smallDisk(t, "1m")
	if !ok {
		return
	}
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	small := r.Commit("small", map[string]string{"a": "1"})
	large := r.Change("refs/pull/1/head", small, "large", map[string]string{"b": noise(2_000_000)})
	tree := r.Tree(small)
	m := newMirror(t, Options{Root: root})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	fetch := func(commit, ref string) func() error {
		return func() error {
			_, err := m.Fetch(t.Context(), remote, []Want{{Commit: commit, Ref: ref}})
			return err
		}
	}
	mustBeFull := func(what string, do func() error) {
		t.Helper()
		var noRoom *FullError
		if err := do(); !errors.As(err, &noRoom) || !strings.Contains(err.Error(), "disk is full") {
			t.Errorf("%s: %v", what, err)
		}
		if found := leftovers(t, m); len(found) != 0 {
			t.Errorf("%s left %v", what, found)
		}
	}
	mustBeFull("a fetch", fetch(large, "refs/pull/1/head"))
	if err := fetch(small, "refs/heads/main")(); err != nil {
		t.Fatalf("what fits: %v", err)
	}
	filler := filepath.Join(root, "filler")
	if err := os.WriteFile(filler, []byte(noise(1<<20)), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	var commit string
	write := map[string]func() error{
		"an object": func() (err error) {
			commit, err = m.CommitTree(Commit{Tree: tree, Author: "A <a@b> 1 +0000", Committer: "A <a@b> 1 +0000", Message: noise(9000)})
			return err
		},
		"a state": func() error { return m.KeepStates(map[string]string{"abc": small}) },
		"refs": func() error {
			return m.Publish(t.Context(), Scope{"acme", "bs"}, "main", repostate.Refs{{Name: "refs/heads/main", Object: small}}, []string{small})
		},
		"a new mirror": func() error {
			p := api
			p.Name = "acme/other"
			_, err := m.store.EnsureMirror(t.Context(), p)
			return err
		},
	}
	for what, do := range write {
		mustBeFull(what, do)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for what, do := range write {
		if err := do(); err != nil {
			t.Errorf("%s, when there is room: %v", what, err)
		}
	}
	if got, err := m.TreeOf(t.Context(), commit); err != nil || got != tree {
		t.Errorf("%s, %v", got, err)
	}
	if n := m.store.Stats.Heals.Load(); n != 0 {
		t.Errorf("%d heals", n)
	}
}
