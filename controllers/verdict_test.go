package controllers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/returned"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

// hubPipelines are those of a host that has all there is.
const hubPipelines = `
- pipeline:
    name: check
    manager: independent
    trigger:
      fake:
        - {event: pull_request, action: [opened, changed, reopened]}
        - {event: pull_request, action: comment, comment: recheck, require: {label: ready}}
    start: {fake: {check: in_progress}}
    success: {fake: {check: success, label: [tested, fine], unlabel: untested}}
    failure: {fake: {check: failure, review: request-changes}}
- pipeline:
    name: gate
    manager: dependent
    trigger: {fake: {event: pull_request_review, action: submitted, state: approved}}
    require: {fake: {review: {type: approved, permission: write}}}
    start: {fake: {check: in_progress}}
    success: {fake: {check: success, review: approve, review-body: Merged., merge: true}}
    failure: {fake: {check: failure, comment: true}}
- queue: {name: integrated}
- nodeset: {name: one, nodes: {name: node, label: debian}}
- job: {name: base, parent: null, nodeset: one, timeout: 300, attempts: 2}
`

// hub is a world whose host gives verdicts: ci is required, and what the gate sets.
func hub(t *testing.T) *world {
	t.Helper()
	w := newWorldWith(t, hubPipelines)
	w.host.Speak("github")
	w.host.Require("ci", w.tenant+"/gate")
	return w
}

// passes sets a status that is required, as another CI does.
func (w *world) passes(c model.Change) {
	w.t.Helper()
	if err := w.host.SetStatus(w.t.Context(), c, drivers.Status{Context: "ci", State: "success"}); err != nil {
		w.t.Fatal(err)
	}
}

// toldStatus tells that a status was set.
func (w *world) toldStatus(c model.Change) {
	w.t.Helper()
	w.event(model.TriggerEvent{Event: "pull_request", Action: "status", Status: "gozer:ci:success", Project: c.Project.Name, Number: c.Number, Patchset: c.Patchset, Branch: c.Branch})
}

func (w *world) eventuallyResults(pipeline string, want ...string) {
	w.t.Helper()
	w.eventually("the results of "+pipeline, func() string { return cmp.Diff(want, w.itemResults(pipeline)) })
}

// TestGateWaitsForARequiredCheck: a change that the host would not merge does not
// enter, and is told why. When what it lacked is there, it enters by the approval
// that was refused. What the gate sets itself it does not wait for, although the
// host refuses to merge without it.
func TestGateWaitsForARequiredCheck(t *testing.T) {
	w := hub(t)
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.approve(c)
	w.eventSays("ev-1", "gate", "the required check ci has not succeeded")
	w.toldStatus(c)
	w.eventSays("ev-2", "gate", "the required check ci has not succeeded")
	if got := w.itemResults("gate"); got != nil {
		t.Fatalf("entered: %v", got)
	}
	w.passes(c)
	w.toldStatus(c)
	w.eventuallyResults("gate", "acme/api#1 SUCCESS")
	w.eventSays("ev-3", "gate", "it enters as by the event that was refused: review: approved by bob")
	if diff := cmp.Diff([]string{"acme/api#1"}, w.host.MergedOrder()); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
}

// TestRefusedApprovalIsUsedOnce: what came in by it and failed does not come in
// by whatever happens to the change next.
func TestRefusedApprovalIsUsedOnce(t *testing.T) {
	w := hub(t)
	w.say(failure)
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.approve(c)
	w.eventSays("ev-1", "gate", "ci has not succeeded")
	w.passes(c)
	w.toldStatus(c)
	w.eventuallyResults("gate", "acme/api#1 FAILURE")
	// That what brought it in is not kept as long as what was refused makes no difference.
	if err := w.client.Delete(t.Context(), &gozer.TriggerEvent{ObjectMeta: metav1.ObjectMeta{Namespace: w.operator, Name: "ev-2"}}); err != nil {
		t.Fatal(err)
	}
	w.toldStatus(c)
	w.approve(w.host.Open("acme/web", 9, "after it", "", map[string]string{"a": "1"}))
	w.eventSays("ev-4", "gate", "ci has not succeeded") // so that ev-3 was dealt with
	if got := w.itemResults("gate"); len(got) != 1 {
		t.Errorf("entered again: %v", got)
	}
}

