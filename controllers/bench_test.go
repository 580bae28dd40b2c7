package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
)

// BenchmarkGate measures a gate of one job a change against the real API
// server, with the real controllers, and a kubelet of the test: (a) all changes
// are approved at once, until all run; (b) the head fails, until all behind it
// run again; (c) these pass and merge. Merger and code host take no time; with
// "git" they are real git on disk.
func BenchmarkGate(b *testing.B) {
	for _, run := range []struct {
		n   int
		git bool
	}{{100, false}, {200, false}, {100, true}, {25, false}} {
		name := fmt.Sprintf("%d changes", run.n)
		if run.git {
			name += " git"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				benchGate(b, run.n, run.git)
			}
		})
	}
}

func benchGate(b *testing.B, n int, git bool) {
	w := newWorldWith(b, strings.Replace(pipelinesYAML, "manager: dependent", "manager: dependent\n    window: 0", 1))
	w.tick, w.patience = 50*time.Millisecond, 10*time.Minute
	view := w.watched(b)
	w.kubelets = func(ctx context.Context) {
		if err := w.manyKubelets(ctx, view); err != nil {
			b.Error(err)
		}
	}
	clock := &timed{}
	merged := func() int { return len(w.host.MergedOrder()) }
	w.through = func(m merger.Merger) merger.Merger {
		if clock.Merger = m; !git {
			fake := newInstant(m, w.host)
			w.hosts, merged, clock.Merger = instantHosts{fake}, fake.count, fake
		}
		return clock
	}
	fmt.Printf("\n%d changes; the API server takes %.0f small writes a second\n", n, w.limit())
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	var changes []model.Change
	for i := range n {
		changes = append(changes, w.host.Open("acme/api", int64(i+1), fmt.Sprintf("change %d", i+1), "", map[string]string{fmt.Sprintf("f%d", i+1): "1"}))
	}

	p := w.phase("a", n, clock)
	for _, c := range changes {
		w.approve(c)
	}
	w.eventually("all run", func() string { return w.running(view, n, 1) })
	p.end()

	p = w.phase("b", n-1, clock)
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if len(spec.Items) == 1 && spec.Items[0].Number == 1 {
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1"}
		}
		return nil
	})
	w.eventually("the resets are stored", func() string { return w.reset(view, n-1) })
	fmt.Printf("  %s: resets stored after %.2f s\n", p.name, time.Since(p.began).Seconds())
	w.eventually("those behind run again", func() string { return w.running(view, n-1, 2) })
	p.end()

	p = w.phase("c", n-1, clock)
	w.say(func(buildspec.Spec) *buildspec.Outcome { return &buildspec.Outcome{Result: model.Success} })
	w.eventually("they merge", func() string {
		if got := merged(); got < n-1 {
			return fmt.Sprintf("%d merged", got)
		}
		return ""
	})
	p.end()
	w.halt()
}

// running says what is missing until so many builds of an epoch run.
func (w *world) running(view client.Reader, want int, epoch int32) string {
	var sets gozer.BuildSetList
	var builds gozer.BuildList
	if err := view.List(w.t.Context(), &sets, client.UnsafeDisableDeepCopy); err != nil {
		return err.Error()
	}
	if err := view.List(w.t.Context(), &builds, client.UnsafeDisableDeepCopy); err != nil {
		return err.Error()
	}
	of := map[string]int32{}
	for i := range sets.Items {
		of[sets.Items[i].Name] = sets.Items[i].Spec.Epoch
	}
	got := 0
	for i := range builds.Items {
		if x := &builds.Items[i]; of[x.Spec.BuildSet] >= epoch && x.Status.Phase == gozer.BuildRunning {
			got++
		}
	}
	if got < want {
		return fmt.Sprintf("%d of %d run", got, want)
	}
	return ""
}

