package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

// cycle opens two changes that need one another. The queue must allow cycles.
func (w *world) cycle() (api, web model.Change) {
	api = w.host.Open("acme/api", 1, "A", "Depends-On: "+fakehost.URL("acme/web", 1), map[string]string{"a": "1"})
	web = w.host.Open("acme/web", 1, "B", "Depends-On: "+api.URL, map[string]string{"b": "1"})
	return api, web
}

// allowCycles loads a configuration whose shared queue allows cycles.
func (w *world) allowCycles() {
	w.host.Push("acme/config", "cycles", map[string]string{
		"zuul.yaml": strings.Replace(pipelinesYAML, "- queue: {name: integrated}", "- queue: {name: integrated, allow-circular-dependencies: true}", 1)})
}

// eventSays waits for what was made of an event in a pipeline.
func (w *world) eventSays(event, pipeline, want string) {
	w.t.Helper()
	w.eventually("event "+event+" is dealt with", func() string {
		var e gozer.TriggerEvent
		if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.operator, Name: event}, &e); err != nil {
			return err.Error()
		}
		for _, t := range e.Status.Tenants {
			for _, p := range t.Pipelines {
				if p.Pipeline == pipeline && strings.Contains(p.Message, want) {
					return ""
				}
			}
		}
		return fmt.Sprintf("%+v", e.Status)
	})
}