// TestRefusedApprovalIsOfAVersion: who approved what could not merge did not approve
// what was pushed after that, although the event does not say which version it was.
func TestRefusedApprovalIsOfAVersion(t *testing.T) {
	w := hub(t)
	w.start()
	w.loaded()
	w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.host.Approve("acme/api", 1)
	w.event(model.TriggerEvent{Event: "pull_request_review", Action: "submitted", State: "approved", Project: "acme/api", Number: 1, Branch: "main"})
	w.eventSays("ev-1", "gate", "ci has not succeeded")
	newer := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "something else"})
	w.host.Approve("acme/api", 1) // GitHub keeps approvals when commits are pushed
	w.passes(newer)
	w.toldStatus(newer)
	w.approve(w.host.Open("acme/web", 9, "after it", "", map[string]string{"a": "1"}))
	w.eventSays("ev-3", "gate", "ci has not succeeded") // so that ev-2 was dealt with
	var e gozer.TriggerEvent
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.operator, Name: "ev-2"}, &e); err != nil || slices.ContainsFunc(e.Status.Tenants[0].Pipelines, func(o gozer.PipelineOutcome) bool { return o.Item != "" }) {
		t.Errorf("it entered: %v %+v", err, e.Status)
	}
}

// TestCycleWaitsForARequiredCheck: what one change of a cycle lacks keeps the other
// out; when it is there, both enter by the approval of the other.
func TestCycleWaitsForARequiredCheck(t *testing.T) {
	w := hub(t)
	w.host.Push("acme/config", "cycles", map[string]string{
		"zuul.yaml": strings.Replace(hubPipelines, "- queue: {name: integrated}", "- queue: {name: integrated, allow-circular-dependencies: true}", 1)})
	w.start()
	w.loaded()
	a := w.host.Open("acme/api", 1, "A", "Depends-On: "+fakehost.URL("acme/web", 2), map[string]string{"a": "1"})
	b := w.host.Open("acme/web", 2, "B", "Depends-On: "+fakehost.URL("acme/api", 1), map[string]string{"b": "1"})
	w.passes(b)
	w.approve(a)
	w.eventSays("ev-1", "gate", "with which it forms a cycle: it has no review")
	w.approve(b)
	w.eventSays("ev-2", "gate", "acme/api/pulls/1, with which it forms a cycle: the required check ci has not succeeded")
	w.passes(a)
	w.toldStatus(a)
	w.eventually("both merge", func() string {
		return cmp.Diff([]string{"acme/api#1", "acme/web#2"}, slices.Sorted(slices.Values(w.host.MergedOrder())))
	})
	w.eventSays("ev-3", "gate", "acme/web#2: the code host would merge it by now")
	var e gozer.TriggerEvent
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.operator, Name: "ev-2"}, &e); err != nil || e.Status.Tenants[0].Pipelines[0].Unmergeable != "" {
		t.Errorf("it would come in again: %v %+v", err, e.Status)
	}
}

// TestVerdictBecomesKnown: a host that does not know yet is asked again, and
// nobody else waits for that.
func TestVerdictBecomesKnown(t *testing.T) {
	w := hub(t)
	w.start()
	w.loaded()
	slow := w.host.Open("acme/api", 1, "slow", "", map[string]string{"a": "1"})
	w.passes(slow)
	w.host.Puzzle("acme/api", 1, -1)
	w.approve(slow)
	quick := w.host.Open("acme/web", 2, "quick", "", map[string]string{"a": "1"})
	w.passes(quick)
	w.approve(quick)
	w.eventuallyResults("gate", "acme/web#2 SUCCESS")
	// Once more when it is about to merge.
	w.host.Puzzle("acme/api", 1, 0)
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		w.host.Puzzle("acme/api", 1, 1)
		return success(spec)
	})
	w.eventuallyResults("gate", "acme/api#1 SUCCESS", "acme/web#2 SUCCESS")
}

// TestVerdictStaysUnknown: after two minutes the change is refused, in words.
func TestVerdictStaysUnknown(t *testing.T) {
	w := hub(t)
	var late atomic.Int64
	w.now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	asked := make(chan struct{}, 100)
	w.host.OnCall(func(call string) error {
		if call == "Change" {
			asked <- struct{}{}
		}
		return nil
	})
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.passes(c)
	w.host.Puzzle("acme/api", 1, -1)
	w.approve(c)
	<-asked
	<-asked // it was asked again
	late.Store(int64(3 * time.Minute))
	w.eventSays("ev-1", "gate", "the code host has not worked out yet whether it can be merged, and was asked for 2m0s")
	if got := w.itemResults("gate"); got != nil {
		t.Errorf("entered: %v", got)
	}
}