// reset says what is missing until so many items have a second state.
func (w *world) reset(view client.Reader, want int) string {
	var queues gozer.ChangeQueueList
	if err := view.List(w.t.Context(), &queues, client.UnsafeDisableDeepCopy); err != nil {
		return err.Error()
	}
	got := 0
	for i := range queues.Items {
		for _, e := range queues.Items[i].Status.Items {
			if e.Epoch >= 2 {
				got++
			}
		}
	}
	if got < want {
		return fmt.Sprintf("%d of %d are reset", got, want)
	}
	return ""
}

// phase is one measured part of the benchmark.
type phase struct {
	*world
	name   string
	items  int
	clock  *timed
	began  time.Time
	writes map[string]float64
	busy   map[string]float64
}

func (w *world) phase(name string, items int, clock *timed) *phase {
	clock.spent.Store(0)
	return &phase{world: w, name: name, items: items, clock: clock, began: time.Now(), writes: written(w.t), busy: reconciling(w.t)}
}

// end prints what the phase took: seconds, and writes of the manager by item, resource and verb.
func (p *phase) end() {
	took := time.Since(p.began)
	total := 0.0
	var rows []string
	for what, n := range written(p.t) {
		if n -= p.writes[what]; n > 0 {
			total += n
			rows = append(rows, fmt.Sprintf("%s %.2f", what, n/float64(p.items)))
		}
	}
	slices.Sort(rows)
	fmt.Printf("  %s: %d items, %.2f s, %.1f writes an item; merger busy for %.2f s\n    %s\n", p.name, p.items, took.Seconds(),
		total/float64(p.items), time.Duration(p.clock.spent.Load()).Seconds(), strings.Join(rows, ", "))
	rows = nil
	for name, n := range reconciling(p.t) {
		if n -= p.busy[name]; n >= 0.1 {
			rows = append(rows, fmt.Sprintf("%s %.1f s", name, n))
		}
	}
	slices.Sort(rows)
	fmt.Printf("    busy: %s\n", strings.Join(rows, ", "))
}

// written is the manager's own count of its writes.
func written(t testing.TB) map[string]float64 {
	out := map[string]float64{}
	gathered(t, "gozer_api_writes_total", func(labels map[string]string, m *dto.Metric) {
		out[labels["resource"]+" "+labels["verb"]] = m.GetCounter().GetValue()
	})
	return out
}

// reconciling is how long each controller was busy, in seconds, over all its workers.
func reconciling(t testing.TB) map[string]float64 {
	out := map[string]float64{}
	gathered(t, "controller_runtime_reconcile_time_seconds", func(labels map[string]string, m *dto.Metric) {
		out[labels["controller"]] = m.GetHistogram().GetSampleSum()
	})
	return out
}

// gathered visits the metrics of a name.
func gathered(t testing.TB, name string, visit func(labels map[string]string, m *dto.Metric)) {
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			visit(labels, m)
		}
	}
}

// limit is how many small writes a second the API server takes from eight at once.
func (w *world) limit() float64 {
	w.t.Helper()
	const span = 2 * time.Second
	ctx, stop := context.WithTimeout(w.t.Context(), span)
	defer stop()
	var n atomic.Int64
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for k := 0; ctx.Err() == nil; k++ {
				c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: fmt.Sprintf("small-%d-%d", i, k)}}
				if w.client.Create(ctx, c) == nil {
					n.Add(1)
				}
			}
		})
	}
	wait.Wait()
	return float64(n.Load()) / span.Seconds()
}

// timed adds up how long the merger was busy, over all callers.
type timed struct {
	merger.Merger
	spent atomic.Int64
}

func (m *timed) Prepare(ctx context.Context, req merger.PrepareRequest) (mergeplan.Result, error) {
	defer m.add(time.Now())
	return m.Merger.Prepare(ctx, req)
}

func (m *timed) Tip(ctx context.Context, project model.Project, branch string) (merger.Commit, error) {
	defer m.add(time.Now())
	return m.Merger.Tip(ctx, project, branch)
}

func (m *timed) Files(ctx context.Context, req merger.FilesRequest) (merger.FilesResult, error) {
	defer m.add(time.Now())
	return m.Merger.Files(ctx, req)
}

func (m *timed) add(began time.Time) { m.spent.Add(int64(time.Since(began))) }
