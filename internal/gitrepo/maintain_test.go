package gitrepo

import (
	"crypto/sha1" //nolint:gosec // git's object ids
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// scatter writes objects that nothing refers to until git would call it many.
func scatter(t *testing.T, m *Mirror) []string {
	t.Helper()
	var ids []string
	for n := 0; len(ids) <= maxLoose/256; n++ {
		content := fmt.Sprintf("object %d", n)
		if sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content))[0] == 0x17 { //nolint:gosec // git's object ids
			ids = append(ids, write(t, m, content))
		}
	}
	return ids
}

// write writes a file's object.
func write(t *testing.T, m *Mirror, content string) string {
	t.Helper()
	id, err := m.writeObject("blob", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// looseFile is where an object is that is not packed.
func looseFile(m *Mirror, id string) string {
	return filepath.Join(m.dir, "objects", id[:2], id[2:])
}

// age makes all objects of a mirror older.
func age(t *testing.T, m *Mirror, by time.Duration) {
	t.Helper()
	past := time.Now().Add(-by)
	err := filepath.WalkDir(filepath.Join(m.dir, "objects"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			err = os.Chtimes(path, past, past)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// has says which of some objects are there.
func has(t *testing.T, m *Mirror, ids ...string) []bool {
	t.Helper()
	m.objects.reset()
	var all []bool
	for _, id := range ids {
		kind, err := m.kind(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kind != "")
	}
	return all
}

func packs(t *testing.T, m *Mirror) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(m.dir, "objects/pack/*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestMaintainPacksWhatIsNew: much that is new is packed, without the pack of what was fetched.
func TestMaintainPacksWhatIsNew(t *testing.T) {
	r := gitrepotest.New(t)
	files := map[string]string{}
	for n := range 50 {
		files[fmt.Sprintf("f%d", n)] = fmt.Sprint(n)
	}
	head := r.Commit("one", files)
	m := newMirror(t, Options{})
	fetchHead(t, m, r, head)
	fetched := packs(t, m)
	few := write(t, m, "few")
	if err := m.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(looseFile(m, few)); err != nil {
		t.Errorf("a single object was packed: %v", err)
	}
	ids := scatter(t, m)
	if err := m.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := packs(t, m)
	if _, err := os.Stat(fetched[0]); err != nil || len(fetched) != 1 || len(now) != 2 {
		t.Errorf("packs %v became %v", fetched, now)
	}
	for _, id := range append(ids, few) {
		if _, err := os.Stat(looseFile(m, id)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still loose: %v", id, err)
		}
		if !has(t, m, id)[0] {
			t.Errorf("%s is lost", id)
		}
	}
}

// TestMaintainPacksFetches: packs stay few however often is fetched.
func TestMaintainPacksFetches(t *testing.T) {
	r := gitrepotest.New(t)
	m := newMirror(t, Options{})
	var heads []string
	for n := range maxPacks + 1 {
		heads = append(heads, r.Commit("one", map[string]string{"a": fmt.Sprint(n)}))
		fetchHead(t, m, r, heads[n])
	}
	if err := m.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(packs(t, m)); n != 1 {
		t.Errorf("%d packs", n)
	}
	for _, head := range heads {
		if _, err := m.TreeOf(t.Context(), head); err != nil {
			t.Error(err)
		}
	}
}

// TestCollectedOnceADay, beginning a day after a mirror was first looked at, and for
// as long as something can become garbage.
func TestCollectedOnceADay(t *testing.T) {
	now := time.Now()
	m := newMirror(t, Options{Now: func() time.Time { return now }})
	for _, step := range []struct {
		after time.Duration
		used  bool
		want  bool
	}{
		{0, false, false},
		{23 * time.Hour, false, false},
		{time.Hour, false, true},
		{time.Hour, false, false},
		{23 * time.Hour, false, true},
		{12 * 24 * time.Hour, false, true}, // there may be something from before
		{30 * 24 * time.Hour, false, false},
		{0, true, true},
	} {
		now = now.Add(step.after)
		if step.used {
			m.markUsed()
		}
		garbage := write(t, m, fmt.Sprint(now))
		age(t, m, keepUnreferenced+time.Hour)
		if err := m.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if gone := !has(t, m, garbage)[0]; gone != step.want {
			t.Errorf("after %s, used %v: collected %v, want %v", step.after, step.used, gone, step.want)
		}
	}
}

// TestCollectKeepsWhatIsNeeded: of old objects go those that no ref leads to, and
// of young ones none.
func TestCollectKeepsWhatIsNeeded(t *testing.T) {
	r := gitrepotest.New(t)
	m := newMirror(t, Options{})
	var heads []string
	for _, name := range []string{"state", "published", "frozen", "nothing"} {
		heads = append(heads, r.Change("refs/heads/"+name, r.Commit("base", nil), name, map[string]string{name: name}))
	}
	state, published, frozen := heads[0], heads[1], heads[2]
	fetchHead(t, m, r, heads...)
	if err := m.KeepCommits(map[string]string{StateRef("abc"): state}); err != nil {
		t.Fatal(err)
	}
	scope := Scope{"acme", "set"}
	if err := m.Publish(t.Context(), scope, "main", repostate.Refs{{Name: "refs/heads/main", Object: published}}, []string{published}); err != nil {
		t.Fatal(err)
	}
	whole := repostate.New(api, "main", repostate.Refs{{Name: "refs/heads/main", Object: frozen}})
	if _, err := m.Freeze(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	old := write(t, m, "old")
	age(t, m, keepUnreferenced+time.Hour)
	young, again := write(t, m, "young"), write(t, m, "again")
	past := time.Now().Add(-keepUnreferenced - time.Hour)
	if err := os.Chtimes(looseFile(m, again), past, past); err != nil {
		t.Fatal(err)
	}
	if write(t, m, "again") != again {
		t.Fatal("one content has two ids")
	}
	refs, _, err := m.run(t.Context(), command{args: []string{"for-each-ref", "--format=delete %(refname)", fetchedRefs}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.run(t.Context(), command{args: []string{"update-ref", "--stdin"}, stdin: strings.NewReader(string(refs))}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.collect(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []bool{true, true, true, false, false, true, true}
		if d := cmp.Diff(want, has(t, m, state, published, frozen, heads[3], old, young, again)); d != "" {
			t.Errorf("state, published, frozen, nothing, old, young, written again: %s", d)
		}
		for _, dir := range []string{m.dir, publishedDir(m.dir, scope)} {
			if _, _, err := m.runIn(t.Context(), dir, command{args: []string{"rev-list", "--objects", "--all"}, env: []string{"GIT_DIR=" + dir}}); err != nil {
				t.Errorf("%s: %v", dir, err)
			}
		}
	}
}

// TestSweptStatesArePackedOnce: what was packed and is not kept any more does not
// become loose, or it would be packed every hour until it may go.
func TestSweptStatesArePackedOnce(t *testing.T) {
	m := newMirror(t, Options{})
	ids := scatter(t, m)
	if err := m.pack(t.Context()); err != nil {
		t.Fatal(err)
	}
	age(t, m, keepUnreferenced/2)
	if err := m.collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if scattered, err := m.isScattered(); err != nil || scattered {
		t.Errorf("it is scattered again: %v", err)
	}
	for _, id := range ids {
		if !has(t, m, id)[0] {
			t.Errorf("%s went too early", id)
		}
	}
}

// TestGarbageGrowsOld: packing what is new leaves the pack of what may go soon alone,
// or its objects would be as new as the pack, every hour.
func TestGarbageGrowsOld(t *testing.T) {
	m := newMirror(t, Options{})
	write(t, m, "garbage")
	if err := m.collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	times, err := filepath.Glob(filepath.Join(m.dir, "objects/pack/*.mtimes"))
	if err != nil || len(times) != 1 {
		t.Fatalf("%v, %v", times, err)
	}
	scatter(t, m)
	if err := m.pack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(times[0]); err != nil || len(packs(t, m)) != 2 {
		t.Errorf("it was packed with the rest: %v, %v", packs(t, m), err)
	}
}

// TestKilledMaintenance: what a git that was killed left behind is in nobody's way.
func TestKilledMaintenance(t *testing.T) {
	r := gitrepotest.New(t)
	head := r.Commit("one", nil)
	m := newMirror(t, Options{})
	fetchHead(t, m, r, head)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	leave(t, m, "gc.pid", fmt.Sprintf("%d %s", os.Getpid(), host)) // a process that lives, and is no gc
	if err := m.collect(t.Context()); err != nil {
		t.Errorf("the lock of a gc that is gone: %v", err)
	}
	lock := leave(t, m, "objects/info/commit-graph.lock", "")
	if err := m.collect(t.Context()); err == nil {
		t.Error("git does not mind the lock that this is about")
	}
	if err := m.collect(t.Context()); err != nil {
		t.Errorf("%s stays in the way: %v", lock, err)
	}
}

// TestRepackThatFails leaves nothing that takes room, and ends in time.
func TestRepackThatFails(t *testing.T) {
	for name, script := range map[string]string{
		"fails":        "exit 1",
		"does not end": "exec sleep 60",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMirror(t, Options{NetworkTimeout: time.Second})
			git := filepath.Join(t.TempDir(), "git")
			if err := os.WriteFile(git, []byte("#!/bin/sh\n> objects/pack/.tmp-1-pack-1.pack\n"+script+"\n"), 0o755); err != nil { //nolint:gosec // it is run
				t.Fatal(err)
			}
			m.store.opts.GitBinary = git
			if err := m.pack(t.Context()); err == nil {
				t.Error("it did not fail")
			}
			if left, err := filepath.Glob(filepath.Join(m.dir, "objects/pack/.tmp-*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// leave puts a file into the mirror.
func leave(t *testing.T, m *Mirror, name, content string) string {
	t.Helper()
	path := filepath.Join(m.dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}
