package controllers_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

// five are the changes of the story: C fails together with B, D needs A.
func (w *world) five() []model.Change {
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	return []model.Change{
		a,
		w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}),
		w.host.Open("acme/web", 1, "C", "", map[string]string{"c": "1"}),
		w.host.Open("acme/web", 2, "D", "Depends-On: "+a.URL, map[string]string{"d": "1"}),
		w.host.Open("acme/api", 3, "E", "", map[string]string{"e": "1"}),
	}
}

// approveFive approves them in their order. D would come in behind A, which it
// needs, if it had its review before B and C are there.
func (w *world) approveFive() {
	w.t.Helper()
	five := w.five()
	for _, c := range five[:3] {
		w.approve(c)
	}
	w.eventually("the first three are in the gate", func() string {
		if w.died() {
			w.revive()
		}
		return strings.Repeat("a change is missing ", max(0, 3-len(w.items("gate"))))
	})
	for _, c := range five[3:] {
		w.approve(c)
	}
}

// breaks answers FAILURE for the second change on a state that has both. What
// stands on such a state runs on, so that the culprit is always found first.
func (w *world) breaks(first, second string) func(buildspec.Spec) *buildspec.Outcome {
	return func(spec buildspec.Spec) *buildspec.Outcome {
		state := names(spec)
		has := append(w.host.MergedOrder(), state...)
		switch {
		case !slices.Contains(has, first) || !slices.Contains(has, second):
			return &buildspec.Outcome{Result: model.Success}
		case state[len(state)-1] == second:
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1", FirstFailure: "web_test.go:41: want 200, got 500"}
		}
		return nil
	}
}

// holdUntil lets no build end before so many builds of the gate's first states run at once.
func (w *world) holdUntil(n int, then func(buildspec.Spec) *buildspec.Outcome) {
	together := map[string]bool{}
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Pipeline == "gate" {
			together[spec.Build] = true
		}
		if len(together) < n {
			return nil
		}
		return then(spec)
	})
}

func (w *world) assertFiveChanges() {
	w.t.Helper()
	want := []string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS", "acme/web#1 FAILURE", "acme/web#2 SUCCESS", "acme/api#3 SUCCESS"}
	w.eventually("all five are decided", func() string { return cmp.Diff(want, w.itemResults("gate")) })
	if diff := cmp.Diff([]string{"acme/api#1", "acme/api#2", "acme/web#2", "acme/api#3"}, w.host.MergedOrder()); diff != "" {
		w.t.Errorf("merged (-want +got):\n%s", diff)
	}
	for _, i := range w.items("gate") {
		if i.Status.Merged == nil {
			continue
		}
		if c := meta.FindStatusCondition(i.Status.Conditions, gozer.ConditionMerged); c == nil || c.Reason != "TreeAsTested" {
			w.t.Errorf("%s was merged with another tree than was tested: %+v", i.Name, c)
		}
	}
	comments := w.host.Comments("acme/web", 1)
	if len(comments) != 1 || !strings.Contains(comments[0], "web_test.go:41: want 200, got 500") || !strings.Contains(comments[0], "http://web/t/") {
		w.t.Errorf("C's comments: %q", comments)
	}
	w.eventually("no Pods are left", func() string {
		var pods corev1.PodList
		if err := w.client.List(w.t.Context(), &pods, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		if n := len(pods.Items); n > 0 {
			return fmt.Sprintf("%d Pods, the first %s", n, pods.Items[0].Name)
		}
		return ""
	})
}

// gateBuilds lists the gate's builds as "epoch: changes".
func (w *world) gateBuilds() []string {
	w.t.Helper()
	var sets gozer.BuildSetList
	if err := w.client.List(w.t.Context(), &sets, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelPipeline: "gate"}); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, b := range sets.Items {
		var state []string
		for _, s := range b.Spec.Steps {
			state = append(state, convert.ChangeName(s.Change))
		}
		out = append(out, fmt.Sprintf("%d: %s", b.Spec.Epoch, strings.Join(state, " ")))
	}
	slices.Sort(out)
	return out
}

