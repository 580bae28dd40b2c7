package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/pipeline"
	"github.com/gozer-dev/gozer/controllers/timer"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/statusview"
)

// clock goes on only when a test says so.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) goOn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// stopped gives the world a clock that stands at half past: what comes at the
// full hour comes when a test wants it. It is late, for objects are dated by the
// API server: none may look old.
func (w *world) stopped() *clock {
	c := &clock{at: time.Now().UTC().Truncate(time.Hour).Add(-24*time.Hour + 30*time.Minute)}
	w.now = c.now
	return c
}

// timers is a timer controller that knows nothing yet; it does what the
// manager's would do when it wakes.
func (w *world) timers(c client.Client) *timer.Reconciler {
	return &timer.Reconciler{Client: c, Loader: &configsource.Loader{Merger: w.merger, Hosts: w.hosts}, Namespace: w.operator, Grace: timer.MaxGrace, Now: w.now}
}

// come lets the time of pipelines come.
func (w *world) come() ctrl.Result {
	w.t.Helper()
	var result ctrl.Result
	w.eventually("the timers are looked at", func() string {
		var err error
		result, err = w.timers(w.client).Reconcile(w.t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: w.tenant, Name: "acme"}})
		if apierrors.IsConflict(err) {
			return err.Error() // the manager wrote the pipeline just now
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return ""
	})
	return result
}

// noted waits until the times of a pipeline are known, and says up to when they are done with.
func (w *world) noted(pipeline string) []gozer.PipelineTimer {
	w.t.Helper()
	var p gozer.Pipeline
	w.eventually("the times of "+pipeline+" are noted", func() string {
		if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: pipeline}, &p); err != nil {
			return err.Error()
		}
		if len(p.Status.Timers) == 0 {
			return "nothing"
		}
		return ""
	})
	return p.Status.Timers
}

// ticks are the events of timers: "periodic acme/api@main".
func (w *world) ticks() []string {
	w.t.Helper()
	var list gozer.TriggerEventList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.operator)); err != nil {
		w.t.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b gozer.TriggerEvent) int { return a.Spec.ReceivedAt.Compare(b.Spec.ReceivedAt.Time) })
	var out []string
	for _, e := range list.Items {
		if e.Spec.Event == model.Timer {
			out = append(out, fmt.Sprintf("%s %s@%s", e.Spec.Pipeline, e.Spec.Project, e.Spec.Branch))
		}
	}
	return out
}

// cells are what kubectl shows of an object of the tenant.
func (w *world) cells(path string) []string {
	w.t.Helper()
	c, err := kubernetes.NewForConfig(restConfig)
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := c.RESTClient().Get().AbsPath("/apis/gozer.dev/v1alpha1/namespaces/"+w.tenant, path).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(raw, &table); err != nil || len(table.Rows) != 1 {
		w.t.Fatalf("%s: %v, %+v", path, err, table)
	}
	var out []string
	for _, c := range table.Rows[0].Cells {
		out = append(out, fmt.Sprint(c))
	}
	return out
}

const periodicYAML = pipelinesYAML + `
- pipeline:
    name: periodic
    manager: independent
    post-review: true
    trigger: {timer: {time: 0 * * * *}}
- job: {name: nightly, run: ci/test.sh}
- job: {name: nightly-main, run: ci/test.sh, branches: main}
- project: {name: acme/api, periodic: {jobs: [nightly]}}
- project: {name: acme/web, periodic: {jobs: [nightly-main]}}
`

