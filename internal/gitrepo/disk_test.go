package gitrepo

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// noise does not compress.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // a test
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// filled makes a mirror of some 200 KB.
func filled(t *testing.T, s *Store, name string) *Mirror {
	t.Helper()
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": noise(200_000)})
	m := mirrorOf(t, s, name)
	fetchHead(t, m, r, head)
	return m
}

func onDisk(t *testing.T, s *Store) []string {
	t.Helper()
	var names []string
	mirrors, err := s.Existing()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mirrors {
		names = append(names, m.Project.Name)
	}
	return names
}

func newStore(t *testing.T, opts Options) *Store {
	t.Helper()
	opts.AllowFile = true
	s, err := NewStore(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// The oldest three stay: builds read one, somebody works in one, one was used
// just now. Of the others the one goes that was not used for longest.
func TestTheLeastUsedMirrorIsEvicted(t *testing.T) {
	c := newClock()
	root := t.TempDir()
	s := newStore(t, Options{Root: root, Now: c.now, MaxBytes: 1 << 30})
	published := filled(t, s, "acme/published")
	head, err := gitrepotest.Try(published.dir, "for-each-ref", "--format=%(objectname)", "--count=1")
	if err != nil {
		t.Fatal(head)
	}
	if err := published.Publish(t.Context(), Scope{"acme", "bs"}, "main", repostate.Refs{{Name: "refs/heads/main", Object: head}}, []string{head}); err != nil {
		t.Fatal(err)
	}
	busy := filled(t, s, "acme/busy")
	for _, name := range []string{"acme/old", "acme/older-by-name"} {
		c.move(time.Hour)
		filled(t, s, name)
	}
	c.move(time.Hour)
	mirrorOf(t, s, "acme/old") // used again
	c.move(inUse)
	filled(t, s, "acme/young")
	// What was used when is known to the next process.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newStore(t, Options{Root: root, Now: c.now, MaxBytes: 900_000})
	busy = mirrorOf(t, s, busy.Project.Name)
	c.move(inUse)
	mirrorOf(t, s, "acme/young")
	release, err := busy.hold()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"acme/busy", "acme/old", "acme/published", "acme/young"},
		{"acme/busy", "acme/old", "acme/published", "acme/young"}, // small enough now
	} {
		left, err := s.MakeRoom()
		if d := cmp.Diff(want, onDisk(t, s)); err != nil || d != "" || left > 900_000 {
			t.Fatalf("%d bytes are left, %v: %s", left, err, d)
		}
	}
	s.opts.MaxBytes = 1
	if _, err := s.MakeRoom(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"acme/busy", "acme/published", "acme/young"}, onDisk(t, s)); d != "" {
		t.Error(d)
	}
	release()
	c.move(s.opts.KeepScopes + time.Hour) // a scope so old keeps nothing
	if left, err := s.MakeRoom(); err != nil || left != 0 || len(onDisk(t, s)) != 0 {
		t.Errorf("%d bytes are left, %v, %v", left, onDisk(t, s), err)
	}
	if n := s.Stats.Evictions.Load(); n != 5 {
		t.Errorf("%d evictions", n)
	}
}

func TestANewMirrorMakesRoom(t *testing.T) {
	c := newClock()
	s := newStore(t, Options{Root: t.TempDir(), Now: c.now, MaxBytes: 500_000})
	for _, name := range []string{"acme/a", "acme/b", "acme/c", "acme/d"} {
		filled(t, s, name)
		c.move(inUse)
	}
	if d := cmp.Diff([]string{"acme/c", "acme/d"}, onDisk(t, s)); d != "" {
		t.Error(d)
	}
	if b := s.Bytes(); b < 400_000 || b > 500_000 {
		t.Errorf("%d bytes", b)
	}
}

// The old Mirror remembers objects that the new one does not have: nothing may
// be written with it.
func TestAMirrorThatIsGoneIsNotWrittenTo(t *testing.T) {
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	m := newMirror(t, Options{})
	fetchHead(t, m, r, head)
	tree := r.Tree(head)
	if err := m.discard("a test wants it"); err != nil {
		t.Fatal(err)
	}
	again := mirrorOf(t, m.store, api.Name)
	if again == m || again.Generation() == m.Generation() {
		t.Error("it is the same still")
	}
	commit := Commit{Tree: tree, Author: "A <a@b> 1 +0000", Committer: "A <a@b> 1 +0000", Message: "x"}
	_, commitErr := m.CommitTree(commit)
	_, fetchErr := m.Fetch(t.Context(), Remote{URL: r.Dir}, []Want{{Commit: head}})
	_, readErr := m.TreeOf(t.Context(), head)
	for what, err := range map[string]error{
		"a commit": commitErr, "a fetch": fetchErr, "reading": readErr,
		"a state":    m.KeepStates(map[string]string{"abc": head}),
		"publishing": m.Publish(t.Context(), Scope{"acme", "bs"}, "main", repostate.Refs{{Name: "refs/heads/main", Object: head}}, []string{head}),
	} {
		var gone *GoneError
		if !errors.As(err, &gone) || !strings.Contains(err.Error(), "a test wants it") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if again.measure() > 10_000 || !again.isEmpty() {
		t.Error("something was written into the new one")
	}
}

func TestTakingAMirrorAwayStopsWhatRuns(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	head := r.Commit("one", nil)
	m := newMirror(t, Options{})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	g := newGate(host, false)
	errs := make(chan error, 1)
	go func() {
		_, err := m.Fetch(t.Context(), remote, []Want{{Commit: head, Ref: "refs/heads/main"}})
		errs <- err
	}()
	<-g.came
	if err := m.discard("a test wants it"); err != nil {
		t.Fatal(err)
	}
	var gone *GoneError
	if err := <-errs; !errors.As(err, &gone) {
		t.Errorf("the fetch ended with %v", err)
	}
	close(g.open)
	if _, err := mirrorOf(t, m.store, api.Name).Fetch(t.Context(), remote, []Want{{Commit: head, Ref: "refs/heads/main"}}); err != nil {
		t.Errorf("the new one: %v", err)
	}
}

// leftovers are files that only a running git should have.
func leftovers(t *testing.T, m *Mirror) (found []string) {
	t.Helper()
	err := filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && leftover(d.Name()) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return found
}
