package scenario

import (
	"regexp"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// rule decides the result of builds.
type rule struct {
	job *regexp.Regexp
	// on are changes one of which the job is for; with are changes all of which are in the state.
	on, with []string
	result   model.BuildResult
	// until is the attempt before which the rule holds; 0 for always.
	until int
}

// deserved is the result of a build. It depends on the job and its state alone,
// so it is the same in whatever order builds end.
func (w *world) deserved(b *build) (model.BuildResult, string) {
	state := w.seen(b)
	for _, r := range slices.Backward(w.rules) {
		if r.matches(b, state) {
			return r.result, ""
		}
	}
	return model.Success, ""
}

func (r rule) matches(b *build, state []string) bool {
	if !r.job.MatchString(b.job) || r.until > 0 && b.attempt >= r.until {
		return false
	}
	if len(r.on) > 0 && !slices.ContainsFunc(r.on, func(name string) bool { return has(b.own, name) }) {
		return false
	}
	for _, name := range r.with {
		if !has(state, name) {
			return false
		}
	}
	return true
}

// has finds a change in a state: at any patchset, or at the one that the name has.
func has(state []string, name string) bool {
	return slices.ContainsFunc(state, func(s string) bool { return s == name || strings.HasPrefix(s, name+",") })
}
