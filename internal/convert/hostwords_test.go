package convert_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
)

// bound reads pipelines as a tenant with two code hosts does.
func bound(t *testing.T, text string) []*configlang.BoundPipeline {
	t.Helper()
	var out []*configlang.BoundPipeline
	f := configlang.Parse(text)
	for _, p := range f.Problems {
		t.Errorf("%+v", p)
	}
	for _, p := range f.Pipelines {
		b, problems, ok := p.Bind(configlang.Connections{Drivers: map[string]string{"github": "github", "gitea": "gitea"}})
		if !ok {
			t.Fatalf("%s: %+v", p.Name, problems)
		}
		out = append(out, b)
	}
	return out
}

// The pipelines that people have for GitHub, as Zuul's documentation has them.
const githubPipelines = `
- pipeline:
    name: check
    manager: independent
    trigger:
      github:
        - event: pull_request
          action: [opened, changed, reopened]
        - event: pull_request
          action: comment
          comment: (?i)^\s*recheck\s*$
        - event: check_run
          action: rerequested
          check: gozer:acme/check:.*
    start: {github: {check: in_progress, status: pending, comment: false}}
    success: {github: {check: success, status: success}}
    failure: {github: {check: failure, status: failure}}
    dequeue: {github: {check: cancelled}}
- pipeline:
    name: gate
    manager: dependent
    supercedes: check
    require:
      github:
        open: true
        current-patchset: true
        draft: false
        label: gate
        status: gozer:acme/check:success
        review:
          - {type: approved, permission: write, older-than: 90s, newer-than: 2d, email: '@acme\.example$', username: ann|bob}
    reject: {github: {status: [".*:error"], review: {type: changes_requested}}}
    trigger:
      github:
        - event: pull_request_review
          action: [submitted, dismissed]
          state: approved
        - event: pull_request
          action: labeled
          label: gate
        - event: pull_request
          action: status
          status: [gozer:acme/check:success]
          require: {review: {newer-than: 1w}}
          reject: {label: hold}
    start: {github: {check: in_progress, unlabel: gate}}
    success: {github: {check: success, review: approve, review-body: Well done., label: [merged], merge: true}}
    failure: {github: {check: failure, review: request-changes, label: failed, comment: true}}
- pipeline:
    name: post
    manager: supercedent
    trigger: {github: {event: push, ref: ^refs/heads/.*$}}
`

// Nothing of them is refused or left out.
func TestGitHubPipelines(t *testing.T) {
	yes, no := true, false
	age := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	act := func(a gozer.ReportAction) []gozer.ReportAction {
		a.Connection = "github"
		return []gozer.ReportAction{a}
	}
	in := func(t gozer.Trigger) gozer.Trigger { t.Connection = "github"; return t }
	want := map[string]gozer.PipelineSpec{
		"check": {
			Triggers: []gozer.Trigger{
				in(gozer.Trigger{Event: "pull_request", Actions: []string{"opened", "changed", "reopened"}}),
				in(gozer.Trigger{Event: "pull_request", Actions: []string{"comment"}, Comments: []string{`(?i)^\s*recheck\s*$`}}),
				in(gozer.Trigger{Event: "check_run", Actions: []string{"rerequested"}, Checks: []string{"gozer:acme/check:.*"}}),
			},
			Reporters: gozer.Reporters{Start: act(gozer.ReportAction{Check: "in_progress", Status: "pending"}), Success: act(gozer.ReportAction{Check: "success", Status: "success"}),
				Failure: act(gozer.ReportAction{Check: "failure", Status: "failure"}), Dequeue: act(gozer.ReportAction{Check: "cancelled"})},
		},
		"gate": {
			Require: []gozer.Requirement{{Connection: "github", ChangeRequirement: gozer.ChangeRequirement{Open: &yes, CurrentPatchset: &yes, Draft: &no,
				Labels: []string{"gate"}, Statuses: []string{"gozer:acme/check:success"}, Reviews: []gozer.ReviewRequirement{{Type: "approved", Permission: "write",
					OlderThan: age(90 * time.Second), NewerThan: age(48 * time.Hour), Email: `@acme\.example$`, Username: "ann|bob"}}}}},
			Reject: []gozer.Requirement{{Connection: "github", ChangeRequirement: gozer.ChangeRequirement{Statuses: []string{".*:error"},
				Reviews: []gozer.ReviewRequirement{{Type: "changes_requested"}}}}},
			Triggers: []gozer.Trigger{
				in(gozer.Trigger{Event: "pull_request_review", Actions: []string{"submitted", "dismissed"}, States: []string{"approved"}}),
				in(gozer.Trigger{Event: "pull_request", Actions: []string{"labeled"}, Labels: []string{"gate"}}),
				in(gozer.Trigger{Event: "pull_request", Actions: []string{"status"}, Statuses: []string{"gozer:acme/check:success"},
					Require: &gozer.ChangeRequirement{Reviews: []gozer.ReviewRequirement{{NewerThan: age(7 * 24 * time.Hour)}}},
					Reject:  &gozer.ChangeRequirement{Labels: []string{"hold"}}}),
			},
			Reporters: gozer.Reporters{Start: act(gozer.ReportAction{Check: "in_progress", Unlabels: []string{"gate"}}),
				Success: act(gozer.ReportAction{Check: "success", Review: "approve", ReviewBody: "Well done.", Labels: []string{"merged"}, Merge: true}),
				Failure: act(gozer.ReportAction{Check: "failure", Review: "request-changes", Labels: []string{"failed"}, Comment: true})},
		},
		"post": {Triggers: []gozer.Trigger{in(gozer.Trigger{Event: "push", Refs: []string{"^refs/heads/.*$"}})}},
	}
	for _, p := range bound(t, githubPipelines) {
		spec, refused, left := convert.PipelineSpec(p)
		if refused != "" || len(left) > 0 {
			t.Errorf("%s: refused %q, left out %q", p.Name, refused, left)
		}
		got := gozer.PipelineSpec{Triggers: spec.Triggers, Require: spec.Require, Reject: spec.Reject, Reporters: spec.Reporters}
		if diff := cmp.Diff(want[p.Name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p.Name, diff)
		}
	}
}

