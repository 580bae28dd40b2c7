package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	semaphores "github.com/gozer-dev/gozer/controllers/semaphore"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// waiting makes a build that waits for semaphores; no controller runs.
func (w *world) waiting(name, needs string) {
	w.t.Helper()
	b := &gozer.Build{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: name, Labels: map[string]string{gozer.LabelSemaphores: "true"}},
		Spec: gozer.BuildSpec{BuildSet: "set", Item: name, Pipeline: "check",
			Change: gozer.ChangeRef{Project: gozer.ProjectRef{Connection: "fake", Hostname: "git.example.com", Name: "acme/api"}, Number: 1},
			Job:    gozer.FrozenJob{Name: "unit", Attempts: 1, Run: []gozer.Playbook{}}},
	}
	for n := range strings.FieldsSeq(needs) {
		b.Spec.Job.Semaphores = append(b.Spec.Job.Semaphores, gozer.JobSemaphore{Name: n})
	}
	w.create(b)
	b.Status.Phase = gozer.BuildSemaphores
	if err := w.client.Status().Update(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
}

// deciding is the controller of semaphores alone.
func (w *world) deciding(c client.Client) *semaphores.Reconciler {
	return &semaphores.Reconciler{Client: inNamespaces{c, w}, Live: w.client, Namespace: w.operator, Undefined: semaphore.MaxUndefined, Now: time.Now}
}

// inNamespaces sees what the manager of a world sees.
type inNamespaces struct {
	client.Client
	w *world
}

func (c inNamespaces) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	if o.Namespace == "" {
		opts = append(opts, client.InNamespace(c.w.tenant))
	}
	return c.Client.List(ctx, list, opts...)
}

// unwritable lets nobody write the status of one Semaphore.
type unwritable struct {
	client.Client
	name string
}

var errRefused = errors.New("it is refused")

func (u unwritable) Status() client.SubResourceWriter {
	return unwritableStatus{u.Client.Status(), u.name}
}

type unwritableStatus struct {
	client.SubResourceWriter
	name string
}

func (u unwritableStatus) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	if obj.GetName() == u.name {
		return errRefused
	}
	return u.SubResourceWriter.Patch(ctx, obj, patch, opts...)
}

// TestUnwritableSemaphore: one that cannot be written stops only those who need it.
func TestUnwritableSemaphore(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"broken", "deploy", "later"} {
		w.create(&gozer.Semaphore{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: name}, Spec: gozer.SemaphoreSpec{Max: 1}})
	}
	w.waiting("both", "broken later")
	w.waiting("other", "deploy")
	r := w.deciding(unwritable{w.client, "broken"})
	if _, err := r.Reconcile(t.Context(), ctrl.Request{}); !errors.Is(err, errRefused) {
		t.Errorf("got %v, want that it is tried again", err)
	}
	if diff := cmp.Diff([]string{"broken 0/1 waiting 0", "deploy 1/1 waiting 0", "later 0/1 waiting 0"}, w.semaphores()); diff != "" {
		t.Errorf("semaphores (-want +got):\n%s", diff)
	}
	if _, err := w.deciding(w.client).Reconcile(t.Context(), ctrl.Request{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"broken 1/1 waiting 0", "deploy 1/1 waiting 0", "later 1/1 waiting 0"}, w.semaphores()); diff != "" {
		t.Errorf("semaphores when it can be written (-want +got):\n%s", diff)
	}
}

// TestSemaphoreWithoutTenant: without a Tenant that would take it along, none is made.
func TestSemaphoreWithoutTenant(t *testing.T) {
	w := newWorld(t) // its Tenant is not in force
	w.waiting("build", "deploy")
	r := w.deciding(w.client)
	result, err := r.Reconcile(t.Context(), ctrl.Request{})
	if err != nil || result.RequeueAfter == 0 {
		t.Errorf("got %v, %v, want to look again", result, err)
	}
	if got := w.semaphores(); got != nil {
		t.Errorf("made without an owner: %v", got)
	}
	w.inForce()
	if _, err := r.Reconcile(t.Context(), ctrl.Request{}); err != nil {
		t.Fatal(err)
	}
	var s gozer.Semaphore
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "deploy"}, &s); err != nil {
		t.Fatal(err)
	}
	if metav1.GetControllerOf(&s) == nil || s.Labels[gozer.LabelUndefined] == "" {
		t.Errorf("got %+v", s.ObjectMeta)
	}
}

// inForce says that the tenant's configuration was read, without reading it.
func (w *world) inForce() {
	w.t.Helper()
	var list gozer.TenantList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		w.t.Fatal(err)
	}
	list.Items[0].Status.Layout = &gozer.TenantLayout{}
	if err := w.client.Status().Update(w.t.Context(), &list.Items[0]); err != nil {
		w.t.Fatal(err)
	}
}

