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

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

// runs are the jobs that run, and those that a test lets end.
type runs struct {
	mu sync.Mutex
	// ends are changes whose jobs may end; all is everything.
	ends map[string]bool
	all  bool
}

// control keeps jobs running until the test lets them end.
func (w *world) control() *runs {
	r := &runs{ends: map[string]bool{}}
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		r.mu.Lock()
		defer r.mu.Unlock()
		if all := names(spec); r.all || r.ends[all[len(all)-1]] {
			return &buildspec.Outcome{Result: model.Success}
		}
		return nil
	})
	return r
}

func (r *runs) end(changes ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changes {
		r.ends[c] = true
	}
	r.all = r.all || len(changes) == 0
}

// needing gives the jobs of both repositories attributes, and acme/config more objects.
func (w *world) needing(attributes, more string) {
	for _, repo := range []string{"api", "web"} {
		w.host.Push("acme/"+repo, "another job", map[string]string{".zuul.yaml": strings.Replace(projectYAML(repo), "run: ci/test.sh", "run: ci/test.sh, "+attributes, 1)})
	}
	if more != "" {
		w.host.Push("acme/config", "more", map[string]string{"zuul.yaml": pipelinesYAML + more})
	}
}

// phases of builds: "acme/api#1 Running".
func (w *world) phases() []string {
	w.t.Helper()
	var list gozer.BuildList
	if err := w.client.List(w.t.Context(), &list); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, b := range list.Items {
		if b.Namespace == w.tenant || slices.Contains(w.others, b.Namespace) {
			out = append(out, fmt.Sprintf("%s %s", convert.ChangeName(b.Spec.Change), b.Status.Phase))
		}
	}
	slices.Sort(out)
	return out
}

func (w *world) eventuallyPhases(want ...string) {
	w.t.Helper()
	w.eventually("builds are "+strings.Join(want, ", "), func() string { return cmp.Diff(want, w.phases()) })
}

// semaphores of the world: "deploy 1/1 waiting 1".
func (w *world) semaphores() []string {
	w.t.Helper()
	var list gozer.SemaphoreList
	if err := w.client.List(w.t.Context(), &list); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, s := range list.Items {
		if s.Namespace == w.tenant || s.Namespace == w.operator || slices.Contains(w.others, s.Namespace) {
			if int(s.Status.Held) != len(s.Status.Holders) {
				w.t.Errorf("%s: %d held by %v", s.Name, s.Status.Held, s.Status.Holders)
			}
			out = append(out, fmt.Sprintf("%s %d/%d waiting %d", s.Name, s.Status.Held, s.Spec.Max, s.Status.Waiting))
		}
	}
	slices.Sort(out)
	return out
}

func (w *world) eventuallySemaphores(want ...string) {
	w.t.Helper()
	w.eventually("semaphores are "+strings.Join(want, ", "), func() string { return cmp.Diff(want, w.semaphores()) })
}

// open opens a change of both repositories' numbering, in check.
func (w *world) open(repo string, number int64) {
	w.opened(w.host.Open(repo, number, "A change", "", map[string]string{fmt.Sprintf("file-%d", number): "1"}))
}

// TestSemaphore: changes that need a semaphore run one after the other, in their
// order, and those that wait say for what.
func TestSemaphore(t *testing.T) {
	w := newWorld(t)
	w.needing("semaphores: [deploy]", "")
	r := w.control()
	w.start()
	w.loaded()
	w.open("acme/api", 1)
	w.eventuallyPhases("acme/api#1 Running")
	w.open("acme/web", 1)
	w.eventuallyPhases("acme/api#1 Running", "acme/web#1 Semaphores")
	w.open("acme/api", 2)
	w.eventuallyPhases("acme/api#1 Running", "acme/api#2 Semaphores", "acme/web#1 Semaphores")
	w.eventuallySemaphores("deploy 1/1 waiting 2")
	var requests gozer.NodeRequestList
	if err := w.client.List(t.Context(), &requests, client.InNamespace(w.tenant)); err != nil || len(requests.Items) != 1 {
		t.Errorf("%d node requests (%v), want one", len(requests.Items), err)
	}
	var builds gozer.BuildList
	if err := w.client.List(t.Context(), &builds, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	for _, b := range builds.Items {
		if b.Status.Phase == gozer.BuildSemaphores && b.Status.Reason != "waits for the semaphore deploy" {
			t.Errorf("%s says %q", b.Name, b.Status.Reason)
		}
	}
	r.end("acme/api#1")
	w.eventuallyPhases("acme/api#1 Done", "acme/api#2 Semaphores", "acme/web#1 Running")
	r.end("acme/web#1")
	w.eventuallyPhases("acme/api#1 Done", "acme/api#2 Running", "acme/web#1 Done")
	r.end()
	w.eventually("all are tested", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/web#1 SUCCESS", "acme/api#2 SUCCESS"}, w.itemResults("check"))
	})
	w.eventuallySemaphores("deploy 0/1 waiting 0")
}