// What older versions of Zuul had means what it meant.
func TestOldGitHubTriggers(t *testing.T) {
	trigger := func(text string) (gozer.PipelineSpec, []string) {
		t.Helper()
		spec, refused, left := convert.PipelineSpec(bound(t, "- pipeline: {name: p, manager: independent, trigger: {github: "+text+"}}")[0])
		if refused != "" {
			t.Errorf("%s: refused %q", text, refused)
		}
		return spec, left
	}
	for text, want := range map[string][]gozer.Trigger{
		"{event: [pull_request, pull_request_review], state: approved}": {
			{Event: "pull_request", States: []string{"approved"}}, {Event: "pull_request_review", States: []string{"approved"}}},
		"{event: pull_request, unlabel: hold}":                      {{Event: "pull_request", Actions: []string{"unlabeled"}, Labels: []string{"hold"}}},
		"{event: pull_request, action: unlabeled, unlabel: hold}":   {{Event: "pull_request", Actions: []string{"unlabeled"}, Labels: []string{"hold"}}},
		"{event: pull_request, require-status: ci:x:success}":       {{Event: "pull_request", Require: &gozer.ChangeRequirement{Statuses: []string{"ci:x:success"}}}},
		"{event: check_run, action: requested}":                     {{Event: "check_run", Actions: []string{"rerequested"}}},
		"{event: push, require-status: a, require: {label: ready}}": {{Event: "push", Require: &gozer.ChangeRequirement{Statuses: []string{"a"}, Labels: []string{"ready"}}}},
	} {
		spec, left := trigger(text)
		for i := range want {
			want[i].Connection = "github"
		}
		if diff := cmp.Diff(want, spec.Triggers); diff != "" || len(left) > 0 {
			t.Errorf("%s: left out %q (-want +got):\n%s", text, left, diff)
		}
	}
	for text, want := range map[string]string{
		"{event: pull_request, label: a, unlabel: b}":            "a trigger of github with unlabel, and an action or label that never comes with it, has no effect in this version of Gozer",
		"{event: pull_request, action: opened, unlabel: b}":      "a trigger of github with unlabel, and an action or label that never comes with it, has no effect in this version of Gozer",
		"{event: push, require-status: a, require: {status: b}}": "a trigger of github with both require-status and a status in require has no effect in this version of Gozer",
		"{event: push, ref: {regex: x, negate: true}}":           "a trigger of github with a negated expression has no effect in this version of Gozer",
		"{event: push, require: {review: {older-than: -5m}}}":    "a trigger of github with a negative age of a review has no effect in this version of Gozer",
	} {
		spec, left := trigger(text)
		if diff := cmp.Diff([]string{want}, left); diff != "" || len(spec.Triggers) > 0 {
			t.Errorf("%s: %+v (-want +got):\n%s", text, spec.Triggers, diff)
		}
	}
}

