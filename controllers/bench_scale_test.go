package controllers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
)

// BenchmarkScale runs many builds at once against the real API server: changes
// with four jobs each, of which one needs another, until all builds run, and then
// until all have ended and their Pods are gone. The kubelets are a process of
// their own, so that the memory measured is that of the controllers, with their
// caches.
func BenchmarkScale(b *testing.B) {
	for _, builds := range []int{400, 2000} {
		b.Run(fmt.Sprintf("%d builds", builds), func(b *testing.B) {
			for b.Loop() {
				benchScale(b, builds)
			}
		})
	}
}

// jobsOfScale are those of one change; all of them can run at once.
const jobsOfScale = 4

func benchScale(b *testing.B, builds int) {
	w := newWorld(b)
	w.tick, w.patience = 200*time.Millisecond, 20*time.Minute
	w.host.Push("acme/api", "jobs", map[string]string{".zuul.yaml": strings.NewReplacer(
		"- job: {name: api-unit, run: ci/test.sh}", "- job: {name: api-unit, run: ci/test.sh}\n- job: {name: lint, run: ci/test.sh}\n- job: {name: docs, run: ci/test.sh}\n- job: {name: e2e, run: ci/test.sh}",
		"check: {jobs: [api-unit]}", "check: {jobs: [api-unit, lint, docs, e2e]}").Replace(projectYAML("api"))})
	clock := &timed{}
	w.through = func(m merger.Merger) merger.Merger {
		fake := newInstant(m, w.host)
		w.hosts, clock.Merger = instantHosts{fake}, fake
		return clock
	}
	far := w.farKubelets(b)
	w.kubelets = func(context.Context) {}
	fmt.Printf("\n%d builds; the API server takes %.0f small writes a second\n", builds, w.limit())
	w.start()
	w.loaded()
	before := heap()
	var changes []model.Change
	for i := range builds / jobsOfScale {
		changes = append(changes, w.host.Open("acme/api", int64(i+1), fmt.Sprintf("change %d", i+1), "", map[string]string{fmt.Sprintf("f%d", i+1): "1"}))
	}
	prepared := heap()

	p := w.phase("start", builds, clock)
	for _, c := range changes {
		w.opened(c)
	}
	w.eventually("all run", func() string { return w.inPhase(gozer.BuildRunning, builds) })
	took := time.Since(p.began)
	p.end()
	fmt.Printf("    %.1f builds started a second; %.1f MiB for 1,000 builds (the changes on the code host of the test: %.1f MiB)\n",
		float64(builds)/took.Seconds(), (heap()-prepared)/float64(builds)*1000, (prepared-before)/float64(builds)*1000)

	p = w.phase("end", builds, clock)
	fmt.Fprintln(far, "end") //nolint:errcheck // the kubelets say so themselves
	w.eventually("all have ended", func() string { return w.inPhase(gozer.BuildDone, builds) })
	p.end()
	w.halt()
}

// heap is the memory in use, in MiB.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// inPhase says what is missing until so many builds are in a phase; it asks the
// manager's own cache.
func (w *world) inPhase(phase gozer.BuildPhase, want int) string {
	var builds gozer.BuildList
	if err := w.cache.List(w.t.Context(), &builds, client.InNamespace(w.tenant), client.UnsafeDisableDeepCopy); err != nil {
		return err.Error()
	}
	got := 0
	for i := range builds.Items {
		if builds.Items[i].Status.Phase == phase {
			got++
		}
	}
	if got < want {
		return fmt.Sprintf("%d of %d are %s", got, want, phase)
	}
	return ""
}

// kubeletsOf, in the environment, has the program play the kubelets of a
// namespace, and be no test.
const kubeletsOf = "GOZER_TEST_KUBELETS_OF"

// cluster is how the other process reaches the API server.
type cluster struct {
	Host          string
	CA, Cert, Key []byte
}

// farKubelets starts the process of the kubelets.
func (w *world) farKubelets(t testing.TB) io.Writer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), kubeletsOf+"="+w.tenant)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	tls := restConfig.TLSClientConfig
	if err := json.NewEncoder(in).Encode(cluster{restConfig.Host, tls.CAData, tls.CertData, tls.KeyData}); err != nil {
		t.Fatal(err)
	}
	return in
}

// playKubelets is the other process: it reads where the cluster is, and then what
// executors say: nothing, until a line says that they end.
func playKubelets(tenant string, stdin io.Reader) error {
	in := bufio.NewReader(stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var at cluster
	if err := json.Unmarshal(line, &at); err != nil {
		return err
	}
	restConfig = &rest.Config{Host: at.Host, QPS: 1000, Burst: 2000, TLSClientConfig: rest.TLSClientConfig{CAData: at.CA, CertData: at.Cert, KeyData: at.Key}}
	t := &bareTB{ctx: context.Background()}
	c, err := client.New(restConfig, client.Options{Scheme: testScheme(t)})
	if err != nil {
		return err
	}
	w := &world{t: t, client: c, tenant: tenant, tick: 200 * time.Millisecond}
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	if err := w.manyKubelets(t.ctx, w.watched(t)); err != nil {
		return err
	}
	for {
		if _, err := in.ReadBytes('\n'); err != nil {
			return nil //nolint:nilerr // the benchmark is over
		}
		w.say(func(buildspec.Spec) *buildspec.Outcome { return &buildspec.Outcome{Result: model.Success} })
	}
}

// bareTB is what the helpers of tests need where there is no test.
type bareTB struct {
	testing.TB
	ctx context.Context
}

func (t *bareTB) Helper()                  {}
func (t *bareTB) Context() context.Context { return t.ctx }
func (t *bareTB) Fatal(args ...any)        { fmt.Fprintln(os.Stderr, args...); os.Exit(1) }