func TestFiveChanges(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	story := w.breaks("acme/api#2", "acme/web#1")
	w.holdUntil(5, func(spec buildspec.Spec) *buildspec.Outcome {
		if state := names(spec); len(state) == 1 && len(w.startedOn("acme/api#3")) < 2 {
			return nil // what has merged would be left out of the states that are made then
		}
		return story(spec)
	})
	w.approveFive()
	w.assertFiveChanges()
	want := []string{
		"1: acme/api#1",
		"1: acme/api#1 acme/api#2",
		"1: acme/api#1 acme/api#2 acme/web#1",
		"1: acme/api#1 acme/api#2 acme/web#1 acme/web#2",
		"1: acme/api#1 acme/api#2 acme/web#1 acme/web#2 acme/api#3",
		"2: acme/api#1 acme/api#2 acme/web#2",
		"2: acme/api#1 acme/api#2 acme/web#2 acme/api#3",
	}
	if diff := cmp.Diff(want, w.gateBuilds()); diff != "" {
		t.Errorf("buildsets (-want +got):\n%s", diff)
	}
}

// TestFailureAfterTheHeadMerged: what is tested again stands on the same state
// of the items ahead as before, also when the first of them have merged.
func TestFailureAfterTheHeadMerged(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	story := w.breaks("acme/api#2", "acme/web#1")
	// Were A to merge before D is prepared, D would never stand on it.
	w.holdUntil(5, func(spec buildspec.Spec) *buildspec.Outcome {
		// B's own result comes last, C's when A has merged.
		switch own := names(spec)[len(spec.Items)-1]; {
		case own == "acme/web#1" && !slices.Contains(w.host.MergedOrder(), "acme/api#1"):
			return nil
		case own == "acme/api#2" && spec.Pipeline == "gate" && len(w.startedOn("acme/web#2")) < 2:
			return nil
		}
		return story(spec)
	})
	w.approveFive()
	w.assertFiveChanges()
	// A has merged, so it is in the branch and no part of the second state.
	want := []string{"1: acme/api#1 acme/api#2 acme/web#1 acme/web#2", "2: acme/api#2 acme/web#2"}
	if diff := cmp.Diff(want, w.startedOn("acme/web#2")); diff != "" {
		t.Errorf("D was tested on (-want +got):\n%s", diff)
	}
	if n := len(w.gateBuilds()); n != 7 {
		t.Errorf("%d buildsets, want 7: %v", n, w.gateBuilds())
	}
}

// startedOn lists the states on which a change was tested in the gate.
func (w *world) startedOn(change string) []string {
	return slices.DeleteFunc(w.gateBuilds(), func(s string) bool { return !strings.HasSuffix(s, change) })
}

// TestSettledMakesNoWrites: a manager that finds everything done does nothing.
func TestSettledMakesNoWrites(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.opened(c)
	w.eventually("the check is done", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	w.approve(c)
	w.eventually("it is merged", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("gate")) })
	w.event(model.TriggerEvent{Event: "push", Project: "acme/api", Branch: "main", Ref: "refs/heads/main"})
	w.settled()
	w.halt()
	w.start()
	before := w.writes.Load()
	w.settled()
	if n := w.writes.Load() - before; n != 0 {
		t.Errorf("%d writes about things that are settled, the last: %v", n, w.lastWrite.Load())
	}
}

// settled waits until nothing was written for a while.
func (w *world) settled() {
	w.t.Helper()
	last, quiet := w.writes.Load(), 0
	w.eventually("the writes end", func() string {
		if n := w.writes.Load(); n != last {
			last, quiet = n, 0
		}
		if quiet++; quiet < 50 {
			return "writing"
		}
		return ""
	})
}

func TestNewPatchsetTakesTheOldOneOut(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	b := w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"})
	w.approve(a)
	w.approve(b)
	w.eventually("both run", func() string {
		return cmp.Diff([]string{"1: acme/api#1", "1: acme/api#1 acme/api#2"}, w.gateBuilds())
	})
	a2 := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "2"})
	w.event(model.TriggerEvent{Event: "pull_request", Action: "changed", Project: "acme/api", Number: 1, Patchset: a2.Patchset, Branch: "main"})
	w.eventually("the old version left and B is tested without it", func() string {
		return cmp.Diff([]string{"1: acme/api#1", "1: acme/api#1 acme/api#2", "2: acme/api#2"}, w.gateBuilds()) +
			cmp.Diff([]string{"acme/api#1 DEQUEUED", "acme/api#2"}, w.itemResults("gate"))
	})
	w.say(func(buildspec.Spec) *buildspec.Outcome { return &buildspec.Outcome{Result: model.Success} })
	w.eventually("B merges alone", func() string { return cmp.Diff([]string{"acme/api#2"}, w.host.MergedOrder()) })
}