// TestPeriodic: when a time comes, the branches that have jobs are tested as they
// are, once, and nobody is told.
func TestPeriodic(t *testing.T) {
	w := newWorldWith(t, periodicYAML)
	c := w.stopped()
	var mu sync.Mutex
	var ran []buildspec.Spec
	w.results = func(spec buildspec.Spec) *buildspec.Outcome {
		mu.Lock()
		defer mu.Unlock()
		ran = append(ran, spec)
		return &buildspec.Outcome{Result: model.Success}
	}
	w.host.Branch("acme/api", "stable")
	w.host.Branch("acme/web", "stable")
	stable := w.host.PushTo("acme/api", "stable", "stable", map[string]string{"n": "1"})
	w.start()
	w.loaded()
	hour := c.now().Truncate(time.Hour).Add(time.Hour)
	if got := w.noted("periodic")[0]; !got.Until.Time.Equal(c.now()) || !got.Next.Time.Equal(hour) {
		t.Errorf("noted %+v at %v", got, c.now())
	}
	if got := w.come(); got.RequeueAfter != 30*time.Minute || len(w.ticks()) > 0 {
		t.Fatalf("before the hour: %+v, %v", got, w.ticks())
	}
	c.goOn(30 * time.Minute)
	if got := w.come(); got.RequeueAfter != time.Hour {
		t.Errorf("at the hour: %+v", got)
	}
	// The stable branch of acme/web has no job.
	want := []string{"acme/api@main SUCCESS", "acme/api@stable SUCCESS", "acme/web@main SUCCESS"}
	w.eventually("the branches are tested", func() string { return cmp.Diff(want, w.itemResults("periodic")) })
	if got := w.noted("periodic")[0]; !got.Until.Time.Equal(hour) || !got.Next.Time.Equal(hour.Add(time.Hour)) {
		t.Errorf("noted %+v at %v", got, c.now())
	}
	w.come()
	if diff := cmp.Diff([]string{"periodic acme/api@main", "periodic acme/api@stable", "periodic acme/web@main"}, w.ticks()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := w.host.AllComments(); len(got) > 0 {
		t.Errorf("somebody was told: %v", got)
	}
	i := w.items("periodic")[1]
	if got := i.Status.Merge.States[0]; got.Commit != stable || got.Branch != "stable" {
		t.Errorf("tested %+v, the branch was at %s", got, stable)
	}
	for path, want := range map[string]string{
		"queueitems/" + i.Name: "acme/api@stable," + model.ShortCommit(stable),
		"pipelines/periodic":   hour.Add(time.Hour).Format(time.RFC3339),
	} {
		if got := w.cells(path); !slices.Contains(got, want) {
			t.Errorf("kubectl get %s shows %q and not %q", path, got, want)
		}
	}
	text := statusview.Explain(statusview.Facts{Tenant: w.tenant, Now: c.now(), Items: w.items("periodic")}, i.Name, nil, statusview.Style{})
	for _, want := range []string{
		"acme/api@stable (commit " + model.ShortCommit(stable) + ") left periodic with SUCCESS.",
		fmt.Sprintf(`entered periodic (timer "0 * * * *" came at %s)`, hour.Format(time.RFC3339)),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("explain does not say %q:\n%s", want, text)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	n := slices.IndexFunc(ran, func(s buildspec.Spec) bool { return s.Change.Branch == "stable" })
	wantChange := buildspec.Change{Project: ran[n].Change.Project, Branch: "stable", Ref: "refs/heads/stable", Head: stable}
	if diff := cmp.Diff(wantChange, ran[n].Change); diff != "" {
		t.Errorf("what the job is told (-want +got):\n%s", diff)
	}
}

// TestTickIsNotLost: a tick that came while no manager ran is made up for, once,
// if it was not long ago.
func TestTickIsNotLost(t *testing.T) {
	w := newWorldWith(t, periodicYAML)
	c := w.stopped()
	w.start()
	w.loaded()
	w.noted("periodic")
	w.halt()
	c.goOn(30*time.Minute + 9*time.Minute)
	w.start()
	want := []string{"acme/api@main SUCCESS", "acme/web@main SUCCESS"}
	w.eventually("what was missed is run", func() string { return cmp.Diff(want, w.itemResults("periodic")) })

	// Nothing of the hour is left for the next one, nor for one that is too late.
	w.halt()
	w.start()
	w.come()
	w.halt()
	c.goOn(time.Hour + time.Minute + time.Second)
	w.start()
	w.come()
	if diff := cmp.Diff([]string{"periodic acme/api@main", "periodic acme/web@main"}, w.ticks()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestTickAfterADeath: the events are there, and that they are is not noted.
func TestTickAfterADeath(t *testing.T) {
	w := newWorldWith(t, periodicYAML)
	c := w.stopped()
	w.start()
	w.loaded()
	before := w.noted("periodic")
	w.halt()
	c.goOn(30 * time.Minute)
	dead := interceptor.NewClient(w.watching(), interceptor.Funcs{SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
		return context.Canceled
	}})
	if _, err := w.timers(dead).Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: w.tenant, Name: "acme"}}); err == nil {
		t.Fatal("it did not die")
	}
	if diff := cmp.Diff(before, w.noted("periodic")); diff != "" {
		t.Fatalf("it was noted:\n%s", diff)
	}
	c.goOn(time.Minute)
	w.start()
	want := []string{"acme/api@main SUCCESS", "acme/web@main SUCCESS"}
	w.eventually("the branches are tested", func() string { return cmp.Diff(want, w.itemResults("periodic")) })
	w.come()
	if diff := cmp.Diff([]string{"periodic acme/api@main", "periodic acme/web@main"}, w.ticks()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// watching is a client that an interceptor takes.
func (w *world) watching() client.WithWatch {
	w.t.Helper()
	c, err := client.NewWithWatch(restConfig, client.Options{Scheme: w.client.Scheme()})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// TestTimerWhileItRuns: a branch that still runs is not brought in again; with
// dereference it is, once for each commit. A change that is closed takes nothing
// of that away.
func TestTimerWhileItRuns(t *testing.T) {
	w := newWorldWith(t, pipelinesYAML+`
- pipeline: {name: periodic, manager: independent, trigger: {timer: {time: 0 * * * *}}}
- pipeline: {name: commits, manager: independent, trigger: {timer: {time: 0 * * * *, dereference: true}}}
- job: {name: nightly, run: ci/test.sh}
- project: {name: acme/api, periodic: {jobs: [nightly]}, commits: {jobs: [nightly]}}
`)
	c := w.stopped()
	free := false
	revs := map[string]bool{}
	w.results = func(spec buildspec.Spec) *buildspec.Outcome {
		revs[spec.Pipeline+" "+spec.Change.Patchset] = true
		if !free {
			return nil
		}
		return &buildspec.Outcome{Result: model.Success}
	}
	w.start()
	w.loaded()
	w.noted("commits")
	w.noted("periodic")
	running := func(want int) func() string {
		return func() string {
			got := w.items("commits")
			for _, i := range append(got, w.items("periodic")...) {
				if i.Status.Merge == nil {
					return i.Name + " is not prepared"
				}
			}
			if len(got) != want || len(w.items("periodic")) != 1 {
				return fmt.Sprint(w.itemResults("commits"), w.itemResults("periodic"))
			}
			return ""
		}
	}
	dealtWith := func(n int) {
		w.eventually("the ticks are dealt with", func() string {
			var list gozer.TriggerEventList
			if err := w.client.List(t.Context(), &list, client.InNamespace(w.operator)); err != nil {
				return err.Error()
			}
			list.Items = slices.DeleteFunc(list.Items, func(e gozer.TriggerEvent) bool { return e.Spec.Event != model.Timer || len(e.Status.Tenants) == 0 })
			if len(list.Items) != n {
				return fmt.Sprintf("%d of %d", len(list.Items), n)
			}
			return ""
		})
	}
	c.goOn(30 * time.Minute)
	w.come()
	dealtWith(2)
	w.eventually("both run", running(1))
	c.goOn(time.Hour)
	w.come()
	dealtWith(4)
	w.eventually("nothing came in", running(1))

	first, head := w.items("commits")[0].Spec.Changes[0].Head, w.host.Push("acme/api", "push", map[string]string{"n": "1"})
	heads := func() string {
		if slices.ContainsFunc(w.tenantStatus().Layout.Heads, func(h gozer.ConfigHead) bool { return h.Commit == head }) {
			return ""
		}
		return "the old head"
	}
	w.push("acme/api")
	w.eventually("the head is known", heads)
	c.goOn(time.Hour)
	w.come()
	dealtWith(6)
	w.eventually("the new commit came in", running(2))

	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.opened(a)
	w.eventually("the change is checked", func() string { return cmp.Diff([]string{"acme/api#1"}, w.itemResults("check")) })
	w.host.Edit("acme/api", 1, func(c *model.Change) { c.Open = false })
	w.event(model.TriggerEvent{Event: "pull_request", Action: "closed", Project: "acme/api", Number: 1, Patchset: a.Patchset, Branch: "main"})
	w.eventually("it leaves", func() string { return cmp.Diff([]string{"acme/api#1 DEQUEUED"}, w.itemResults("check")) })
	if why := running(2)(); why != "" {
		t.Error(why)
	}
	w.mu.Lock()
	free = true
	w.mu.Unlock()
	w.eventually("they end", func() string {
		return cmp.Diff([]string{"acme/api@main SUCCESS", "acme/api@main SUCCESS", "acme/api@main SUCCESS"}, append(w.itemResults("commits"), w.itemResults("periodic")...))
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(revs, "check "+a.Patchset)
	if diff := cmp.Diff(map[string]bool{"periodic ": true, "commits " + first: true, "commits " + head: true}, revs); diff != "" {
		t.Errorf("what jobs are told (-want +got):\n%s", diff)
	}
}

// TestTimersAreReconfigured: in the middle of the jitter the configuration
// changes. Branches keep their seconds: those that came do not come again, and
// the others still do. A time that is new begins with its next tick.
func TestTimersAreReconfigured(t *testing.T) {
	yaml := strings.Replace(periodicYAML, "0 * * * *}", "0 * * * * 0 60}", 1)
	w := newWorldWith(t, yaml)
	c := w.stopped()
	var want []string
	for n := range 12 {
		w.host.Branch("acme/api", fmt.Sprint("b", n))
		want = append(want, fmt.Sprint("periodic acme/api@b", n))
	}
	want = append(want, "periodic acme/api@main", "periodic acme/web@main")
	w.start()
	w.loaded()
	w.noted("periodic")
	c.goOn(30*time.Minute + 30*time.Second)
	w.come()
	half := w.ticks()
	if len(half) < 3 || len(half) > 11 {
		t.Fatalf("after half of the jitter: %v", half)
	}
	yaml = strings.Replace(yaml, "timeout: 300", "timeout: 200", 1) + "- pipeline: {name: more, manager: independent, trigger: {timer: {time: 0 * * * *}}}\n- project: {name: acme/api, more: {jobs: [nightly]}}\n"
	w.host.Push("acme/config", "another configuration", map[string]string{"zuul.yaml": yaml})
	w.push("acme/config")
	w.noted("more")
	if diff := cmp.Diff(half, w.ticks()); diff != "" {
		t.Fatalf("it changed what came (-before +after):\n%s", diff)
	}
	for c.now().Minute() < 2 {
		left := w.come().RequeueAfter
		if left <= 0 {
			t.Fatal("it does not come back")
		}
		c.goOn(min(left, 2*time.Minute))
		w.come()
	}
	got := w.ticks()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	w.host.Push("acme/config", "no timers", map[string]string{"zuul.yaml": pipelinesYAML + "- pipeline: {name: periodic, manager: independent}\n"})
	w.push("acme/config")
	w.eventually("the times are forgotten", func() string {
		var p gozer.Pipeline
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "periodic"}, &p); err != nil {
			return err.Error()
		}
		if len(p.Status.Timers) > 0 {
			return fmt.Sprint(p.Status.Timers)
		}
		return ""
	})
}

// TestTimersComeByThemselves: nobody wakes the manager but its own clock. A
// branch that runs is in the pipeline once, whatever comes meanwhile (Zuul: test_idle).
func TestTimersComeByThemselves(t *testing.T) {
	w := newWorldWith(t, strings.Replace(periodicYAML, "0 * * * *}", `"* * * * * *"}`, 1))
	w.results = func(buildspec.Spec) *buildspec.Outcome { return nil }
	w.start()
	w.loaded()
	w.eventually("it came three times", func() string {
		if got := w.ticks(); len(got) < 6 {
			return fmt.Sprint(got)
		}
		return ""
	})
	if diff := cmp.Diff([]string{"acme/api@main", "acme/web@main"}, w.itemResults("periodic")); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

// TestTimesByHand: a Pipeline that a person applied says what is wrong with it,
// and what is right comes.
func TestTimesByHand(t *testing.T) {
	w := newWorldWith(t, strings.Replace(periodicYAML, "name: periodic\n", "name: unused\n", 1)+"- pipeline: {name: periodic, manager: independent, trigger: {fake: {event: push}}}\n")
	c := w.stopped()
	w.create(&gozer.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: "periodic"}, Spec: gozer.PipelineSpec{
		Manager: gozer.ManagerIndependent, Triggers: []gozer.Trigger{{Connection: model.Timer, Event: model.Timer, Times: []string{"0 0 * * 7", "0 * * * *"}}}}})
	for name, bad := range map[string]gozer.Trigger{
		"no times":           {Connection: model.Timer, Event: model.Timer},
		"another connection": {Connection: "fake", Event: model.Timer, Times: []string{"0 * * * *"}},
		"times of a push":    {Connection: "fake", Event: "push", Times: []string{"0 * * * *"}},
	} {
		err := w.client.Create(t.Context(), &gozer.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: "bad"}, Spec: gozer.PipelineSpec{
			Manager: gozer.ManagerIndependent, Triggers: []gozer.Trigger{bad}}})
		if !apierrors.IsInvalid(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.start()
	w.eventually("what is wrong is told", func() string {
		var p gozer.Pipeline
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "periodic"}, &p); err != nil {
			return err.Error()
		}
		for _, c := range p.Status.Conditions {
			if c.Type == gozer.ConditionReady && c.Status == metav1.ConditionFalse && strings.Contains(c.Message, `the time "0 0 * * 7" is left out: the weekday "7" is not one of 0 to 6`) {
				return ""
			}
		}
		return fmt.Sprint(p.Status.Conditions)
	})
	w.noted("periodic")
	c.goOn(30 * time.Minute)
	w.come()
	w.eventually("the other time came", func() string {
		return cmp.Diff([]string{"periodic acme/api@main", "periodic acme/web@main"}, w.ticks())
	})
}