func TestCycleMergesAsOne(t *testing.T) {
	w := newWorld(t)
	w.allowCycles()
	w.start()
	w.loaded()
	api, web := w.cycle()
	w.approve(api)
	w.eventSays("ev-1", "gate", "with which it forms a cycle: it has no review")
	w.approve(web)
	w.eventually("both merge as one item", func() string {
		return cmp.Diff([]string{"acme/api#1 + acme/web#1 SUCCESS"}, w.itemResults("gate"))
	})
	if diff := cmp.Diff([]string{"acme/api#1", "acme/web#1"}, w.host.MergedOrder()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1: acme/api#1 acme/web#1"}, w.gateBuilds()); diff != "" {
		t.Error(diff)
	}
	var builds gozer.BuildList
	if err := w.client.List(t.Context(), &builds, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	var jobs []string
	for _, b := range builds.Items {
		jobs = append(jobs, fmt.Sprintf("%s of %s %s", b.Spec.Job.Name, b.Spec.Change.Project.Name, b.Status.Result))
	}
	slices.Sort(jobs)
	if diff := cmp.Diff([]string{"api-unit of acme/api SUCCESS", "web-unit of acme/web SUCCESS"}, jobs); diff != "" {
		t.Error(diff)
	}
}

// TestCycleFailsAsOne: the failure of one change's job is told to both.
func TestCycleFailsAsOne(t *testing.T) {
	w := newWorld(t)
	w.allowCycles()
	w.start()
	w.loaded()
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Job == "web-unit" {
			return &buildspec.Outcome{Result: model.Failure}
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	api, web := w.cycle()
	w.host.Approve("acme/api", 1)
	w.approve(web)
	w.eventually("it fails", func() string {
		return cmp.Diff([]string{"acme/api#1 + acme/web#1 FAILURE"}, w.itemResults("gate"))
	})
	if got := w.host.MergedOrder(); len(got) != 0 {
		t.Errorf("merged: %v", got)
	}
	for _, c := range []model.Change{api, web} {
		if got := w.host.Comments(c.Project.Name, 1); len(got) != 1 || !strings.Contains(got[0], "web-unit") {
			t.Errorf("%s was told %q", c.URL, got)
		}
	}
}

// TestCycleThatIsRefusedHalfway: what merged stays, what was refused is told.
func TestCycleThatIsRefusedHalfway(t *testing.T) {
	w := newWorld(t)
	w.allowCycles()
	w.start()
	w.loaded()
	merges := 0
	w.host.OnCall(func(call string) error {
		if call == "Merge" {
			if merges++; merges == 2 {
				return &drivers.RefusedError{Reason: "the branch is protected"}
			}
		}
		return nil
	})
	_, web := w.cycle()
	w.host.Approve("acme/api", 1)
	w.approve(web)
	w.eventually("it is reported", func() string {
		return cmp.Diff([]string{"acme/api#1 + acme/web#1 MERGE_FAILURE"}, w.itemResults("gate"))
	})
	want := "acme/web#1: the branch is protected; acme/api#1 was merged before that"
	if got := w.host.Comments("acme/web", 1); len(got) != 1 || !strings.Contains(got[0], want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestCycleMergesAfterACrashHalfway: the first change merged, then the process died.
func TestCycleMergesAfterACrashHalfway(t *testing.T) {
	w := newWorld(t)
	w.allowCycles()
	w.start()
	w.loaded()
	merges, dead := 0, make(chan struct{})
	w.host.OnCall(func(call string) error {
		if call == "Merge" {
			if merges++; merges == 2 {
				close(dead)
				return fmt.Errorf("the process died")
			}
		}
		return nil
	})
	_, web := w.cycle()
	w.host.Approve("acme/api", 1)
	w.approve(web)
	<-dead
	w.halt()
	w.start()
	w.eventually("the rest merges", func() string {
		return cmp.Diff([]string{"acme/api#1 + acme/web#1 SUCCESS"}, w.itemResults("gate")) + cmp.Diff([]string{"acme/api#1", "acme/web#1"}, w.host.MergedOrder())
	})
	if diff := cmp.Diff([]string{"1: acme/api#1 acme/web#1"}, w.gateBuilds()); diff != "" {
		t.Error(diff)
	}
}

// TestForbiddenCycle is told to the change that the event was about.
func TestForbiddenCycle(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	api, _ := w.cycle()
	w.opened(api)
	want := "Dependency cycle detected and project acme/web doesn't allow circular dependencies"
	w.eventSays("ev-1", "check", want)
	if got := w.host.Comments("acme/api", 1); len(got) != 1 || !strings.Contains(got[0], want) {
		t.Errorf("told %q", got)
	}
	if got := w.host.Comments("acme/web", 1); len(got) != 0 {
		t.Errorf("the other change was told %q", got)
	}
	if n := len(w.items("check")); n != 0 {
		t.Errorf("%d items", n)
	}
}

// TestMergedWithoutBeingShown: a host that merged and did not live to note it.
func TestMergedWithoutBeingShown(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	merged := false
	w.host.OnCall(func(call string) error {
		if call == "Merge" && merged {
			return drivers.ErrTryLater
		}
		return nil
	})
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.say(func(buildspec.Spec) *buildspec.Outcome {
		if !merged {
			// Merged in its repository, and open in its database.
			if err := w.host.Merge(t.Context(), c, "merge", ""); err != nil {
				t.Error(err)
			}
			w.host.Edit("acme/api", 1, func(c *model.Change) { c.Merged, c.Open, c.MergeCommit = false, true, "" })
			merged = true
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	w.approve(c)
	w.eventually("it is seen to be merged", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("gate"))
	})
	if diff := cmp.Diff([]string{"1: acme/api#1"}, w.gateBuilds()); diff != "" {
		t.Error(diff)
	}
}

const deployYAML = `
- pipeline:
    name: deploy
    manager: %s
    trigger: {fake: {event: pull_request, action: comment, comment: deploy}}
    success: {fake: {status: success}}
    failure: {fake: {status: failure}}
- project: {name: ^.*$, deploy: {jobs: [deploy]}}
- job: {name: deploy, run: ci/test.sh}
`

func (w *world) deploy(c model.Change) {
	w.event(model.TriggerEvent{Event: "pull_request", Action: "comment", Comment: "deploy", Project: c.Project.Name, Number: c.Number, Patchset: c.Patchset, Branch: c.Branch})
}

// running counts the executors of a pipeline's builds that ask for a result, and
// lets them end when told to.
func (w *world) oneAtATime(pipeline string) (most func() int, release func()) {
	running, seen, free := map[string]bool{}, 0, false
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Pipeline != pipeline {
			return &buildspec.Outcome{Result: model.Success}
		}
		running[spec.Build] = true
		seen = max(seen, len(running))
		if !free {
			return nil
		}
		delete(running, spec.Build)
		return &buildspec.Outcome{Result: model.Success}
	})
	locked := func(f func()) func() { return func() { w.mu.Lock(); defer w.mu.Unlock(); f() } }
	return func() (n int) { locked(func() { n = seen })(); return n }, locked(func() { free = true })
}

func TestSerialPipeline(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "deploy", map[string]string{"zuul.yaml": pipelinesYAML + fmt.Sprintf(deployYAML, "serial")})
	w.start()
	w.loaded()
	most, release := w.oneAtATime("deploy")
	for n := range int64(3) {
		w.deploy(w.host.Open("acme/api", n+1, "A", "", map[string]string{fmt.Sprint(n): "1"}))
	}
	w.eventually("the first runs", func() string {
		if most() == 0 {
			return "nothing"
		}
		return ""
	})
	release()
	w.eventually("all run, in order", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS", "acme/api#3 SUCCESS"}, w.itemResults("deploy"))
	})
	if n := most(); n != 1 {
		t.Errorf("%d ran at once", n)
	}
	if got := w.host.MergedOrder(); len(got) != 0 {
		t.Errorf("merged: %v", got)
	}
}

func TestSupercedentPipeline(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "deploy", map[string]string{"zuul.yaml": pipelinesYAML + fmt.Sprintf(deployYAML, "supercedent")})
	w.start()
	w.loaded()
	most, release := w.oneAtATime("deploy")
	for n := range int64(4) {
		w.deploy(w.host.Open("acme/api", n+1, "A", "", map[string]string{fmt.Sprint(n): "1"}))
		w.eventually("it is enqueued", func() string {
			if got := w.itemResults("deploy"); len(got) != int(n)+1 || most() == 0 {
				return fmt.Sprint(got)
			}
			return ""
		})
	}
	release()
	w.eventually("the first and the newest ran", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 DEQUEUED", "acme/api#3 DEQUEUED", "acme/api#4 SUCCESS"}, w.itemResults("deploy"))
	})
}

