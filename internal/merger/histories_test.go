package merger

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		files[fmt.Sprintf("dir%d/f%d", i%2, i)] = lines(12)
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

// mergeInWorktree does the same with `git merge` and gives the trees after
// each step; it ends before the first conflict.
func mergeInWorktree(q *queue) []string {
	var trees []string
	q.repo.Git("checkout", "--quiet", "--detach", q.base)
	defer q.repo.Git("checkout", "--quiet", "--force", "main")
	for _, s := range q.steps {
		if _, err := gitrepotest.Try(q.repo.Dir, "merge", "--quiet", "--no-ff", "-m", "x", s.Change.Head); err != nil {
			q.repo.Git("reset", "--quiet", "--hard")
			return trees
		}
		trees = append(trees, q.repo.Tree("HEAD"))
	}
	return trees
}

func TestTreesAreThoseOfGitMerge(t *testing.T) {
	conflicts := 0
	for seed := range uint64(16) {
		q := randomQueue(t, rand.New(rand.NewPCG(seed, 1)))
		s, _ := newService(t, t.TempDir(), q.remotes())
		want := mergeInWorktree(q)
		res := prepare(t, s, "", q.request())
		if res.Conflict != nil {
			conflicts++
			if res.Conflict.Step != len(want) || len(res.Conflict.Files) == 0 {
				t.Errorf("seed %d: conflict %+v, git merge gets to step %d", seed, res.Conflict, len(want))
			}
			continue
		}
		if len(want) != len(q.steps) || res.States[0].Tree != want[len(want)-1] {
			t.Errorf("seed %d: tree %s, git merge gives %v", seed, res.States[0].Tree, want)
		}
	}
	if conflicts == 0 || conflicts == 16 {
		t.Errorf("%d of 16 histories conflict: the test does not see both ways", conflicts)
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
	if res.Conflict != nil || res.States[0].Tree != mergeInWorktree(q)[0] || !slices.Contains(res.Steps[0].ChangedFiles, "b") {
		t.Errorf("%+v", res)
	}
}