// TestSemaphoreMaximum: the configuration says how many; what it says later counts
// for those who wait, and a reconfiguration takes a semaphore from nobody.
func TestSemaphoreMaximum(t *testing.T) {
	w := newWorld(t)
	w.needing("semaphores: [deploy]", "- semaphore: {name: deploy, max: 2}\n")
	r := w.control()
	w.start()
	w.loaded()
	for n := range int64(3) {
		w.open("acme/api", n+1)
	}
	w.eventuallySemaphores("deploy 2/2 waiting 1")
	w.host.Push("acme/config", "fewer", map[string]string{"zuul.yaml": pipelinesYAML})
	w.push("acme/config")
	w.eventuallySemaphores("deploy 2/1 waiting 1")
	w.host.Push("acme/config", "more", map[string]string{"zuul.yaml": pipelinesYAML + "- semaphore: {name: deploy, max: 3}\n"})
	w.push("acme/config")
	w.eventuallySemaphores("deploy 3/3 waiting 0")
	w.eventuallyPhases("acme/api#1 Running", "acme/api#2 Running", "acme/api#3 Running")
	r.end()
	w.eventuallySemaphores("deploy 0/3 waiting 0")
	w.host.Push("acme/config", "none", map[string]string{"zuul.yaml": pipelinesYAML})
	w.push("acme/config")
	w.eventuallySemaphores()
}

// TestSemaphoreIsReleasedByAReset: a build that nobody wants any more, because its
// item got another state or left its queue, holds nothing.
func TestSemaphoreIsReleasedByAReset(t *testing.T) {
	w := newWorld(t)
	w.needing("semaphores: [deploy]", "")
	r := w.control()
	w.start()
	w.loaded()
	first := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	second := w.host.Open("acme/web", 1, "B", "", map[string]string{"b": "1"})
	w.approve(first)
	w.eventuallySemaphores("deploy 1/1 waiting 0")
	w.approve(second)
	w.eventuallySemaphores("deploy 1/1 waiting 1")
	w.host.Edit("acme/api", 1, func(c *model.Change) { c.Open = false })
	w.event(model.TriggerEvent{Event: "pull_request", Action: "closed", Project: "acme/api", Number: 1})
	w.eventuallyPhases("acme/api#1 Done", "acme/web#1 Done", "acme/web#1 Running")
	w.eventuallySemaphores("deploy 1/1 waiting 0")
	r.end()
	w.eventually("it merges", func() string {
		return cmp.Diff([]string{"acme/api#1 DEQUEUED", "acme/web#1 SUCCESS"}, w.itemResults("gate"))
	})
	w.eventuallySemaphores("deploy 0/1 waiting 0")
}

