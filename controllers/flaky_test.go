package controllers_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// TestFailedBuildIsRunAgain: what fails once and then passes merges, nobody
// behind it is tested anew, and it is told that it is flaky.
func TestFailedBuildIsRunAgain(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "retry", map[string]string{"zuul.yaml": strings.NewReplacer(
		"    manager: dependent\n", "    manager: dependent\n    retry-failed: 1\n",
		"success: {fake: {status: success, merge: true}}", "success: {fake: {status: success, merge: true, comment: true}}").Replace(pipelinesYAML)})
	w.start()
	w.loaded()
	w.holdUntil(3, func(spec buildspec.Spec) *buildspec.Outcome {
		state := names(spec)
		switch own := state[len(state)-1]; {
		case own == "acme/api#1" && spec.Attempt == 1:
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1", FirstFailure: "flaky_test.go:7: timeout"}
		case own == "acme/api#1" && len(w.startedOn("acme/api#3")) < 2:
			return nil // it passes when the broken one behind it has failed for good
		case own == "acme/api#2":
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1"}
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	for n := range int64(3) {
		w.approve(w.host.Open("acme/api", n+1, "A", "", map[string]string{string(rune('a' + n)): "1"}))
	}
	w.eventually("the flaky one merges, the broken one fails", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 FAILURE", "acme/api#3 SUCCESS"}, w.itemResults("gate"))
	})
	want := []string{"1: acme/api#1", "1: acme/api#1 acme/api#2", "1: acme/api#1 acme/api#2 acme/api#3", "2: acme/api#1 acme/api#3"}
	if diff := cmp.Diff(want, w.gateBuilds()); diff != "" {
		t.Errorf("buildsets (-want +got):\n%s", diff)
	}
	if got := w.host.Comments("acme/api", 1); len(got) != 1 || !strings.Contains(got[0], "SUCCESS (flaky: FAILURE before)") || !strings.Contains(got[0], "flaky_test.go:7") {
		t.Errorf("told: %q", got)
	}
	var builds gozer.BuildList
	if err := w.client.List(t.Context(), &builds, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelItem: w.items("gate")[1].Name}); err != nil {
		t.Fatal(err)
	}
	if b := builds.Items[0].Status; b.Attempt != 2 || len(b.Failures) != 1 || b.Result != "FAILURE" {
		t.Errorf("the broken one: %+v", b)
	}
}

// TestBothOutcomes: while a failed build is run again, those behind are tested
// with its change and without it. Whichever comes, what fits is there already.
func TestBothOutcomes(t *testing.T) {
	for _, failsAgain := range []bool{true, false} {
		t.Run(fmt.Sprintf("it fails again: %v", failsAgain), func(t *testing.T) { testBothOutcomes(t, failsAgain) })
	}
}