// TestTickWritesNoMore: a tick costs one event for each branch and one write of
// the status; looking again costs nothing. A branch whose event the API server
// refuses keeps nobody out.
func TestTickWritesNoMore(t *testing.T) {
	w := newWorldWith(t, periodicYAML)
	c := w.stopped()
	writes := w.manyBranches(40, strings.Repeat("x", 250)) // no event can have its ref
	c.goOn(30 * time.Minute)
	r, begun := w.timers(w.counted(writes)), writes.Load()
	for _, tc := range []struct {
		name string
		want int64
	}{{"the tick", 42}, {"once more", 0}} {
		if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: w.tenant, Name: "acme"}}); err != nil {
			t.Fatal(err)
		}
		if got := writes.Load() - begun; got != tc.want {
			t.Errorf("%s: %d writes, want %d", tc.name, got, tc.want)
		}
		begun = writes.Load()
	}
}

// manyBranches makes a tenant with so many branches that have jobs. No manager
// runs: what the tenant controller would write is written here.
func (w *world) manyBranches(n int, more ...string) *atomic.Int64 {
	w.t.Helper()
	var tenant gozer.Tenant
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "acme"}, &tenant); err != nil {
		w.t.Fatal(err)
	}
	loader := &configsource.Loader{Merger: w.merger, Hosts: w.hosts}
	heads, err := loader.Heads(w.t.Context(), &tenant)
	if err != nil {
		w.t.Fatal(err)
	}
	heads = slices.DeleteFunc(heads, func(h gozer.ConfigHead) bool { return strings.HasSuffix(h.Project, "/web") })
	api := heads[slices.IndexFunc(heads, func(h gozer.ConfigHead) bool { return strings.HasSuffix(h.Project, "/api") })]
	for i := range n - 1 {
		more = append(more, fmt.Sprint("b", i))
	}
	for _, b := range more {
		heads = append(heads, gozer.ConfigHead{Project: api.Project, Branch: b, Commit: api.Commit})
	}
	tenant.Status.Layout = &gozer.TenantLayout{Digest: "many", Heads: heads}
	if err := w.client.Status().Update(w.t.Context(), &tenant); err != nil {
		w.t.Fatal(err)
	}
	w.create(&gozer.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: "periodic"}, Spec: gozer.PipelineSpec{
		Manager: gozer.ManagerIndependent, Triggers: []gozer.Trigger{{Connection: model.Timer, Event: model.Timer, Times: []string{"0 * * * *"}}}}})
	w.come()
	return &atomic.Int64{}
}

