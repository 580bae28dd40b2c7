package merger

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/lru"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

// work is what a request cost.
type work struct{ Merges, Reused int64 }

func (s *Service) work(do func()) work {
	m, r := s.Stats.Merges.Load(), s.Stats.Reused.Load()
	do()
	return work{s.Stats.Merges.Load() - m, s.Stats.Reused.Load() - r}
}

func TestAQueueOfNCostsNMerges(t *testing.T) {
	const n = 8
	q := independent(t, n)
	root := t.TempDir()
	s, closeIt := newService(t, root, q.remotes())
	all := q.request()
	total := s.work(func() {
		for i := range n {
			req := all
			req.Steps = all.Steps[:i+1]
			prepare(t, s, "", req)
		}
	})
	if d := cmp.Diff(work{Merges: n, Reused: n * (n - 1) / 2}, total); d != "" {
		t.Errorf("preparing item after item: %s", d)
	}
	if got := s.Stats.Fetches.Load(); got > n {
		t.Errorf("%d fetches", got)
	}
	reset := all
	reset.Steps = slices.Delete(slices.Clone(all.Steps), 3, 4)
	got := s.work(func() { prepare(t, s, "", reset) })
	if d := cmp.Diff(work{Merges: n - 4, Reused: 3}, got); d != "" {
		t.Errorf("after taking item 3 out, only those behind are merged again: %s", d)
	}
	before := prepare(t, s, "", all)
	closeIt()
	s, _ = newService(t, root, q.remotes())
	var after mergeplan.Result
	got = s.work(func() { after = prepare(t, s, "", all) })
	if d := cmp.Diff(work{Reused: n}, got); d != "" {
		t.Errorf("after a restart: %s", d)
	}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("after a restart the result differs: %s", d)
	}
}

func TestTheSameAtTheSameTimeIsMergedOnce(t *testing.T) {
	q := independent(t, 5)
	s, _ := newService(t, t.TempDir(), q.remotes())
	var wg sync.WaitGroup
	results := make([]mergeplan.Result, 6)
	for i := range results {
		wg.Go(func() { results[i] = prepare(t, s, fmt.Sprintf("acme/bs-%d", i), q.request()) })
	}
	wg.Wait()
	for _, r := range results[1:] {
		if d := cmp.Diff(results[0], r); d != "" {
			t.Error(d)
		}
	}
	if got := s.Stats.Merges.Load(); got != 5 {
		t.Errorf("%d merges", got)
	}
	if got := s.Stats.Fetches.Load(); got != 1 {
		t.Errorf("%d fetches", got)
	}
}

