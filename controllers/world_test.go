package controllers_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/apimetrics"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/projectkeys"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
	"github.com/gozer-dev/gozer/internal/token"
)

var restConfig *rest.Config

// TestMain starts a real API server for all tests of the package.
func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	if tenant := os.Getenv(kubeletsOf); tenant != "" {
		if err := playKubelets(tenant, os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets, _ = filepath.Abs("../.build/envtest")
	}
	env := &envtest.Environment{CRDDirectoryPaths: []string{"../config/crd"}, ErrorIfCRDPathMissing: true, BinaryAssetsDirectory: assets}
	cfg, err := env.Start()
	if err != nil {
		fmt.Fprintf(os.Stderr, "no API server (%v); `make envtest` builds it, and KUBEBUILDER_ASSETS says where it is\n", err)
		os.Exit(1)
	}
	restConfig = rest.CopyConfig(cfg)
	restConfig.QPS, restConfig.Burst = 1000, 2000
	code := m.Run()
	if err := env.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func testScheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	if err := gozer.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// world is an installation for one test: its own namespaces, code host and
// merger, the real controllers, and a kubelet that the test commands.
type world struct {
	t      testing.TB
	client client.Client
	host   *fakehost.Host
	// hosts is what the controllers reach the host through.
	hosts    controllers.Hosts
	merger   *merger.Service
	history  *memory
	keys     build.Keys
	operator string
	tenant   string
	events   int

	// cache is that of the controllers, once they run.
	cache  client.Reader
	stop   context.CancelFunc
	ended  chan error
	writes atomic.Int64
	// lastWrite is what was written last, for messages.
	lastWrite atomic.Value
	// dieAfter, when it is positive, ends the manager after so many writes.
	dieAfter atomic.Int64

	// tick is how often the kubelet and those who wait look at the cluster.
	tick time.Duration
	// patience of those who wait.
	patience time.Duration
	// fails, when it is set, says which requests of the manager fail.
	fails func(r *http.Request) bool
	// stays keeps executors that were deleted.
	stays atomic.Bool
	// kubelets, when it is set, plays the nodes instead of kubelet.
	kubelets func(context.Context)
	// relativePriority is the manager's option.
	relativePriority bool
	// undefined is how many semaphores a tenant may have that nobody defined; 0 is what it is by default.
	undefined int
	// others are namespaces of further tenants.
	others []string
	// now, when it is set, is the manager's clock.
	now func() time.Time
	// through, when it is set, is what the controllers reach the merger through.
	through func(merger.Merger) merger.Merger

	mu sync.Mutex
	// results decides what an executor says; nil lets it run on.
	results func(spec buildspec.Spec) *buildspec.Outcome
}

var worlds atomic.Int64

// newWorld sets the stage: repositories with configuration, connection, pool and tenant.
func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldWith(t, pipelinesYAML)
}

// newWorldWith has other pipelines.
func newWorldWith(t testing.TB, pipelines string) *world {
	t.Helper()
	host := fakehost.New()
	w := emptyWorld(t, host, fakehost.Remotes{Host: host})
	w.host = host
	w.host.Repo(t, "acme/config", map[string]string{"zuul.yaml": pipelines})
	w.host.Repo(t, "acme/api", map[string]string{".zuul.yaml": projectYAML("api"), "ci/test.sh": "true", "README": "api"})
	w.host.Repo(t, "acme/web", map[string]string{".zuul.yaml": projectYAML("web"), "ci/test.sh": "true", "README": "web"})
	w.connection(fakehost.Connection, fakehost.Hostname)
	w.create(&gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: "acme"}, Spec: gozer.TenantSpec{
		Sources: []gozer.TenantSource{{Connection: fakehost.Connection,
			ConfigProjects:    []gozer.TenantProject{{Name: "acme/config"}},
			UntrustedProjects: []gozer.TenantProject{{Name: "acme/api"}, {Name: "acme/web"}}}},
	}})
	return w
}

