package merger

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/lru"
	"github.com/gozer-dev/gozer/internal/mergeplan"
)

const (
	benchFiles = 20_000
	benchQueue = 20
)

// largeQueue is a repository with many files and a queue of changes.
func largeQueue(b *testing.B) *queue {
	b.Helper()
	q := &queue{repo: gitrepotest.New(b)}
	files := map[string]string{}
	for i := range benchFiles {
		files[fmt.Sprintf("d%02d/s%02d/f%05d", i%100, i/100%20, i)] = fmt.Sprintf("content %d\n", i)
	}
	q.base = q.repo.Commit("base", files)
	for i := range benchQueue {
		ref := fmt.Sprintf("refs/pull/%d/head", i+1)
		head := q.repo.Change(ref, q.base, "change", map[string]string{fmt.Sprintf("d%02d/s00/f%05d", i, i): "changed\n"})
		q.steps = append(q.steps, step(api, int64(i+1), ref, head, mergeplan.ModeMerge))
	}
	return q
}

// BenchmarkQueue20 merges 20 changes in a repository of 20,000 files: cold
// (nothing known, all fetched before), again (all found by digest), after a
// reset of the second item, and for comparison with git merge in a worktree.
func BenchmarkQueue20(b *testing.B) {
	q := largeQueue(b)
	fetched := func(b *testing.B) *Service {
		s, _ := newService(b, b.TempDir(), q.remotes())
		req := q.request()
		for i := range req.Steps {
			one := req
			one.Steps = req.Steps[i : i+1]
			prepare(b, s, "", one)
		}
		return s
	}
	later := func(req mergeplan.Request, n int) mergeplan.Request {
		req.Steps = append([]mergeplan.Step{}, req.Steps...)
		for i := range req.Steps { // another time: other commits, nothing is known
			req.Steps[i].Time = noon.AddDate(0, 0, n+1)
		}
		return req
	}
	b.Run("cold", func(b *testing.B) {
		s := fetched(b)
		n := 0
		for b.Loop() {
			n++
			s.changes = lru.New[changeKey, changedFiles](maxChanges)
			prepare(b, s, "", later(q.request(), n))
		}
	})
	b.Run("known", func(b *testing.B) {
		s := fetched(b)
		prepare(b, s, "", q.request())
		for b.Loop() {
			prepare(b, s, "", q.request())
		}
	})
	b.Run("reset of the second", func(b *testing.B) {
		s := fetched(b)
		n := 0
		for b.Loop() {
			n++
			req := later(q.request(), n)
			b.StopTimer()
			prepare(b, s, "", req)
			b.StartTimer()
			req.Steps = append(req.Steps[:1:1], req.Steps[2:]...)
			prepare(b, s, "", req)
		}
	})
	b.Run("worktree", func(b *testing.B) {
		dir := filepath.Join(b.TempDir(), "w")
		q.repo.Git("worktree", "add", "--quiet", "--detach", dir, q.base)
		for b.Loop() {
			for _, args := range append([][]string{{"reset", "--quiet", "--hard", q.base}}, mergeArgs(q)...) {
				if out, err := gitrepotest.Try(dir, args...); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
			}
		}
	})
}

func mergeArgs(q *queue) [][]string {
	var all [][]string
	for _, s := range q.steps {
		all = append(all, []string{"merge", "--quiet", "--no-ff", "-m", "x", s.Change.Head})
	}
	return all
}
