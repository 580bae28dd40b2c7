package convert

import (
	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/match"
)

// PipelineSpec of a pipeline in a config project.
func PipelineSpec(p configlang.Pipeline) gozer.PipelineSpec {
	spec := gozer.PipelineSpec{
		Manager: gozer.Manager(p.Manager), Description: p.Description, Precedence: p.Precedence, PostReview: p.PostReview,
		Messages: gozer.Messages{
			Start: p.Messages["start-message"], Success: p.Messages["success-message"], Failure: p.Messages["failure-message"],
			MergeConflict: p.Messages["merge-conflict-message"], Footer: p.Messages["footer-message"],
		},
		Reporters: gozer.Reporters{
			Start: reporters(p.Reporters["start"]), Success: reporters(p.Reporters["success"]),
			Failure: reporters(p.Reporters["failure"]), Dequeue: reporters(p.Reporters["dequeue"]),
		},
	}
	if spec.Precedence == "" {
		spec.Precedence = "normal"
	}
	for _, s := range p.Supersedes {
		spec.Supersedes = append(spec.Supersedes, s.Name)
	}
	for _, t := range p.Triggers {
		spec.Triggers = append(spec.Triggers, gozer.Trigger{Connection: t.Connection, Event: t.Event, Actions: t.Actions,
			Branches: t.Branches, Comments: t.Comments, States: t.States, Labels: t.Labels})
	}
	spec.Require, spec.Reject = requirements(p.Require), requirements(p.Reject)
	if p.Manager == string(gozer.ManagerDependent) {
		spec.Window = window(p)
	}
	return spec
}

func reporters(in []configlang.Reporter) []gozer.ReportAction {
	var out []gozer.ReportAction
	for _, r := range in {
		out = append(out, gozer.ReportAction{Connection: r.Connection, Status: r.Status, Comment: r.Comment, Merge: r.Merge})
	}
	return out
}

func requirements(in []configlang.Requirement) []gozer.Requirement {
	var out []gozer.Requirement
	for _, r := range in {
		q := gozer.Requirement{Connection: r.Connection, Open: r.Open, Merged: r.Merged, Draft: r.Draft, CurrentPatchset: r.CurrentPatchset, Labels: r.Labels}
		for _, v := range r.Reviews {
			q.Reviews = append(q.Reviews, gozer.ReviewRequirement{Type: v.Type, Username: v.Username, Permission: v.Permission})
		}
		out = append(out, q)
	}
	return out
}

// Defaults of the window (FEATURES 3.3).
const (
	defaultWindow      = 20
	defaultWindowFloor = 3
)

func or[T comparable](v *T, otherwise T) T {
	if v != nil {
		return *v
	}
	return otherwise
}

func orText(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

func window(p configlang.Pipeline) *gozer.Window {
	return &gozer.Window{
		Initial: or(p.Window, defaultWindow), Floor: or(p.WindowFloor, defaultWindowFloor), Ceiling: p.WindowCeiling,
		IncreaseType: orText(p.WindowIncreaseType, "linear"), IncreaseFactor: or(p.WindowIncreaseFactor, 1),
		DecreaseType: orText(p.WindowDecreaseType, "exponential"), DecreaseFactor: or(p.WindowDecreaseFactor, 2),
	}
}

// Window of a queue at its present size.
func Window(spec gozer.PipelineSpec, size int32, set bool) gate.Window {
	if spec.Manager != gozer.ManagerDependent {
		return gate.Window{}
	}
	w := spec.Window
	if w == nil {
		w = window(configlang.Pipeline{})
	}
	if !set {
		size = w.Initial
	}
	return gate.Window{
		Size: int(size), Floor: int(w.Floor), Ceiling: int(or(w.Ceiling, 0)),
		IncreaseLinear: w.IncreaseType != "exponential", IncreaseBy: int(w.IncreaseFactor),
		DecreaseLinear: w.DecreaseType == "linear", DecreaseBy: int(w.DecreaseFactor),
	}
}

// Triggers of a pipeline.
func Triggers(in []gozer.Trigger) []match.Trigger {
	var out []match.Trigger
	for _, t := range in {
		out = append(out, match.Trigger{Connection: t.Connection, Event: t.Event, Actions: t.Actions,
			Branches: t.Branches, Comments: t.Comments, States: t.States, Labels: t.Labels})
	}
	return out
}

// Requirements of a pipeline.
func Requirements(in []gozer.Requirement) []match.Requirement {
	var out []match.Requirement
	for _, r := range in {
		q := match.Requirement{Connection: r.Connection, Open: r.Open, Merged: r.Merged, Draft: r.Draft, CurrentPatchset: r.CurrentPatchset, Labels: r.Labels}
		for _, v := range r.Reviews {
			q.Reviews = append(q.Reviews, match.Review{Type: v.Type, Username: v.Username, Permission: v.Permission})
		}
		out = append(out, q)
	}
	return out
}

// ConfigErrors for a status, at most n.
func ConfigErrors(in []configlang.Error, n int) []gozer.ConfigError {
	var out []gozer.ConfigError
	for _, e := range in {
		if len(out) == n {
			break
		}
		c := gozer.ConfigError{Severity: string(e.Severity), Name: e.Name, Line: int32(max(0, e.Pos.Line)), Column: int32(max(0, e.Pos.Column)), Message: Cut(e.Error(), 4096)}
		if s := e.Pos.Source; s != nil {
			c.Project, c.Branch, c.File = s.Project, Cut(s.Branch, 255), Cut(s.Path, 1024)
		}
		out = append(out, c)
	}
	return out
}
