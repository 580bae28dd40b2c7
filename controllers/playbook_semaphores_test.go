package controllers_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// playing runs playbooks as executors do: each asks for its semaphores, runs until
// the test lets it end, and gives them back.
type playing struct {
	w  *world
	mu sync.Mutex
	// at is the playbook of each build, asked says what it asked for.
	at    map[string]int
	asked map[string]bool
	// runs are the playbooks that run: "acme/api#1 ci/test.sh"; ends those that may end.
	runs map[string]bool
	ends map[string]bool
}

func (w *world) playing() *playing {
	p := &playing{w: w, at: map[string]int{}, asked: map[string]bool{}, runs: map[string]bool{}, ends: map[string]bool{}}
	w.say(p.answer)
	return p
}

func (p *playing) answer(spec buildspec.Spec) *buildspec.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := spec.Playbooks()
	n := p.at[spec.Build]
	if n == len(all) {
		return &buildspec.Outcome{Result: model.Success}
	}
	s := build.Semaphores{Client: p.w.client, Live: p.w.client, Operator: p.w.operator}
	name := fmt.Sprintf("%s#%d %s", spec.Change.Project.Name, spec.Change.Number, all[n].Path)
	switch {
	case p.runs[name] && p.ends[name]:
		if s.Ask(p.w.t.Context(), p.w.tenant, spec.Build, int32(spec.Attempt), nil) == nil {
			delete(p.runs, name)
			p.at[spec.Build]++
		}
	case p.runs[name]:
	case len(all[n].Semaphores) == 0:
		p.runs[name] = true
	default:
		if s.Ask(p.w.t.Context(), p.w.tenant, spec.Build, int32(spec.Attempt), all[n].Semaphores) != nil {
			return nil // asked again
		}
		held, err := s.Held(p.w.t.Context(), p.w.tenant, spec.Build, int32(spec.Attempt))
		p.runs[name] = err == nil && held
		if !p.runs[name] {
			delete(p.runs, name)
		}
	}
	return nil
}

func (p *playing) end(names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range names {
		p.ends[n] = true
	}
}

func (p *playing) eventually(want ...string) {
	p.w.t.Helper()
	p.w.eventually("these run: "+strings.Join(want, ", "), func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		expected := map[string]bool{}
		for _, n := range want {
			expected[n] = true
		}
		return cmp.Diff(expected, p.runs)
	})
}

// TestPlaybookSemaphores: a playbook has its semaphores while it runs and no longer;
// the rest of the job needs none, and a build that leaves gives back what it has.
func TestPlaybookSemaphores(t *testing.T) {
	w := newWorld(t)
	for _, repo := range []string{"api", "web"} {
		w.host.Push("acme/"+repo, "semaphores", map[string]string{"ci/after.sh": "true", ".zuul.yaml": strings.Replace(projectYAML(repo), "run: ci/test.sh",
			"run: [{name: ci/test.sh, semaphores: [deploy]}, {name: ci/after.sh, semaphores: [deploy, licence]}]", 1)})
	}
	p := w.playing()
	w.start()
	w.loaded()
	w.open("acme/api", 1)
	p.eventually("acme/api#1 ci/test.sh")
	w.eventuallySemaphores("deploy 1/1 waiting 0")
	w.open("acme/web", 1)
	w.eventuallySemaphores("deploy 1/1 waiting 1")
	w.eventuallyPhases("acme/api#1 Running", "acme/web#1 Running")
	p.end("acme/api#1 ci/test.sh")
	// What it gives back goes to the one that waits: for its next playbook it waits itself.
	p.eventually("acme/web#1 ci/test.sh")
	w.eventuallySemaphores("deploy 1/1 waiting 1", "licence 0/1 waiting 1")
	p.end("acme/web#1 ci/test.sh")
	p.eventually("acme/api#1 ci/after.sh")
	w.eventuallySemaphores("deploy 1/1 waiting 1", "licence 1/1 waiting 1")
	// A change that is closed gives back what it has.
	w.host.Edit("acme/api", 1, func(c *model.Change) { c.Open = false })
	w.event(model.TriggerEvent{Event: "pull_request", Action: "closed", Project: "acme/api", Number: 1})
	w.eventuallySemaphores("deploy 1/1 waiting 0", "licence 1/1 waiting 0")
	p.end("acme/web#1 ci/after.sh")
	w.eventually("the other one is tested", func() string { return w.missing("acme/web#1 SUCCESS") })
	w.eventuallySemaphores("deploy 0/1 waiting 0", "licence 0/1 waiting 0")
}

