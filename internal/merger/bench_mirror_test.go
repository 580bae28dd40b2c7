package merger

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
)

var mirrorBytes = flag.Int64("mirror-bytes", 32<<20, "size of the repository of BenchmarkColdMirror")

// largeQueue makes a repository of random files of 50 kB, with a history of 200
// commits, 50 branches, 300 tags and one change.
func largeQueue(b *testing.B, size int64) *queue {
	b.Helper()
	q := &queue{repo: gitrepotest.New(b)}
	cmd := exec.CommandContext(b.Context(), "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Env = q.repo.Dir, gitrepotest.Env()
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(in, 1<<20)
	writeLarge(w, size)
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	q.repo.Git("reset", "--quiet", "--hard", "main")
	q.base = q.repo.Git("rev-parse", "main")
	q.add(api, 1, map[string]string{"new": "1"})
	return q
}

func writeLarge(w io.Writer, size int64) {
	const file, commits = 50_000, 200
	random := rand.NewChaCha8([32]byte{1})
	content := make([]byte, file)
	files := max(1, int(size/file)/commits)
	for c := range commits {
		fmt.Fprintf(w, "commit refs/heads/main\nmark :%d\ncommitter Ada <ada@example.org> %d +0000\ndata 1\nx\n", c+1, 1_700_000_000+c)
		if c > 0 {
			fmt.Fprintf(w, "from :%d\n", c)
		}
		for f := range files {
			_, _ = random.Read(content)
			fmt.Fprintf(w, "M 100644 inline d%02d/f%d-%d\ndata %d\n", f%50, c, f, file)
			_, _ = w.Write(content)
			fmt.Fprintln(w)
		}
	}
	for n := range 300 {
		fmt.Fprintf(w, "reset refs/tags/v%d\nfrom :%d\n\n", n, n%commits+1)
	}
	for n := range 50 {
		fmt.Fprintf(w, "reset refs/heads/stable/%d\nfrom :%d\n\n", n, n*4+1)
	}
}

// BenchmarkColdMirror is the time from nothing to the first state of a change of a
// large repository, and to all its branches and tags, over HTTP from this machine; and
// the memory of the merger and of its git processes. Set the size with -mirror-bytes.
func BenchmarkColdMirror(b *testing.B) {
	q := largeQueue(b, *mirrorBytes)
	q.repo.Git("repack", "-q", "-a", "-d")
	host := gitrepotest.NewHost(b, "", "")
	all := remotes{api: gitrepo.Remote{URL: host.Add(b, "acme/api", q.repo)}}
	for b.Loop() {
		root := b.TempDir()
		s, closeIt := newService(b, root, all)
		var most atomic.Int64
		stop := watchMemory(root, &most)
		began := time.Now()
		prepare(b, s, "", mergeplan.Request{Steps: q.steps})
		b.ReportMetric(time.Since(began).Seconds(), "s/first-state")
		began = time.Now()
		st, err := s.Refs(b.Context(), api)
		if _, tags := st.Count(); err != nil || tags != 300 {
			b.Fatal(tags, err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/refs")
		stop()
		b.ReportMetric(float64(most.Load())/(1<<20), "MiB-git")
		var own runtime.MemStats
		runtime.ReadMemStats(&own)
		b.ReportMetric(float64(own.HeapInuse)/(1<<20), "MiB-heap")
		again := q.request()
		again.Steps = append([]mergeplan.Step{}, q.steps...)
		again.Steps[0].Time = noon.AddDate(0, 0, 1)
		began = time.Now()
		prepare(b, s, "", again)
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms/next-state")
		closeIt()
	}
	b.ReportMetric(float64(*mirrorBytes)/1e9, "GB")
}

// watchMemory keeps the most that processes in a directory have had resident, all together.
func watchMemory(dir string, most *atomic.Int64) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				most.Store(max(most.Load(), residentIn(dir)))
			}
		}
	}()
	return func() { close(done); <-ended }
}

// residentIn adds up what the processes have in memory that is theirs alone, not
// files that they map.
func residentIn(dir string) int64 {
	var total int64
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if cwd, err := os.Readlink(link); err != nil || !strings.HasPrefix(cwd, dir) {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "status"))
		for line := range strings.Lines(string(status)) {
			if kb, ok := strings.CutPrefix(line, "RssAnon:"); ok {
				n, _ := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
				total += n << 10
			}
		}
	}
	return total
}
