package gate

import (
	"testing"

	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
)

func TestMayFollow(t *testing.T) {
	yes := true
	reviewed := []match.Requirement{{Connection: "code", Reviews: []match.Review{{Type: "approved"}}}}
	change := Candidate{Change: depends.Change{Change: model.Change{Project: model.Project{Connection: "code"}}}, Takes: true, Queue: "integrated"}
	with := func(edit func(*Rules, *Candidate)) (Rules, Candidate) {
		r, c := Rules{Pipeline: "gate", Manager: Dependent, Require: reviewed}, change
		edit(&r, &c)
		return r, c
	}
	for name, tc := range map[string]struct {
		edit func(*Rules, *Candidate)
		want string
	}{
		"may": {func(*Rules, *Candidate) {}, ""},
		"a label is consent": {func(r *Rules, _ *Candidate) {
			r.Require = []match.Requirement{{Connection: "code", Labels: []string{"go"}}}
		}, ""},
		"independent":                 {func(r *Rules, _ *Candidate) { r.Manager = Independent }, "changes are brought in behind others in dependent pipelines only"},
		"serial":                      {func(r *Rules, _ *Candidate) { r.Manager = Serial }, "changes are brought in behind others in dependent pipelines only"},
		"another queue":               {func(_ *Rules, c *Candidate) { c.Queue = "lib" }, "it is in another queue"},
		"takes no part":               {func(_ *Rules, c *Candidate) { c.Takes = false }, "its project takes no part in gate"},
		"nothing required":            {func(r *Rules, _ *Candidate) { r.Require = nil }, "gate requires neither a review nor a label"},
		"nothing required of anybody": {func(r *Rules, _ *Candidate) { r.Require = []match.Requirement{{Connection: "code", Open: &yes}} }, "gate requires neither a review nor a label"},
		"required of another host":    {func(_ *Rules, c *Candidate) { c.Project.Connection = "other" }, "gate requires neither a review nor a label"},
	} {
		t.Run(name, func(t *testing.T) {
			r, c := with(tc.edit)
			if got := MayFollow(r, "integrated", c); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