// TestSemaphoreIsHeldUntilTheEnd: a build that was cancelled holds what it has until
// its executor has ended, or would have been killed by a node that answers.
func TestSemaphoreIsHeldUntilTheEnd(t *testing.T) {
	for name, end := range map[string]func(w *world, dead *atomic.Bool, later *atomic.Int64){
		"it ends": func(_ *world, dead *atomic.Bool, _ *atomic.Int64) { dead.Store(true) },
		"its time is over": func(w *world, _ *atomic.Bool, later *atomic.Int64) {
			later.Store(int64(time.Hour))
			w.open("acme/web", 2) // something else makes it look
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.needing("semaphores: [deploy]", "")
			r := w.control()
			var dead atomic.Bool
			var later atomic.Int64
			// An hour ago, no executor's time is over.
			w.now = func() time.Time { return time.Now().Add(time.Duration(later.Load()) - time.Hour) }
			w.kubelets = func(ctx context.Context) {
				w.each(ctx, func(p *corev1.Pod) { w.playUndead(ctx, p, dead.Load()) })
			}
			w.start()
			w.loaded()
			w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
			w.eventuallyPhases("acme/api#1 Running")
			w.approve(w.host.Open("acme/web", 1, "B", "", map[string]string{"b": "1"}))
			w.eventuallyPhases("acme/api#1 Running", "acme/web#1 Semaphores")
			w.host.Edit("acme/api", 1, func(c *model.Change) { c.Open = false })
			w.event(model.TriggerEvent{Event: "pull_request", Action: "closed", Project: "acme/api", Number: 1})
			w.eventually("the second state waits for the executor of what left", func() string {
				var s gozer.Semaphore
				if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "deploy"}, &s); err != nil {
					return err.Error()
				}
				if s.Status.Held != 1 || !strings.HasPrefix(s.Status.Holders[0].Build, "gate-api-1-") || !strings.Contains(s.Status.Next, "-2-web-unit-") {
					return fmt.Sprintf("%+v", s.Status)
				}
				return ""
			})
			w.eventuallyPhases("acme/api#1 Done", "acme/web#1 Done", "acme/web#1 Semaphores")
			end(w, &dead, &later)
			w.eventually("it has it", func() string {
				if got := w.phases(); !slices.Contains(got, "acme/web#1 Running") {
					return fmt.Sprint(got)
				}
				return ""
			})
			r.end()
		})
	}
}

// playUndead plays a Pod, and lets executors that are deleted go on until they are dead.
func (w *world) playUndead(ctx context.Context, p *corev1.Pod, dead bool) {
	executor := p.Labels[gozer.LabelRole] == build.RoleExecutor
	switch {
	case executor && p.Spec.NodeName == "":
		// Only a Pod that has a node has time to end.
		_ = w.client.SubResource("binding").Create(ctx, p, &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "here"}}) // it may be gone
	case executor && p.DeletionTimestamp != nil && !dead:
	default:
		w.play(ctx, p, w.outcome)
	}
}

// TestSemaphoreResourcesFirst: nodes are there before the semaphore is asked for.
func TestSemaphoreResourcesFirst(t *testing.T) {
	w := newWorld(t)
	w.needing("semaphores: [{name: deploy, resources-first: true}]", "")
	r := w.control()
	w.start()
	w.loaded()
	w.open("acme/api", 1)
	w.eventuallyPhases("acme/api#1 Running")
	w.open("acme/web", 1)
	w.eventuallyPhases("acme/api#1 Running", "acme/web#1 Semaphores")
	var pods corev1.PodList
	if err := w.client.List(t.Context(), &pods, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	roles := map[string]int{}
	for _, p := range pods.Items {
		roles[p.Labels[gozer.LabelRole]]++
	}
	if diff := cmp.Diff(map[string]int{"node": 2, "executor": 1}, roles); diff != "" {
		t.Errorf("Pods (-want +got):\n%s", diff)
	}
	r.end()
	w.eventually("both are tested", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/web#1 SUCCESS"}, w.itemResults("check"))
	})
	w.eventuallySemaphores("deploy 0/1 waiting 0")
}

// TestSemaphoreIsKeptForAnotherAttempt: an attempt that says nothing about the change
// is no end.
func TestSemaphoreIsKeptForAnotherAttempt(t *testing.T) {
	w := newWorld(t)
	w.needing("semaphores: [deploy]", "")
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		switch all := names(spec); {
		case all[len(all)-1] != "acme/api#1":
			return &buildspec.Outcome{Result: model.Success}
		case spec.Attempt == 1 && slices.Contains(w.phases(), "acme/web#1 Semaphores"):
			return &buildspec.Outcome{Result: model.Retry, Reason: "the node is gone"}
		}
		return nil
	})
	w.start()
	w.loaded()
	w.open("acme/api", 1)
	w.eventuallyPhases("acme/api#1 Running")
	w.open("acme/web", 1)
	w.eventually("the second attempt runs", func() string {
		var list gozer.BuildList
		if err := w.client.List(t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		for _, b := range list.Items {
			if b.Status.Attempt == 2 && b.Status.Phase == gozer.BuildRunning {
				return ""
			}
		}
		return "none"
	})
	w.eventuallyPhases("acme/api#1 Running", "acme/web#1 Semaphores")
	w.eventuallySemaphores("deploy 1/1 waiting 1")
}

