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
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/returned"
)

const registry = `
- job: {name: registry, run: ci/test.sh, nodeset: {nodes: {name: n, label: debian}}}
- job: {name: image, run: ci/test.sh, nodeset: {nodes: {name: n, label: debian}}}
- job: {name: test, run: ci/test.sh, nodeset: {nodes: {name: n, label: debian}}}
- project:
    check: {jobs: [registry, image: {dependencies: [registry]}, test: {dependencies: [image]}]}
`

// pausing plays executors: the registry pauses, the others end when they may.
type pausing struct {
	*world
	mu   sync.Mutex
	ends map[string]model.BuildResult
}

func (w *world) pausing() *pausing {
	p := &pausing{world: w, ends: map[string]model.BuildResult{}}
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Job == "registry" {
			return p.registry(spec)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if result := p.ends[spec.Job]; result != "" {
			return &buildspec.Outcome{Result: result}
		}
		return nil
	})
	return p
}

func (p *pausing) end(job string, result model.BuildResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends[job] = result
}

func (p *pausing) registry(spec buildspec.Spec) *buildspec.Outcome {
	ctx, attempt := context.Background(), int32(spec.Attempt)
	all := returned.Results{Data: map[string]any{"address": fmt.Sprint("registry-", attempt), "zuul": map[string]any{"pause": true}}}
	on, err := build.GoesOn(ctx, p.client, p.tenant, spec.Build, attempt)
	if err == nil && !on {
		if err = build.Keep(ctx, p.client, p.tenant, spec.Build, attempt, all, false); err == nil {
			err = build.Note(ctx, p.client, p.tenant, spec.Build, attempt, buildspec.Progress{Paused: true})
		}
	}
	if err != nil || !on {
		return nil // it says it again
	}
	all.Data["zuul"] = map[string]any{"warnings": []any{"it was slow"}}
	if build.Keep(ctx, p.client, p.tenant, spec.Build, attempt, all, true) != nil {
		return nil
	}
	return &buildspec.Outcome{Result: model.Success, Returned: true}
}

