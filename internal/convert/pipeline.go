package convert

import (
	"math"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/layout"
)

// PipelineSpec of a pipeline in a config project. refused says, in words, what
// keeps this version from working it as it is meant; left is what it leaves out
// without harm.
func PipelineSpec(p *configlang.BoundPipeline) (spec gozer.PipelineSpec, refused string, left []string) {
	spec = gozer.PipelineSpec{
		Manager: gozer.Manager(p.Manager), Description: p.Description, Precedence: p.Precedence, PostReview: p.PostReview, Supersedes: p.Supersedes,
		IgnoreDependencies: p.IgnoreDependencies, KeepOldPatchsets: !p.DequeueOnNewPatchset,
		RetryFailed: int32(min(or(p.RetryFailed, 0), maxRetryFailed)), RetryBothOutcomes: p.RetryBothOutcomes, ReuseResults: p.ReuseResults, Rescue: p.Rescue, Expedite: p.Expedite,
		Messages: messages(p.Messages), DisableAfterConsecutiveFailures: int32(min(or(p.DisableAfterFailures, 0), math.MaxInt32)),
	}
	if !p.AllowOtherConnections {
		return spec, "allow-other-connections: false" + notHere, nil
	}
	if spec.Require, refused = requirements(p.Require); refused == "" {
		spec.Reject, refused = requirements(p.Reject)
	}
	spec.Triggers, left = triggers(p.Triggers)
	for _, o := range configlang.Occasions {
		actions, without := reporters(o, p.Reporters[o])
		left = append(left, without...)
		*reportersOf(&spec.Reporters, o) = actions
	}
	if p.Manager == string(gozer.ManagerDependent) {
		spec.Window = window(p.Pipeline)
	}
	return spec, refused, left
}

func messages(m map[string]string) gozer.Messages {
	return gozer.Messages{
		Enqueue: m["enqueue-message"], Start: m["start-message"], Success: m["success-message"], Failure: m["failure-message"],
		MergeConflict: m["merge-conflict-message"], NoJobs: m["no-jobs-message"], Dequeue: m["dequeue-message"], Footer: m["footer-message"],
	}
}

// reportersOf an occasion, in the words of the language.
func reportersOf(r *gozer.Reporters, occasion string) *[]gozer.ReportAction {
	switch occasion {
	case "enqueue":
		return &r.Enqueue
	case "start":
		return &r.Start
	case "success":
		return &r.Success
	case "merge-conflict":
		return &r.MergeConflict
	case "config-error":
		return &r.ConfigError
	case "no-jobs":
		return &r.NoJobs
	case "dequeue":
		return &r.Dequeue
	case "disabled":
		return &r.Disabled
	}
	return &r.Failure
}

// maxRetryFailed is the most that the kind allows.
const maxRetryFailed = 10

// notHere ends the sentence about something that has no effect.
const notHere = " has no effect in this version of Gozer"

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

func window(p *configlang.Pipeline) *gozer.Window {
	w := &gozer.Window{
		Initial: int32(or(p.Window, defaultWindow)), Floor: int32(or(p.WindowFloor, defaultWindowFloor)),
		IncreaseType: orText(p.WindowIncreaseType, "linear"), IncreaseFactor: int32(or(p.WindowIncreaseFactor, 1)),
		DecreaseType: orText(p.WindowDecreaseType, "exponential"), DecreaseFactor: int32(or(p.WindowDecreaseFactor, 2)),
	}
	if p.WindowCeiling != nil {
		ceiling := int32(*p.WindowCeiling)
		w.Ceiling = &ceiling
	}
	return w
}

// Window of a queue at its present size.
func Window(spec gozer.PipelineSpec, size int32, set bool) gate.Window {
	switch spec.Manager {
	case gozer.ManagerIndependent:
		return gate.Window{}
	case gozer.ManagerSerial, gozer.ManagerSupercedent:
		return gate.Window{Size: 1, Floor: 1, Ceiling: 1, IncreaseLinear: true, DecreaseLinear: true}
	}
	w := spec.Window
	if w == nil {
		w = window(&configlang.Pipeline{})
	}
	switch {
	case !set:
		size = w.Initial
	case static(w):
		// Zuul: a window that neither grows nor shrinks follows its configuration.
		size = w.Initial
	case size > 0 && size < w.Floor:
		size = w.Floor
	}
	return gate.Window{
		Size: int(size), Floor: int(w.Floor), Ceiling: int(or(w.Ceiling, 0)),
		IncreaseLinear: w.IncreaseType != "exponential", IncreaseBy: int(w.IncreaseFactor),
		DecreaseLinear: w.DecreaseType == "linear", DecreaseBy: int(w.DecreaseFactor),
	}
}

// static says that a window has the same size always.
func static(w *gozer.Window) bool {
	return w.IncreaseType == "exponential" && w.DecreaseType == "exponential" && w.IncreaseFactor == 1 && w.DecreaseFactor == 1
}

// ConfigErrors for a status, at most n; errors before warnings.
func ConfigErrors(in []*layout.Error, n int) []gozer.ConfigError {
	var out []gozer.ConfigError
	for _, severity := range []configlang.Severity{configlang.SeverityError, configlang.SeverityWarning} {
		for _, e := range in {
			if e.Severity != severity || len(out) == n {
				continue
			}
			c := gozer.ConfigError{Severity: string(e.Severity), Name: e.Name, Line: max(0, e.At.Line), Column: max(0, e.At.Column), Message: Cut(e.Error(), 4096)}
			if o := e.Origin; o != nil {
				c.Project, c.Branch, c.File = o.Project.Canonical(), Cut(o.Branch, 255), Cut(o.Path, 1024)
			}
			out = append(out, c)
		}
	}
	return out
}