func TestClosedChangeLeaves(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.opened(a)
	w.eventually("it is in check", func() string { return cmp.Diff([]string{"acme/api#1"}, w.itemResults("check")) })
	w.host.Edit("acme/api", 1, func(c *model.Change) { c.Open = false })
	w.event(model.TriggerEvent{Event: "pull_request", Action: "closed", Project: "acme/api", Number: 1})
	w.eventually("it left", func() string { return cmp.Diff([]string{"acme/api#1 DEQUEUED"}, w.itemResults("check")) })
	w.eventually("its queue is gone", func() string {
		var queues gozer.ChangeQueueList
		if err := w.client.List(t.Context(), &queues, client.InNamespace(w.tenant)); err != nil || len(queues.Items) > 0 {
			return fmt.Sprintf("%d queues, %v", len(queues.Items), err)
		}
		return ""
	})
}

func TestConfigErrorIsReported(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	bad := w.host.Open("acme/web", 1, "typo", "", map[string]string{".zuul.yaml": "- job:\n    name: web-unit\n    runn: ci/test.sh\n"})
	good := w.host.Open("acme/web", 2, "fine", "", map[string]string{"fine": "1"})
	w.opened(bad)
	w.opened(good)
	w.eventually("one is refused, the other tested", func() string {
		return cmp.Diff([]string{"acme/web#1 CONFIG_ERROR", "acme/web#2 SUCCESS"}, w.itemResults("check"))
	})
	comments := w.host.Comments("acme/web", 1)
	if len(comments) != 1 || !strings.Contains(comments[0], `.zuul.yaml:3:5: unknown attribute "runn" of the job`) || !strings.Contains(comments[0], `did you mean "run"?`) {
		t.Errorf("comments: %q", comments)
	}
}

// TestProposedConfigIsInForce: a change that adds a job runs it before it merges.
func TestProposedConfigIsInForce(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	jobs := map[string]bool{}
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		jobs[spec.Job] = true
		return &buildspec.Outcome{Result: model.Success}
	})
	c := w.host.Open("acme/web", 1, "new job", "", map[string]string{
		".zuul.yaml": projectYAML("web") + "- job: {name: web-lint, run: ci/lint.sh}\n- project: {check: {jobs: [{web-lint: {dependencies: web-unit}}]}}\n",
		"ci/lint.sh": "true"})
	w.opened(c)
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/web#1 SUCCESS"}, w.itemResults("check")) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if !jobs["web-lint"] || !jobs["web-unit"] {
		t.Errorf("jobs that ran: %v", jobs)
	}
}

// TestFirstConfiguration: the change that brings a repository its first
// configuration is tested and merged by it; one that brings none leaves silently.
func TestFirstConfiguration(t *testing.T) {
	w := newWorld(t)
	w.host.Repo(t, "acme/new", map[string]string{"README": "new"})
	var x gozer.Tenant
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "acme"}, &x); err != nil {
		t.Fatal(err)
	}
	x.Spec.Sources[0].UntrustedProjects = append(x.Spec.Sources[0].UntrustedProjects, gozer.TenantProject{Name: "acme/new"})
	if err := w.client.Update(t.Context(), &x); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/new", 2, "none", "", map[string]string{"text": "1"}))
	first := w.host.Open("acme/new", 1, "first", "", map[string]string{".zuul.yaml": projectYAML("new"), "ci/test.sh": "true"})
	w.opened(first)
	w.eventually("it is tested", func() string {
		return cmp.Diff([]string{"acme/new#2 NO_JOBS", "acme/new#1 SUCCESS"}, w.itemResults("check"))
	})
	w.approve(first)
	w.eventually("it is merged", func() string { return cmp.Diff([]string{"acme/new#1"}, w.host.MergedOrder()) })
	if s, c := w.host.Statuses("acme/new", 2), w.host.Comments("acme/new", 2); len(s)+len(c) != 0 {
		t.Errorf("the one without jobs was told %v, %v", s, c)
	}
}