// TestSeveralSemaphores: two jobs that need the same ones, named in another order.
func TestSeveralSemaphores(t *testing.T) {
	w := newWorld(t)
	for repo, list := range map[string]string{"api": "[one, Two/x]", "web": "[Two/x, one]"} {
		w.host.Push("acme/"+repo, "another job", map[string]string{".zuul.yaml": strings.Replace(projectYAML(repo), "run: ci/test.sh", "run: ci/test.sh, semaphores: "+list, 1)})
	}
	r := w.control()
	w.start()
	w.loaded()
	for n := range int64(2) {
		w.open("acme/api", n+1)
		w.open("acme/web", n+1)
	}
	w.eventually("one has both", func() string {
		got := w.semaphores()
		if len(got) != 2 || !strings.HasSuffix(got[0], " 1/1 waiting 3") || got[1] != "two-x-"+strings.TrimPrefix(strings.Fields(got[1])[0], "two-x-")+" 1/1 waiting 3" {
			return fmt.Sprint(got)
		}
		return ""
	})
	r.end()
	w.eventually("all are tested", func() string {
		got := w.itemResults("check")
		slices.Sort(got)
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS", "acme/web#1 SUCCESS", "acme/web#2 SUCCESS"}, got)
	})
}

// TestGlobalSemaphore: tenants that list it share it. One that is not there is an
// error of the tenant, and so is one of the tenant's own that hides it.
func TestGlobalSemaphore(t *testing.T) {
	w := newWorld(t)
	w.needing("semaphores: [licence]", "")
	other := w.tenant + "-other"
	w.others = []string{other}
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other}})
	w.create(&gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "other"}, Spec: gozer.TenantSpec{
		Semaphores: []string{"licence"},
		Sources: []gozer.TenantSource{{Connection: fakehost.Connection,
			ConfigProjects:    []gozer.TenantProject{{Name: "acme/config"}},
			UntrustedProjects: []gozer.TenantProject{{Name: "acme/api"}, {Name: "acme/web"}}}},
	}})
	var acme gozer.Tenant
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "acme"}, &acme); err != nil {
		t.Fatal(err)
	}
	acme.Spec.Semaphores = []string{"licence"}
	if err := w.client.Update(t.Context(), &acme); err != nil {
		t.Fatal(err)
	}
	r := w.control()
	w.start()
	w.eventually("it is missed", func() string {
		if errs := w.tenantStatus().Errors; len(errs) != 1 || errs[0].Name != "Global Semaphore Not Found" {
			return fmt.Sprint(errs)
		}
		return ""
	})
	w.create(&gozer.Semaphore{ObjectMeta: metav1.ObjectMeta{Namespace: w.operator, Name: "licence"}, Spec: gozer.SemaphoreSpec{Max: 1}})
	w.loaded()
	w.open("acme/api", 1)
	w.eventuallyPhases("acme/api#1 Running", "acme/api#1 Semaphores")
	w.eventuallySemaphores("licence 1/1 waiting 1")
	r.end()
	w.eventuallyPhases("acme/api#1 Done", "acme/api#1 Done")
	w.eventuallySemaphores("licence 0/1 waiting 0")

	w.host.Push("acme/config", "hides it", map[string]string{"zuul.yaml": pipelinesYAML + "- semaphore: {name: licence, max: 9}\n"})
	w.push("acme/config")
	w.eventually("that is an error", func() string {
		if errs := w.tenantStatus().Errors; len(errs) != 1 || !strings.Contains(errs[0].Message, "Semaphore licence shadows a global semaphore and will be ignored") {
			return fmt.Sprint(errs)
		}
		return ""
	})
	w.eventuallySemaphores("licence 0/1 waiting 0")
}