// many names of semaphores.
func many(prefix string, count int) string {
	var out []string
	for n := range count {
		out = append(out, fmt.Sprintf("%s-%03d", prefix, n))
	}
	return strings.Join(out, " ")
}

// TestUndefinedSemaphoresPass: one pass makes a hundred, and comes back for more.
func TestUndefinedSemaphoresPass(t *testing.T) {
	w := newWorld(t)
	w.inForce()
	w.waiting("greedy", many("a", 150))
	r := w.deciding(w.client)
	for _, want := range []int{100, 150, 150} {
		result, err := r.Reconcile(t.Context(), ctrl.Request{})
		if err != nil || want == 100 && result.RequeueAfter == 0 {
			t.Errorf("got %v, %v, want to make more", result, err)
		}
		if got := w.semaphores(); len(got) != want {
			t.Errorf("%d are made, want %d", len(got), want)
		}
	}
	if got := w.semaphores()[149]; got != "a-149 1/1 waiting 0" {
		t.Errorf("got %s", got)
	}
}

// TestUndefinedSemaphoresOfATenant: there are only so many that nobody defined. Who
// comes too late waits until others have ended, and says so.
func TestUndefinedSemaphoresOfATenant(t *testing.T) {
	const perJob = 3
	w := newWorld(t)
	w.undefined = perJob + 1
	needing := func(prefix string) map[string]string {
		list := strings.ReplaceAll(many(prefix, perJob), " ", ", ")
		return map[string]string{".zuul.yaml": strings.Replace(projectYAML("api"), "run: ci/test.sh", "run: ci/test.sh, semaphores: ["+list+"]", 1)}
	}
	r := w.control()
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "Many", "", needing("a")))
	w.eventuallyPhases("acme/api#1 Running")
	w.opened(w.host.Open("acme/api", 2, "Many others", "", needing("b")))
	w.eventually("it waits, and says why", func() string {
		var builds gozer.BuildList
		if err := w.client.List(t.Context(), &builds, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		for _, b := range builds.Items {
			if strings.Contains(b.Status.Reason, fmt.Sprintf("the tenant has %d semaphores that nobody defined", w.undefined)) && b.Status.Phase == gozer.BuildSemaphores {
				return ""
			}
		}
		return fmt.Sprint(w.phases())
	})
	if got := len(w.semaphores()); got != perJob {
		t.Errorf("there are %d", got)
	}
	r.end("acme/api#1")
	w.eventuallyPhases("acme/api#1 Done", "acme/api#2 Running")
	if got := len(w.semaphores()); got != perJob {
		t.Errorf("there are %d", got)
	}
	r.end()
}

// TestRoomForUndefinedSemaphores: who waits for room gets it, also when the pass
// that makes it is the last thing that happens.
func TestRoomForUndefinedSemaphores(t *testing.T) {
	w := newWorld(t)
	w.inForce()
	w.waiting("first", "a")
	r := w.deciding(w.client)
	r.Undefined = 1
	decide := func() time.Duration {
		t.Helper()
		result, err := r.Reconcile(t.Context(), ctrl.Request{})
		if err != nil {
			t.Fatal(err)
		}
		return result.RequeueAfter
	}
	decide()
	decide()
	var first gozer.Build
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "first"}, &first); err != nil {
		t.Fatal(err)
	}
	w.waiting("second", "b")
	if err := w.client.Delete(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	for range 3 { // gives a back; drops it and makes b, which is an event; gives b
		if again := decide(); again == 0 && slices.Contains(w.semaphores(), "a 0/1 waiting 0") {
			t.Fatal("nobody looks again")
		}
	}
	if diff := cmp.Diff([]string{"b 1/1 waiting 0"}, w.semaphores()); diff != "" {
		t.Errorf("semaphores (-want +got):\n%s", diff)
	}
}

// TestUnreadableAsk: an annotation that nobody can read stops nobody else.
func TestUnreadableAsk(t *testing.T) {
	w := newWorld(t)
	w.create(&gozer.Semaphore{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: "deploy"}, Spec: gozer.SemaphoreSpec{Max: 1}})
	w.waiting("broken", "other")
	var b gozer.Build
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "broken"}, &b); err != nil {
		t.Fatal(err)
	}
	b.Annotations = map[string]string{gozer.AnnotationPlaybook: "x"}
	if err := w.client.Update(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	w.waiting("good", "deploy")
	if _, err := w.deciding(w.client).Reconcile(t.Context(), ctrl.Request{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"deploy 1/1 waiting 0"}, w.semaphores()); diff != "" {
		t.Errorf("semaphores (-want +got):\n%s", diff)
	}
}
