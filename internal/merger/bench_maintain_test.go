package merger

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/mergeplan"
)

// BenchmarkMaintain is what housekeeping of a large mirror takes after 2,000 merges:
// in the hour in which they were made, and when everything is collected. Set the size
// of the mirror with -mirror-bytes.
func BenchmarkMaintain(b *testing.B) {
	const changes, rounds, again = 20, 100, 20
	q := largeQueue(b, *mirrorBytes)
	for n := int64(2); n <= changes; n++ {
		q.add(api, n, map[string]string{fmt.Sprintf("d00/src/pkg/new%d", n): "1"})
	}
	for b.Loop() {
		root, now := b.TempDir(), time.Now()
		s, closeIt := newServiceWith(b, gitrepo.Options{Root: root, Now: func() time.Time { return now }}, q.remotes())
		for i := range q.steps {
			one := q.request()
			one.Steps = q.steps[i : i+1]
			prepare(b, s, "", one)
		}
		for n := range rounds {
			prepare(b, s, "", q.shuffled(n))
		}
		next := func(when string, first int) {
			began := time.Now()
			for n := range again {
				prepare(b, s, "", q.shuffled(first+n))
			}
			b.ReportMetric(float64(time.Since(began).Milliseconds())/again, "ms/20-merges-"+when)
			bytes, files := sizeOf(b, root)
			b.ReportMetric(float64(bytes)/1e6, "MB-"+when)
			b.ReportMetric(float64(files), "files-"+when)
		}
		next("before", rounds)
		for i, what := range []string{"packed", "collected"} {
			began := time.Now()
			if err := s.Sweep(b.Context(), time.Hour, time.Hour); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(time.Since(began).Seconds(), "s-"+what)
			next(what, rounds+again*(i+1))
			now = now.Add(25 * time.Hour)
		}
		closeIt()
	}
}

// shuffled is the queue in another order each time, so that all trees are new.
func (q *queue) shuffled(n int) mergeplan.Request {
	req := q.upTo(len(q.steps), n)
	rand.New(rand.NewPCG(1, uint64(n))).Shuffle(len(req.Steps), func(i, j int) { //nolint:gosec // any order, the same every time
		req.Steps[i], req.Steps[j] = req.Steps[j], req.Steps[i]
	})
	return req
}

// sizeOf adds up the files of a directory.
func sizeOf(b *testing.B, dir string) (bytes int64, files int) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes, files = bytes+info.Size(), files+1
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return bytes, files
}