func testBothOutcomes(t *testing.T, failsAgain bool) {
	w := newWorld(t)
	w.host.Push("acme/config", "retry", map[string]string{"zuul.yaml": strings.Replace(pipelinesYAML,
		"    manager: dependent\n", "    manager: dependent\n    retry-failed: 1\n    retry-both-outcomes: true\n", 1)})
	w.start()
	w.loaded()
	ran := map[string]int{}
	decided := false
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		state := strings.Join(names(spec), " ")
		ran[spec.Build]++
		switch {
		case state == "acme/api#1" && spec.Attempt == 1:
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1"}
		case !decided:
			return nil
		case state == "acme/api#1" && failsAgain:
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1"}
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	for n := range int64(3) {
		w.approve(w.host.Open("acme/api", n+1, "A", "", map[string]string{string(rune('a' + n)): "1"}))
	}
	both := []string{"1: acme/api#1", "1: acme/api#1 acme/api#2", "1: acme/api#1 acme/api#2 acme/api#3", "1: acme/api#2", "1: acme/api#2 acme/api#3"}
	w.eventually("both outcomes are tested", func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(ran) < 5 {
			return fmt.Sprintf("%v run", ran)
		}
		return cmp.Diff(both, w.gateBuilds())
	})
	w.mu.Lock()
	decided = true
	w.mu.Unlock()
	first, sets := "SUCCESS", both
	if failsAgain {
		first, sets = "FAILURE", append(slices.Clone(both), "2: acme/api#2", "2: acme/api#2 acme/api#3")
	}
	w.eventually("all are decided", func() string {
		return cmp.Diff([]string{"acme/api#1 " + first, "acme/api#2 SUCCESS", "acme/api#3 SUCCESS"}, w.itemResults("gate"))
	})
	if diff := cmp.Diff(sets, w.gateBuilds()); diff != "" {
		t.Errorf("buildsets (-want +got):\n%s", diff)
	}
	w.eventually("what was assumed is given up, and no node is left", func() string {
		var sets gozer.BuildSetList
		var pods corev1.PodList
		if err := errors.Join(w.client.List(t.Context(), &sets, client.MatchingLabels{gozer.LabelAlternative: "true"}, client.InNamespace(w.tenant)),
			w.client.List(t.Context(), &pods, client.InNamespace(w.tenant))); err != nil {
			return err.Error()
		}
		for _, b := range sets.Items {
			if b.Status.Result == "" {
				return b.Name + " goes on"
			}
		}
		return cmp.Diff(0, len(pods.Items))
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(ran) != 5 {
		t.Errorf("%d builds ran, want the 5 that ran before it was decided: %v", len(ran), ran)
	}
	for _, i := range w.items("gate") {
		if c := meta.FindStatusCondition(i.Status.Conditions, gozer.ConditionMerged); i.Status.Result == "SUCCESS" && (c == nil || c.Reason != "TreeAsTested") {
			t.Errorf("%s was merged with another tree than was tested: %+v", i.Name, c)
		}
	}
}

// TestBothOutcomesWhenTheHeadMerges: what is tested on an item ahead goes on when
// that merges: it is the branch then.
func TestBothOutcomesWhenTheHeadMerges(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "retry", map[string]string{"zuul.yaml": strings.Replace(pipelinesYAML,
		"    manager: dependent\n", "    manager: dependent\n    retry-failed: 1\n    retry-both-outcomes: true\n", 1)})
	w.start()
	w.loaded()
	ran := map[string]bool{}
	head, decided := false, false
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		state := names(spec)
		own := state[len(state)-1]
		ran[spec.Build] = true
		switch {
		case own == "acme/api#1" && !head, own != "acme/api#1" && own != "acme/api#2" && !decided, own == "acme/api#2" && spec.Attempt == 2 && !decided:
			return nil
		case own == "acme/api#2":
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1"}
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	for n := range int64(3) {
		w.approve(w.host.Open("acme/api", n+1, "A", "", map[string]string{string(rune('a' + n)): "1"}))
	}
	w.eventually("C is tested with B and without it", func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(ran) < 4 {
			return fmt.Sprintf("%v run", ran)
		}
		return ""
	})
	w.mu.Lock()
	head = true
	w.mu.Unlock()
	w.eventually("A merges", func() string { return cmp.Diff([]string{"acme/api#1"}, w.host.MergedOrder()) })
	w.eventually("A has left", func() string { return cmp.Diff("SUCCESS", w.items("gate")[0].Status.Result) })
	w.mu.Lock()
	decided = true
	w.mu.Unlock()
	w.eventually("B fails, and C merges", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 FAILURE", "acme/api#3 SUCCESS"}, w.itemResults("gate"))
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(ran) != 4 {
		t.Errorf("%d builds ran, want 4: %v", len(ran), ran)
	}
}

// TestHoldFollowingChanges: those behind start their jobs when the one that
// holds them succeeded.
func TestHoldFollowingChanges(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/api", "hold", map[string]string{".zuul.yaml": strings.Replace(projectYAML("api"), "run: ci/test.sh", "run: ci/test.sh, hold-following-changes: true", 1)})
	w.start()
	w.loaded()
	seen := map[string]bool{}
	free := false
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		state := names(spec)
		own := state[len(state)-1]
		seen[own] = true
		if own == "acme/api#1" && !free {
			return nil
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	running := func() []string {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Sorted(maps.Keys(seen))
	}
	w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.approve(w.host.Open("acme/web", 1, "B", "", map[string]string{"b": "1"}))
	w.approve(w.host.Open("acme/web", 2, "C", "", map[string]string{"c": "1"}))
	w.eventually("B and C wait for A's job", func() string {
		var sets gozer.BuildSetList
		if err := w.client.List(t.Context(), &sets, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		waits := 0
		for _, b := range sets.Items {
			if strings.HasPrefix(b.Status.Reason, "waits for job api-unit of acme/api#1") {
				waits++
			}
		}
		if waits != 2 || len(running()) == 0 {
			return fmt.Sprintf("%d wait, %v run", waits, running())
		}
		return ""
	})
	if diff := cmp.Diff([]string{"acme/api#1"}, running()); diff != "" {
		t.Error(diff)
	}
	w.mu.Lock()
	free = true
	w.mu.Unlock()
	w.eventually("all merge", func() string {
		return cmp.Diff([]string{"acme/api#1", "acme/web#1", "acme/web#2"}, w.host.MergedOrder())
	})
}

// TestReuseResults: what failed ahead is of another project, so the builds of
// those behind see what they saw before; they go on, and are the only ones.
func TestReuseResults(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "reuse", map[string]string{"zuul.yaml": strings.Replace(pipelinesYAML,
		"    manager: dependent\n", "    manager: dependent\n    reuse-results: true\n", 1)})
	w.start()
	w.loaded()
	failed := false
	w.holdUntil(4, func(spec buildspec.Spec) *buildspec.Outcome {
		state := names(spec)
		switch own := state[len(state)-1]; {
		case own == "acme/api#1":
			failed = true
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1"}
		case own == "acme/web#1":
			// It was done before the change ahead failed.
			return &buildspec.Outcome{Result: model.Success}
		case !failed, own == "acme/api#2" && slices.Contains(state, "acme/api#1"):
			return nil
		case own == "acme/web#2" && len(w.startedOn("acme/web#2")) < 2:
			// It runs on while its item is reset.
			return nil
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.approve(a)
	w.approve(w.host.Open("acme/web", 1, "B", "", map[string]string{"b": "1"}))
	w.approve(w.host.Open("acme/web", 2, "C", "", map[string]string{"c": "1"}))
	w.approve(w.host.Open("acme/api", 2, "D", "", map[string]string{"d": "1"}))
	w.eventually("all but the first merge", func() string {
		return cmp.Diff([]string{"acme/api#1 FAILURE", "acme/web#1 SUCCESS", "acme/web#2 SUCCESS", "acme/api#2 SUCCESS"}, w.itemResults("gate"))
	})
	var list gozer.BuildList
	if err := w.client.List(t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range list.Items {
		got = append(got, fmt.Sprintf("%s#%d %s", b.Spec.Change.Project.Name, b.Spec.Change.Number, b.Status.Result))
	}
	slices.Sort(got)
	want := []string{"acme/api#1 FAILURE", "acme/api#2 CANCELED", "acme/api#2 SUCCESS", "acme/web#1 SUCCESS", "acme/web#2 SUCCESS"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("builds (-want +got):\n%s", diff)
	}
	for _, i := range w.items("gate") {
		if i.Status.Merged != nil && i.Status.Merged.Differs {
			t.Errorf("%s merged with another tree than was tested", i.Name)
		}
	}
}
