package match

import (
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// reviewed is a change with statuses and a review of an age.
func reviewed(age time.Duration, edit func(*model.Change)) model.Change {
	c := model.Change{
		Project: model.Project{Connection: "hub"}, Number: 1, Open: true, Patchset: "p",
		Approvals: []model.Approval{{By: "ann", Email: "ann@acme.example", Type: "approved", Permission: "write", SubmittedAt: noon.Add(-age)}},
		Statuses:  []string{"ci:build:pending", "gozer:acme/check:success", "lint:success"},
		Labels:    []string{"ready"},
	}
	if edit != nil {
		edit(&c)
	}
	return c
}

// What a requirement says of a change, as a requirement and as a rejection.
func TestRequirements(t *testing.T) {
	yes, no := true, false
	approved := func(r Review) Requirement {
		r.Type = "approved"
		return Requirement{Reviews: []Review{r}}
	}
	for name, tc := range map[string]struct {
		r                 Requirement
		change            model.Change
		missing, rejected string
	}{
		"nothing": {Requirement{}, reviewed(0, nil), "", ""},
		"any one of the statuses": {Requirement{Statuses: []string{"other:x:success", "gozer:acme/check:success"}}, reviewed(0, nil),
			"", "it has the status gozer:acme/check:success, which the pipeline rejects"},
		"a status by expression": {Requirement{Statuses: []string{"gozer:.*:(success|neutral)"}}, reviewed(0, nil),
			"", "it has the status gozer:acme/check:success, which the pipeline rejects"},
		"the whole status": {Requirement{Statuses: []string{"acme/check:success", "gozer:acme/check"}}, reviewed(0, nil),
			"it has no status acme/check:success or gozer:acme/check", ""},
		"a status that is not that far": {Requirement{Statuses: []string{"ci:build:success"}}, reviewed(0, nil),
			"it has no status ci:build:success; it has ci:build:pending", ""},
		"an expression that is none": {Requirement{Statuses: []string{"("}}, reviewed(0, nil), "it has no status (", ""},
		"no statuses at all": {Requirement{Statuses: []string{".*"}}, reviewed(0, func(c *model.Change) { c.Statuses = nil }),
			"it has no status .*", ""},
		"an address": {approved(Review{Email: `@acme\.example$`}), reviewed(0, nil),
			"", `it has a review that is approved by somebody whose e-mail address has @acme\.example$, which the pipeline rejects`},
		"another address": {approved(Review{Email: `@other\.example$`}), reviewed(0, nil),
			`it has no review that is approved by somebody whose e-mail address has @other\.example$`, ""},
		"old enough": {approved(Review{OlderThan: 2 * time.Hour}), reviewed(3*time.Hour, nil), "", "it has a review that is approved more than 2h old, which the pipeline rejects"},
		"too young": {approved(Review{OlderThan: 2 * time.Hour}), reviewed(30*time.Minute, nil),
			"it has no review that is approved more than 2h old; that of ann is 30m old, and old enough at 2026-11-22T13:30:00Z", ""},
		"just as old": {approved(Review{OlderThan: 2 * time.Hour}), reviewed(2*time.Hour, nil),
			"it has no review that is approved more than 2h old; that of ann is 2h old", ""},
		"young enough":        {approved(Review{NewerThan: 48 * time.Hour}), reviewed(48*time.Hour, nil), "", "it has a review that is approved at most 2d old, which the pipeline rejects"},
		"too old":             {approved(Review{NewerThan: 48 * time.Hour}), reviewed(49*time.Hour, nil), "it has no review that is approved at most 2d old; that of ann is 49h old", ""},
		"never of that age":   {approved(Review{OlderThan: 2 * time.Hour, NewerThan: time.Hour}), reviewed(90*time.Second, nil), "it has no review that is approved more than 2h old at most 1h old; that of ann is 1m30s old", ""},
		"of an unknown age":   {approved(Review{OlderThan: time.Hour}), reviewed(0, func(c *model.Change) { c.Approvals[0].SubmittedAt = time.Time{} }), "it has no review that is approved more than 1h old", ""},
		"of somebody else":    {Requirement{Reviews: []Review{{Username: "bob", OlderThan: time.Hour}}}, reviewed(time.Minute, nil), "it has no review that is by bob more than 1h old", ""},
		"all labels":          {Requirement{Labels: []string{"ready", "steady"}}, reviewed(0, nil), `it has no label "steady"`, `it has the label "ready", which the pipeline rejects`},
		"a draft":             {Requirement{Draft: &no}, reviewed(0, func(c *model.Change) { c.Draft = true }), "it is a draft", ""},
		"merged":              {Requirement{Merged: &yes}, reviewed(0, nil), "it is not merged", ""},
		"open":                {Requirement{Open: &yes}, reviewed(0, nil), "", "it is open, which the pipeline rejects"},
		"an earlier patchset": {Requirement{CurrentPatchset: &yes}, reviewed(0, func(c *model.Change) { c.Patchset = "q" }), "it is not at the patchset that the event was about", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tc.r.Connection = "hub"
			e := model.TriggerEvent{Patchset: "p"}
			if got, ok := Allowed([]Requirement{tc.r}, nil, tc.change, e, noon); got != tc.missing || ok != (tc.missing == "") {
				t.Errorf("required: %q, %v, want %q", got, ok, tc.missing)
			}
			if got, ok := Allowed(nil, []Requirement{tc.r}, tc.change, e, noon); got != tc.rejected || ok != (tc.rejected == "") {
				t.Errorf("rejected: %q, %v, want %q", got, ok, tc.rejected)
			}
		})
	}
}