// A requirement without effect is none: Gitea tells neither statuses nor when and
// from which address a review came.
func TestRequirementsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"gitea: {status: a}":                    "the requirement of a status has no effect in this version of Gozer",
		"gitea: {review: {email: a}}":           "the requirement email of a review has no effect in this version of Gozer",
		"gitea: {review: {older-than: 1h}}":     "the requirement older-than of a review has no effect in this version of Gozer",
		"gitea: {review: {newer-than: 1h}}":     "the requirement newer-than of a review has no effect in this version of Gozer",
		"gitea: {review: {type: approved}}":     "",
		"github: {review: {older-than: 1h}}":    "",
		"github: {review: {newer-than: -1h}}":   "a negative age of a review has no effect in this version of Gozer",
		"github: {review: {older-than: 9_0 s}}": "",
	} {
		for _, section := range []string{"require", "reject"} {
			_, refused, left := convert.PipelineSpec(bound(t, "- pipeline: {name: p, manager: independent, "+section+": {"+text+"}}")[0])
			if refused != want || len(left) > 0 {
				t.Errorf("%s %s: refused %q, left out %q, want %q", section, text, refused, left, want)
			}
		}
	}
}

// An age is what Zuul makes of it, and never more than the API server takes.
func TestAges(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "+15m": 15 * time.Minute, "6h": 6 * time.Hour, "2d": 48 * time.Hour, "1w": 168 * time.Hour, " 1_0 m": 10 * time.Minute,
		"99999999999999999999999w": 873600 * time.Hour, "99999999999d": 873600 * time.Hour, "0s": 0,
	} {
		spec, refused, _ := convert.PipelineSpec(bound(t, "- pipeline: {name: p, manager: independent, require: {github: {review: {older-than: '"+text+"'}}}}")[0])
		if refused != "" {
			t.Errorf("%q: %s", text, refused)
			continue
		}
		q := convert.Requirements(spec.Require)[0]
		if diff := cmp.Diff(match.Review{OlderThan: want}, q.Reviews[0]); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// Triggers and events arrive with all that they say.
func TestTriggersAndEvents(t *testing.T) {
	q := gozer.ChangeRequirement{Statuses: []string{"s"}}
	got := convert.Triggers([]gozer.Trigger{{Connection: "github", Event: "check_run", Statuses: []string{"a"}, Checks: []string{"b"}, Require: &q, Reject: &q}})
	its := &match.Requirement{Connection: "github", Statuses: []string{"s"}}
	if diff := cmp.Diff([]match.Trigger{{Connection: "github", Event: "check_run", Statuses: []string{"a"}, Checks: []string{"b"}, Require: its, Reject: its}}, got); diff != "" {
		t.Errorf("triggers (-want +got):\n%s", diff)
	}
	event := model.TriggerEvent{Name: "e", Connection: "github", Event: "check_run", Action: "completed", Project: "acme/api", Number: 1,
		Status: "ci:x:success", Check: "app:x:failure", ReceivedAt: time.Date(2026, 11, 22, 2, 0, 7, 0, time.UTC)}
	if diff := cmp.Diff(event, convert.TriggerEvent(convert.TriggerEventObject("gozer-system", event, ""))); diff != "" {
		t.Errorf("there and back (-want +got):\n%s", diff)
	}
}

// A pipeline's own contexts are those that it sets before it merges.
func TestOwnContexts(t *testing.T) {
	got := convert.OwnContexts("acme", "gate", gozer.Reporters{
		Start:   []gozer.ReportAction{{Connection: "a", Check: "in_progress"}, {Connection: "c", Comment: true}},
		Success: []gozer.ReportAction{{Connection: "b", Status: "success"}, {Connection: "c", Merge: true}},
		Failure: []gozer.ReportAction{{Connection: "d", Status: "failure"}},
	})
	if diff := cmp.Diff(map[string][]string{"a": {"acme/gate"}, "b": {"acme/gate"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
