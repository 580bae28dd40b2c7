package merger

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

// benchQueue is a repository with many files and a queue of changes, each of a
// file of its own.
func benchQueue(b *testing.B, p model.Project, files, changes int) *queue {
	b.Helper()
	q := &queue{repo: gitrepotest.New(b)}
	content := map[string]string{}
	for i := range files {
		content[fmt.Sprintf("d%02d/s%02d/f%05d", i%100, i/100%20, i)] = fmt.Sprintf("content %d\n", i)
	}
	q.base = q.repo.Commit("base", content)
	for i := range changes {
		ref := fmt.Sprintf("refs/pull/%d/head", i+1)
		head := q.repo.Change(ref, q.base, "change", map[string]string{fmt.Sprintf("d%02d/s00/f%05d", i%100, i%100): fmt.Sprintf("changed by %d\n", i)})
		q.steps = append(q.steps, step(p, int64(i+1), ref, head, mergeplan.ModeMerge))
	}
	return q
}

// upTo is the request for the state of the n-th item, at a time that makes other
// commits than any time before: nothing of it is known.
func (q *queue) upTo(n, time int) mergeplan.Request {
	req := q.request()
	req.Steps = append([]mergeplan.Step{}, req.Steps[:n]...)
	for i := range req.Steps {
		req.Steps[i].Time = noon.AddDate(0, 0, time)
	}
	return req
}

// fetched is a service that has everything and has merged nothing.
func (q *queue) fetched(b *testing.B) *Service {
	b.Helper()
	s, _ := newService(b, b.TempDir(), q.remotes())
	for i := range q.steps {
		one := q.request()
		one.Steps = q.steps[i : i+1]
		prepare(b, s, "", one)
	}
	return s
}

// BenchmarkMergeQueue makes the state of every item of a queue, one after the
// other, as items are prepared: all has been fetched, nothing has been merged.
func BenchmarkMergeQueue(b *testing.B) {
	for _, files := range []int{2_000, 20_000} {
		b.Run(fmt.Sprintf("files=%d/changes=20", files), func(b *testing.B) {
			q := benchQueue(b, api, files, 20)
			s := q.fetched(b)
			n := 0
			for b.Loop() {
				n++
				for k := range q.steps {
					prepare(b, s, "", q.upTo(k+1, n))
				}
			}
		})
	}
}

// BenchmarkMergeEjected makes the states of the 17 items behind the third of 20
// when that is taken out.
func BenchmarkMergeEjected(b *testing.B) {
	q := benchQueue(b, api, 20_000, 20)
	s := q.fetched(b)
	n := 0
	for b.Loop() {
		n++
		b.StopTimer()
		prepare(b, s, "", q.upTo(20, n))
		before := s.Stats.Merges.Load()
		b.StartTimer()
		for k := 4; k <= 20; k++ {
			req := q.upTo(k, n)
			req.Steps = append(req.Steps[:2:2], req.Steps[3:]...)
			prepare(b, s, "", req)
		}
		if made := s.Stats.Merges.Load() - before; made != 17 {
			b.Fatalf("%d merges, want 17", made)
		}
	}
}

// BenchmarkMergeKnown asks again for the state of the last of 20 items.
func BenchmarkMergeKnown(b *testing.B) {
	q := benchQueue(b, api, 20_000, 20)
	s := q.fetched(b)
	prepare(b, s, "", q.request())
	for b.Loop() {
		prepare(b, s, "", q.request())
	}
}

// BenchmarkMergeOne makes the state of one item with nothing to fetch.
func BenchmarkMergeOne(b *testing.B) {
	q := benchQueue(b, api, 20_000, 1)
	s := q.fetched(b)
	n := 0
	for b.Loop() {
		n++
		prepare(b, s, "", q.upTo(1, n))
	}
}

// BenchmarkMergeParallel makes the states of 100 items, 20 in each of five
// projects, eight at a time.
func BenchmarkMergeParallel(b *testing.B) {
	const projects, changes, atOnce = 5, 20, 8
	repos := map[model.Project]*gitrepotest.Repo{}
	var queues []*queue
	for n := range projects {
		p := model.Project{Connection: "forge", Hostname: "forge.example", Name: fmt.Sprintf("acme/p%d", n)}
		q := benchQueue(b, p, 2_000, changes)
		repos[p] = q.repo
		queues = append(queues, q)
	}
	s, _ := newService(b, b.TempDir(), on(repos))
	round := func(n int) {
		var work sync.WaitGroup
		room := make(chan struct{}, atOnce)
		for k := range changes {
			for _, q := range queues {
				room <- struct{}{}
				work.Go(func() {
					req := q.upTo(k+1, n)
					req.Bases[0].Project = req.Steps[0].Change.Project
					if _, err := s.Prepare(b.Context(), PrepareRequest{Request: req}); err != nil {
						b.Error(err)
					}
					<-room
				})
			}
		}
		work.Wait()
	}
	round(0)
	n := 0
	for b.Loop() {
		n++
		round(n)
	}
	b.ReportMetric(float64(n*projects*changes)/b.Elapsed().Seconds(), "merges/s")
}

// BenchmarkWorktree is git merge in a worktree, for comparison.
func BenchmarkWorktree(b *testing.B) {
	q := benchQueue(b, api, 20_000, 20)
	dir := filepath.Join(b.TempDir(), "w")
	q.repo.Git("worktree", "add", "--quiet", "--detach", dir, q.base)
	for b.Loop() {
		for _, args := range append([][]string{{"reset", "--quiet", "--hard", q.base}}, mergeArgs(q)...) {
			if out, err := gitrepotest.Try(dir, args...); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		}
	}
}

func mergeArgs(q *queue) [][]string {
	var all [][]string
	for _, s := range q.steps {
		all = append(all, []string{"merge", "--quiet", "--no-ff", "-m", "x", s.Change.Head})
	}
	return all
}