// emptyWorld has nodes, and neither repositories nor a tenant.
func emptyWorld(t testing.TB, hosts controllers.Hosts, remotes merger.Remotes) *world {
	t.Helper()
	n := worlds.Add(1)
	c, err := client.New(restConfig, client.Options{Scheme: testScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, client: c, hosts: hosts, history: &memory{}, operator: fmt.Sprintf("operator-%d", n), tenant: fmt.Sprintf("tenant-%d", n), tick: 20 * time.Millisecond, patience: 30 * time.Second}
	w.keys = projectkeys.New(c, w.operator)
	w.results = func(buildspec.Spec) *buildspec.Outcome { return &buildspec.Outcome{Result: model.Success} }
	store, err := gitrepo.NewStore(gitrepo.Options{Root: t.TempDir(), AllowFile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w.merger = merger.New(store, remotes)
	for _, ns := range []string{w.operator, w.tenant} {
		w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	}
	w.create(&gozer.NodePool{ObjectMeta: metav1.ObjectMeta{Namespace: w.operator, Name: "pool"},
		Spec: gozer.NodePoolSpec{Labels: []gozer.NodeLabel{{Name: "debian", Image: "debian:12"}}}})
	return w
}

func (w *world) connection(name, hostname string) {
	w.t.Helper()
	w.create(&gozer.Connection{ObjectMeta: metav1.ObjectMeta{Namespace: w.operator, Name: name},
		Spec: gozer.ConnectionSpec{Driver: "gitea", URL: "https://" + hostname, SecretName: "none"}})
}

const pipelinesYAML = `
- pipeline:
    name: check
    manager: independent
    trigger:
      fake:
        - {event: pull_request, action: [opened, changed, reopened]}
        - {event: pull_request, action: comment, comment: '(?i)^\s*recheck\s*$'}
    start: {fake: {status: pending}}
    success: {fake: {status: success}}
    failure: {fake: {status: failure, comment: true}}
- pipeline:
    name: gate
    manager: dependent
    supercedes: check
    trigger: {fake: {event: pull_request_review, action: submitted, state: approved}}
    require: {fake: {open: true, current-patchset: true, review: {type: approved, permission: write}}}
    start: {fake: {status: pending}}
    success: {fake: {status: success, merge: true}}
    failure: {fake: {status: failure, comment: true}}
- queue: {name: integrated}
- nodeset: {name: one, nodes: {name: node, label: debian}}
- job: {name: base, parent: null, nodeset: one, timeout: 300, attempts: 2}
`

func projectYAML(name string) string {
	return fmt.Sprintf(`
- job: {name: %[1]s-unit, run: ci/test.sh}
- project:
    queue: integrated
    check: {jobs: [%[1]s-unit]}
    gate: {jobs: [%[1]s-unit]}
`, name)
}

func (w *world) create(obj client.Object) {
	w.t.Helper()
	if err := w.client.Create(w.t.Context(), obj); err != nil {
		w.t.Fatal(err)
	}
}

// start runs the controllers until the test, or the world's stop, ends them.
func (w *world) start() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	w.stop, w.ended = stop, make(chan error, 1)
	cfg := rest.CopyConfig(restConfig)
	cfg.Wrap(func(rt http.RoundTripper) http.RoundTripper { return &deadly{world: w, next: rt, stop: stop, ctx: ctx} })
	cfg.Wrap(apimetrics.Count)
	var m merger.Merger = w.merger
	if w.through != nil {
		m = w.through(m)
	}
	skip := true
	namespaces := map[string]cache.Config{w.operator: {}, w.tenant: {}}
	for _, ns := range w.others {
		namespaces[ns] = cache.Config{}
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: w.client.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{DefaultNamespaces: namespaces, DefaultTransform: cache.TransformStripManagedFields()},
		Controller: config.Controller{SkipNameValidation: &skip},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	err = controllers.Setup(mgr, controllers.Options{
		Namespace: w.operator, Key: token.Key(strings.Repeat("k", 32)), Hosts: w.hosts, Merger: m, History: w.history, Logs: noLogs{}, Keys: w.keys,
		Build:   build.Settings{Image: podspec.Image{Name: "gozer:test"}, Ansible: podspec.Image{Name: "gozer-ansible:test"}, MergerURL: "http://merger", ManagerURL: "http://manager", WebURL: "http://web"},
		ItemTTL: time.Hour, EventTTL: time.Hour, RelativePriority: w.relativePriority, UndefinedSemaphores: w.undefined,
		Now: w.now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.cache = mgr.GetCache()
	go func() {
		defer stop()
		w.ended <- mgr.Start(ctx)
	}()
	// A manager that is stopped while its caches fill waits for them, and those of
	// the dead are never answered.
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		w.t.Fatal("the manager's caches do not fill")
	}
	kubelet := w.kubelets
	if kubelet == nil {
		kubelet = w.kubelet
	}
	go kubelet(ctx)
	w.t.Cleanup(w.halt)
}

// halt ends the controllers and waits for them.
func (w *world) halt() {
	w.stop()
	if w.ended != nil {
		<-w.ended
		w.ended = nil
	}
}

// deadly counts writes, and ends the manager after a number of them: the write
// itself succeeds, and everything after it fails as if the process were dead.
type deadly struct {
	world *world
	next  http.RoundTripper
	stop  context.CancelFunc
	ctx   context.Context
}

func (d *deadly) RoundTrip(r *http.Request) (*http.Response, error) {
	if d.ctx.Err() != nil {
		return nil, d.ctx.Err()
	}
	if d.world.fails != nil && d.world.fails(r) {
		return nil, errors.New("the API server does not answer")
	}
	resp, err := d.next.RoundTrip(r)
	if r.Method != http.MethodGet {
		n := d.world.writes.Add(1)
		d.world.lastWrite.Store(r.Method + " " + r.URL.Path)
		if at := d.world.dieAfter.Load(); at > 0 && n >= at {
			d.stop()
		}
	}
	return resp, err
}

// kubelet plays the nodes of the cluster for the tenants' Pods.
func (w *world) kubelet(ctx context.Context) {
	w.each(ctx, func(p *corev1.Pod) { w.play(ctx, p, w.outcome) })
}

// each visits all Pods of tenants, again and again.
func (w *world) each(ctx context.Context, visit func(*corev1.Pod)) {
	tick := time.NewTicker(w.tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, ns := range append([]string{w.tenant}, w.others...) {
				var pods corev1.PodList
				if w.client.List(ctx, &pods, client.InNamespace(ns)) != nil {
					continue
				}
				for i := range pods.Items {
					visit(&pods.Items[i])
				}
			}
		}
	}
}

// play does for a Pod what a kubelet does next; says is what its executor answers.
func (w *world) play(ctx context.Context, p *corev1.Pod, says func(*corev1.Pod) *buildspec.Outcome) {
	before := p.DeepCopy()
	switch {
	case p.DeletionTimestamp != nil && w.stays.Load() && p.Labels[gozer.LabelRole] == build.RoleExecutor:
		return // it cleans up
	case p.DeletionTimestamp != nil && len(p.Finalizers) > 0:
		p.Finalizers = nil
		_ = w.client.Patch(ctx, p, client.MergeFrom(before))
		return
	case p.DeletionTimestamp != nil:
		_ = w.client.Delete(ctx, p, client.GracePeriodSeconds(0)) // it may be gone
		return
	case p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed:
		return
	case w.stays.Load() && len(p.Finalizers) == 0 && p.Labels[gozer.LabelRole] == build.RoleExecutor:
		// A Pod without a machine is gone as soon as it is deleted.
		p.Finalizers = []string{"gozer.dev/test"}
		_ = w.client.Patch(ctx, p, client.MergeFrom(before))
		return
	case p.Status.Phase != corev1.PodRunning:
		if p.Labels[gozer.LabelTemplate] != "" && w.client.Get(ctx, client.ObjectKeyFromObject(p), &corev1.Secret{}) != nil {
			return // it has nothing to mount
		}
		now := metav1.Now()
		p.Status.Phase, p.Status.PodIP, p.Status.StartTime = corev1.PodRunning, "10.0.0.1", &now
		p.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.1"}}
	case p.Labels[gozer.LabelRole] == build.RoleExecutor:
		o := says(p)
		if o == nil {
			return
		}
		raw, _ := json.Marshal(o)
		p.Status.Phase = corev1.PodSucceeded
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "executor", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{Message: string(raw), Reason: "Completed"}}}}
	default:
		return
	}
	_ = w.client.Status().Patch(ctx, p, client.MergeFrom(before)) // it may be gone
}