// A trigger may ask something of the change; one that asks nothing suffices.
func TestWanted(t *testing.T) {
	comment := model.TriggerEvent{Connection: "hub", Event: "pull_request", Action: "comment", Comment: "go"}
	asks := func(comment string, require, reject *Requirement) Trigger {
		return Trigger{Connection: "hub", Event: "pull_request", Comments: []string{comment}, Require: require, Reject: reject}
	}
	hasCI, hasReady := &Requirement{Statuses: []string{"ci:build:success"}}, &Requirement{Labels: []string{"ready"}}
	pushed := reviewed(0, func(c *model.Change) { c.Number = 0 })
	for name, tc := range map[string]struct {
		triggers []Trigger
		change   model.Change
		reason   string
		want     bool
	}{
		"no trigger":              {nil, reviewed(0, nil), "", false},
		"of another event":        {[]Trigger{asks("stop", hasCI, nil)}, reviewed(0, nil), "", false},
		"fulfilled":               {[]Trigger{asks("go", hasReady, nil)}, reviewed(0, nil), "", true},
		"not fulfilled":           {[]Trigger{asks("go", hasCI, nil)}, reviewed(0, nil), "it has no status ci:build:success; it has ci:build:pending, which the trigger requires", false},
		"rejected":                {[]Trigger{asks("go", nil, hasReady)}, reviewed(0, nil), `it has the label "ready", which the trigger rejects`, false},
		"another one takes it":    {[]Trigger{asks("go", hasCI, nil), asks("go", nil, nil)}, reviewed(0, nil), "", true},
		"a ref has no statuses":   {[]Trigger{asks("go", hasCI, nil)}, pushed, "", true},
		"required, and rejected":  {[]Trigger{asks("go", hasReady, hasReady)}, reviewed(0, nil), `it has the label "ready", which the trigger rejects`, false},
		"not that of the comment": {[]Trigger{asks("stop", nil, nil), asks("go", hasCI, nil)}, reviewed(0, nil), "it has no status ci:build:success; it has ci:build:pending, which the trigger requires", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Wanted(tc.triggers, tc.change, comment, noon)
			if got != tc.reason || ok != tc.want {
				t.Errorf("Wanted = %q, %v, want %q, %v", got, ok, tc.reason, tc.want)
			}
		})
	}
}
