package merger

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
)

func TestMergeCommitsHaveTheirShape(t *testing.T) {
	q := independent(t, 2)
	s, _ := newService(t, t.TempDir(), q.remotes())
	res := prepare(t, s, "", q.request())
	m, err := s.store.EnsureMirror(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.ReadCommit(t.Context(), res.States[0].Commit)
	if err != nil {
		t.Fatal(err)
	}
	want := gitrepo.Commit{
		Tree: res.States[0].Tree, Parents: []string{res.Steps[0].Commit, q.steps[1].Change.Head},
		Author: "Gozer <gozer@localhost> 1700000000 +0000", Committer: "Gozer <gozer@localhost> 1700000000 +0000",
		Message: "Merge change 2 into main\n\nChange things\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"filea"}, res.Steps[0].ChangedFiles); d != "" {
		t.Error(d)
	}
}

func TestAChangeThatIsInTheStateAlready(t *testing.T) {
	for _, mode := range mergeplan.Modes() {
		t.Run(string(mode), func(t *testing.T) {
			q := independent(t, 1)
			q.repo.Git("merge", "--quiet", "--no-ff", "-m", "merged by hand", q.steps[0].Change.Head)
			q.base = q.repo.Git("rev-parse", "HEAD")
			q.steps[0].Mode = mode
			s, _ := newService(t, t.TempDir(), q.remotes())
			res := prepare(t, s, "", q.request())
			if res.Conflict != nil || res.States[0].Commit != q.base || res.Steps[0].Commit != q.base {
				t.Errorf("%+v", res)
			}
		})
	}
}

// git does in a worktree what a mode stands for.
func TestModes(t *testing.T) {
	type shape struct {
		Tree     string
		Subjects []string
		Parents  int
	}
	for name, tc := range map[string]struct {
		mode     mergeplan.Mode
		worktree []string // git arguments, after them the head
		subjects []string
		parents  int
	}{
		"merge":           {mergeplan.ModeMerge, []string{"merge", "--no-ff", "-m", "x"}, []string{"Merge change 1 into main"}, 2},
		"merge-ort":       {mergeplan.ModeMergeOrt, []string{"merge", "-s", "ort", "--no-ff", "-m", "x"}, []string{"Merge change 1 into main"}, 2},
		"merge-recursive": {mergeplan.ModeMergeRecursive, []string{"merge", "-s", "recursive", "--no-ff", "-m", "x"}, []string{"Merge change 1 into main"}, 2},
		"merge-resolve":   {mergeplan.ModeMergeResolve, []string{"merge", "-s", "resolve", "--no-ff", "-m", "x"}, []string{"Merge change 1 into main"}, 2},
		"squash-merge":    {mergeplan.ModeSquash, []string{"merge", "--squash"}, []string{"Squash change 1 into main"}, 1},
		"cherry-pick":     {mergeplan.ModeCherryPick, nil, []string{"second", "first"}, 1},
		"rebase":          {mergeplan.ModeRebase, nil, []string{"second", "first"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := gitrepotest.New(t)
			text := strings.Repeat("line\n", 20)
			fork := r.Commit("fork", map[string]string{"a": text, "b": text})
			r.Git("checkout", "--quiet", "--detach", fork)
			r.Commit("first", map[string]string{"a": text + "end\n"})
			same := r.Commit("is on the branch too", map[string]string{"c": "same\n"})
			head := r.Commit("second", map[string]string{"d": "new\n"})
			r.Git("update-ref", "refs/pull/1/head", head)
			r.Git("checkout", "--quiet", "main")
			r.Git("cherry-pick", same)
			base := r.Commit("main goes on", map[string]string{"a": "start\n" + text})
			q := &queue{repo: r, base: base, steps: []mergeplan.Step{step(api, 1, "refs/pull/1/head", head, tc.mode)}}
			s, _ := newService(t, t.TempDir(), q.remotes())
			res := prepare(t, s, "", q.request())
			if res.Conflict != nil {
				t.Fatalf("%+v", res.Conflict)
			}
			m, err := s.store.EnsureMirror(t.Context(), api)
			if err != nil {
				t.Fatal(err)
			}
			got := shape{Tree: res.States[0].Tree}
			for at := res.States[0].Commit; at != base; {
				c, err := m.ReadCommit(t.Context(), at)
				if err != nil {
					t.Fatal(err)
				}
				subject, _, _ := strings.Cut(c.Message, "\n")
				got.Subjects, got.Parents = append(got.Subjects, subject), len(c.Parents)
				at = c.Parents[0]
				if strings.HasPrefix(c.Author, "Ada") != (tc.mode == mergeplan.ModeCherryPick || tc.mode == mergeplan.ModeRebase) {
					t.Errorf("author %q", c.Author)
				}
				if !strings.HasPrefix(c.Committer, "Gozer") {
					t.Errorf("committer %q", c.Committer)
				}
			}
			if d := cmp.Diff(shape{worktreeTree(t, r, tc.mode, tc.worktree, base, head), tc.subjects, tc.parents}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func worktreeTree(t *testing.T, r *gitrepotest.Repo, mode mergeplan.Mode, args []string, base, head string) string {
	t.Helper()
	switch mode {
	case mergeplan.ModeRebase:
		r.Git("checkout", "--quiet", "--detach", head)
		r.Git("rebase", "--quiet", base)
	case mergeplan.ModeCherryPick: // without the commit that the branch has
		r.Git("checkout", "--quiet", "--detach", base)
		r.Git("cherry-pick", head+"~2", head)
	default:
		r.Git("checkout", "--quiet", "--detach", base)
		r.Git(append(args, head)...)
	}
	return r.Git("write-tree")
}

func TestPickingConflictsAndOddities(t *testing.T) {
	build := func(t *testing.T, shape func(r *gitrepotest.Repo, fork string) string) (*Service, *queue) {
		r := gitrepotest.New(t)
		fork := r.Commit("fork", map[string]string{"a": "0"})
		base := r.Commit("main goes on", map[string]string{"a": "main"})
		r.Git("checkout", "--quiet", "--detach", fork)
		head := shape(r, fork)
		r.Git("update-ref", "refs/pull/1/head", head)
		r.Git("checkout", "--quiet", "main")
		q := &queue{repo: r, base: base, steps: []mergeplan.Step{step(api, 1, "refs/pull/1/head", head, mergeplan.ModeCherryPick)}}
		s, _ := newService(t, t.TempDir(), q.remotes())
		return s, q
	}
	t.Run("conflict", func(t *testing.T) {
		s, q := build(t, func(r *gitrepotest.Repo, _ string) string { return r.Commit("c", map[string]string{"a": "1"}) })
		res := prepare(t, s, "", q.request())
		if res.Conflict == nil || !slices.Equal(res.Conflict.Files, []string{"a"}) {
			t.Errorf("%+v", res)
		}
	})
	t.Run("a root commit", func(t *testing.T) {
		s, q := build(t, func(r *gitrepotest.Repo, _ string) string {
			r.Git("checkout", "--quiet", "--orphan", "o")
			r.Git("rm", "-rfq", ".")
			return r.Commit("root", map[string]string{"x": "1"})
		})
		res := prepare(t, s, "", q.request())
		q.repo.Git("checkout", "--quiet", "--detach", q.base)
		q.repo.Git("cherry-pick", q.steps[0].Change.Head)
		if res.Conflict != nil || res.States[0].Tree != q.repo.Tree("HEAD") {
			t.Errorf("%+v", res)
		}
	})
	t.Run("a merge commit is merged", func(t *testing.T) {
		s, q := build(t, func(r *gitrepotest.Repo, fork string) string {
			r.Commit("c", map[string]string{"b": "1"})
			r.Git("branch", "change")
			r.Git("checkout", "--quiet", "change")
			r.Change("refs/x/o", fork, "o", map[string]string{"c": "1"})
			r.Git("merge", "--quiet", "--no-ff", "-m", "m", "refs/x/o")
			return r.Git("rev-parse", "HEAD")
		})
		res := prepare(t, s, "", q.request())
		if res.Conflict != nil || res.States[0].Tree != inWorktree(q, mergeplan.ModeMerge)[0] {
			t.Errorf("%+v", res)
		}
	})
	t.Run("on top of the branch it stays as it is", func(t *testing.T) {
		q := independent(t, 1)
		q.steps[0].Mode = mergeplan.ModeRebase
		s, _ := newService(t, t.TempDir(), q.remotes())
		if res := prepare(t, s, "", q.request()); res.States[0].Commit != q.steps[0].Change.Head {
			t.Errorf("%+v", res)
		}
	})
}

func TestPickKeepsTheAuthorIfGitCanWriteIt(t *testing.T) {
	st := mergeplan.Step{Time: noon}
	for given, kept := range map[string]bool{
		"Ada <ada@example.org> 1700000000 +0100":  true,
		"A. \xe4 <> 0 -0000":                      true,
		" <ada@example.org> 1700000000 +0100":     false,
		"Ada <ada@<example.org> 1700000000 +0100": false,
		"Ada <ada@example.org> 017 +0100":         false,
		"Ada <ada@example.org> 1700000000 +51800": false,
		"Ada ada@example.org":                     false,
		"":                                        false,
	} {
		t.Run(given, func(t *testing.T) {
			got := author(gitrepo.Commit{Author: given}, st)
			if (got == given) != kept || !kept && got != signature(st) {
				t.Errorf("author %q", got)
			}
		})
	}
}
