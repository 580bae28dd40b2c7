package controllers_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

func success(buildspec.Spec) *buildspec.Outcome { return &buildspec.Outcome{Result: model.Success} }

// TestManyReadyBehindASlowHead: when the head is decided last, all behind it
// merge at once, without any further event.
func TestManyReadyBehindASlowHead(t *testing.T) {
	const n = 19
	w := newWorld(t)
	w.start()
	w.loaded()
	others := map[string]bool{}
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if own := names(spec)[len(spec.Items)-1]; own != "acme/api#1" {
			others[own] = true
			return success(spec)
		}
		return nil
	})
	var want []string
	for k := range n {
		w.approve(w.host.Open("acme/api", int64(k+1), "C", "", map[string]string{fmt.Sprint("f", k): "1"}))
		want = append(want, fmt.Sprintf("acme/api#%d", k+1))
	}
	w.eventually("all but the head are ready", func() string {
		ready := 0
		for _, i := range w.items("gate") {
			if i.Status.State == gozer.ItemReady {
				ready++
			}
		}
		if ready != n-1 {
			return fmt.Sprintf("%d ready", ready)
		}
		return ""
	})
	w.say(success)
	w.eventually("all merge", func() string { return cmp.Diff(want, w.host.MergedOrder()) })
}

// TestDeletedItemLeaves: deleting an item takes it out, also the only one of its queue.
func TestDeletedItemLeaves(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.approve(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventually("both run", func() string {
		if len(w.items("check")) == 0 || w.items("check")[0].Status.State != gozer.ItemRunning || len(w.items("gate")) == 0 || w.items("gate")[0].Status.State != gozer.ItemRunning {
			return "not running"
		}
		return ""
	})
	for _, i := range append(w.items("check"), w.items("gate")...) {
		if err := w.client.Delete(t.Context(), &i, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("the queue of the check is gone, that of the gate is empty", func() string {
		var queues gozer.ChangeQueueList
		if err := w.client.List(t.Context(), &queues, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		if len(queues.Items) != 1 || queues.Items[0].Status.Length != 0 || len(queues.Items[0].Status.Items) != 0 {
			return fmt.Sprintf("%+v", queues.Items)
		}
		return ""
	})
}

// TestStrangersCannotStopATenant: whatever somebody writes into a change, the
// events of others are dealt with.
func TestStrangersCannotStopATenant(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	line := func(repo string, n any) string {
		return fmt.Sprintf("Depends-On: https://%s/%s/pulls/%v\n", fakehost.Hostname, repo, n)
	}
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	var many, cycle strings.Builder
	for k := 2000; k < 2120; k++ {
		w.host.Open("acme/api", int64(k), "many", "", map[string]string{"a": "1"})
		many.WriteString(line("acme/api", k))
	}
	for k := 3000; k < 3040; k++ {
		cycle.Reset()
		cycle.WriteString(line("acme/api", 3000+(k-3000+1)%40))
		w.host.Open("acme/api", int64(k), "cycle", cycle.String(), map[string]string{"a": "1"})
	}
	w.opened(w.host.Open("acme/web", 1, "too many", many.String(), map[string]string{"x": "1"}))
	w.opened(w.host.Open("acme/web", 2, "long cycle", line("acme/api", 3000), map[string]string{"x": "1"}))
	w.opened(w.host.Open("acme/web", 3, "long name", line("x/"+strings.Repeat("y", 3000), 1), map[string]string{"x": "1"}))
	w.opened(w.host.Open("acme/web", 4, "twice", line("acme/api", 1)+line("acme/api", "01"), map[string]string{"x": "1"}))
	w.opened(a)
	w.eventually("those that are well-formed are tested", func() string {
		got := map[string]bool{}
		for _, r := range w.itemResults("check") {
			got[r] = true
		}
		if !got["acme/api#1 SUCCESS"] || !got["acme/web#4 SUCCESS"] {
			return fmt.Sprint(w.itemResults("check"))
		}
		return ""
	})
}

// TestCheckOfAChangeWhoseNeedIsBroken ends with the reason.
func TestCheckOfAChangeWhoseNeedIsBroken(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"README": "one"})
	direct := w.host.Open("acme/api", 9, "by hand", "", map[string]string{"README": "two"})
	if err := w.host.Merge(t.Context(), direct, "merge", ""); err != nil {
		t.Fatal(err)
	}
	w.opened(w.host.Open("acme/web", 1, "D", "Depends-On: "+a.URL, map[string]string{"d": "1"}))
	w.eventually("D is decided", func() string {
		return cmp.Diff([]string{"acme/api#1 DEQUEUED", "acme/web#1 FAILURE"}, w.itemResults("check"))
	})
	if c := w.host.Comments("acme/web", 1); len(c) != 1 || !strings.Contains(c[0], "it needs acme/api#1") || !strings.Contains(c[0], "README") {
		t.Errorf("comments: %q", c)
	}
}

// TestCancelledIsNotSuccess: a queue that somebody deleted, and that is made
// again, merges nothing whose jobs were cancelled with it.
func TestCancelledIsNotSuccess(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("A runs", func() string { return cmp.Diff([]string{"1: acme/api#1"}, w.gateBuilds()) })
	if err := w.client.DeleteAllOf(t.Context(), &gozer.ChangeQueue{}, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	w.eventually("its buildset is cancelled", func() string {
		var sets gozer.BuildSetList
		if err := w.client.List(t.Context(), &sets, client.InNamespace(w.tenant)); err != nil || sets.Items[0].Status.Result != "CANCELED" {
			return fmt.Sprintf("%+v, %v", sets.Items, err)
		}
		return ""
	})
	w.approve(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventually("both are tested anew", func() string {
		// B's first state stood on A's cancelled one, when it came to that.
		again := slices.DeleteFunc(w.gateBuilds(), func(s string) bool { return strings.HasPrefix(s, "1:") })
		if !slices.Contains(again, "2: acme/api#1") || len(w.startedOn("acme/api#2")) == 0 {
			return fmt.Sprint(w.gateBuilds())
		}
		return ""
	})
	time.Sleep(200 * time.Millisecond)
	if m := w.host.MergedOrder(); len(m) > 0 {
		t.Fatalf("merged without a test: %v", m)
	}
	w.say(success)
	w.eventually("both merge", func() string { return cmp.Diff([]string{"acme/api#1", "acme/api#2"}, w.host.MergedOrder()) })
}

// TestPipelineThatKubernetesRefuses is left out with the reason; everything else is in force.
func TestPipelineThatKubernetesRefuses(t *testing.T) {
	w := newWorld(t)
	w.host.Repo(t, "acme/config", map[string]string{"zuul.yaml": pipelinesYAML + "- pipeline: {name: Post_Merge, manager: independent}\n"})
	w.start()
	w.eventually("the tenant says so", func() string {
		var x gozer.Tenant
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "acme"}, &x); err != nil {
			return err.Error()
		}
		if len(x.Status.Errors) != 1 || !strings.Contains(x.Status.Errors[0].Message, "pipeline Post_Merge") {
			return fmt.Sprintf("%+v", x.Status)
		}
		return ""
	})
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("checks run", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
}

// TestRefusedWhileTheHostIsAway: what stood on a change that is not merged is
// tested anew once, however long the report takes.
func TestRefusedWhileTheHostIsAway(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.approve(a)
	w.approve(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventually("both run", func() string {
		return cmp.Diff([]string{"1: acme/api#1", "1: acme/api#1 acme/api#2"}, w.gateBuilds())
	})
	w.host.Edit("acme/api", 1, func(c *model.Change) { c.Open = false })
	comments := 0
	w.host.OnCall(func(call string) error {
		if call == "Comment" {
			if comments++; comments < 4 {
				return errors.New("connection refused")
			}
		}
		return nil
	})
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if len(spec.Items) == 2 || w.items("gate")[0].Status.Result == "" && names(spec)[0] != "acme/api#1" {
			return nil
		}
		return success(spec)
	})
	w.eventually("B merges without A", func() string {
		return cmp.Diff([]string{"acme/api#1 MERGE_FAILURE", "acme/api#2 SUCCESS"}, w.itemResults("gate"))
	})
	if diff := cmp.Diff([]string{"1: acme/api#1", "1: acme/api#1 acme/api#2", "2: acme/api#2"}, w.gateBuilds()); diff != "" {
		t.Error(diff)
	}
}

// TestMergedIntoAnother: a change that was aimed at another branch while it was
// tested, and merged there, is not said to be in with what was tested.
func TestMergedIntoAnother(t *testing.T) {
	w := newWorld(t)
	w.host.Branch("acme/api", "stable")
	w.start()
	w.loaded()
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		w.host.Edit("acme/api", 1, func(c *model.Change) { c.Branch = "stable" })
		if err := w.host.Merge(t.Context(), a, "merge", "by hand"); err != nil {
			t.Error(err)
		}
		return success(spec)
	})
	w.approve(a)
	w.eventually("it is told", func() string {
		for _, i := range w.items("gate") {
			if m := i.Status.Merged; m != nil && m.Differs && slices.ContainsFunc(i.Status.Decisions, func(d gozer.Decision) bool {
				return strings.Contains(d.Message, "it was merged into stable, tested was main")
			}) {
				return ""
			}
		}
		return "no item says where it was merged"
	})
}

