package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

func failure(buildspec.Spec) *buildspec.Outcome {
	return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1"}
}

// reporting starts a world whose pipelines have further attributes.
func reporting(t *testing.T, check, gate string) *world {
	t.Helper()
	w := newWorld(t)
	yaml := strings.Replace(pipelinesYAML, "    manager: independent\n", "    manager: independent\n"+check, 1)
	yaml = strings.Replace(yaml, "    manager: dependent\n", "    manager: dependent\n"+gate, 1)
	w.host.Repo(t, "acme/config", map[string]string{"zuul.yaml": yaml})
	return w
}

// firstLines of the comments on a change.
func (w *world) firstLines(repo string, number int64) []string {
	var out []string
	for _, c := range w.host.Comments(repo, number) {
		line, _, _ := strings.Cut(c, "\n")
		out = append(out, line)
	}
	return out
}

// states of the statuses that were set on a change.
func (w *world) states(repo string, number int64) []string {
	var out []string
	for _, s := range w.host.Statuses(repo, number) {
		out = append(out, s.State)
	}
	return out
}

const allOccasions = `
    enqueue: {fake: {comment: true}}
    enqueue-message: 'Welcome {change.project}#{change.number} to {pipeline.name}, {nobody}.'
    merge-conflict: {fake: {comment: true}}
    merge-conflict-message: It conflicts.
    config-error: {fake: {comment: true}}
    no-jobs: {fake: {comment: true}}
    no-jobs-message: 'Nothing to do in {pipeline.name}.'
    dequeue: {fake: {comment: true}}
    dequeue-message: It left.
    footer-message: Questions go to nobody.
`

// TestOccasions: each has its own reporters, once, and only for changes that are live.
func TestOccasions(t *testing.T) {
	w := reporting(t, allOccasions, "")
	w.host.Repo(t, "acme/web", map[string]string{"ci/test.sh": "true", ".zuul.yaml": "- job: {name: web-unit, run: ci/test.sh}\n" +
		"- project: {queue: integrated, check: {jobs: [{web-unit: {files: [code]}}]}}\n"})
	w.start()
	w.loaded()
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		switch names(spec)[len(spec.Items)-1] {
		case "acme/api#2":
			return failure(spec)
		case "acme/api#5":
			return nil
		}
		return success(spec)
	})
	conflicting := w.host.Open("acme/api", 3, "C", "", map[string]string{"README": "one"})
	if err := w.host.Merge(t.Context(), w.host.Open("acme/api", 9, "by hand", "", map[string]string{"README": "two"}), "merge", ""); err != nil {
		t.Fatal(err)
	}
	needed := w.host.Open("acme/api", 10, "needed", "", map[string]string{"n": "1"})
	w.opened(w.host.Open("acme/api", 1, "A", "Depends-On: "+needed.URL, map[string]string{"a": "1"}))
	w.opened(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.opened(conflicting)
	w.opened(w.host.Open("acme/api", 4, "typo", "", map[string]string{".zuul.yaml": "- job: {name: api-unit, runn: x}\n"}))
	w.opened(w.host.Open("acme/api", 5, "closed", "", map[string]string{"e": "1"}))
	w.opened(w.host.Open("acme/web", 6, "no jobs", "", map[string]string{"text": "1"}))
	w.eventually("the one that is closed runs", func() string {
		if i := slices.IndexFunc(w.items("check"), func(i gozer.QueueItem) bool { return i.Spec.Changes[0].Number == 5 && i.Status.StartReported > 0 }); i < 0 {
			return "not started"
		}
		return ""
	})
	w.host.Edit("acme/api", 5, func(c *model.Change) { c.Open = false })
	w.event(model.TriggerEvent{Event: "pull_request", Action: "closed", Project: "acme/api", Number: 5})
	w.eventually("all are decided", func() string {
		got := w.itemResults("check")
		slices.Sort(got)
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#10 DEQUEUED", "acme/api#2 FAILURE", "acme/api#3 MERGE_CONFLICT", "acme/api#4 CONFIG_ERROR",
			"acme/api#5 DEQUEUED", "acme/web#6 NO_JOBS"}, got)
	})
	welcome := func(name string) string { return "Welcome " + name + " to check, {nobody}." }
	for name, tc := range map[string]struct {
		repo             string
		number           int64
		comments, states []string
	}{
		"success":        {"acme/api", 1, []string{welcome("acme/api#1")}, []string{"pending", "success"}},
		"failure":        {"acme/api", 2, []string{welcome("acme/api#2"), "Build failed. (check)"}, []string{"pending", "failure"}},
		"merge conflict": {"acme/api", 3, []string{welcome("acme/api#3"), "It conflicts."}, nil},
		"config error": {"acme/api", 4, []string{welcome("acme/api#4"), "Gozer encountered a syntax error while parsing its configuration in the repo git.example/acme/api on branch main." +
			"  The problem was:"}, nil},
		"dequeue":  {"acme/api", 5, []string{welcome("acme/api#5"), "It left. (check)"}, []string{"pending"}},
		"no jobs":  {"acme/web", 6, []string{welcome("acme/web#6"), "Nothing to do in check."}, nil},
		"not live": {"acme/api", 10, nil, nil},
	} {
		if diff := cmp.Diff(tc.comments, w.firstLines(tc.repo, tc.number)); diff != "" {
			t.Errorf("%s: comments (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(tc.states, w.states(tc.repo, tc.number)); diff != "" {
			t.Errorf("%s: statuses (-want +got):\n%s", name, diff)
		}
		for _, c := range w.host.Comments(tc.repo, tc.number) {
			if strings.Count(c, "Questions go to nobody.") != 1 {
				t.Errorf("%s: not one footer: %q", name, c)
			}
		}
	}
}