// TestVerdictGoesBad: a change that may not merge any more is not merged, whether
// or not an event told of it; the author is told why.
func TestVerdictGoesBad(t *testing.T) {
	for name, told := range map[string]bool{"told by an event": true, "found before merging": false} {
		t.Run(name, func(t *testing.T) {
			w := hub(t)
			var goOn atomic.Bool
			w.say(func(spec buildspec.Spec) *buildspec.Outcome {
				if !goOn.Load() {
					return nil
				}
				return success(spec)
			})
			w.start()
			w.loaded()
			c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
			w.passes(c)
			w.approve(c)
			w.eventually("it runs", func() string { return cmp.Diff([]string{"in_progress"}, w.checkStates("acme/api", 1)) })
			w.host.Edit("acme/api", 1, func(c *model.Change) {
				c.Verdict = &model.Verdict{Blocked: []string{"a conversation is not resolved"}, Missing: []string{"app:" + w.tenant + "/gate"}}
			})
			if told {
				w.event(model.TriggerEvent{Event: "pull_request_review", Action: "submitted", State: "commented", Project: "acme/api", Number: 1, Patchset: c.Patchset})
			} else {
				goOn.Store(true)
			}
			w.eventuallyResults("gate", "acme/api#1 FAILURE")
			want := "This change is unable to merge due to a missing merge requirement: a conversation is not resolved."
			if got := w.host.Comments("acme/api", 1); len(got) != 1 || !strings.Contains(got[0], want) {
				t.Errorf("comments %q, want %q", got, want)
			}
			if got := w.items("gate")[0].Status.Reason; got != want {
				t.Errorf("reason %q, want %q", got, want)
			}
			if got := w.host.MergedOrder(); len(got) > 0 {
				t.Errorf("merged: %v", got)
			}
		})
	}
}

// checkStates of a change, in the order in which they were set.
func (w *world) checkStates(repo string, number int64) []string {
	var out []string
	for _, c := range w.host.Checks(repo, number) {
		out = append(out, c.State)
	}
	return out
}

// TestCheckAndLabels: one check of an item begins and ends, with what the builds
// have to say of lines of files; labels come and go.
func TestCheckAndLabels(t *testing.T) {
	w := hub(t)
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		all := returned.Results{Data: map[string]any{"zuul": map[string]any{"file_comments": map[string]any{
			"a": []any{map[string]any{"line": json.Number("3"), "message": "no", "level": "error"}, map[string]any{"line": json.Number("4"), "message": "hm", "level": "warning"}, map[string]any{"line": json.Number("5"), "message": "well"}},
		}}}}
		if err := build.Keep(t.Context(), w.client, w.tenant, spec.Build, int32(spec.Attempt), all, true); err != nil {
			t.Error(err)
		}
		return &buildspec.Outcome{Result: model.Success, Returned: true}
	})
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.host.Edit("acme/api", 1, func(c *model.Change) { c.Labels = []string{"untested", "wanted"} })
	w.opened(c)
	w.eventuallyResults("check", "acme/api#1 SUCCESS")
	checks := w.host.Checks("acme/api", 1)
	if diff := cmp.Diff([]string{"in_progress", "success"}, w.checkStates("acme/api", 1)); diff != "" {
		t.Fatalf("checks (-want +got):\n%s", diff)
	}
	begun, ended := checks[0], checks[1]
	if begun.ID != ended.ID || begun.ID != w.items("check")[0].Name || begun.Name != w.tenant+"/check" || ended.Name != begun.Name || !begun.StartedAt.Equal(ended.StartedAt) {
		t.Errorf("not one check: %+v\n%+v", begun, ended)
	}
	if begun.StartedAt.IsZero() || !begun.EndedAt.IsZero() || ended.EndedAt.IsZero() || begun.Summary != "Starting check jobs.\n" || ended.Title != "all jobs succeeded" || ended.URL == "" {
		t.Errorf("%+v\n%+v", begun, ended)
	}
	if !strings.HasPrefix(ended.Summary, "Build succeeded. (check)\n") || !strings.Contains(ended.Summary, "| api-unit | SUCCESS |") || strings.Contains(ended.Summary, "<!--") {
		t.Errorf("summary %q", ended.Summary)
	}
	want := []drivers.Annotation{
		{Path: "a", Line: 3, EndLine: 3, Level: "failure", Message: "no (api-unit)"},
		{Path: "a", Line: 4, EndLine: 4, Level: "warning", Message: "hm (api-unit)"},
		{Path: "a", Line: 5, EndLine: 5, Level: "notice", Message: "well (api-unit)"},
	}
	if diff := cmp.Diff(want, ended.Annotations); diff != "" || len(begun.Annotations) > 0 {
		t.Errorf("annotations at first %v, then (-want +got):\n%s", begun.Annotations, diff)
	}
	now, err := w.host.Change(t.Context(), fakehost.Project("acme/api"), 1)
	if diff := cmp.Diff([]string{"fine", "tested", "wanted"}, now.Labels); diff != "" || err != nil {
		t.Errorf("labels: %v (-want +got):\n%s", err, diff)
	}
}

