// Package match says whether a pipeline wants an event and whether a change
// fulfils its requirements (Zuul: trigger, require, reject).
//
// Every no has a reason that a person can read.
package match

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// Trigger matches events of one connection; see Pipeline.spec.triggers.
type Trigger struct {
	Connection, Event                                 string
	Actions, Branches, Refs, Comments, States, Labels []string
}

// Requirement is what a change of a connection must have, or must not have.
type Requirement struct {
	Connection                           string
	Open, Merged, Draft, CurrentPatchset *bool
	Reviews                              []Review
	Labels                               []string
}

// Review matches one reviewer's verdict.
type Review struct{ Type, Username, Permission string }

// Triggered says whether any trigger wants the event.
func Triggered(triggers []Trigger, e model.TriggerEvent) bool {
	return slices.ContainsFunc(triggers, func(t Trigger) bool { return t.wants(e) })
}

// Recheck is the comment that usually brings a change into a pipeline again.
func Recheck(c model.Change) model.TriggerEvent {
	return model.TriggerEvent{Connection: c.Project.Connection, Event: "pull_request", Action: "comment", Comment: "recheck", Branch: c.Branch}
}

func (t Trigger) wants(e model.TriggerEvent) bool {
	return t.Connection == e.Connection && t.Event == e.Event &&
		anyEqual(t.Actions, e.Action) && anyEqual(t.States, e.State) && anyEqual(t.Labels, e.Label) &&
		anyRegexp(t.Branches, e.Branch, atStart) && anyRegexp(t.Refs, e.Ref, atStart) && anyRegexp(t.Comments, e.Comment, anywhere)
}

// anyEqual says whether the value is in the list; an empty list wants anything.
func anyEqual(list []string, value string) bool {
	return len(list) == 0 || slices.Contains(list, value)
}

type where int

const (
	atStart where = iota
	anywhere
	whole
)

// anyRegexp says whether any expression matches; no expressions want anything.
// An expression that does not compile matches nothing: the configuration was
// refused where it was read.
func anyRegexp(list []string, text string, at where) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(source string) bool {
		re, err := zuulregex.Compile(source)
		switch {
		case err != nil:
			return false
		case at == atStart:
			return re.Match(text)
		case at == whole:
			return re.FullMatch(text)
		}
		return re.Search(text)
	})
}

// Allowed says whether the change may enter: all requirements of its
// connection are fulfilled and nothing rejects it. If not, the reason says why.
// The event tells which patchset it was about; it may be the zero value.
func Allowed(require, reject []Requirement, c model.Change, e model.TriggerEvent) (reason string, ok bool) {
	for _, r := range require {
		if r.Connection != c.Project.Connection {
			continue
		}
		if why := r.missing(c, e); why != "" {
			return "it " + why, false
		}
	}
	for _, r := range reject {
		if r.Connection != c.Project.Connection {
			continue
		}
		if why := r.present(c, e); why != "" {
			return "it " + why + ", which the pipeline rejects", false
		}
	}
	return "", true
}

// missing says what a change lacks of a requirement.
func (r Requirement) missing(c model.Change, e model.TriggerEvent) string {
	for _, s := range r.states(c, e) {
		if s.want != nil && *s.want != s.is {
			return not(s.is) + s.name
		}
	}
	for _, want := range r.Reviews {
		if !slices.ContainsFunc(c.Approvals, want.matches) {
			return "has no review that is " + want.String()
		}
	}
	for _, l := range r.Labels {
		if !slices.Contains(c.Labels, l) {
			return fmt.Sprintf("has no label %q", l)
		}
	}
	return ""
}

// present says what a change has of a rejection.
func (r Requirement) present(c model.Change, e model.TriggerEvent) string {
	for _, s := range r.states(c, e) {
		if s.want != nil && *s.want == s.is {
			return not(s.is) + s.name
		}
	}
	for _, bad := range r.Reviews {
		if slices.ContainsFunc(c.Approvals, bad.matches) {
			return "has a review that is " + bad.String()
		}
	}
	for _, l := range r.Labels {
		if slices.Contains(c.Labels, l) {
			return fmt.Sprintf("has the label %q", l)
		}
	}
	return ""
}

type state struct {
	name string
	want *bool
	is   bool
}

func (r Requirement) states(c model.Change, e model.TriggerEvent) []state {
	return []state{
		{"open", r.Open, c.Open},
		{"merged", r.Merged, c.Merged},
		{"a draft", r.Draft, c.Draft},
		{"at the patchset that the event was about", r.CurrentPatchset, e.Patchset == "" || e.Patchset == c.Patchset},
	}
}

func not(is bool) string {
	if is {
		return "is "
	}
	return "is not "
}

// permissions from weakest to strongest.
var permissions = []string{"read", "write", "admin"}

func (r Review) matches(a model.Approval) bool {
	return (r.Type == "" || r.Type == a.Type) &&
		(r.Username == "" || anyRegexp([]string{r.Username}, a.By, whole)) &&
		slices.Index(permissions, a.Permission) >= slices.Index(permissions, r.Permission)
}

func (r Review) String() string {
	var parts []string
	if r.Type != "" {
		parts = append(parts, strings.ReplaceAll(r.Type, "_", " "))
	}
	if r.Username != "" {
		parts = append(parts, "by "+r.Username)
	}
	if r.Permission != "" {
		parts = append(parts, "by somebody with "+r.Permission+" permission")
	}
	if len(parts) == 0 {
		return "of any kind"
	}
	return strings.Join(parts, " ")
}
