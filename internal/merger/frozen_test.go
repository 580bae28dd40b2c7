package merger

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/repostate"
	"github.com/gozer-dev/gozer/internal/token"
)

// library is a repository with branches and all kinds of tags.
func library(t *testing.T) *gitrepotest.Repo {
	t.Helper()
	r := gitrepotest.New(t)
	r.Commit("first", map[string]string{"a": "1"})
	r.Git("tag", "v1")
	r.Git("tag", "-a", "-m", "two", "v2")
	r.Git("tag", "-a", "-m", "of a tag", "v2-signed", "v2")
	r.Git("tag", "key", r.Git("rev-parse", "HEAD:a"))
	r.Git("branch", "stable/1")
	r.Commit("second", map[string]string{"a": "2"})
	return r
}

func TestRefs(t *testing.T) {
	r := library(t)
	s, _ := newService(t, t.TempDir(), on(map[model.Project]*gitrepotest.Repo{web: r}))
	r.Git("update-ref", "refs/pull/1/head", "HEAD")
	id := func(rev string) string { return r.Git("rev-parse", rev) }
	want := repostate.State{Project: web, Default: "main", Refs: repostate.Refs{
		{Name: "refs/heads/main", Object: id("main")}, {Name: "refs/heads/stable/1", Object: id("v1")},
		{Name: "refs/tags/key", Object: id("key")}, {Name: "refs/tags/v1", Object: id("v1")},
		{Name: "refs/tags/v2", Object: id("v2"), Peeled: id("v1")}, {Name: "refs/tags/v2-signed", Object: id("v2-signed"), Peeled: id("v1")},
	}}
	for range 2 {
		got, err := s.Refs(t.Context(), web)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Fatalf("%v: %s", err, d)
		}
	}
	if n := s.Stats.Fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1: nothing moved", n)
	}
	r.Commit("third", nil)
	r.Git("tag", "v3")
	got, err := s.Refs(t.Context(), web)
	if err != nil || got.Head("main") != id("main") || got.Tag("v3") != id("main") {
		t.Errorf("after a push: %v: %s", err, got.Refs.Text())
	}
	if _, err := s.Refs(t.Context(), api); KindOf(err) != Transient {
		t.Errorf("a project of no connection: %v", err)
	}
}

// TestEmptyRepositoryHasNoRefs: there is nothing to fetch, and nothing wrong.
func TestEmptyRepositoryHasNoRefs(t *testing.T) {
	s, _ := newService(t, t.TempDir(), on(map[model.Project]*gitrepotest.Repo{web: gitrepotest.New(t)}))
	if got, err := s.Refs(t.Context(), web); err != nil || len(got.Refs) != 0 {
		t.Errorf("%v: %s", err, got.Refs.Text())
	}
}