// TestReviewOnce: the process dies when it gave a review and nobody knows. The
// next one gives none besides. Without words of its own, a review has the report's.
func TestReviewOnce(t *testing.T) {
	w := hub(t)
	w.start()
	w.loaded()
	died := make(chan struct{})
	w.host.OnCall(func(call string) error {
		select {
		case <-died:
		default:
			if call == "Review given" {
				w.stop()
				close(died)
				return errors.New("nobody hears it")
			}
		}
		return nil
	})
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.passes(c)
	w.approve(c)
	<-died
	w.halt()
	w.start()
	w.eventuallyResults("gate", "acme/api#1 SUCCESS")
	got := w.host.Reviews("acme/api", 1)
	if len(got) != 1 || got[0].Verdict != drivers.ReviewApprove || got[0].Head != c.Head || !strings.HasPrefix(got[0].Body, "Merged.\n\n<!-- gozer: ") {
		t.Errorf("reviews %+v", got)
	}
	w.say(failure)
	w.opened(w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}))
	w.eventuallyResults("check", "acme/api#2 FAILURE")
	got = w.host.Reviews("acme/api", 2)
	if len(got) != 1 || got[0].Verdict != drivers.ReviewRequestChanges || !strings.HasPrefix(got[0].Body, "Build failed. (check)\n") || strings.Count(got[0].Body, "<!-- gozer: ") != 1 {
		t.Errorf("reviews %+v", got)
	}
}

// plain has nothing but what every host has.
type plain struct{ drivers.Host }

// plainHosts are a host's connections without what it has more than others.
type plainHosts struct{ controllers.Hosts }

func (h plainHosts) Host(ctx context.Context, connection string) (drivers.Host, error) {
	host, err := h.Hosts.Host(ctx, connection)
	return plain{host}, err
}

var _ controllers.Hosts = plainHosts{}

// TestHostLacksWhatIsAsked: what it lacks is left out, and said; all else goes on.
func TestHostLacksWhatIsAsked(t *testing.T) {
	w := newWorldWith(t, hubPipelines)
	w.host.Speak("github")
	w.hosts = plainHosts{w.host}
	w.start()
	w.loaded()
	w.eventually("the pipeline says so", func() string {
		var p gozer.Pipeline
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "gate"}, &p); err != nil {
			return err.Error()
		}
		c := meta.FindStatusCondition(p.Status.Conditions, gozer.ConditionReady)
		if c == nil || c.Status != "False" || c.Reason != "NotReported" || !strings.HasPrefix(c.Message, "the code host of fake has no checks that can be set") {
			return fmt.Sprintf("%+v", c)
		}
		return ""
	})
	w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventuallyResults("gate", "acme/api#1 SUCCESS")
	var story []string
	for _, d := range w.items("gate")[0].Status.Decisions {
		if d.Action == "NotTold" {
			story = append(story, d.Message)
		}
	}
	slices.Sort(story)
	if diff := cmp.Diff([]string{"the code host of fake has no checks that can be set", "the code host of fake has no reviews that can be given"}, story); diff != "" {
		t.Errorf("story (-want +got):\n%s", diff)
	}
}

// TestHostRefusesAMark: a review that the host does not take does not keep the
// change from merging; the item's story has its words.
func TestHostRefusesAMark(t *testing.T) {
	w := hub(t)
	w.host.OnCall(func(call string) error {
		if call == "Review" {
			return &drivers.RefusedError{Reason: "you cannot approve your own change"}
		}
		return nil
	})
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.passes(c)
	w.approve(c)
	w.eventuallyResults("gate", "acme/api#1 SUCCESS")
	if !slices.ContainsFunc(w.items("gate")[0].Status.Decisions, func(d gozer.Decision) bool {
		return d.Action == "NotTold" && d.Message == "the code host refuses the review: you cannot approve your own change"
	}) {
		t.Errorf("story: %+v", w.items("gate")[0].Status.Decisions)
	}
}