func TestCommitsAreReproducible(t *testing.T) {
	for _, mode := range mergeplan.Modes() {
		t.Run(string(mode), func(t *testing.T) {
			q := independent(t, 3)
			for i := range q.steps {
				q.steps[i].Mode = mode
			}
			one, _ := newService(t, t.TempDir(), q.remotes())
			two, _ := newService(t, t.TempDir(), q.remotes())
			short := q.request()
			short.Steps = short.Steps[:1]
			prepare(t, two, "", short)
			if d := cmp.Diff(prepare(t, one, "", q.request()), prepare(t, two, "", q.request())); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestConflicts(t *testing.T) {
	type change map[string]string
	for name, tc := range map[string]struct {
		changes []change
		onBase  change // what the branch got meanwhile
		want    *mergeplan.Conflict
		words   string
	}{
		"none": {changes: []change{{"a": "1"}, {"b": "1"}}},
		"with the branch": {
			changes: []change{{"b": "1"}, {"a": "1"}}, onBase: change{"a": "9"},
			want: &mergeplan.Conflict{Step: 1, Files: []string{"a"}}, words: "as the branch is now",
		},
		"with the change ahead": {
			changes: []change{{"b": "1"}, {"a": "1"}, {"a": "2", "c": "1"}},
			want:    &mergeplan.Conflict{Step: 2, Files: []string{"a"}, With: []int{1}}, words: "after change 2",
		},
		"with the branch, though one ahead touched it": {
			changes: []change{{"a": "9"}, {"a": "1"}}, onBase: change{"a": "9"},
			want: &mergeplan.Conflict{Step: 1, Files: []string{"a"}}, words: "as the branch is now",
		},
		"two files, two changes": {
			changes: []change{{"a": "1"}, {"b": "1"}, {"a": "2", "b": "2"}},
			want:    &mergeplan.Conflict{Step: 2, Files: []string{"a", "b"}, With: []int{0, 1}}, words: "Conflicts: a, b",
		},
		"deleted ahead": {
			changes: []change{{"a": ""}, {"a": "2"}},
			want:    &mergeplan.Conflict{Step: 1, Files: []string{"a"}, With: []int{0}}, words: "modify/delete",
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{repo: gitrepotest.New(t)}
			q.base = q.repo.Commit("fork", map[string]string{"a": "0", "b": "0", "c": "0"})
			for i, c := range tc.changes {
				q.add(api, int64(i+1), c)
			}
			if tc.onBase != nil {
				q.base = q.repo.Commit("meanwhile", tc.onBase)
			}
			for way, m := range ways(t, q.remotes()) {
				for range 2 { // the second time from the cache
					res := prepare(t, m, "acme/bs", q.request())
					if tc.want == nil {
						if res.Conflict != nil {
							t.Fatalf("%s: %+v", way, res.Conflict)
						}
						continue
					}
					if res.Conflict == nil || !strings.Contains(res.Conflict.Message, tc.words) {
						t.Fatalf("%s: conflict %+v, want words %q", way, res.Conflict, tc.words)
					}
					res.Conflict.Message = ""
					if d := cmp.Diff(tc.want, res.Conflict); d != "" {
						t.Errorf("%s: %s", way, d)
					}
					if len(res.States) != 0 || len(res.Steps) != tc.want.Step+1 {
						t.Errorf("%s: %d states, %d steps", way, len(res.States), len(res.Steps))
					}
					if s, ok := m.(*Service); ok && published(s, "acme/bs", api) {
						t.Error("a conflicting state was published")
					}
				}
			}
		})
	}
}

func TestUnrelatedHistoryIsAConflict(t *testing.T) {
	q := independent(t, 0)
	q.repo.Git("checkout", "--quiet", "--orphan", "other")
	head := q.repo.Commit("from nowhere", map[string]string{"x": "1"})
	q.repo.Git("checkout", "--quiet", "main")
	q.steps = []mergeplan.Step{step(api, 1, "refs/heads/other", head, mergeplan.ModeMerge)}
	s, _ := newService(t, t.TempDir(), q.remotes())
	res := prepare(t, s, "", q.request())
	if res.Conflict == nil || !strings.Contains(res.Conflict.Message, "no commit in common") || !slices.Contains(res.Steps[0].ChangedFiles, "x") {
		t.Errorf("%+v", res)
	}
}

func TestTwoProjectsAndExtraBranches(t *testing.T) {
	q := independent(t, 2)
	other := &queue{repo: gitrepotest.New(t)}
	other.base = other.repo.Commit("base", map[string]string{"index": "hello"})
	other.repo.Git("branch", "stable")
	other.add(web, 9, map[string]string{"page": "new"})
	r := on(map[model.Project]*gitrepotest.Repo{api: q.repo, web: other.repo})
	req := q.request()
	req.Steps = []mergeplan.Step{q.steps[0], other.steps[0], q.steps[1]}
	req.Extra = []model.BranchRef{{Project: web, Branch: "stable"}}
	type row struct{ Project, Branch, Base, Tree string }
	want := []row{
		{"acme/api", "main", q.base, inWorktree(q, mergeplan.ModeMerge)[1]},
		{"acme/web", "main", other.base, inWorktree(other, mergeplan.ModeMerge)[0]}, // frozen by the merger
		{"acme/web", "stable", other.base, other.repo.Tree(other.base)},
	}
	// A conflict in one project ends the request at its step; the other's merges count for nothing.
	head := other.repo.Change("refs/pull/bad/head", other.base, "bad", map[string]string{"page": "old"})
	bad := req
	bad.Steps = append(slices.Clone(req.Steps), step(web, 10, "refs/pull/bad/head", head, mergeplan.ModeMerge))
	for way, m := range ways(t, r) {
		t.Run(way, func(t *testing.T) {
			var got []row
			for _, st := range prepare(t, m, "", req).States {
				got = append(got, row{st.Project.Name, st.Branch, st.Base, st.Tree})
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if s, ok := m.(*Service); ok && s.Stats.Fetches.Load() != 2 {
				t.Errorf("%d fetches, want one per project", s.Stats.Fetches.Load())
			}
			res := prepare(t, m, "", bad)
			if res.Conflict == nil || res.Conflict.Step != 3 || !slices.Equal(res.Conflict.With, []int{1}) {
				t.Errorf("conflict %+v", res.Conflict)
			}
		})
	}
}

func TestErrorsHaveKinds(t *testing.T) {
	q := independent(t, 1)
	host := gitrepotest.NewHost(t, "bot", "secret")
	url := host.Add(t, "acme/api", q.repo)
	good := gitrepo.Remote{URL: url, Username: "bot", Password: "secret"}
	change := func(f func(*mergeplan.Request)) PrepareRequest {
		req := q.request()
		req.Steps = slices.Clone(req.Steps)
		req.Bases = slices.Clone(req.Bases)
		f(&req)
		return PrepareRequest{Request: req}
	}
	same := func(*mergeplan.Request) {}
	for name, tc := range map[string]struct {
		remote gitrepo.Remote
		down   bool
		req    PrepareRequest
		want   Kind
		words  string
	}{
		"head is gone":   {good, false, change(func(r *mergeplan.Request) { r.Steps[0].Change.Head = strings.Repeat("9", 40) }), Missing, "the head of change 1"},
		"base is gone":   {good, false, change(func(r *mergeplan.Request) { r.Bases[0].Commit = strings.Repeat("9", 40) }), Missing, "head of branch main"},
		"no such branch": {good, false, change(func(r *mergeplan.Request) { r.Extra = []model.BranchRef{{Project: api, Branch: "no"}} }), Missing, `no branch "no"`},
		"hostile ref":    {good, false, change(func(r *mergeplan.Request) { r.Steps[0].Change.Ref = "--all" }), BadRequest, "ref name"},
		"hostile branch": {good, false, change(func(r *mergeplan.Request) { r.Steps[0].Change.Branch = "../../config" }), BadRequest, "ref name"},
		"hostile project": {good, false, change(func(r *mergeplan.Request) {
			r.Extra = []model.BranchRef{{Project: model.Project{Connection: "forge", Hostname: "h", Name: "../x"}, Branch: "b"}}
		}), BadRequest, "project name"},
		"hostile scope":      {good, false, PrepareRequest{Scope: "../../x", Request: q.request()}, BadRequest, "scope"},
		"unknown connection": {good, false, change(func(r *mergeplan.Request) { r.Extra = []model.BranchRef{{Project: web, Branch: "main"}} }), Transient, "how to reach"},
		"wrong password":     {gitrepo.Remote{URL: url, Username: "bot", Password: "x"}, false, change(same), Denied, "Connection"},
		"host is down":       {good, true, change(same), Transient, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			host.Down.Store(tc.down)
			for way, m := range ways(t, remotes{api: tc.remote}) {
				_, err := m.Prepare(t.Context(), tc.req)
				if err == nil || KindOf(err) != tc.want || !strings.Contains(err.Error(), tc.words) {
					t.Fatalf("%s: kind %s: %v; want %s with %q", way, KindOf(err), err, tc.want, tc.words)
				}
				if IsTerminal(err) != (tc.want == BadRequest || tc.want == Missing) {
					t.Errorf("%s: terminal = %v", way, IsTerminal(err))
				}
				if strings.Contains(err.Error(), "secret@") || strings.Contains(err.Error(), "bot:") {
					t.Errorf("%s: the error tells credentials: %v", way, err)
				}
			}
		})
	}
}

func TestBranchesTipAndFiles(t *testing.T) {
	q := independent(t, 1)
	q.repo.Git("branch", "stable")
	now := q.repo.Commit("config", map[string]string{".zuul.yaml": "main", "zuul.d/x.yaml": "x"})
	for way, m := range ways(t, q.remotes()) {
		t.Run(way, func(t *testing.T) { checkReading(t, m, q, now) })
	}
}

func checkReading(t *testing.T, s Merger, q *queue, now string) {
	t.Helper()
	branches, err := s.Branches(t.Context(), api)
	if d := cmp.Diff(BranchList{Default: "main", Heads: map[string]string{"main": now, "stable": q.base}}, branches); err != nil || d != "" {
		t.Errorf("%v: %s", err, d)
	}
	tip, err := s.Tip(t.Context(), api, "main")
	if d := cmp.Diff(Commit{now, q.repo.Tree(now)}, tip); err != nil || d != "" {
		t.Errorf("%v: %s", err, d)
	}
	if _, err := s.Tip(t.Context(), api, "no"); KindOf(err) != Missing {
		t.Errorf("a branch that is not there: %v", err)
	}
	state := prepare(t, s, "", q.request()).States[0].Commit
	for name, tc := range map[string]struct {
		req  FilesRequest
		want FilesResult
		kind Kind
	}{
		"of a branch now":     {FilesRequest{Project: api, Branch: "main", Paths: []string{".zuul.yaml", "zuul.d/"}}, FilesResult{Commit: now, Files: []File{{Path: ".zuul.yaml", Content: "main"}, {Path: "zuul.d/x.yaml", Content: "x"}}}, ""},
		"of a commit":         {FilesRequest{Project: api, Commit: q.base, Paths: []string{"README", ".zuul.yaml"}}, FilesResult{Commit: q.base, Files: []File{{Path: "README", Content: "hello"}}}, ""},
		"of a prepared state": {FilesRequest{Project: api, Commit: state, Paths: []string{"filea"}}, FilesResult{Commit: state, Files: []File{{Path: "filea", Content: "new"}}}, ""},
		"of a lost state":     {FilesRequest{Project: api, Commit: strings.Repeat("9", 40), Paths: []string{"a"}}, FilesResult{}, Missing},
		"no commit, branch":   {FilesRequest{Project: api, Paths: []string{"a"}}, FilesResult{}, BadRequest},
		"hostile path":        {FilesRequest{Project: api, Commit: q.base, Paths: []string{"../config"}}, FilesResult{}, BadRequest},
		"hostile commit":      {FilesRequest{Project: api, Commit: "HEAD:README", Paths: []string{"a"}}, FilesResult{}, BadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Files(t.Context(), tc.req)
			if (err != nil) != (tc.kind != "") || err != nil && KindOf(err) != tc.kind {
				t.Fatalf("error %v, want kind %q", err, tc.kind)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPublishAgainAndRelease(t *testing.T) {
	q := independent(t, 1)
	s, _ := newService(t, t.TempDir(), q.remotes())
	scope := gitrepo.Scope{Tenant: "acme", BuildSet: "bs"}
	for range 2 {
		prepare(t, s, scope.String(), q.request())
		if _, err := s.store.Served(scope, api.Hostname, api.Name); err != nil {
			t.Fatal(err)
		}
	}
	prepare(t, s, "acme/other", q.request())
	for range 2 {
		if err := s.Release(t.Context(), scope.String()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.store.Served(scope, api.Hostname, api.Name); err == nil {
			t.Error("it is served after its release")
		}
	}
	if _, err := s.store.Served(gitrepo.Scope{Tenant: "acme", BuildSet: "other"}, api.Hostname, api.Name); err != nil {
		t.Errorf("the other scope: %v", err)
	}
	if err := s.Release(t.Context(), "../x"); KindOf(err) != BadRequest {
		t.Errorf("hostile scope: %v", err)
	}
}

func TestSweepForgetsAndMergesAgain(t *testing.T) {
	q := independent(t, 3)
	s, _ := newService(t, t.TempDir(), q.remotes())
	first := prepare(t, s, "acme/bs", q.request())
	if err := s.Sweep(t.Context(), time.Hour, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := s.work(func() { prepare(t, s, "", q.request()) }); got != (work{Reused: 3}) {
		t.Errorf("young states were swept: %+v", got)
	}
	if err := s.Sweep(t.Context(), -time.Minute, -time.Minute); err != nil {
		t.Fatal(err)
	}
	var second mergeplan.Result
	if got := s.work(func() { second = prepare(t, s, "", q.request()) }); got != (work{Merges: 3}) {
		t.Errorf("after the sweep: %+v", got)
	}
	if d := cmp.Diff(first, second); d != "" {
		t.Error(d)
	}
	if _, err := s.store.Served(gitrepo.Scope{Tenant: "acme", BuildSet: "bs"}, api.Hostname, api.Name); err == nil {
		t.Error("an old scope was not swept")
	}
}

func TestLRUForgetsTheLeastUsed(t *testing.T) {
	l := lru.New[string, int](2)
	l.Put("a", 1)
	l.Put("b", 2)
	l.Get("a")
	l.Put("c", 3)
	l.Put("c", 4)
	got := map[string]int{}
	for _, k := range []string{"a", "b", "c"} {
		if v, ok := l.Get(k); ok {
			got[k] = v
		}
	}
	if d := cmp.Diff(map[string]int{"a": 1, "c": 4}, got); d != "" {
		t.Error(d)
	}
	l.Remove("a")
	if _, ok := l.Get("a"); ok {
		t.Error("removed and still there")
	}
}