// counted is a client that counts writes.
func (w *world) counted(writes *atomic.Int64) client.Client {
	return interceptor.NewClient(w.watching(), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			writes.Add(1)
			return c.Create(ctx, obj, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			writes.Add(1)
			return c.SubResource(sub).Patch(ctx, obj, p, opts...)
		},
	})
}

// BenchmarkTick is a tick of a pipeline with 1,000 branches: what it costs to
// make it durable, and to bring the branches in, each into a queue of its own.
func BenchmarkTick(b *testing.B) {
	const branches = 1000
	for b.Loop() {
		b.StopTimer()
		w := newWorldWith(b, periodicYAML)
		c := w.stopped()
		writes := w.manyBranches(branches)
		c.goOn(30 * time.Minute)
		counted := w.counted(writes)
		timers := w.timers(counted)
		enter := &pipeline.Reconciler{Client: counted, Live: counted, Hosts: w.hosts, Loader: timers.Loader, Namespace: w.operator, Now: w.now}
		b.StartTimer()
		for _, part := range []struct {
			name string
			reconcile.Reconciler
		}{{"store", timers}, {"enter", enter}, {"look", timers}} {
			begun, at := writes.Load(), time.Now()
			if _, err := part.Reconcile(b.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: w.tenant, Name: "acme"}}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(writes.Load()-begun)/branches, part.name+"-writes/branch")
			b.ReportMetric(time.Since(at).Seconds()*1000, part.name+"-ms")
		}
		if got := len(w.items("periodic")); got != branches {
			b.Fatalf("%d items", got)
		}
	}
}