// TestTriggerAsksOfTheChange: a trigger's own requirement is evaluated against the
// change, and the event says what it lacks.
func TestTriggerAsksOfTheChange(t *testing.T) {
	w := hub(t)
	w.start()
	w.loaded()
	c := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	recheck := model.TriggerEvent{Event: "pull_request", Action: "comment", Comment: "recheck", Project: "acme/api", Number: 1, Patchset: c.Patchset, Branch: "main"}
	w.event(recheck)
	w.eventSays("ev-1", "check", `it has no label "ready", which the trigger requires`)
	w.host.Edit("acme/api", 1, func(c *model.Change) { c.Labels = []string{"ready"} })
	w.event(recheck)
	w.eventuallyResults("check", "acme/api#1 SUCCESS")
}

// TestGitHubObjects: the API server takes what is meant, and refuses what nobody
// could read.
func TestGitHubObjects(t *testing.T) {
	w := newWorldWith(t, hubPipelines)
	object := func(kind, name, spec string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal([]byte(spec), &u.Object); err != nil {
			t.Fatal(err)
		}
		u.Object = map[string]any{"spec": u.Object}
		u.SetAPIVersion(gozer.GroupVersion.String())
		u.SetKind(kind)
		u.SetNamespace(w.tenant)
		u.SetName(name)
		return u
	}
	connection := func(more string) string {
		return `{"url": "https://github.com", "secretName": "s", ` + more + `}`
	}
	requires := func(review string) string {
		return `{"manager": "dependent", "triggers": [{"connection": "c", "event": "check_run", "require": {"reviews": [` + review + `]}}], "require": [{"connection": "c", "reviews": [` + review + `]}]}`
	}
	reports := func(action string) string {
		return `{"manager": "dependent", "reporters": {"start": [{"connection": "c", ` + action + `}]}}`
	}
	n := 0
	for name, tc := range map[string]struct{ kind, spec, refused string }{
		"an App":                   {"Connection", connection(`"driver": "github", "app": {"id": "Iv23.x"}, "pollInterval": "1m"`), ""},
		"without":                  {"Connection", connection(`"driver": "github"`), ""},
		"an App of Gitea":          {"Connection", connection(`"driver": "gitea", "app": {"id": "1"}`), "app and pollInterval are for the driver github"},
		"polled too often":         {"Connection", connection(`"driver": "github", "pollInterval": "59s"`), "pollInterval is at least 1m"},
		"no interval":              {"Connection", connection(`"driver": "github", "pollInterval": "often"`), "pollInterval"},
		"another driver":           {"Connection", connection(`"driver": "gerrit"`), "gitea"},
		"ages":                     {"Pipeline", requires(`{"olderThan": "90s", "newerThan": "48h", "email": "@acme"}`), ""},
		"an age that is none":      {"Pipeline", requires(`{"olderThan": "2 days"}`), "olderThan"},
		"an age below zero":        {"Pipeline", requires(`{"newerThan": "-1h"}`), "newerThan is a duration"},
		"an age beyond all":        {"Pipeline", requires(`{"newerThan": "99999999999h"}`), "newerThan"},
		"all reports":              {"Pipeline", reports(`"check": "in_progress", "review": "approve", "reviewBody": "x", "labels": ["a"], "unlabels": ["b"]`), ""},
		"a check that is none":     {"Pipeline", reports(`"check": "pending"`), "in_progress"},
		"a review that is none":    {"Pipeline", reports(`"review": "approved"`), "request-changes"},
		"an event about a check":   {"TriggerEvent", `{"connection": "c", "event": "check_run", "check": "a:b:c", "status": "a:b:c", "project": "p", "receivedAt": "2026-11-22T00:00:00.000000Z"}`, ""},
		"an event of another kind": {"TriggerEvent", `{"connection": "c", "event": "check_suite", "project": "p", "receivedAt": "2026-11-22T00:00:00.000000Z"}`, "check_run"},
	} {
		n++
		err := w.client.Create(t.Context(), object(tc.kind, fmt.Sprintf("x%d", n), tc.spec))
		switch {
		case tc.refused == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.refused != "" && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), tc.refused)):
			t.Errorf("%s: %v, want it refused for %q", name, err, tc.refused)
		}
	}
	// What it took can be read as it is meant.
	for _, list := range []client.ObjectList{&gozer.ConnectionList{}, &gozer.PipelineList{}, &gozer.TriggerEventList{}} {
		if err := w.client.List(t.Context(), list, client.InNamespace(w.tenant)); err != nil {
			t.Error(err)
		}
	}
}
