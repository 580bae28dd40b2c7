package match

import (
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

func TestTriggered(t *testing.T) {
	gate := []Trigger{
		{Connection: "gitea", Event: "pull_request_review", Actions: []string{"submitted"}, States: []string{"approved"}},
		{Connection: "gitea", Event: "pull_request", Actions: []string{"comment"}, Comments: []string{`(?i)^\s*recheck\s*$`}},
		{Connection: "gitea", Event: "push", Branches: []string{"stable/"}},
		{Connection: "gitea", Event: "pull_request", Actions: []string{"status"}, Statuses: []string{"ci:acme/.*:success"}},
		{Connection: "gitea", Event: "check_run", Actions: []string{"rerequested"}, Checks: []string{"gozer:acme/check:.*"}},
	}
	for name, tc := range map[string]struct {
		event model.TriggerEvent
		want  bool
	}{
		"an approval":               {model.TriggerEvent{Connection: "gitea", Event: "pull_request_review", Action: "submitted", State: "approved"}, true},
		"a rejection":               {model.TriggerEvent{Connection: "gitea", Event: "pull_request_review", Action: "submitted", State: "changes_requested"}, false},
		"another connection":        {model.TriggerEvent{Connection: "github", Event: "pull_request_review", Action: "submitted", State: "approved"}, false},
		"a recheck":                 {model.TriggerEvent{Connection: "gitea", Event: "pull_request", Action: "comment", Comment: " Recheck\n"}, true},
		"a comment about a recheck": {model.TriggerEvent{Connection: "gitea", Event: "pull_request", Action: "comment", Comment: "please recheck"}, false},
		"a branch matches at start": {model.TriggerEvent{Connection: "gitea", Event: "push", Branch: "stable/1"}, true},
		"a status":                  {model.TriggerEvent{Connection: "gitea", Event: "pull_request", Action: "status", Status: "ci:acme/check:success"}, true},
		"a status of another state": {model.TriggerEvent{Connection: "gitea", Event: "pull_request", Action: "status", Status: "ci:acme/check:failure"}, false},
		"a status matches whole":    {model.TriggerEvent{Connection: "gitea", Event: "pull_request", Action: "status", Status: "evil-ci:acme/check:success"}, false},
		"a check again":             {model.TriggerEvent{Connection: "gitea", Event: "check_run", Action: "rerequested", Check: "gozer:acme/check:failure"}, true},
		"a check that ended":        {model.TriggerEvent{Connection: "gitea", Event: "check_run", Action: "completed", Check: "gozer:acme/check:failure"}, false},
		"another check":             {model.TriggerEvent{Connection: "gitea", Event: "check_run", Action: "rerequested", Check: "gozer:acme/check2"}, false},
		"and not inside":            {model.TriggerEvent{Connection: "gitea", Event: "push", Branch: "unstable/1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Triggered(gate, tc.event); got != tc.want {
				t.Errorf("Triggered = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	yes, no := true, false
	change := func(edit func(*model.Change)) model.Change {
		c := model.Change{
			Project: model.Project{Connection: "gitea"}, Open: true, Patchset: "p2",
			Approvals: []model.Approval{{By: "ann", Type: "approved", Permission: "write"}},
			Labels:    []string{"ready"},
		}
		if edit != nil {
			edit(&c)
		}
		return c
	}
	require := []Requirement{{Connection: "gitea", Open: &yes, Draft: &no, CurrentPatchset: &yes, Labels: []string{"ready"},
		Reviews: []Review{{Type: "approved", Permission: "write"}}}}
	reject := []Requirement{{Connection: "gitea", Labels: []string{"hold"}, Reviews: []Review{{Type: "changes_requested"}}}}
	for name, tc := range map[string]struct {
		change model.Change
		event  model.TriggerEvent
		want   string
	}{
		"all fulfilled":  {change: change(nil), event: model.TriggerEvent{Patchset: "p2"}},
		"closed":         {change: change(func(c *model.Change) { c.Open = false }), want: "it is not open"},
		"a draft":        {change: change(func(c *model.Change) { c.Draft = true }), want: "it is a draft"},
		"an old version": {change: change(nil), event: model.TriggerEvent{Patchset: "p1"}, want: "it is not at the patchset that the event was about"},
		"not labelled":   {change: change(func(c *model.Change) { c.Labels = nil }), want: `it has no label "ready"`},
		"approved by a stranger": {change: change(func(c *model.Change) { c.Approvals[0].Permission = "read" }),
			want: "it has no review that is approved by somebody with write permission"},
		"approved by an admin": {change: change(func(c *model.Change) { c.Approvals[0].Permission = "admin" })},
		"held":                 {change: change(func(c *model.Change) { c.Labels = append(c.Labels, "hold") }), want: `it has the label "hold", which the pipeline rejects`},
		"changes requested": {change: change(func(c *model.Change) {
			c.Approvals = append(c.Approvals, model.Approval{By: "bob", Type: "changes_requested"})
		}), want: "it has a review that is changes requested, which the pipeline rejects"},
		"another connection's requirements are not its own": {change: change(func(c *model.Change) { c.Project.Connection, c.Open = "other", false })},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Allowed(require, reject, tc.change, tc.event, time.Time{})
			if got != tc.want || ok != (tc.want == "") {
				t.Errorf("Allowed = %q, %v, want %q", got, ok, tc.want)
			}
		})
	}
}

// TestFirstContribution: a newcomer's change waits for somebody who may write.
func TestFirstContribution(t *testing.T) {
	yes := true
	require := []Requirement{{Connection: "github", FirstContributionApproved: &yes}}
	for name, tc := range map[string]struct {
		newcomer   bool
		permission string
		kind       string
		ok         bool
	}{
		"a newcomer's, not reviewed":               {newcomer: true},
		"a newcomer's, approved by who may read":   {newcomer: true, permission: "read", kind: "approved"},
		"a newcomer's, commented by who may write": {newcomer: true, permission: "write", kind: "comment"},
		"a newcomer's, approved by who may write":  {newcomer: true, permission: "write", kind: "approved", ok: true},
		"a newcomer's, approved by an admin":       {newcomer: true, permission: "admin", kind: "approved", ok: true},
		"somebody else's":                          {ok: true},
	} {
		c := model.Change{Project: model.Project{Connection: "github"}, FirstContribution: tc.newcomer}
		if tc.kind != "" {
			c.Approvals = []model.Approval{{By: "bob", Type: tc.kind, Permission: tc.permission}}
		}
		why, ok := Allowed(require, nil, c, model.TriggerEvent{}, time.Time{})
		if ok != tc.ok || !ok && why != "it is not approved by somebody with write permission, as a first contribution must be" {
			t.Errorf("%s: %v, %q", name, ok, why)
		}
	}
}