// TestOccasionsByDefault: conflicts and errors are failures; of what has no jobs
// nothing is said, also in the gate.
func TestOccasionsByDefault(t *testing.T) {
	w := reporting(t, "", "")
	w.host.Repo(t, "acme/web", map[string]string{".zuul.yaml": "- project: {queue: integrated, gate: {jobs: []}}\n"})
	w.start()
	w.loaded()
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"README": "one"})
	b := w.host.Open("acme/api", 2, "B", "", map[string]string{"README": "two"})
	w.approve(w.host.Open("acme/web", 3, "no jobs", "", map[string]string{"text": "1"}))
	w.approve(a)
	w.approve(b)
	w.approve(w.host.Open("acme/api", 4, "typo", "", map[string]string{".zuul.yaml": "- job: {name: api-unit, runn: x}\n"}))
	w.eventually("all are decided", func() string {
		return cmp.Diff([]string{"acme/web#3 NO_JOBS", "acme/api#1 SUCCESS", "acme/api#2 MERGE_CONFLICT", "acme/api#4 CONFIG_ERROR"}, w.itemResults("gate"))
	})
	for number, want := range map[int64]string{2: "Merge Failed.", 4: "Gozer encountered a syntax error"} {
		if c := w.firstLines("acme/api", number); len(c) != 1 || !strings.HasPrefix(c[0], want) {
			t.Errorf("#%d: %q", number, c)
		}
		if diff := cmp.Diff([]string{"failure"}, w.states("acme/api", number)); diff != "" {
			t.Errorf("#%d: %s", number, diff)
		}
	}
	if c, s := w.host.Comments("acme/web", 3), w.states("acme/web", 3); len(c) > 0 || len(s) > 0 {
		t.Errorf("a change without jobs was told %q, %q", c, s)
	}
}

// TestDequeueIsNoReset: what was started is told that it left; what is only
// tested anew is told nothing.
func TestDequeueIsNoReset(t *testing.T) {
	w := reporting(t, "    dequeue: {fake: {comment: true}}\n", "    dequeue: {fake: {comment: true}}\n")
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.opened(a)
	w.eventually("A is checked", func() string {
		if i := w.items("check"); len(i) == 0 || i[0].Status.StartReported == 0 {
			return "not started"
		}
		return ""
	})
	w.approve(a)
	w.approve(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventually("both are gated", func() string {
		if i := w.items("gate"); len(i) < 2 || i[0].Status.StartReported == 0 || i[1].Status.StartReported == 0 {
			return "not started"
		}
		return ""
	})
	w.eventually("the check was superseded", func() string { return cmp.Diff([]string{"Build canceled. (check)"}, w.firstLines("acme/api", 1)) })
	a2 := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "2"})
	w.event(model.TriggerEvent{Event: "pull_request", Action: "changed", Project: "acme/api", Number: 1, Patchset: a2.Patchset, Branch: "main"})
	w.eventually("A left, and B is tested anew", func() string {
		return cmp.Diff([]string{"1: acme/api#1", "1: acme/api#1 acme/api#2", "2: acme/api#2"}, w.gateBuilds())
	})
	w.say(success)
	w.eventually("B merges", func() string { return cmp.Diff([]string{"acme/api#2"}, w.host.MergedOrder()) })
	if diff := cmp.Diff([]string{"Build canceled. (check)", "Build canceled. (gate)"}, w.firstLines("acme/api", 1)); diff != "" {
		t.Errorf("A (-want +got):\n%s", diff)
	}
	if c := w.host.Comments("acme/api", 2); len(c) > 0 {
		t.Errorf("B was told %q", c)
	}
}

