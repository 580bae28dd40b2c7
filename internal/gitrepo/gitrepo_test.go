package gitrepo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/repostate"
)

var api = model.Project{Connection: "forge", Hostname: "forge.example", Name: "acme/api"}

const gone = "1234567890123456789012345678901234567890"

// newMirror makes a store with one mirror.
func newMirror(t testing.TB, opts Options) *Mirror {
	t.Helper()
	if opts.Root == "" {
		opts.Root = t.TempDir()
	}
	opts.AllowFile = true
	s, err := NewStore(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m, err := s.EnsureMirror(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fetchHead fetches commits of a repository on disk.
func fetchHead(t testing.TB, m *Mirror, r *gitrepotest.Repo, commits ...string) {
	t.Helper()
	var wants []Want
	for _, c := range commits {
		wants = append(wants, Want{Commit: c})
	}
	if _, err := m.Fetch(t.Context(), Remote{URL: r.Dir}, wants); err != nil {
		t.Fatal(err)
	}
}

func TestFetchOnlyWhatIsMissing(t *testing.T) {
	r := gitrepotest.New(t)
	first := r.Commit("one", map[string]string{"a": "1"})
	m := newMirror(t, Options{})
	remote := Remote{URL: r.Dir}
	main := func(c string) []Want { return []Want{{Commit: c, Ref: "refs/heads/main"}} }
	for i, want := range []bool{true, false} {
		if fetched, err := m.Fetch(t.Context(), remote, main(first)); err != nil || fetched != want {
			t.Fatalf("fetch %d: fetched = %v, %v; want %v", i, fetched, err, want)
		}
	}
	second := r.Commit("two", map[string]string{"a": "2"})
	third := r.Commit("three", map[string]string{"a": "3"})
	if fetched, err := m.Fetch(t.Context(), remote, main(second)); err != nil || !fetched {
		t.Fatalf("a ref that moved on: fetched = %v, %v", fetched, err)
	}
	if fetched, err := m.Fetch(t.Context(), remote, main(third)); err != nil || fetched {
		t.Fatalf("came with the one before: fetched = %v, %v", fetched, err)
	}
	if tree, err := m.TreeOf(t.Context(), third); err != nil || tree != r.Tree(third) {
		t.Errorf("tree %s, %v; want %s", tree, err, r.Tree(third))
	}
}

func TestFetchForcePushedHead(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	base := r.Commit("base", map[string]string{"a": "1"})
	old := r.Change("refs/pull/1/head", base, "old", map[string]string{"b": "1"})
	now := r.Change("refs/pull/1/head", base, "new", map[string]string{"b": "2"})
	m := newMirror(t, Options{})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	// The host still has the old commit, and gives it by id.
	if _, err := m.Fetch(t.Context(), remote, []Want{{Commit: old, Ref: "refs/pull/1/head"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.TreeOf(t.Context(), now); err != nil {
		t.Error(err)
	}
}

func TestFetchOfWhatIsGone(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	base := r.Commit("base", map[string]string{"a": "1"})
	m := newMirror(t, Options{})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	wants := []Want{
		{Commit: base, Ref: "refs/heads/main"},
		{Commit: gone, Ref: "refs/pull/1/head"},
		{Commit: strings.Repeat("9", 40), Ref: "refs/heads/main"},
	}
	_, err := m.Fetch(t.Context(), remote, wants)
	var missing *MissingError
	if !errors.As(err, &missing) {
		t.Fatalf("error %v (%T), want a MissingError", err, err)
	}
	want := &MissingError{Project: "forge.example/acme/api", What: []string{gone, strings.Repeat("9", 40)}}
	if d := cmp.Diff(want, missing); d != "" {
		t.Error(d)
	}
	if _, err := m.TreeOf(t.Context(), base); err != nil {
		t.Errorf("what is there was not fetched: %v", err)
	}
}

func TestFetchTogetherIsOneFetch(t *testing.T) {
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	m := newMirror(t, Options{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	fetches := 0
	for range 8 {
		wg.Go(func() {
			fetched, err := m.Fetch(t.Context(), Remote{URL: r.Dir}, []Want{{Commit: head, Ref: "refs/heads/main"}})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if fetched {
				fetches++
			}
		})
	}
	wg.Wait()
	if fetches != 1 {
		t.Errorf("%d fetches", fetches)
	}
}

func TestFetchErrors(t *testing.T) {
	host := gitrepotest.NewHost(t, "bot", "hunter2-secret")
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	url := host.Add(t, "acme/api", r)
	for name, tc := range map[string]struct {
		remote Remote
		down   bool
		denied bool
	}{
		"wrong password": {Remote{URL: url, Username: "bot", Password: "wrong-secret"}, false, true},
		"no password":    {Remote{URL: url}, false, true},
		"no repository":  {Remote{URL: host.URL + "/acme/nothing", Username: "bot", Password: "hunter2-secret"}, false, true},
		"host is down":   {Remote{URL: url, Username: "bot", Password: "hunter2-secret"}, true, false},
		"nobody listens": {Remote{URL: "http://127.0.0.1:1/x", Username: "bot", Password: "hunter2-secret"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			host.Down.Store(tc.down)
			_, err := newMirror(t, Options{}).Fetch(t.Context(), tc.remote, []Want{{Commit: head, Ref: "refs/heads/main"}})
			if err == nil || Denied(err) != tc.denied {
				t.Fatalf("error %v, want denied = %v", err, tc.denied)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), tc.remote.basic()) && tc.remote.hasCredentials() {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// TestCredentialsStayInTheEnvironment runs git through a wrapper that writes
// down its arguments, and looks through everything in the mirror.
func TestCredentialsStayInTheEnvironment(t *testing.T) {
	t.Setenv("GIT_TRACE_CURL", filepath.Join(t.TempDir(), "trace"))
	t.Setenv("GIT_SSH_COMMAND", "false")
	dir := t.TempDir()
	args, env := filepath.Join(dir, "args"), filepath.Join(dir, "env")
	wrapper := filepath.Join(dir, "git")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >>" + args + "\nenv >>" + env + "\nexec git \"$@\"\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	host := gitrepotest.NewHost(t, "bot", "hunter2-secret")
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	remote := Remote{URL: host.Add(t, "acme/api", r), Username: "bot", Password: "hunter2-secret"}
	m := newMirror(t, Options{GitBinary: wrapper})
	if _, err := m.Fetch(t.Context(), remote, []Want{{Commit: head, Ref: "refs/heads/main"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.ListRemoteBranches(t.Context(), remote); err != nil {
		t.Fatal(err)
	}
	said := read(t, env)
	if !strings.Contains(said, remote.basic()) {
		t.Error("the credentials did not go through the environment; what does this test look at?")
	}
	for _, alien := range []string{"GIT_TRACE_CURL", "GIT_SSH_COMMAND"} {
		if strings.Contains(said, alien) {
			t.Errorf("git inherited %s", alien)
		}
	}
	if a := read(t, args); strings.Contains(a, "secret") || strings.Contains(a, remote.basic()) || !strings.Contains(a, "fetch") {
		t.Errorf("arguments: %s", a)
	}
	err := filepath.WalkDir(m.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if c := read(t, path); strings.Contains(c, "hunter2") || strings.Contains(c, remote.basic()) {
				t.Errorf("%s has the credentials", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A git that hangs is stopped with all its children when the context ends.
func TestHangingGitIsKilledWithItsGroup(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	wrapper := filepath.Join(dir, "git")
	script := "#!/bin/sh\ncase $1 in init) exec git \"$@\";; esac\nsleep 600 &\necho $! >" + pidFile + "\nwait\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, timeout := range map[string]time.Duration{"deadline": 3 * time.Second, "cancelled": time.Hour} {
		t.Run(name, func(t *testing.T) {
			m := newMirror(t, Options{GitBinary: wrapper, Timeout: timeout, NetworkTimeout: timeout})
			const patience = 5 * time.Second // the wrapper has begun by then
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			start := time.Now()
			_, err := m.IsAncestor(ctx, gone, gone)
			if err == nil || time.Since(start) > min(timeout, patience)+4*time.Second {
				t.Fatalf("error %v after %s", err, time.Since(start))
			}
			pid := strings.TrimSpace(read(t, pidFile))
			for range 50 { // the group gets its signal at once; it may take a moment to go
				if stat, err := os.ReadFile("/proc/" + pid + "/stat"); err != nil || strings.Contains(string(stat), ") Z ") {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("process %s lives on", pid)
		})
	}
}

func TestListRemoteBranches(t *testing.T) {
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	r.Git("branch", "stable/1.0")
	r.Git("update-ref", "refs/pull/1/head", head)
	r.Git("update-ref", "refs/pull/refs/heads/fake", head)
	r.Git("tag", "v1")
	got, err := newMirror(t, Options{}).ListRemoteBranches(t.Context(), Remote{URL: r.Dir})
	if err != nil {
		t.Fatal(err)
	}
	want := RemoteBranches{Default: "main", Heads: map[string]string{"main": head, "stable/1.0": head}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestListRemoteBranchesOfAnEmptyRepository(t *testing.T) {
	got, err := newMirror(t, Options{}).ListRemoteBranches(t.Context(), Remote{URL: gitrepotest.New(t).Dir})
	if err != nil || len(got.Heads) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestReadFiles(t *testing.T) {
	r := gitrepotest.New(t)
	big := strings.Repeat("x", MaxFileBytes+1)
	r.Write(map[string]string{
		".zuul.yaml":              "a",
		"zuul.d/b.yaml":           "b",
		"zuul.d/a.yaml":           "a",
		"zuul.d/README":           "no",
		"zuul.d/c.yml":            "no",
		"zuul.d/sub/d.yaml":       "d",
		"zuul.d/off/.zuul.ignore": "x",
		"zuul.d/off/e.yaml":       "no",
		"zuul.d/off/in/e.yaml":    "no",
		"big.yaml":                big,
		"bin.yaml":                "\xff\xfe",
		"plain":                   "text",
	})
	if err := os.Symlink("/etc/passwd", filepath.Join(r.Dir, "zuul.d/link.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("zuul.d", filepath.Join(r.Dir, "linked")); err != nil {
		t.Fatal(err)
	}
	head := r.Commit("files", nil)
	m := newMirror(t, Options{})
	fetchHead(t, m, r, head)
	for name, tc := range map[string]struct {
		paths  []string
		want   []File
		errors int
	}{
		"a file":              {[]string{".zuul.yaml"}, []File{{".zuul.yaml", "a"}}, 0},
		"any file by name":    {[]string{"plain"}, []File{{"plain", "text"}}, 0},
		"a directory":         {[]string{"zuul.d/"}, []File{{"zuul.d/a.yaml", "a"}, {"zuul.d/b.yaml", "b"}, {"zuul.d/sub/d.yaml", "d"}}, 1},
		"a directory inside":  {[]string{"zuul.d/sub/"}, []File{{"zuul.d/sub/d.yaml", "d"}}, 0},
		"an ignored one":      {[]string{"zuul.d/off/"}, nil, 0},
		"the order asked for": {[]string{"zuul.d/b.yaml", ".zuul.yaml"}, []File{{"zuul.d/b.yaml", "b"}, {".zuul.yaml", "a"}}, 0},
		"once":                {[]string{"zuul.d/a.yaml", "zuul.d/a.yaml"}, []File{{"zuul.d/a.yaml", "a"}}, 0},
		"absent":              {[]string{"zuul.yaml", "x/", "x/y.yaml"}, nil, 0},
		"below a file":        {[]string{"plain/x.yaml", "plain/"}, nil, 0},
		"directory as a file": {[]string{"zuul.d"}, nil, 0},
		"links":               {[]string{"zuul.d/link.yaml", "linked/", "linked/a.yaml"}, nil, 2},
		"too large":           {[]string{"big.yaml", "plain"}, []File{{"plain", "text"}}, 1},
		"no text":             {[]string{"bin.yaml"}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			files, complaints, err := m.ReadFiles(t.Context(), head, tc.paths)
			if err != nil || len(complaints) != tc.errors {
				t.Errorf("errors %v, %v", complaints, err)
			}
			if d := cmp.Diff(tc.want, files); d != "" {
				t.Error(d)
			}
		})
	}
	for _, hostile := range []string{"../x", "/etc/passwd", "a/../b", "", "/", "a//b", "a\x00b", "./a"} {
		var invalid *InvalidError
		if _, _, err := m.ReadFiles(t.Context(), head, []string{hostile}); !errors.As(err, &invalid) {
			t.Errorf("path %q: %v", hostile, err)
		}
	}
	var missing *MissingError
	if _, _, err := m.ReadFiles(t.Context(), gone, []string{"plain"}); !errors.As(err, &missing) {
		t.Errorf("a commit that is not there: %v", err)
	}
}

func TestReadFilesIsBounded(t *testing.T) {
	r := gitrepotest.New(t)
	files := map[string]string{}
	for i := range 20 {
		files["zuul.d/"+string(rune('a'+i))+".yaml"] = strings.Repeat(string(rune('a'+i)), MaxFileBytes)
	}
	head := r.Commit("large", files)
	m := newMirror(t, Options{})
	fetchHead(t, m, r, head)
	got, complaints, err := m.ReadFiles(t.Context(), head, []string{"zuul.d/"})
	if err != nil || len(complaints) != 1 || len(got) != MaxFilesBytes/MaxFileBytes {
		t.Errorf("%d files, %v, %v", len(got), complaints, err)
	}
}

func TestChangedFiles(t *testing.T) {
	r := gitrepotest.New(t)
	fork := r.Commit("fork", map[string]string{"a": "1", "b": "1", "c": "1"})
	head := r.Change("refs/pull/1/head", fork, "change", map[string]string{"b": "", "z": "1", "d/ä": "1"})
	base := r.Commit("the branch goes on", map[string]string{"c": "2"})
	m := newMirror(t, Options{})
	fetchHead(t, m, r, base)
	if _, err := m.Fetch(t.Context(), Remote{URL: r.Dir}, []Want{{Commit: head, Ref: "refs/pull/1/head"}}); err != nil {
		t.Fatal(err)
	}
	got, more, err := m.ChangedFiles(t.Context(), base, head, 10)
	if d := cmp.Diff([]string{"b", "d/ä", "z"}, got); err != nil || more || d != "" {
		t.Errorf("%v, %v: %s", more, err, d)
	}
	got, more, err = m.ChangedFiles(t.Context(), base, head, 2)
	if err != nil || !more || len(got) != 2 {
		t.Errorf("bounded: %v, %v, %v", got, more, err)
	}
}

func TestRefsAreOurs(t *testing.T) {
	r := gitrepotest.New(t)
	head := r.Commit("one", nil)
	m := newMirror(t, Options{})
	fetchHead(t, m, r, head)
	for name, tc := range map[string]struct {
		refs map[string]string
		ok   bool
	}{
		"state":                  {map[string]string{StateRef("abc"): head}, true},
		"two":                    {map[string]string{StateRef("a"): head, StateRef("b"): head}, true},
		"one of two is bad":      {map[string]string{StateRef("c"): head, "refs/heads/main": head}, false},
		"with a second command":  {map[string]string{"refs/gozer/x\x00\x00\x00delete refs/gozer/state/abc": head}, false},
		"out of the directory":   {map[string]string{"refs/gozer/../../config": head}, false},
		"not a commit id":        {map[string]string{StateRef("e"): "main"}, false},
		"deleting by a zero id?": {map[string]string{StateRef("abc"): "0000000000000000000000000000000000000000x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := m.KeepCommits(tc.refs); (err == nil) != tc.ok {
				t.Errorf("error %v, want ok = %v", err, tc.ok)
			}
			for ref, want := range tc.refs {
				got, _ := m.ResolveRef(t.Context(), ref)
				if tc.ok && got != want || !tc.ok && got == want {
					t.Errorf("%q is %q", ref, got)
				}
			}
		})
	}
	if err := m.DeleteRefs(t.Context(), []string{StateRef("abc"), StateRef("never-was")}); err != nil {
		t.Fatal(err)
	}
	if got, err := m.ResolveRef(t.Context(), StateRef("abc")); err != nil || got != "" {
		t.Errorf("still %q, %v", got, err)
	}
}

func TestStoreIsForOneProcess(t *testing.T) {
	root := t.TempDir()
	s, err := NewStore(Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewStore(Options{Root: root}); err == nil || !strings.Contains(err.Error(), "own volume") {
		t.Errorf("a second one: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EnsureMirror(t.Context(), api); err == nil {
		t.Error("a closed store gave a mirror")
	}
	if s, err = NewStore(Options{Root: root}); err != nil {
		t.Fatalf("after closing: %v", err)
	}
	_ = s.Close()
}

func TestKilledGitLeavesNoLocksForTheNextProcess(t *testing.T) {
	root := t.TempDir()
	r := gitrepotest.New(t)
	head := r.Commit("one", nil)
	m := newMirror(t, Options{Root: root})
	fetchHead(t, m, r, head)
	var left []string
	for _, name := range []string{StateRef("abc") + ".lock", "gc.pid", "objects/info/commit-graph.lock", "objects/pack/.tmp-1-pack-1.pack", "objects/pack/tmp_pack_1"} {
		left = append(left, leave(t, m, name, ""))
	}
	_ = m.store.Close()
	m = newMirror(t, Options{Root: root})
	if err := m.KeepCommits(map[string]string{StateRef("abc"): head}); err != nil {
		t.Error(err)
	}
	for _, path := range left {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
}

func TestSweepAndGC(t *testing.T) {
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	m := newMirror(t, Options{})
	fetchHead(t, m, r, head)
	refs := map[string]string{StateRef("old"): head, StateRef("new"): head}
	if err := m.KeepCommits(refs); err != nil {
		t.Fatal(err)
	}
	old, young := Scope{"acme", "old"}, Scope{"acme", "young"}
	for _, sc := range []Scope{old, young} {
		if err := m.Publish(t.Context(), sc, "main", repostate.Refs{{Name: "refs/heads/feature/x", Object: head}, {Name: "refs/heads/main", Object: head}}, []string{head}); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-time.Hour)
	for _, path := range []string{filepath.Join(m.dir, filepath.FromSlash(StateRef("old"))), filepath.Join(publishedDir(m.dir, old), "HEAD")} {
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	limit := time.Now().Add(-time.Minute)
	digests, err := m.Sweep(t.Context(), limit, limit)
	if d := cmp.Diff([]string{"old"}, digests); err != nil || d != "" {
		t.Fatalf("%v: %s", err, d)
	}
	if err := m.collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := m.ResolveRef(t.Context(), StateRef("new")); got != head {
		t.Errorf("the young state is %q", got)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "packed-refs")); err == nil {
		t.Error("gc packed the refs, so that their age is lost")
	}
	if _, err := m.store.Served(old, api.Hostname, api.Name); err == nil {
		t.Error("the old scope is served still")
	}
	if _, err := os.Stat(publishedDir(m.dir, old)); err == nil {
		t.Error("the old scope's directory is there still")
	}
	if _, err := m.store.Served(young, api.Hostname, api.Name); err != nil {
		t.Error(err)
	}
	if _, err := m.TreeOf(t.Context(), head); err != nil {
		t.Errorf("after gc: %v", err)
	}
}

// A tree with a ".git" entry must not get in.
func TestHostileObjectsAreRefused(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	r.Commit("one", map[string]string{"a": "1"})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	for name, entry := range map[string]string{".git": ".git", "..": "..", ".GIT": ".GIT"} {
		t.Run(name, func(t *testing.T) {
			head := hostileCommit(t, r, "refs/pull/9/head", entry)
			m := newMirror(t, Options{})
			if _, err := m.Fetch(t.Context(), remote, []Want{{Commit: head, Ref: "refs/pull/9/head"}}); err == nil {
				t.Error("it was fetched")
			}
		})
	}
}

// hostileCommit makes a commit of a file with a name that git would not write.
func hostileCommit(t *testing.T, r *gitrepotest.Repo, ref, name string) string {
	t.Helper()
	return commitTree(t, r, ref, "100644 "+name+"\x00"+rawID(t, r.Git("rev-parse", "HEAD:a")))
}

// commitTree makes a commit of a raw tree.
func commitTree(t *testing.T, r *gitrepotest.Repo, ref, tree string) string {
	t.Helper()
	list := filepath.Join(t.TempDir(), "tree")
	if err := os.WriteFile(list, []byte(tree), 0o644); err != nil {
		t.Fatal(err)
	}
	head := r.Git("commit-tree", "-m", "hostile", r.Git("hash-object", "-t", "tree", "-w", "--literally", list))
	r.Git("update-ref", ref, head)
	return head
}

func rawID(t *testing.T, hex string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(hex); i += 2 {
		b.WriteByte(nibble(hex[i])<<4 | nibble(hex[i+1]))
	}
	return b.String()
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