// TestMergedChangesAreNoPartOfTheState: a gate that is never empty does not
// drag along what has merged. The branch has it, with the very tree.
func TestMergedChangesAreNoPartOfTheState(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	succeeds := map[int64]bool{}
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if !succeeds[spec.Items[len(spec.Items)-1].Number] {
			return nil
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	var want []string
	for n := int64(1); n <= 5; n++ {
		// When a change enters, the one ahead runs, and those before it have merged.
		w.approve(w.host.Open("acme/api", n, "change", "", map[string]string{fmt.Sprintf("f%d", n): "1"}))
		state := fmt.Sprintf("1: acme/api#%d", n)
		if n > 1 {
			state = fmt.Sprintf("1: acme/api#%d acme/api#%d", n-1, n)
		}
		want = append(want, state)
		w.eventually("it is tested on what is ahead of it", func() string { return cmp.Diff(want, w.gateBuilds()) })
		w.mu.Lock()
		succeeds[n-1] = true
		w.mu.Unlock()
		w.eventually("all ahead of it merge", func() string {
			if got := len(w.host.MergedOrder()); got < int(n-1) {
				return fmt.Sprintf("%d merged", got)
			}
			for _, i := range w.items("gate")[:n-1] {
				if i.Status.Result == "" {
					return i.Name + " is there"
				}
			}
			return ""
		})
	}
	w.mu.Lock()
	succeeds[5] = true
	w.mu.Unlock()
	w.eventually("all merged as they were tested", func() string {
		got := len(w.host.MergedOrder())
		for _, i := range w.items("gate") {
			if c := meta.FindStatusCondition(i.Status.Conditions, gozer.ConditionMerged); c == nil || c.Reason != "TreeAsTested" {
				return fmt.Sprintf("%d merged, and %s is not, or as something else: %+v", got, i.Name, c)
			}
		}
		return ""
	})
}