// TestRefusedMergeIsAFailure: what the code host does not merge is told to the failure reporters.
func TestRefusedMergeIsAFailure(t *testing.T) {
	w := reporting(t, "", "    merge-conflict: {fake: {status: pending}}\n")
	w.start()
	w.loaded()
	w.host.OnCall(func(call string) error {
		if call == "Merge" {
			return &drivers.RefusedError{Reason: "the branch is protected"}
		}
		return nil
	})
	w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("it leaves", func() string { return cmp.Diff([]string{"acme/api#1 MERGE_FAILURE"}, w.itemResults("gate")) })
	if diff := cmp.Diff([]string{"pending", "success", "failure"}, w.states("acme/api", 1)); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	c := w.host.Comments("acme/api", 1)
	if len(c) != 1 || !strings.HasPrefix(c[0], "This change was not merged by the code review system.\n\nthe branch is protected\n") {
		t.Errorf("comments: %q", c)
	}
}

// TestNeededChangeIsGone names the change.
func TestNeededChangeIsGone(t *testing.T) {
	w := reporting(t, "", "")
	w.start()
	w.loaded()
	w.holdUntil(2, func(spec buildspec.Spec) *buildspec.Outcome {
		if len(spec.Items) == 1 {
			return failure(spec)
		}
		return nil
	})
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.approve(a)
	w.approve(w.host.Open("acme/web", 1, "D", "Depends-On: "+a.URL, map[string]string{"d": "1"}))
	w.eventually("both leave", func() string {
		return cmp.Diff([]string{"acme/api#1 FAILURE", "acme/web#1 FAILURE"}, w.itemResults("gate"))
	})
	want := "This change depends on a change that failed to merge.\n\nChange " + a.URL + " is needed.\n"
	if c := w.host.Comments("acme/web", 1); len(c) != 1 || !strings.HasPrefix(c[0], want) {
		t.Errorf("comments: %q", c)
	}
}

// TestNeedsAChangeOfAConfigProject: what is wrong only until that change merged is told so.
func TestNeedsAChangeOfAConfigProject(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	job := w.host.Open("acme/config", 1, "a job", "", map[string]string{"zuul.yaml": pipelinesYAML + "- job: {name: new, run: ci/new.sh}\n"})
	using := func(job string) map[string]string {
		return map[string]string{".zuul.yaml": projectYAML("web") + "- job: {name: web-more, parent: " + job + ", run: ci/test.sh}\n- project: {check: {jobs: [web-more]}}\n"}
	}
	w.opened(w.host.Open("acme/web", 2, "uses it", "Depends-On: "+job.URL, using("new")))
	w.opened(w.host.Open("acme/web", 3, "uses another", "Depends-On: "+job.URL, using("nobody")))
	w.eventually("both are decided", func() string {
		got := slices.DeleteFunc(w.itemResults("check"), func(r string) bool { return strings.HasPrefix(r, "acme/config") })
		slices.Sort(got)
		return cmp.Diff([]string{"acme/web#2 CONFIG_ERROR", "acme/web#3 CONFIG_ERROR"}, got)
	})
	for number, want := range map[int64]string{2: "This change depends on a change to a config project.", 3: "Gozer encountered a syntax error"} {
		if c := w.firstLines("acme/web", number); len(c) != 1 || !strings.HasPrefix(c[0], want) {
			t.Errorf("#%d was told %q, want %q", number, c, want)
		}
	}
}