// TestPlaybookSemaphoresOfOthers: an executor gets what a playbook of its job needs,
// and nothing else, in its own attempt.
func TestPlaybookSemaphoresOfOthers(t *testing.T) {
	w := newWorld(t)
	w.inForce()
	of := func(names ...string) gozer.Playbook {
		p := gozer.Playbook{Path: "ci/test.sh", Branch: "main", Project: gozer.ProjectRef{Connection: "fake", Hostname: "git.example.com", Name: "acme/api"}}
		for _, n := range names {
			p.Semaphores = append(p.Semaphores, gozer.JobSemaphore{Name: n})
		}
		return p
	}
	b := &gozer.Build{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: "unit", Labels: map[string]string{gozer.LabelSemaphores: "true"}},
		Spec: gozer.BuildSpec{BuildSet: "set", Item: "item", Pipeline: "check", Change: gozer.ChangeRef{Project: of().Project, Number: 1},
			Job: gozer.FrozenJob{Name: "unit", Attempts: 3, Run: []gozer.Playbook{of("a", "b"), of("c")}}},
	}
	w.create(b)
	b.Status.Phase, b.Status.Attempt = gozer.BuildRunning, 2
	if err := w.client.Status().Update(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	s := build.Semaphores{Client: w.client, Live: w.client, Operator: w.operator}
	r := w.deciding(w.client)
	decide := func() {
		t.Helper()
		for range 2 { // first they are made
			if _, err := r.Reconcile(t.Context(), ctrl.Request{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		attempt int32
		ask     []string
		want    error
		held    bool
	}{
		{2, []string{"a"}, build.ErrNoPlaybook, false},
		{2, []string{"other"}, build.ErrNoPlaybook, false},
		{2, []string{"a", "b"}, nil, true},
		{1, []string{"c"}, nil, false}, // an earlier attempt says nothing any more
		{2, nil, nil, false},
		{2, []string{"c"}, nil, true},
	} {
		if err := s.Ask(t.Context(), w.tenant, "unit", c.attempt, c.ask); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.ask, err, c.want)
		}
		decide()
		if held, err := s.Held(t.Context(), w.tenant, "unit", c.attempt); err != nil || held != c.held {
			t.Errorf("%v: held %v, %v, want %v", c.ask, held, err, c.held)
		}
	}
	// Given back and asked for again: what is still held from before does not count.
	if err := s.Ask(t.Context(), w.tenant, "unit", 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Ask(t.Context(), w.tenant, "unit", 2, []string{"c"}); !errors.Is(err, build.ErrNotGivenBack) {
		t.Errorf("got %v", err)
	}
	decide()
	if diff := cmp.Diff([]string{"a 0/1 waiting 0", "b 0/1 waiting 0", "c 0/1 waiting 0"}, w.semaphores()); diff != "" {
		t.Errorf("semaphores (-want +got):\n%s", diff)
	}
	// One that was deleted is held by whoever went on with it.
	if err := s.Ask(t.Context(), w.tenant, "unit", 2, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	decide()
	if held, err := s.Held(t.Context(), w.tenant, "unit", 2); err != nil || !held {
		t.Fatalf("held %v, %v", held, err)
	}
	if err := w.client.Delete(t.Context(), &gozer.Semaphore{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	decide()
	var a gozer.Semaphore
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "a"}, &a); err != nil || a.Status.Held != 1 {
		t.Errorf("%+v, %v", a.Status, err)
	}
}
