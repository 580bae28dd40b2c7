// Package match says whether a pipeline wants an event and whether a change
// fulfils its requirements (Zuul: trigger, require, reject).
//
// Every no has a reason that a person can read.
package match

import (
	"slices"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// Trigger matches events of one connection; see Pipeline.spec.triggers.
type Trigger struct {
	Connection, Event                                                   string
	Actions, Branches, Refs, Comments, States, Labels, Statuses, Checks []string
	// Require and Reject are about the change, for this trigger alone; nil asks nothing.
	Require, Reject *Requirement
}

// Triggered says whether any trigger wants the event, of whatever change.
func Triggered(triggers []Trigger, e model.TriggerEvent) bool {
	return slices.ContainsFunc(triggers, func(t Trigger) bool { return t.wants(e) })
}

// Wanted says whether any trigger wants the event of the change. The reason is
// what the last of those that wanted the event had against the change; there is
// none when no trigger wanted it.
func Wanted(triggers []Trigger, c model.Change, e model.TriggerEvent, now time.Time) (reason string, ok bool) {
	for _, t := range triggers {
		if !t.wants(e) {
			continue
		}
		why := t.against(c, e, now)
		if why == "" {
			return "", true
		}
		reason = why
	}
	return reason, false
}

// against is what the trigger's own requirements have against a change. They are
// about changes: what is pushed has no reviews, labels or state.
func (t Trigger) against(c model.Change, e model.TriggerEvent, now time.Time) string {
	at := moment{c, e, now}
	if c.Number == 0 {
		return ""
	}
	if t.Require != nil {
		if why := t.Require.missing(at); why != "" {
			return "it " + why + ", which the trigger requires"
		}
	}
	if t.Reject != nil {
		if why := t.Reject.present(at); why != "" {
			return "it " + why + ", which the trigger rejects"
		}
	}
	return ""
}

// Recheck is the comment that usually brings a change into a pipeline again.
func Recheck(c model.Change) model.TriggerEvent {
	return model.TriggerEvent{Connection: c.Project.Connection, Event: "pull_request", Action: "comment", Comment: "recheck", Branch: c.Branch}
}

func (t Trigger) wants(e model.TriggerEvent) bool {
	return t.Connection == e.Connection && t.Event == e.Event &&
		anyEqual(t.Actions, e.Action) && anyEqual(t.States, e.State) && anyEqual(t.Labels, e.Label) &&
		anyRegexp(t.Branches, e.Branch, atStart) && anyRegexp(t.Refs, e.Ref, atStart) && anyRegexp(t.Comments, e.Comment, anywhere) &&
		anyRegexp(t.Statuses, e.Status, whole) && anyRegexp(t.Checks, e.Check, whole)
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