func (w *world) outcome(p *corev1.Pod) *buildspec.Outcome { return w.answer(w.specOf(p)) }

// specOf is what an executor Pod is told to do.
func (w *world) specOf(p *corev1.Pod) buildspec.Spec {
	var spec buildspec.Spec
	if err := json.Unmarshal([]byte(p.Annotations[podspec.AnnotationSpec]), &spec); err != nil {
		w.t.Errorf("Pod %s: %v", p.Name, err)
	}
	return spec
}

func (w *world) answer(spec buildspec.Spec) *buildspec.Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.results(spec)
}

// say sets what executors answer from now on.
func (w *world) say(results func(spec buildspec.Spec) *buildspec.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.results = results
}

// names of the changes of a tested state, in order.
func names(spec buildspec.Spec) []string {
	var out []string
	for _, c := range spec.Items {
		out = append(out, fmt.Sprintf("%s#%d", c.Project.Name, c.Number))
	}
	return out
}

// event stores an event, as intake would.
func (w *world) event(e model.TriggerEvent) {
	w.t.Helper()
	w.eventAt(time.Now(), e)
}

// eventAt stores an event that was received some time ago.
func (w *world) eventAt(received time.Time, e model.TriggerEvent) {
	w.t.Helper()
	w.events++
	e.Connection, e.ReceivedAt = fakehost.Connection, received
	if e.Name == "" {
		e.Name = fmt.Sprintf("ev-%d", w.events)
	}
	w.create(convert.TriggerEventObject(w.operator, e, ""))
}

