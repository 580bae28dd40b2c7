package merger

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
)

// randomQueue makes changes that edit, add, delete and rename a few files at
// random places, from random fork points, some stacked on others.
func randomQueue(t *testing.T, rnd *rand.Rand) *queue {
	q := &queue{repo: gitrepotest.New(t)}
	lines := func(n int) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("line %d of %d", i, rnd.IntN(1000)))
		}
		return out
	}
	files := map[string][]string{}
	for i := range 4 {
		files[fmt.Sprintf("dir%d/f%d", i%2, i)] = lines(30)
	}
	write := func(files map[string][]string) {
		for name, l := range files {
			q.repo.Write(map[string]string{name: strings.Join(l, "\n") + "\n"})
		}
	}
	write(files)
	forks := []string{q.repo.Commit("base", nil)}
	edit := func() {
		for range 1 + rnd.IntN(2) {
			names, _ := filepath.Glob(filepath.Join(q.repo.Dir, "dir*/*"))
			name := names[rnd.IntN(len(names))]
			switch rnd.IntN(8) {
			case 0:
				q.repo.Write(map[string]string{fmt.Sprintf("dir0/new%d", rnd.IntN(1000)): "new\n"})
			case 1:
				_ = os.Rename(name, filepath.Join(q.repo.Dir, "dir1", fmt.Sprintf("moved%d", rnd.IntN(1000))))
			default:
				b, _ := os.ReadFile(name)
				l := strings.Split(string(b), "\n")
				l[rnd.IntN(len(l))] = fmt.Sprintf("edited %d", rnd.IntN(1000))
				_ = os.WriteFile(name, []byte(strings.Join(l, "\n")), 0o644)
			}
		}
	}
	edit()
	forks = append(forks, q.repo.Commit("main goes on", nil))
	q.base = forks[1]
	for i := range 5 {
		q.repo.Git("checkout", "--quiet", "--detach", forks[rnd.IntN(len(forks))])
		edit()
		if rnd.IntN(4) == 0 {
			q.repo.Commit(fmt.Sprintf("begin of change %d", i), nil)
			edit()
		}
		head := q.repo.Commit(fmt.Sprintf("change %d", i), nil)
		if rnd.IntN(3) == 0 {
			forks = append(forks, head) // a later change may be stacked on it
		}
		ref := fmt.Sprintf("refs/pull/%d/head", i+1)
		q.repo.Git("update-ref", ref, head)
		q.steps = append(q.steps, step(api, int64(i+1), ref, head, mergeplan.ModeMerge))
	}
	q.repo.Git("checkout", "--quiet", "main")
	return q
}

var queues = flag.Int("queues", 12, "random queues that are compared with git, each in all modes")

// worktrees do what the modes are, with git in a worktree; false for a conflict.
var worktrees = map[mergeplan.Mode]func(r *gitrepotest.Repo, head string) bool{
	mergeplan.ModeMerge:          merging("ort"),
	mergeplan.ModeMergeOrt:       merging("ort"),
	mergeplan.ModeMergeRecursive: merging("ort"), // git made the one the other's name
	mergeplan.ModeMergeResolve:   merging("resolve"),
	mergeplan.ModeSquash: func(r *gitrepotest.Repo, head string) bool {
		if _, err := gitrepotest.Try(r.Dir, "merge", "--quiet", "--squash", head); err != nil {
			return false
		}
		r.Git("commit", "--quiet", "--allow-empty", "-m", "squashed")
		return true
	},
	mergeplan.ModeCherryPick: picking,
	mergeplan.ModeRebase:     picking,
}

func merging(strategy string) func(*gitrepotest.Repo, string) bool {
	return func(r *gitrepotest.Repo, head string) bool {
		_, err := gitrepotest.Try(r.Dir, "merge", "--quiet", "--no-ff", "-s", strategy, "-m", "x", head)
		return err == nil
	}
}

// picking applies what is not there yet, commit by commit, without what is empty then.
func picking(r *gitrepotest.Repo, head string) bool {
	for _, commit := range strings.Fields(r.Git("rev-list", "--reverse", "--topo-order", "--no-merges", "HEAD.."+head)) {
		if _, err := gitrepotest.Try(r.Dir, "cherry-pick", commit); err == nil {
			continue
		}
		if r.Git("status", "--porcelain") != "" {
			return false
		}
		r.Git("cherry-pick", "--skip") // it is in the state already
	}
	return true
}

