package controllers_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// TestRescue: a job of the first fails, and passes with the second on top of it.
// Both merge, in their order, and nobody is tested anew. The third is really bad.
func TestRescue(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "rescue", map[string]string{"zuul.yaml": strings.NewReplacer(
		"    manager: dependent\n", "    manager: dependent\n    rescue: true\n",
		"success: {fake: {status: success, merge: true}}", "success: {fake: {status: success, merge: true, comment: true}}").Replace(pipelinesYAML)})
	w.start()
	w.loaded()
	failed := false
	w.holdUntil(4, func(spec buildspec.Spec) *buildspec.Outcome {
		state := names(spec)
		switch own := state[len(state)-1]; {
		case own == "acme/api#1", own == "acme/api#3", own == "acme/api#4" && strings.Contains(strings.Join(state, " "), "acme/api#3"):
			failed = true
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1", FirstFailure: "flaky_test.go:7: timeout"}
		case !failed:
			return nil // the first is seen to fail while those behind it run
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	for n := range int64(4) {
		w.approve(w.host.Open("acme/api", n+1, "A", "", map[string]string{string(rune('a' + n)): "1"}))
	}
	w.eventually("the first is rescued, the bad one is not", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS", "acme/api#3 FAILURE", "acme/api#4 SUCCESS"}, w.itemResults("gate"))
	})
	if diff := cmp.Diff([]string{"acme/api#1", "acme/api#2", "acme/api#4"}, w.host.MergedOrder()); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	items := w.items("gate")
	for _, i := range items {
		if m := i.Status.Merged; m != nil && m.Differs {
			t.Errorf("%s merged with another tree than was tested", i.Name)
		}
	}
	if first := items[0].Status; first.Merged == nil || first.Merged.RescuedBy != items[1].Name {
		t.Errorf("the first: %+v", first)
	}
	if got := w.startedOn("acme/api#2"); len(got) != 1 {
		t.Errorf("the second was tested %d times: %v", len(got), got)
	}
	told := w.host.Comments("acme/api", 1)
	if len(told) != 1 || !strings.Contains(told[0], "**FAILURE**, rescued by acme/api#2") || !strings.Contains(told[0], "flaky_test.go:7") {
		t.Errorf("told: %q", told)
	}
	var story []string
	for _, d := range items[2].Status.Decisions {
		story = append(story, d.Action+": "+d.Message)
	}
	if all := strings.Join(story, "\n"); !strings.Contains(all, "GivenUp: acme/api#4, tested on top of it, fails in api-unit as well") {
		t.Errorf("the story of the bad one:\n%s", all)
	}
}

// TestRescueIsToldAfterADeath: the process dies when the rescued one has merged
// and nobody noted it, and its rescuer is taken out before the next one starts.
// What merged is told as merged, and the rescuer what merged because of it.
func TestRescueIsToldAfterADeath(t *testing.T) {
	w := newWorld(t)
	files := gateWith("    rescue: true\n")
	files["zuul.yaml"] = strings.Replace(files["zuul.yaml"], "success: {fake: {status: success, merge: true}}",
		"success: {fake: {status: success, merge: true, comment: true}}\n    dequeue: {fake: {comment: true}}", 1)
	w.host.Push("acme/config", "rescue", files)
	w.start()
	w.loaded()
	merged, dead := false, make(chan struct{})
	die := sync.OnceFunc(func() { close(dead) })
	w.host.OnCall(func(call string) error {
		if merged && call == "Change" {
			die()
			return errors.New("the process died")
		}
		merged = merged || call == "Merge"
		return nil
	})
	w.holdUntil(2, func(spec buildspec.Spec) *buildspec.Outcome {
		if state := names(spec); state[len(state)-1] == "acme/api#1" {
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1"}
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	for n := range int64(2) {
		w.approve(w.host.Open("acme/api", n+1, "A", "", map[string]string{string(rune('a' + n)): "1"}))
	}
	<-dead
	w.halt()
	if rescuer := w.items("gate")[1]; rescuer.Status.Result == "" {
		rescuer.Annotations[gozer.AnnotationDequeue] = "Dequeued by hand."
		if err := w.client.Update(t.Context(), &rescuer); err != nil {
			t.Fatal(err)
		}
	}
	w.host.OnCall(nil)
	w.start()
	w.eventually("both are decided", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 DEQUEUED"}, w.itemResults("gate"))
	})
	items := w.items("gate")
	if m := items[0].Status.Merged; m == nil || m.RescuedBy != items[1].Name {
		t.Errorf("the rescued one: %+v", items[0].Status)
	}
	if told := w.host.Comments("acme/api", 2); len(told) != 1 || !strings.Contains(told[0], "Merged before this, as its jobs passed on top of what failed: acme/api#1.") {
		t.Errorf("the rescuer is told %q", told)
	}
}