// TestNeedWithInvalidConfiguration is told to those who are told of such errors.
func TestNeedWithInvalidConfiguration(t *testing.T) {
	w := reporting(t, "    config-error: {fake: {comment: true}}\n", "")
	w.start()
	w.loaded()
	a := w.host.Open("acme/api", 1, "typo", "", map[string]string{".zuul.yaml": "- job: {name: api-unit, runn: x}\n"})
	w.opened(w.host.Open("acme/web", 1, "D", "Depends-On: "+a.URL, map[string]string{"d": "1"}))
	w.eventually("D is decided", func() string {
		return cmp.Diff([]string{"acme/api#1 DEQUEUED", "acme/web#1 FAILURE"}, w.itemResults("check"))
	})
	if diff := cmp.Diff([]string{"This change depends on a change with an invalid configuration."}, w.firstLines("acme/web", 1)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s := append(w.states("acme/web", 1), w.states("acme/api", 1)...); len(s) > 0 {
		t.Errorf("statuses %q", s)
	}
}

func twoJobs(attributes string) map[string]string {
	return map[string]string{"ci/test.sh": "true", ".zuul.yaml": `
- job: {name: quick, run: ci/test.sh, failure-message: broke}
- job: {name: slow, run: ci/test.sh}
- job: {name: last, run: ci/test.sh, dependencies: slow}
- project:
    queue: integrated
    gate: {jobs: [quick: {` + attributes + `}, slow, last], fail-fast: true}
`}
}

// TestFailFast: the first failure ends the other jobs; in the gate it is still
// reported after what is ahead.
func TestFailFast(t *testing.T) {
	w := newWorld(t)
	w.host.Repo(t, "acme/web", twoJobs(""))
	w.start()
	w.loaded()
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Job == "quick" {
			return failure(spec)
		}
		return nil
	})
	w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.approve(w.host.Open("acme/web", 2, "B", "", map[string]string{"b": "1"}))
	var results []string
	w.eventually("B's builds are over while A's runs", func() string {
		var list gozer.BuildList
		if err := w.client.List(t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		results = nil
		for _, b := range list.Items {
			if b.Spec.Change.Number == 2 {
				results = append(results, b.Spec.Job.Name+" "+b.Status.Result)
			}
		}
		slices.Sort(results)
		return cmp.Diff([]string{"last CANCELED", "quick FAILURE", "slow CANCELED"}, results)
	})
	w.eventually("its Pods are gone", func() string {
		var pods corev1.PodList
		if err := w.client.List(t.Context(), &pods, client.InNamespace(w.tenant)); err != nil || len(pods.Items) != 2 {
			return fmt.Sprintf("%d Pods, %v", len(pods.Items), err)
		}
		return ""
	})
	if c := w.host.Comments("acme/web", 2); len(c) > 0 || w.items("gate")[1].Status.State != gozer.ItemFailing {
		t.Fatalf("B is %s and was told %q before A is decided", w.items("gate")[1].Status.State, c)
	}
	w.say(success)
	w.eventually("A merges, and B is reported", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/web#2 FAILURE"}, w.itemResults("gate"))
	})
	if got := w.items("gate")[1].Status.Reason; got != "job quick: FAILURE (exit code 1)" {
		t.Errorf("reason %q", got)
	}
	c := strings.Join(w.host.Comments("acme/web", 2), "\n")
	for _, want := range []string{"| quick | **broke** |", "| slow | CANCELED |", "Canceled: job quick failed, and the project asks for fail-fast"} {
		if !strings.Contains(c, want) {
			t.Errorf("no %q in %q", want, c)
		}
	}
}

// TestFailFastWaitsForVotes: neither a non-voting failure nor a retry ends anything.
func TestFailFastWaitsForVotes(t *testing.T) {
	for name, outcome := range map[string]*buildspec.Outcome{
		"non-voting": {Result: model.Failure}, "retry": {Result: model.Retry, Reason: "the node was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.host.Repo(t, "acme/web", twoJobs(fmt.Sprintf("voting: %v", name != "non-voting")))
			w.start()
			w.loaded()
			w.say(func(spec buildspec.Spec) *buildspec.Outcome {
				if spec.Job == "quick" && spec.Attempt == 1 {
					return outcome
				}
				return success(spec)
			})
			w.approve(w.host.Open("acme/web", 1, "A", "", map[string]string{"a": "1"}))
			w.eventually("it merges", func() string { return cmp.Diff([]string{"acme/web#1 SUCCESS"}, w.itemResults("gate")) })
		})
	}
}

func (w *world) pipeline(name string) gozer.Pipeline {
	w.t.Helper()
	var p gozer.Pipeline
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: name}, &p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

const disabling = `
    disable-after-consecutive-failures: 3
    enqueue: {fake: {comment: true}}
    enqueue-message: welcome
    disabled: {fake: {comment: true}}
`