// TestSemaphoreIsDeleted: what is held stays held.
func TestSemaphoreIsDeleted(t *testing.T) {
	w := newWorld(t)
	w.needing("semaphores: [deploy]", "- semaphore: {name: deploy, max: 1}\n")
	r := w.control()
	w.start()
	w.loaded()
	w.open("acme/api", 1)
	w.eventuallyPhases("acme/api#1 Running")
	w.open("acme/web", 1)
	w.eventuallySemaphores("deploy 1/1 waiting 1")
	var before gozer.Semaphore
	key := client.ObjectKey{Namespace: w.tenant, Name: "deploy"}
	if err := w.client.Get(t.Context(), key, &before); err != nil {
		t.Fatal(err)
	}
	if err := w.client.Delete(t.Context(), &before); err != nil {
		t.Fatal(err)
	}
	w.eventually("it is there again", func() string {
		var now gozer.Semaphore
		if err := w.client.Get(t.Context(), key, &now); err != nil {
			return err.Error()
		}
		if now.UID == before.UID || now.Status.Held != 1 || now.Status.Holders[0].Build != before.Status.Holders[0].Build {
			return fmt.Sprintf("%+v", now.Status)
		}
		return ""
	})
	w.eventuallyPhases("acme/api#1 Running", "acme/web#1 Semaphores")
	r.end("acme/api#1")
	w.eventuallyPhases("acme/api#1 Done", "acme/web#1 Running")
}

// TestSemaphoreCrashes: a manager that dies again and again gives nobody what
// another one has, and all come to their turn.
func TestSemaphoreCrashes(t *testing.T) {
	w := newWorld(t)
	w.needing("semaphores: [one, two]", "")
	var mu sync.Mutex
	runs, most := map[string]int{}, 0
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		mu.Lock()
		defer mu.Unlock()
		if runs[spec.Build]++; runs[spec.Build] < 4 {
			most = max(most, len(runs))
			return nil
		}
		delete(runs, spec.Build)
		return &buildspec.Outcome{Result: model.Success}
	})
	w.start()
	w.loaded()
	for n := range int64(3) {
		w.open("acme/api", n+1)
	}
	want := []string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS", "acme/api#3 SUCCESS"}
	done := func() bool { return cmp.Equal(want, w.itemResults("check")) }
	crashes := 0
	for range 100 {
		w.dieAfter.Store(w.writes.Load() + 7)
		w.eventually("the manager dies, or is done", func() string {
			if w.died() || done() {
				return ""
			}
			return "alive"
		})
		if !w.died() {
			break
		}
		crashes++
		w.revive()
	}
	w.eventually("all are tested", func() string { return cmp.Diff(want, w.itemResults("check")) })
	w.eventually("nobody holds any", func() string {
		// Those that nobody uses go when the tenant is read anew.
		return strings.Join(slices.DeleteFunc(w.semaphores(), func(s string) bool { return strings.HasSuffix(s, " 0/1 waiting 0") }), ", ")
	})
	mu.Lock()
	defer mu.Unlock()
	if most != 1 || crashes < 10 {
		t.Errorf("%d ran at once, in spite of the semaphores; %d crashes", most, crashes)
	}
}

// TestSemaphoreWrites: one that passes from build to build is written about once
// for each, however many wait.
func TestSemaphoreWrites(t *testing.T) {
	const builds = 12
	w := newWorld(t)
	w.needing("semaphores: [deploy]", "")
	r := w.control()
	w.start()
	w.loaded()
	for n := range int64(builds) {
		w.open("acme/api", n+1)
	}
	w.eventuallySemaphores(fmt.Sprintf("deploy 1/1 waiting %d", builds-1))
	before := written(t)
	r.end()
	w.eventuallySemaphores("deploy 0/1 waiting 0")
	w.eventually("all are tested", func() string {
		if got := strings.Join(w.itemResults("check"), " "); strings.Count(got, "SUCCESS") != builds {
			return got
		}
		return ""
	})
	for what, most := range map[string]float64{"semaphores/status patch": 1.5, "builds/status patch": 3} {
		n := 0.0
		for name, now := range written(t) {
			if strings.Contains(name, strings.Fields(what)[0]) {
				n += now - before[name]
			}
		}
		t.Logf("%s: %.2f for each build", what, n/builds)
		if n > most*builds {
			t.Errorf("%s: %.0f writes for %d builds, want at most %.1f for each", what, n, builds, most)
		}
	}
}