// states are the jobs with phases and results: "registry Paused", "image SUCCESS 2".
func (p *pausing) states() []string {
	var list gozer.BuildList
	if err := p.client.List(p.t.Context(), &list, client.InNamespace(p.tenant)); err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, b := range list.Items {
		text := b.Spec.Job.Name + " " + string(b.Status.Phase)
		if b.Status.Result != "" {
			text = b.Spec.Job.Name + " " + b.Status.Result
		}
		if b.Status.Attempt > 1 {
			text += fmt.Sprint(" ", b.Status.Attempt)
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

func (p *pausing) eventuallyStates(want ...string) {
	p.t.Helper()
	p.eventually("the builds are as they should be", func() string { return cmp.Diff(want, p.states()) })
}

// TestPause: what depends on a paused job runs, and when all of that is done, the
// job ends.
func TestPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host.Push("acme/api", "jobs after one another", map[string]string{".zuul.yaml": registry})
	p := w.pausing()
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	p.eventuallyStates("image Running", "registry Paused", "test Waiting")
	p.eventually("the image's job has the address", func() string { return cmp.Diff([]string{"registry"}, w.parentsOf("image")) })
	p.end("image", model.Success)
	p.eventuallyStates("image SUCCESS", "registry Paused", "test Running")
	p.end("test", model.Success)
	p.eventuallyStates("image SUCCESS", "registry SUCCESS", "test SUCCESS")
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	for _, b := range w.buildsOf("registry") {
		if diff := cmp.Diff([]string{"it was slow"}, b.Status.Returned.Warnings); diff != "" {
			t.Errorf("what was returned after the pause (-want +got):\n%s", diff)
		}
	}
}

// TestPausedIsLost: when a paused job is lost, what depends on it had something that
// is gone: the change is tested anew.
func TestPausedIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host.Push("acme/api", "jobs after one another", map[string]string{".zuul.yaml": strings.Replace(registry, "test: {dependencies: [image]}", "test: {dependencies: [registry]}", 1)})
	p := w.pausing()
	p.end("image", model.Success)
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	p.eventuallyStates("image SUCCESS", "registry Paused", "test Running")
	w.deleteExecutor("registry")
	p.eventuallyStates("image SUCCESS", "image SUCCESS", "registry CANCELED 2", "registry Paused", "test CANCELED", "test Running")
	p.end("test", model.Success)
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
}

// TestPausedIsAlwaysLost: a paused job that is lost each time has its attempts, and
// no more; it takes those down that depend on it, and nobody else.
func TestPausedIsAlwaysLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host.Push("acme/api", "a job that serves another", map[string]string{".zuul.yaml": strings.Replace(registry,
		"image: {dependencies: [registry]}, test: {dependencies: [image]}", "image, test: {dependencies: [registry]}", 1)})
	p := w.pausing()
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	p.eventuallyStates("image Running", "registry Paused", "test Running")
	w.deleteExecutor("registry")
	p.eventuallyStates("image CANCELED", "image Running", "registry CANCELED 2", "registry Paused", "test CANCELED", "test Running")
	w.deleteExecutor("registry")
	p.eventuallyStates("image CANCELED", "image Running", "registry CANCELED 2", "registry RETRY_LIMIT 2", "test CANCELED", "test CANCELED")
	p.end("image", model.Success)
	w.eventually("it has failed", func() string { return cmp.Diff([]string{"acme/api#1 FAILURE"}, w.itemResults("check")) })
	want := []string{"CANCELED: job registry was lost while it was paused for the jobs that depend on it",
		"FAILURE: job registry: RETRY_LIMIT (2 times it was lost while it was paused for the jobs that depend on it)"}
	if diff := cmp.Diff(want, w.buildSetEnds()); diff != "" {
		t.Errorf("what the buildsets say (-want +got):\n%s", diff)
	}
}

// buildSetEnds are the results of the buildsets, with the reasons.
func (w *world) buildSetEnds() []string {
	w.t.Helper()
	var list gozer.BuildSetList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, b := range list.Items {
		out = append(out, b.Status.Result+": "+b.Status.Reason)
	}
	slices.Sort(out)
	return out
}

// TestDeletedBuild: a change whose build somebody deleted is tested anew. As long as
// the buildset is young, the build may only not be seen yet.
func TestDeletedBuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ahead atomic.Int64
	w.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	var done atomic.Bool
	w.say(func(buildspec.Spec) *buildspec.Outcome {
		if done.Load() {
			return &buildspec.Outcome{Result: model.Success}
		}
		return nil
	})
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("the build runs", func() string { return cmp.Diff([]string{"node in-use", "executor Running"}, w.podStates()) })
	deleted := w.buildsOf("api-unit")[0]
	ahead.Store(int64(2 * time.Minute))
	if err := w.client.Delete(t.Context(), &deleted); err != nil {
		t.Fatal(err)
	}
	done.Store(true)
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	if diff := cmp.Diff([]string{"CANCELED: the build of job api-unit was deleted", "SUCCESS: "}, w.buildSetEnds()); diff != "" {
		t.Errorf("what the buildsets say (-want +got):\n%s", diff)
	}
}

// buildsOf are the builds of a job.
func (w *world) buildsOf(job string) []gozer.Build {
	w.t.Helper()
	var list gozer.BuildList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelJob: job}); err != nil {
		w.t.Fatal(err)
	}
	if len(list.Items) == 0 {
		w.t.Errorf("there is no build of %s", job)
	}
	return list.Items
}