// TestDisableAfterFailures: three failures in a row silence a pipeline until it is changed.
func TestDisableAfterFailures(t *testing.T) {
	w := reporting(t, disabling, "")
	w.start()
	w.loaded()
	number := int64(0)
	check := func(results func(buildspec.Spec) *buildspec.Outcome) {
		t.Helper()
		number++
		w.say(results)
		w.opened(w.host.Open("acme/api", number, "C", "", map[string]string{fmt.Sprint("f", number): "1"}))
		w.eventually("it is decided", func() string {
			i := w.items("check")
			if len(i) != int(number) || i[number-1].Status.Reported == nil {
				return "not decided"
			}
			return ""
		})
	}
	for _, results := range []func(buildspec.Spec) *buildspec.Outcome{failure, failure, success, failure, failure, failure} {
		check(results)
	}
	p := w.pipeline("check")
	if c := meta.FindStatusCondition(p.Status.Conditions, gozer.ConditionDisabled); !p.Status.Disabled || p.Status.ConsecutiveFailures != 3 || c == nil || c.Status != "True" {
		t.Fatalf("after three failures: %+v", p.Status)
	}
	w.eventually("an event says so", func() string {
		var events corev1.EventList
		if err := w.client.List(t.Context(), &events, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		if !slices.ContainsFunc(events.Items, func(e corev1.Event) bool { return e.Reason == "Disabled" && e.InvolvedObject.Name == "check" }) {
			return "no event"
		}
		return ""
	})
	check(failure)
	check(success)
	for n, want := range map[int64]string{6: "welcome|Build failed. (check)", 7: "Build failed. (check)", 8: "Build succeeded. (check)"} {
		if got := strings.Join(w.firstLines("acme/api", n), "|"); got != want {
			t.Errorf("#%d was told %q, want %q", n, got, want)
		}
	}
	if s := append(w.states("acme/api", 7), w.states("acme/api", 8)...); len(s) > 0 {
		t.Errorf("statuses of a disabled pipeline: %q", s)
	}
	w.host.Push("acme/config", "more patience", map[string]string{"zuul.yaml": strings.Replace(pipelinesYAML, "    manager: independent\n",
		"    manager: independent\n    description: mended\n"+disabling[1:], 1)})
	w.push("acme/config")
	w.eventually("it is enabled", func() string {
		if p := w.pipeline("check"); p.Spec.Description != "mended" || p.Status.Disabled || p.Status.ConsecutiveFailures != 0 {
			return fmt.Sprintf("%+v", p.Status)
		}
		return ""
	})
	check(failure)
	if diff := cmp.Diff([]string{"pending", "failure"}, w.states("acme/api", number)); diff != "" {
		t.Errorf("after a change of the pipeline (-want +got):\n%s", diff)
	}
	if n := w.pipeline("check").Status.ConsecutiveFailures; n != 1 {
		t.Errorf("%d failures counted anew", n)
	}
}

// TestDisabledGateMergesNothing, as its success reporters are not used.
func TestDisabledGateMergesNothing(t *testing.T) {
	w := reporting(t, "", "    disable-after-consecutive-failures: 1\n")
	w.start()
	w.loaded()
	w.say(failure)
	w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("A fails", func() string { return cmp.Diff([]string{"acme/api#1 FAILURE"}, w.itemResults("gate")) })
	w.say(success)
	w.approve(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventually("B does not merge", func() string {
		return cmp.Diff([]string{"acme/api#1 FAILURE", "acme/api#2 MERGE_FAILURE"}, w.itemResults("gate"))
	})
	time.Sleep(200 * time.Millisecond)
	if len(w.host.MergedOrder()) > 0 || len(w.host.Comments("acme/api", 2)) > 0 {
		t.Errorf("merged %v, told %q", w.host.MergedOrder(), w.host.Comments("acme/api", 2))
	}
}

// TestFailuresAreCountedOnce, and told once, wherever the process dies.
func TestFailuresAreCountedOnce(t *testing.T) {
	w := reporting(t, strings.Replace(disabling, ": 3", ": 5", 1), "")
	w.start()
	w.loaded()
	w.say(failure)
	for n := range 3 {
		w.opened(w.host.Open("acme/api", int64(n+1), "C", "", map[string]string{fmt.Sprint("f", n): "1"}))
	}
	decided := func() bool {
		return !slices.ContainsFunc(w.items("check"), func(i gozer.QueueItem) bool { return i.Status.Reported == nil }) && len(w.items("check")) == 3
	}
	crashes := 0
	for !decided() && crashes < 100 {
		w.dieAfter.Store(w.writes.Load() + 5)
		w.eventually("a crash, or the end", func() string {
			if decided() || w.writes.Load() >= w.dieAfter.Load() {
				return ""
			}
			return "neither"
		})
		crashes++
		w.halt()
		w.dieAfter.Store(0)
		w.start()
	}
	w.eventually("all are decided", func() string {
		if !decided() {
			return fmt.Sprint(w.itemResults("check"))
		}
		return ""
	})
	if p := w.pipeline("check"); p.Status.ConsecutiveFailures != 3 || p.Status.Disabled || crashes < 5 {
		t.Errorf("%d crashes: %+v", crashes, p.Status)
	}
	for n := range 3 {
		if diff := cmp.Diff([]string{"welcome", "Build failed. (check)"}, w.firstLines("acme/api", int64(n+1))); diff != "" {
			t.Errorf("#%d (-want +got):\n%s", n+1, diff)
		}
	}
}