// TestLostPodsAreRetried: what vanishes is never the change's fault.
func TestLostPodsAreRetried(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Attempt == 1 {
			return nil
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	var node corev1.Pod
	w.eventually("the first attempt runs", func() string {
		var pods corev1.PodList
		if err := w.client.List(t.Context(), &pods, client.InNamespace(w.tenant)); err != nil || len(pods.Items) < 2 {
			return fmt.Sprintf("%d Pods, %v", len(pods.Items), err)
		}
		for _, p := range pods.Items {
			if p.Labels[gozer.LabelRole] == "node" {
				node = p
			}
		}
		return ""
	})
	if err := w.client.Delete(t.Context(), &node); err != nil {
		t.Fatal(err)
	}
	w.eventually("the second attempt succeeds", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	w.say(func(buildspec.Spec) *buildspec.Outcome {
		return &buildspec.Outcome{Result: model.Retry, Reason: "the node was lost"}
	})
	w.opened(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventually("attempts have a limit", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 FAILURE"}, w.itemResults("check"))
	})
	if c := w.host.Comments("acme/api", 2); len(c) != 1 || !strings.Contains(c[0], "RETRY_LIMIT") {
		t.Errorf("comments: %q", c)
	}
}

// TestHostIsAway: a host that fails now and then changes nothing in the end.
func TestHostIsAway(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	calls := map[string]int{}
	w.host.OnCall(func(call string) error {
		calls[call]++
		switch {
		case call == "Merge" && calls[call]%3 == 1:
			return drivers.ErrTryLater
		case call != "Change" && calls[call]%3 == 2:
			return errors.New("connection refused")
		}
		return nil
	})
	w.holdUntil(5, w.breaks("acme/api#2", "acme/web#1"))
	w.approveFive()
	w.assertFiveChanges()
}

// TestRepeatedEventsChangeNothing: the same event twice, and an old one late.
func TestRepeatedEventsChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.approve(c)
	w.approve(c)
	w.eventually("it is merged", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("gate")) })
	w.approve(c)
	w.event(model.TriggerEvent{Event: "pull_request", Action: "opened", Project: "acme/api", Number: 1, Patchset: "0000000000000000000000000000000000000000", Branch: "main"})
	w.eventually("all events are dealt with", func() string {
		var events gozer.TriggerEventList
		if err := w.client.List(t.Context(), &events, client.InNamespace(w.operator)); err != nil {
			return err.Error()
		}
		for _, e := range events.Items {
			if len(e.Status.Tenants) == 0 {
				return e.Name + " waits"
			}
		}
		return ""
	})
	if diff := cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("gate")); diff != "" {
		t.Error(diff)
	}
	if n := len(w.items("check")); n != 0 {
		t.Errorf("%d checks of a merged change", n)
	}
}

// TestBranchMovesOutsideTheGate: what was tested is not what would merge.
func TestBranchMovesOutsideTheGate(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.approve(a)
	w.eventually("it runs", func() string { return cmp.Diff([]string{"1: acme/api#1"}, w.gateBuilds()) })
	direct := w.host.Open("acme/api", 9, "by hand", "", map[string]string{"hand": "1"})
	if err := w.host.Merge(t.Context(), direct, "merge", ""); err != nil {
		t.Fatal(err)
	}
	w.say(func(buildspec.Spec) *buildspec.Outcome { return &buildspec.Outcome{Result: model.Success} })
	w.eventually("it is tested again on the new head, and merged", func() string {
		return cmp.Diff([]string{"1: acme/api#1", "2: acme/api#1"}, w.gateBuilds()) + cmp.Diff([]string{"acme/api#9", "acme/api#1"}, w.host.MergedOrder())
	})
}