// deleteExecutor deletes the executor Pods of a job.
func (w *world) deleteExecutor(job string) {
	w.t.Helper()
	if err := w.client.DeleteAllOf(w.t.Context(), &corev1.Pod{}, client.InNamespace(w.tenant), client.GracePeriodSeconds(0),
		client.MatchingLabels{gozer.LabelRole: build.RoleExecutor, gozer.LabelJob: job}); err != nil {
		w.t.Fatal(err)
	}
}

// TestFailingEarly: that a build will fail counts before its end, and what is
// behind it is tested without it. It stays a failure, whatever becomes of the Pod.
func TestFailingEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mu sync.Mutex
	lost := false
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		mu.Lock()
		defer mu.Unlock()
		if spec.Pipeline != "gate" || spec.Change.Number != 1 {
			return &buildspec.Outcome{Result: model.Success}
		}
		_ = build.Note(context.Background(), w.client, w.tenant, spec.Build, int32(spec.Attempt), buildspec.Progress{Failing: "a task of run failed on n: no space"})
		if lost {
			return &buildspec.Outcome{Result: model.Retry, Reason: "the node was lost"}
		}
		return nil
	})
	w.start()
	w.loaded()
	w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("A is in the gate", func() string { return strings.Repeat("no", 1-len(w.items("gate"))) })
	w.approve(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventually("B merged without A, which still runs", func() string {
		return cmp.Diff([]string{"acme/api#1", "acme/api#2 SUCCESS"}, w.itemResults("gate"))
	})
	mu.Lock()
	lost = true
	mu.Unlock()
	w.eventually("A has failed", func() string {
		return cmp.Diff([]string{"acme/api#1 FAILURE", "acme/api#2 SUCCESS"}, w.itemResults("gate"))
	})
	for _, b := range w.buildsOf("api-unit") {
		if b.Spec.Change.Number == 1 && b.Spec.Pipeline == "gate" &&
			(b.Status.Attempt != 1 || b.Status.Reason != "a task of run failed on n: no space; then the attempt was lost: the node was lost") {
			t.Errorf("build %s of A, attempt %d: %s", b.Name, b.Status.Attempt, b.Status.Reason)
		}
	}
}

// TestCleanUpHasNodes: a build that was cancelled keeps its nodes while its
// executor cleans up.
func TestCleanUpHasNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host.Push("acme/api", "a job that cleans up", map[string]string{".zuul.yaml": strings.Replace(projectYAML("api"),
		"run: ci/test.sh}", "run: ci/test.sh, post-run: {name: ci/test.sh, cleanup: true}}", 1)})
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.stays.Store(true)
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.opened(c)
	w.eventually("the build runs", func() string { return cmp.Diff([]string{"node in-use", "executor Running"}, w.podStates()) })
	w.host.Edit("acme/api", 1, func(c *model.Change) { c.Open = false })
	w.event(model.TriggerEvent{Event: "pull_request", Action: "closed", Project: c.Project.Name, Number: c.Number, Patchset: c.Patchset, Branch: c.Branch})
	w.eventually("it cleans up, on its node", func() string { return cmp.Diff([]string{"node in-use", "executor going"}, w.podStates()) })
	if got := w.buildsOf("api-unit")[0].Status.Result; got != "CANCELED" {
		t.Errorf("the build is %q", got)
	}
	w.stays.Store(false)
	w.eventually("all Pods are gone", func() string { return strings.Join(w.podStates(), ", ") })
}

// podStates are the Pods, nodes first.
func (w *world) podStates() []string {
	var pods corev1.PodList
	if err := w.client.List(w.t.Context(), &pods, client.InNamespace(w.tenant)); err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, p := range pods.Items {
		state := string(p.Status.Phase)
		switch {
		case p.Labels[gozer.LabelRole] == build.RoleExecutor && p.DeletionTimestamp != nil:
			state = "going"
		case p.Labels[gozer.LabelRole] != build.RoleExecutor:
			state = p.Labels[gozer.LabelNodeState]
		}
		out = append(out, p.Labels[gozer.LabelRole]+" "+state)
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(b, a) })
	return out
}