func (w *world) opened(c model.Change) {
	w.event(model.TriggerEvent{Event: "pull_request", Action: "opened", Project: c.Project.Name, Number: c.Number, Patchset: c.Patchset, Branch: c.Branch})
}

func (w *world) approve(c model.Change) {
	w.host.Approve(c.Project.Name, c.Number)
	w.event(model.TriggerEvent{Event: "pull_request_review", Action: "submitted", State: "approved", Project: c.Project.Name, Number: c.Number, Patchset: c.Patchset, Branch: c.Branch, Account: "bob"})
}

// items of a pipeline in the order in which they were enqueued.
func (w *world) items(pipeline string) []gozer.QueueItem {
	w.t.Helper()
	var list gozer.QueueItemList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		w.t.Fatal(err)
	}
	items := slices.DeleteFunc(list.Items, func(i gozer.QueueItem) bool { return i.Spec.Pipeline != pipeline })
	slices.SortFunc(items, func(a, b gozer.QueueItem) int { return a.Spec.EnqueuedAt.Compare(b.Spec.EnqueuedAt.Time) })
	return items
}

// results of a pipeline's items: "acme/api#1 SUCCESS".
func (w *world) itemResults(pipeline string) []string {
	var out []string
	for _, i := range w.items(pipeline) {
		out = append(out, strings.TrimSpace(convert.ChangeNames(i.Spec.Changes)+" "+i.Status.Result))
	}
	return out
}

// eventually waits until the check has no complaint; on time-out it is the failure.
func (w *world) eventually(what string, check func() string) {
	w.t.Helper()
	deadline := time.Now().Add(w.patience)
	complaint := ""
	for time.Now().Before(deadline) {
		if complaint = check(); complaint == "" {
			return
		}
		select {
		case <-w.t.Context().Done():
			w.t.Fatal(w.t.Context().Err())
		case <-time.After(w.tick):
		}
	}
	w.t.Fatalf("%s: still %s\n%s", what, complaint, w.dump())
}

