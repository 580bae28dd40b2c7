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
	"github.com/gozer-dev/gozer/internal/model"
)

// urgently asks for a change to pass those that wait, as gozerctl does.
func (w *world) urgently(c model.Change, pipeline string) {
	w.event(model.TriggerEvent{Event: "enqueue", Project: c.Project.Name, Number: c.Number, Tenant: w.tenant, Pipeline: pipeline, Urgent: true})
}

// order is how the changes of the gate's queue stand, the urgent ones with a mark.
func (w *world) order() []string {
	var queues gozer.ChangeQueueList
	if err := w.client.List(w.t.Context(), &queues, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelPipeline: "gate"}); err != nil {
		w.t.Fatal(err)
	}
	named := map[string]string{}
	for _, i := range w.items("gate") {
		named[i.Name] = fmt.Sprintf("%s#%d", i.Spec.Changes[0].Project.Name, i.Spec.Changes[0].Number)
	}
	var out []string
	for _, q := range queues.Items {
		for _, e := range q.Status.Items {
			name := named[e.Item]
			if e.Urgent != "" {
				name += "!"
			}
			out = append(out, name)
		}
	}
	return out
}

// gateWith is the configuration of a gate with further attributes.
func gateWith(attributes string) map[string]string {
	return map[string]string{"zuul.yaml": strings.Replace(pipelinesYAML, "    manager: dependent\n", "    manager: dependent\n"+attributes, 1)}
}

// TestExpedite: an urgent change passes those that wait, and nobody who runs is
// run again. In check nobody is urgent.
func TestExpedite(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "expedite", gateWith("    expedite: true\n    window: 2\n    window-floor: 2\n"))
	w.start()
	w.loaded()
	free := false
	w.say(func(buildspec.Spec) *buildspec.Outcome {
		if !free {
			return nil
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	for n := range int64(4) {
		w.approve(w.host.Open("acme/api", n+1, "A", "", map[string]string{string(rune('a' + n)): "1"}))
	}
	w.eventually("two run", func() string { return cmp.Diff(2, len(w.gateBuilds())) })
	urgent := w.host.Open("acme/web", 1, "U", "", map[string]string{"u": "1"})
	w.urgently(urgent, "check")
	w.urgently(urgent, "gate")
	w.eventually("it is behind the two that run", func() string {
		return cmp.Diff([]string{"acme/api#1", "acme/api#2", "acme/web#1!", "acme/api#3", "acme/api#4"}, w.order())
	})
	w.mu.Lock()
	free = true
	w.mu.Unlock()
	w.eventually("all merge", func() string {
		return cmp.Diff([]string{"acme/api#1", "acme/api#2", "acme/web#1", "acme/api#3", "acme/api#4"}, w.host.MergedOrder())
	})
	if got := w.gateBuilds(); len(got) != 5 {
		t.Errorf("builds: %v", got)
	}
	w.eventSays("ev-5", "check", "there are no urgent changes in check: it is independent")
	for _, i := range w.items("gate") {
		if i.Spec.Changes[0].Project.Name == "acme/web" && !slices.ContainsFunc(i.Status.Decisions, func(d gozer.Decision) bool {
			return d.Action == "Expedited" && d.Message == "urgent: behind acme/api#2"
		}) {
			t.Errorf("its story: %+v", i.Status.Decisions)
		}
	}
}

// TestExpediteBeforeThoseWhoSeeNothingOfIt: where builds are kept, an urgent
// change passes those that run as well, if they do not see its project.
func TestExpediteBeforeThoseWhoSeeNothingOfIt(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "expedite", gateWith("    expedite: true\n    reuse-results: true\n"))
	w.start()
	w.loaded()
	free := false
	w.say(func(buildspec.Spec) *buildspec.Outcome {
		if !free {
			return nil
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	w.approve(w.host.Open("acme/web", 1, "A", "", map[string]string{"a": "1"}))
	w.approve(w.host.Open("acme/api", 1, "B", "", map[string]string{"b": "1"}))
	w.approve(w.host.Open("acme/api", 2, "C", "", map[string]string{"c": "1"}))
	w.eventually("all run", func() string { return cmp.Diff(3, len(w.gateBuilds())) })
	w.urgently(w.host.Open("acme/web", 2, "U", "", map[string]string{"u": "1"}), "gate")
	want := []string{"acme/web#1", "acme/web#2", "acme/api#1", "acme/api#2"}
	w.eventually("it is behind the one of its project", func() string {
		return cmp.Diff([]string{want[0], want[1] + "!", want[2], want[3]}, w.order())
	})
	w.eventually("it runs", func() string { return cmp.Diff(1, len(w.startedOn("acme/web#2"))) })
	w.mu.Lock()
	free = true
	w.mu.Unlock()
	w.eventually("all merge", func() string { return cmp.Diff(want, w.host.MergedOrder()) })
	var builds gozer.BuildList
	if err := w.client.List(t.Context(), &builds, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelPipeline: "gate"}); err != nil {
		t.Fatal(err)
	}
	for _, b := range builds.Items {
		if b.Status.Result != "SUCCESS" {
			t.Errorf("%s of %s#%d: %s", b.Spec.Job.Name, b.Spec.Change.Project.Name, b.Spec.Change.Number, b.Status.Result)
		}
	}
	if len(builds.Items) != 4 {
		t.Errorf("%d builds for four changes", len(builds.Items))
	}
}