// TestPostPipeline runs what a branch is after a push, on the commit that was
// pushed; of pushes that wait only the newest is run.
func TestPostPipeline(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "post", map[string]string{"zuul.yaml": pipelinesYAML + `
- pipeline:
    name: post
    manager: supercedent
    post-review: true
    trigger: {fake: {event: push, ref: ^refs/heads/main$}}
- project: {name: ^.*$, post: {jobs: [publish]}}
- job: {name: publish, run: ci/test.sh}
`})
	w.start()
	w.loaded()
	most, release := w.oneAtATime("post")
	var commits []string
	for n := range 4 {
		commit := w.host.Push("acme/api", "push", map[string]string{"n": fmt.Sprint(n)})
		commits = append(commits, commit)
		w.event(model.TriggerEvent{Event: "push", Project: "acme/api", Branch: "main", Ref: "refs/heads/main", OldRev: "1111111111111111111111111111111111111111", NewRev: commit})
		w.eventually("it is enqueued", func() string {
			if got := w.itemResults("post"); len(got) != n+1 || most() == 0 {
				return fmt.Sprint(got)
			}
			return ""
		})
	}
	w.event(model.TriggerEvent{Event: "push", Project: "acme/api", Branch: "main", Ref: "refs/heads/main", NewRev: "0000000000000000000000000000000000000000"})
	release()
	w.eventually("the first and the newest ran", func() string {
		return cmp.Diff([]string{"acme/api@main SUCCESS", "acme/api@main DEQUEUED", "acme/api@main DEQUEUED", "acme/api@main SUCCESS"}, w.itemResults("post"))
	})
	var ran []string
	for _, i := range w.items("post") {
		if i.Status.Merge != nil {
			ran = append(ran, i.Status.Merge.States[0].Commit)
		}
	}
	if diff := cmp.Diff([]string{commits[0], commits[3]}, ran); diff != "" {
		t.Error(diff)
	}
}