// dump shows everything that a person would look at.
func (w *world) dump() string {
	var b strings.Builder
	var queues gozer.ChangeQueueList
	_ = w.client.List(context.Background(), &queues, client.InNamespace(w.tenant))
	for _, q := range queues.Items {
		fmt.Fprintf(&b, "queue %s window %d: %+v\n", q.Name, q.Status.Window, q.Status.Items)
	}
	var items gozer.QueueItemList
	_ = w.client.List(context.Background(), &items, client.InNamespace(w.tenant))
	for _, i := range items.Items {
		fmt.Fprintf(&b, "item %s %s state=%s result=%s reason=%q merge=%+v\n", i.Name, convert.ChangeName(i.Spec.Changes[0]), i.Status.State, i.Status.Result, i.Status.Reason, i.Status.Merge)
		for _, d := range i.Status.Decisions {
			fmt.Fprintf(&b, "    %s %s\n", d.Action, d.Message)
		}
	}
	var builds gozer.BuildList
	_ = w.client.List(context.Background(), &builds, client.InNamespace(w.tenant))
	for _, x := range builds.Items {
		fmt.Fprintf(&b, "build %s %s attempt=%d result=%s reason=%q\n", x.Name, x.Status.Phase, x.Status.Attempt, x.Status.Result, x.Status.Reason)
	}
	var requests gozer.NodeRequestList
	_ = w.client.List(context.Background(), &requests, client.InNamespace(w.tenant))
	for _, x := range requests.Items {
		fmt.Fprintf(&b, "noderequest %s %s %q\n", x.Name, x.Status.State, x.Status.Message)
	}
	var semaphores gozer.SemaphoreList
	_ = w.client.List(context.Background(), &semaphores, client.InNamespace(w.tenant))
	for _, x := range semaphores.Items {
		fmt.Fprintf(&b, "semaphore %s/%s max %d: %+v\n", x.Namespace, x.Name, x.Spec.Max, x.Status)
	}
	var pods corev1.PodList
	_ = w.client.List(context.Background(), &pods, client.InNamespace(w.tenant))
	for _, x := range pods.Items {
		fmt.Fprintf(&b, "pod %s %s deleting=%v %v\n", x.Name, x.Status.Phase, x.DeletionTimestamp, x.Labels)
	}
	var events gozer.TriggerEventList
	_ = w.client.List(context.Background(), &events, client.InNamespace(w.operator))
	for _, e := range events.Items {
		fmt.Fprintf(&b, "event %s %s/%s %s#%d: %+v\n", e.Name, e.Spec.Event, e.Spec.Action, e.Spec.Project, e.Spec.Number, e.Status.Tenants)
	}
	var tenants gozer.TenantList
	_ = w.client.List(context.Background(), &tenants, client.InNamespace(w.tenant))
	for _, x := range tenants.Items {
		fmt.Fprintf(&b, "tenant %s: %+v errors %+v\n", x.Name, x.Status.Conditions, x.Status.Errors)
	}
	return b.String()
}

// loaded waits until the tenant's configuration is in force.
func (w *world) loaded() {
	w.t.Helper()
	w.eventually("the configuration is loaded", func() string {
		var x gozer.Tenant
		if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "acme"}, &x); err != nil {
			return err.Error()
		}
		if x.Status.Layout == nil || x.Status.ErrorCount > 0 {
			return fmt.Sprintf("%+v", x.Status)
		}
		return ""
	})
}

// memory is a history in memory.
type memory struct {
	mu     sync.Mutex
	builds map[string]history.Build
}

func (m *memory) RecordBuild(_ context.Context, b history.Build) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.builds == nil {
		m.builds = map[string]history.Build{}
	}
	m.builds[b.Name] = b
	return nil
}

func (m *memory) Provided(_ context.Context, p history.Provided) ([]history.Build, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []history.Build
	latest := ""
	for _, b := range slices.SortedFunc(maps.Values(m.builds), func(a, b history.Build) int { return cmp.Or(a.Ended.Compare(b.Ended), cmp.Compare(a.Name, b.Name)) }) {
		switch {
		case b.Tenant != p.Tenant:
			continue
		case p.Build != "":
			if b.Name != p.Build {
				continue
			}
		case p.BuildSet != "":
			if b.BuildSet != p.BuildSet {
				continue
			}
		case b.Pipeline != p.Pipeline || b.Project != p.Project || b.Change != p.Change || b.Patchset != p.Patchset:
			continue
		default:
			latest = b.BuildSet
		}
		out = append(out, b)
	}
	return slices.DeleteFunc(out, func(b history.Build) bool { return latest != "" && b.BuildSet != latest }), nil
}

func (m *memory) Builds(_ context.Context, f history.Filter) ([]history.Build, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []history.Build
	for _, b := range m.builds {
		if b.Project == f.Project && b.Change == f.Change {
			out = append(out, b)
		}
	}
	return out, nil
}

type noLogs struct{}

func (noLogs) FinishLog(string, string, int32) error { return nil }