// frozenBuild prepares a change to api that also needs web, as they are now.
func frozenBuild(t *testing.T, m Merger, q *queue) PrepareRequest {
	t.Helper()
	req := PrepareRequest{Scope: "acme/one", Request: q.request()}
	for _, p := range []model.Project{api, web} {
		st, err := m.Refs(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		req.Repositories = append(req.Repositories, st)
	}
	req.Request.Bases = append(req.Request.Bases, mergeplan.Base{Project: web, Branch: "stable/1", Commit: req.Repositories[1].Head("stable/1")})
	return req
}

// TestFrozenRepositoriesAreServed: jobs see what was there when the item was
// prepared, whatever happens on the code host, and whatever is collected here.
func TestFrozenRepositoriesAreServed(t *testing.T) {
	q, lib := independent(t, 1), library(t)
	q.repo.Git("tag", "v0.1")
	s := serve(t, on(map[model.Project]*gitrepotest.Repo{api: q.repo, web: lib}))
	req := frozenBuild(t, s.client, q)
	second := lib.Git("rev-parse", "main")
	lib.Git("checkout", "-q", "--orphan", "new")
	lib.Commit("history is made anew", nil)
	lib.Git("branch", "-q", "-M", "new", "main")
	lib.Git("tag", "-d", "v2")
	lib.Git("branch", "-D", "stable/1")
	lib.Git("tag", "-f", "v1")
	if _, err := s.client.Refs(t.Context(), web); err != nil {
		t.Fatal(err) // the mirror has the new ones, too
	}
	for _, m := range mirrors(t, s) {
		s.git(m, "gc", "--quiet", "--prune=now")
	}
	state, err := s.client.Prepare(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mirrors(t, s) {
		s.git(m, "gc", "--quiet", "--prune=now")
	}
	tok := s.key.For(token.Git, "acme/one")
	if d := cmp.Diff([]string{"refs/heads/main " + state.States[0].Commit, "refs/tags/v0.1 " + q.base}, listed(s, s.gitURL("acme/one", tok, api))); d != "" {
		t.Errorf("api: %s", d)
	}
	work := filepath.Join(t.TempDir(), "web")
	s.git("/", "clone", "--quiet", s.gitURL("acme/one", tok, web), work)
	for rev, want := range map[string]string{"origin/main": second, "HEAD": req.Repositories[1].Head("stable/1"), "v1": req.Repositories[1].Tag("v1"), "v2^{commit}": req.Repositories[1].Tag("v2")} {
		if got := s.git(work, "rev-parse", rev); got != want {
			t.Errorf("%s is %s, want %s", rev, got, want)
		}
	}
	if got := s.git(work, "describe", "--tags", "--always"); !strings.HasPrefix(got, "v") {
		t.Errorf("git describe says %q", got)
	}
}

// forget lets a repository lose what no ref names: before, hosts give it to who knows its id.
func forget(r *gitrepotest.Repo) {
	r.Git("reflog", "expire", "--expire=now", "--all")
	r.Git("gc", "--quiet", "--prune=now")
}

func listed(s *served, url string) []string {
	s.t.Helper()
	var out []string
	for line := range strings.Lines(s.git("/", "ls-remote", "--heads", "--tags", url)) {
		id, ref, _ := strings.Cut(strings.TrimSpace(line), "\t")
		out = append(out, ref+" "+id)
	}
	return out
}

// mirrors are the directories of the mirrors, without what is published in them.
func mirrors(t *testing.T, s *served) []string {
	t.Helper()
	var out []string
	for _, p := range []model.Project{api, web} {
		dir := filepath.Join(s.root, p.Connection, p.Hostname, filepath.FromSlash(p.Name)+".git")
		if _, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		}
		out = append(out, dir)
	}
	return out
}

// TestFrozenOnAnotherMerger: one that was not there fetches what was frozen. What
// the code host has no more is left out, and what jobs check out must be there.
func TestFrozenOnAnotherMerger(t *testing.T) {
	q, lib := independent(t, 1), library(t)
	all := on(map[model.Project]*gitrepotest.Repo{api: q.repo, web: lib})
	req := frozenBuild(t, serve(t, all), q)
	first, err := serve(t, all).client.Prepare(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	lib.Git("checkout", "-q", "--orphan", "new")
	lib.Commit("history is made anew", nil)
	lib.Git("branch", "-q", "-M", "new", "main")
	forget(lib)
	other := serve(t, all)
	second, err := other.client.Prepare(t.Context(), req)
	if d := cmp.Diff(first, second); err != nil || d != "" {
		t.Fatalf("%v: %s", err, d)
	}
	var names []string
	for _, l := range listed(other, other.gitURL("acme/one", other.key.For(token.Git, "acme/one"), web)) {
		name, _, _ := strings.Cut(l, " ")
		names = append(names, name)
	}
	want := []string{"refs/heads/stable/1", "refs/tags/key", "refs/tags/v1", "refs/tags/v2", "refs/tags/v2^{}", "refs/tags/v2-signed", "refs/tags/v2-signed^{}"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("without the branch that was rewritten: %s", d)
	}
	lib.Git("branch", "-D", "stable/1")
	lib.Git("tag", "-d", "v1", "v2", "v2-signed")
	forget(lib)
	_, err = serve(t, all).client.Prepare(t.Context(), req)
	if KindOf(err) != Missing || !strings.Contains(err.Error(), "stable/1") {
		t.Errorf("a branch that is checked out is gone: %v", err)
	}
}

// TestContaining: which branches have what a tag stands for.
func TestContaining(t *testing.T) {
	r := library(t)
	s, _ := newService(t, t.TempDir(), on(map[model.Project]*gitrepotest.Repo{web: r}))
	r.Git("checkout", "-q", "-b", "feature", "v1")
	r.Commit("on feature", nil)
	r.Git("tag", "beta")
	r.Git("checkout", "-q", "--detach")
	r.Commit("on no branch", nil)
	r.Git("tag", "-a", "-m", "lost", "lost")
	for rev, want := range map[string][]string{
		"v1": {"feature", "main", "stable/1"}, "v2": {"feature", "main", "stable/1"}, "v2-signed": {"feature", "main", "stable/1"},
		"main": {"main"}, "beta": {"feature"}, "lost": nil, "key": nil,
	} {
		got, err := s.Containing(t.Context(), web, r.Git("rev-parse", rev))
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Errorf("%s: %v: %s", rev, err, d)
		}
	}
	for object, kind := range map[string]Kind{"--all": BadRequest, strings.Repeat("1", 40): Missing} {
		if got, err := s.Containing(t.Context(), web, object); KindOf(err) != kind {
			t.Errorf("%s: %v, %v", object, got, err)
		}
	}
}

// TestFrozenRepositoriesOfReplicas: each repository is at its own replica, with
// all that was frozen, also when the first choice dies before the next attempt.
func TestFrozenRepositoriesOfReplicas(t *testing.T) {
	q, lib := independent(t, 1), library(t)
	q.repo.Git("tag", "v0.1")
	c := startReplicas(t, 3, on(map[model.Project]*gitrepotest.Repo{api: q.repo, web: lib}))
	req := frozenBuild(t, c, q)
	req.Scope = "acme/bs"
	first, err := c.Prepare(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	lib.Git("tag", "v9")
	check := func(through int) {
		t.Helper()
		for p, want := range map[model.Project]string{api: "v0.1", web: "key v1 v2 v2-signed"} {
			dir, out, err := c.clone(through, p)
			if err != nil {
				t.Fatalf("%s through replica %d: %v: %s", p, through, err, out)
			}
			if tags := strings.Join(strings.Fields(c.servers[0].git(dir, "tag")), " "); tags != want {
				t.Errorf("%s through replica %d: tags %s, want %s", p, through, tags, want)
			}
		}
	}
	for i := range c.servers {
		check(i)
	}
	c.kill(c.of(web.Canonical(), 0))
	second, err := c.Prepare(t.Context(), req)
	if d := cmp.Diff(first, second); err != nil || d != "" {
		t.Fatalf("after a death: %v: %s", err, d)
	}
	check(c.of(web.Canonical(), 1))
}

// TestOneBadBranchSpoilsNothing: what git refuses is lost, and all else is there. A
// job that needs it is told so, and gets no other branch in its place.
func TestOneBadBranchSpoilsNothing(t *testing.T) {
	lib := library(t)
	mktree := exec.CommandContext(t.Context(), "git", "mktree")
	mktree.Dir, mktree.Env = lib.Dir, gitrepotest.Env()
	mktree.Stdin = strings.NewReader("100644 blob " + lib.Git("rev-parse", "HEAD:a") + "\t.git\n")
	tree, err := mktree.Output()
	if err != nil {
		t.Fatal(err)
	}
	lib.Git("update-ref", "refs/heads/evil", lib.Git("commit-tree", "-m", "evil", strings.TrimSpace(string(tree))))
	host := gitrepotest.NewHost(t, "", "")
	s, _ := newService(t, t.TempDir(), remotes{web: {URL: host.Add(t, "acme/web", lib)}})
	for range 2 {
		st, err := s.Refs(t.Context(), web)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"refs/heads/evil"}, st.Lost); d != "" || st.Head("main") == "" || st.Tag("v2") == "" {
			t.Errorf("lost: %s; %s", d, st.Refs.Text())
		}
		if ref := st.Checkout(repostate.Wish{Branch: "evil"}); ref != "refs/heads/evil" {
			t.Errorf("in its place: %s", ref)
		}
	}
}
