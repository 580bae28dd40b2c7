package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
)

// counting makes a git that writes down its commands.
func counting(t *testing.T) (binary string, count func(command string) int) {
	t.Helper()
	dir := t.TempDir()
	binary, log := filepath.Join(dir, "git"), filepath.Join(dir, "log")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\necho \"$1\" >>"+log+"\nexec git \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return binary, func(command string) int { return strings.Count(read(t, log), command+"\n") }
}

// Words like those of a broken mirror are looked into, but not again and again.
func TestAWholeMirrorStays(t *testing.T) {
	binary, count := counting(t)
	c := newClock()
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	m := newMirror(t, Options{GitBinary: binary, Now: c.now})
	fetchHead(t, m, r, head)
	words := &CommandError{Op: "merge-tree", ExitCode: 128, Stderr: "fatal: bad object"}
	for i, want := range []int{2, 2, 4} { // connections and contents
		if err := m.judge(words); !errors.Is(err, words) || count("fsck") != want {
			t.Errorf("%d: %v after %d checks", i, err, count("fsck"))
		}
		c.move(time.Duration(i) * soundFor)
	}
	remote := &CommandError{Op: "fetch", ExitCode: 128, Stderr: "remote: fatal: bad object\nremote: error: x is corrupt\nfatal: oh"}
	c.move(soundFor)
	if err := m.judge(remote); !errors.Is(err, remote) || count("fsck") != 4 {
		t.Errorf("what the remote said: %v after %d checks", err, count("fsck"))
	}
	if n := m.store.Stats.Heals.Load(); n != 0 || mirrorOf(t, m.store, api.Name) != m {
		t.Errorf("%d heals", n)
	}
}

// A disk that breaks everything is not filled with new mirrors without end.
func TestHealingIsNotEndless(t *testing.T) {
	c := newClock()
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	s := newStore(t, Options{Root: t.TempDir(), Now: c.now})
	breakIt := func() error {
		m := mirrorOf(t, s, api.Name)
		fetchHead(t, m, r, head)
		packs, err := filepath.Glob(filepath.Join(m.dir, "objects/pack/*"))
		if err != nil || len(packs) == 0 {
			t.Fatal(err)
		}
		for _, p := range packs {
			_ = os.Remove(p)
		}
		m.forget()
		return m.absent(r.Tree(head))
	}
	for i, words := range []string{"the next try makes a new one", "look at the disk", "the next try makes a new one"} {
		var broken *CorruptError
		if err := breakIt(); !errors.As(err, &broken) || !strings.Contains(err.Error(), words) {
			t.Errorf("%d: %v", i, err)
		}
		c.move(healEvery / 2)
	}
	if n := s.Stats.Heals.Load(); n != 2 {
		t.Errorf("%d heals", n)
	}
}