// inWorktree gives the trees after each step; it ends before the first conflict.
func inWorktree(q *queue, mode mergeplan.Mode) []string {
	var trees []string
	q.repo.Git("checkout", "--quiet", "--detach", q.base)
	defer q.repo.Git("checkout", "--quiet", "--force", "main")
	for _, s := range q.steps {
		if !worktrees[mode](q.repo, s.Change.Head) {
			_, _ = gitrepotest.Try(q.repo.Dir, "cherry-pick", "--abort")
			q.repo.Git("reset", "--quiet", "--hard")
			return trees
		}
		trees = append(trees, q.repo.Tree("HEAD"))
	}
	return trees
}

// TestTreesAreThoseOfGit: random queues, in every mode, give the trees and the
// conflicts that git gives in a worktree. `make model-merges` compares 1,000.
func TestTreesAreThoseOfGit(t *testing.T) {
	var conflicts, clean atomic.Int64
	t.Run("queues", func(t *testing.T) {
		for seed := range uint64(*queues) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				q := randomQueue(t, rand.New(rand.NewPCG(seed, 1)))
				s, closeIt := newService(t, t.TempDir(), q.remotes())
				defer closeIt()
				for mode := range worktrees {
					for n := range q.steps {
						q.steps[n].Mode = mode
					}
					want := inWorktree(q, mode)
					res := prepare(t, s, "", q.request())
					if res.Conflict == nil {
						clean.Add(1)
					} else {
						conflicts.Add(1)
					}
					compareSteps(t, mode, want, res, len(q.steps))
				}
			})
		}
	})
	t.Logf("%d of %d queues conflict", conflicts.Load(), conflicts.Load()+clean.Load())
	if conflicts.Load() == 0 || clean.Load() == 0 {
		t.Error("the test does not see both ways")
	}
}

func compareSteps(t *testing.T, mode mergeplan.Mode, want []string, res mergeplan.Result, steps int) {
	t.Helper()
	if c := res.Conflict; c != nil && (c.Step != len(want) || len(c.Files) == 0) || c == nil && len(want) != steps {
		t.Errorf("%s: conflict %+v, git gets to step %d of %d", mode, c, len(want), steps)
		return
	}
	for n, tree := range want {
		if res.Steps[n].Tree != tree {
			t.Errorf("%s: step %d has tree %s, git makes %s", mode, n, res.Steps[n].Tree, tree)
		}
	}
}

func TestCrissCrossMerge(t *testing.T) {
	r := gitrepotest.New(t)
	text := strings.Repeat("same\n", 10)
	root := r.Commit("root", map[string]string{"a": text, "b": text})
	left := r.Change("refs/x/left", root, "left", map[string]string{"a": "left\n" + text})
	right := r.Change("refs/x/right", root, "right", map[string]string{"b": "right\n" + text})
	cross := func(ref, a, b string) string {
		r.Git("checkout", "--quiet", "--detach", a)
		r.Git("merge", "--quiet", "--no-ff", "-m", "cross", b)
		r.Git("update-ref", ref, "HEAD")
		return r.Git("rev-parse", "HEAD")
	}
	base, head := cross("refs/heads/main", left, right), cross("refs/x/h", right, left)
	r.Git("checkout", "--quiet", "--detach", base)
	base = r.Commit("main goes on", map[string]string{"a": "left\n" + text + "end\n"})
	r.Git("update-ref", "refs/heads/main", base)
	head = r.Change("refs/pull/1/head", head, "change", map[string]string{"b": "right\n" + text + "end\n"})
	q := &queue{repo: r, base: base, steps: []mergeplan.Step{step(api, 1, "refs/pull/1/head", head, mergeplan.ModeMerge)}}
	if n := len(strings.Fields(r.Git("merge-base", "--all", base, head))); n != 2 {
		t.Fatalf("%d merge bases, want 2", n)
	}
	s, _ := newService(t, t.TempDir(), q.remotes())
	res := prepare(t, s, "", q.request())
	if res.Conflict != nil || res.States[0].Tree != inWorktree(q, mergeplan.ModeMerge)[0] || !slices.Contains(res.Steps[0].ChangedFiles, "b") {
		t.Errorf("%+v", res)
	}
}
