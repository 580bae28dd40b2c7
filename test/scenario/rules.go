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

// rules in the order in which they were told: the last that matches counts.
type rules []rule

// holds are jobs whose builds run on.
type holds []*regexp.Regexp

func (h holds) match(job string) bool {
	return slices.ContainsFunc(h, func(re *regexp.Regexp) bool { return re.MatchString(job) })
}

// deserved is the result of a build. It depends on the job and its state alone,
// so it is the same in whatever order builds end.
func (w *world) deserved(b *build) model.BuildResult {
	return w.rules.result(b.job, b.attempt, b.own, w.seen(b))
}

// result of an attempt of a job for changes of its own, on a state of all these.
func (all rules) result(job string, attempt int, own, state []string) model.BuildResult {
	for _, r := range slices.Backward(all) {
		if r.matches(job, attempt, own, state) {
			return r.result
		}
	}
	return model.Success
}

func (r rule) matches(job string, attempt int, own, state []string) bool {
	if !r.job.MatchString(job) || r.until > 0 && attempt >= r.until {
		return false
	}
	if len(r.on) > 0 && !slices.ContainsFunc(r.on, func(name string) bool { return has(own, name) }) {
		return false
	}
	return !slices.ContainsFunc(r.with, func(name string) bool { return !has(state, name) })
}

// has finds a change in a state: at any patchset, or at the one that the name has.
func has(state []string, name string) bool {
	return slices.ContainsFunc(state, func(s string) bool { return s == name || strings.HasPrefix(s, name+",") })
}
