package controllers_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

// TestPromote: the order changes once; who keeps what is ahead of it keeps its builds.
func TestPromote(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	for n := range int64(4) {
		w.approve(w.host.Open("acme/api", n+1, "A", "", map[string]string{fmt.Sprint(n): "1"}))
	}
	first := []string{"1: acme/api#1", "1: acme/api#1 acme/api#2", "1: acme/api#1 acme/api#2 acme/api#3", "1: acme/api#1 acme/api#2 acme/api#3 acme/api#4"}
	w.eventually("all run", func() string { return cmp.Diff(first, w.gateBuilds()) })
	for n, i := range []int{0, 2} {
		item := w.items("gate")[i]
		before := item.DeepCopy()
		item.Annotations[gozer.AnnotationPromote] = fmt.Sprintf("now-%d", n)
		if err := w.client.Patch(t.Context(), &item, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("the others are tested anew behind it", func() string {
		return cmp.Diff(append(first, "2: acme/api#1 acme/api#3", "2: acme/api#1 acme/api#3 acme/api#2", "2: acme/api#1 acme/api#3 acme/api#2 acme/api#4"), w.gateBuilds())
	})
	w.say(func(buildspec.Spec) *buildspec.Outcome { return &buildspec.Outcome{Result: model.Success} })
	w.eventually("all merge in that order", func() string {
		return cmp.Diff([]string{"acme/api#1", "acme/api#3", "acme/api#2", "acme/api#4"}, w.host.MergedOrder())
	})
}

// TestDraftLeavesTheGate: a change that cannot merge any more fails at once.
func TestDraftLeavesTheGate(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.approve(c)
	w.approve(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventually("both run", func() string { return cmp.Diff([]string{"1: acme/api#1", "1: acme/api#1 acme/api#2"}, w.gateBuilds()) })
	w.host.Edit("acme/api", 1, func(c *model.Change) { c.Draft = true })
	w.event(model.TriggerEvent{Event: "pull_request", Action: "edited", Project: "acme/api", Number: 1, Patchset: c.Patchset, Branch: "main"})
	w.eventually("it failed, and B is tested without it", func() string {
		return cmp.Diff([]string{"acme/api#1 FAILURE", "acme/api#2"}, w.itemResults("gate")) +
			cmp.Diff([]string{"1: acme/api#1", "1: acme/api#1 acme/api#2", "2: acme/api#2"}, w.gateBuilds())
	})
}

// TestEditedDependency: a change that needs another one now is tested on it.
func TestEditedDependency(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	c := w.host.Open("acme/web", 1, "A", "", map[string]string{"a": "1"})
	w.host.Open("acme/api", 1, "B", "", map[string]string{"b": "1"})
	edited := model.TriggerEvent{Event: "pull_request", Action: "edited", Project: "acme/web", Number: 1, Patchset: c.Patchset, Branch: "main"}
	w.opened(c)
	w.eventually("it is tested alone", func() string { return cmp.Diff([]string{"acme/web#1"}, w.itemResults("check")) })
	w.host.Edit("acme/web", 1, func(c *model.Change) { c.Message = "a word more" })
	w.event(edited)
	w.host.Edit("acme/web", 1, func(c *model.Change) { c.Message = "Depends-On: " + fakehost.URL("acme/api", 1) })
	w.event(edited)
	w.eventually("it is tested with what it needs", func() string {
		return cmp.Diff([]string{"acme/web#1 DEQUEUED", "acme/api#1", "acme/web#1"}, w.itemResults("check"))
	})
	w.event(edited)
	w.host.Edit("acme/web", 1, func(c *model.Change) { c.Message = "" })
	w.event(edited)
	w.eventually("and alone again", func() string {
		return cmp.Diff([]string{"acme/web#1 DEQUEUED", "acme/api#1 DEQUEUED", "acme/web#1 DEQUEUED", "acme/web#1"}, w.itemResults("check"))
	})
}