// TestPushResetsAtOnce: what is tested on a head that is gone is tested anew as
// soon as the push is known, and not only when it is about to merge.
func TestPushResetsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.approve(w.host.Open("acme/web", 1, "B", "", map[string]string{"b": "1"}))
	first := []string{"1: acme/api#1", "1: acme/api#1 acme/web#1"}
	w.eventually("both run", func() string { return cmp.Diff(first, w.gateBuilds()) })
	push := func(repo string) {
		commit := w.host.Push(repo, "by hand", map[string]string{"hand": "1"})
		w.event(model.TriggerEvent{Event: "push", Project: repo, Branch: "main", Ref: "refs/heads/main", NewRev: commit})
	}
	push("acme/api")
	second := slices.Concat(first, []string{"2: acme/api#1", "2: acme/api#1 acme/web#1"})
	w.eventually("both are tested on the new head", func() string { return cmp.Diff(second, w.gateBuilds()) })
	push("acme/web")
	w.eventually("and the one behind, whose own branch moved", func() string {
		return cmp.Diff(append(second, "3: acme/api#1 acme/web#1"), w.gateBuilds())
	})
	w.say(func(buildspec.Spec) *buildspec.Outcome { return &buildspec.Outcome{Result: model.Success} })
	w.eventually("both merge", func() string { return cmp.Diff([]string{"acme/api#1", "acme/web#1"}, w.host.MergedOrder()) })
	if n := len(w.gateBuilds()); n != 5 {
		t.Errorf("%d buildsets: %v", n, w.gateBuilds())
	}
}

// TestMergeConflictIsReported with the files, and disturbs nobody else.
func TestMergeConflictIsReported(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"README": "one"})
	b := w.host.Open("acme/api", 2, "B", "", map[string]string{"README": "two"})
	w.approve(a)
	w.approve(b)
	w.eventually("A merges, B conflicts with it", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 MERGE_CONFLICT"}, w.itemResults("gate"))
	})
	if c := w.host.Comments("acme/api", 2); len(c) != 1 || !strings.Contains(c[0], "README") {
		t.Errorf("comments: %q", c)
	}
}

// TestCheckOfADependentChange: what it depends on is there, is not reported,
// and goes with it, however the objects come to be seen.
func TestCheckOfADependentChange(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	var state []string
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		state = names(spec)
		return &buildspec.Outcome{Result: model.Success}
	})
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	d := w.host.Open("acme/web", 1, "D", "Depends-On: "+a.URL, map[string]string{"d": "1"})
	w.opened(d)
	w.eventually("D is tested", func() string {
		return cmp.Diff([]string{"acme/api#1 DEQUEUED", "acme/web#1 SUCCESS"}, w.itemResults("check"))
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff([]string{"acme/api#1", "acme/web#1"}, state); diff != "" {
		t.Errorf("tested state (-want +got):\n%s", diff)
	}
	if s := w.host.Statuses("acme/api", 1); len(s) != 0 {
		t.Errorf("A was told about the check of D: %v", s)
	}
}

// TestNeedsAreRefusedWithAReason: what may not enter is told why, on the event.
func TestNeedsAreRefusedWithAReason(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	d := w.host.Open("acme/web", 1, "D", "Depends-On: "+fakehost.URL("acme/api", 1), map[string]string{"d": "1"})
	w.approve(d)
	w.eventually("the event says why", func() string {
		var e gozer.TriggerEvent
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.operator, Name: "ev-1"}, &e); err != nil {
			return err.Error()
		}
		want := "it depends on " + a.URL + ", which may not enter gate: it has no review that is approved by somebody with write permission"
		if len(e.Status.Tenants) == 0 || len(e.Status.Tenants[0].Pipelines) == 0 || e.Status.Tenants[0].Pipelines[0].Message != want {
			return fmt.Sprintf("%+v", e.Status)
		}
		return ""
	})
}

// TestBuildSetIsMadeAgain: when the write of a buildset fails, the builds that were
// made for it are those that it gets.
func TestBuildSetIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, strings.Replace(pipelinesYAML, "manager: independent", "manager: independent\n    post-review: true\n    retry-failed: 1", 1))
	var failed atomic.Bool
	w.fails = func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/buildsets") && failed.CompareAndSwap(false, true)
	}
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	builds := w.buildsOf("api-unit")
	if len(builds) != 1 || !builds[0].Spec.Job.PostReview || builds[0].Spec.RetryFailed != 1 || !failed.Load() {
		t.Errorf("failed %v, %d builds: %+v", failed.Load(), len(builds), builds[0].Spec)
	}
}
