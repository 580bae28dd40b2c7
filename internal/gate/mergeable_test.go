package gate

import (
	"testing"

	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
)

func TestUnmergeable(t *testing.T) {
	own := []string{"acme/gate"}
	change := func(v *model.Verdict) model.Change { return model.Change{Number: 1, Open: true, Verdict: v} }
	for name, tc := range map[string]struct {
		change model.Change
		why    string
		wait   bool
	}{
		"a branch":               {model.Change{Open: true}, "only a change can be merged", false},
		"closed":                 {model.Change{Number: 1}, "it is not open", false},
		"a draft":                {model.Change{Number: 1, Open: true, Draft: true}, "it is a draft", false},
		"not said":               {change(nil), "", false},
		"nothing against it":     {change(&model.Verdict{}), "", false},
		"not known":              {change(&model.Verdict{Unknown: true}), "the code host has not worked out yet whether it can be merged", true},
		"own status":             {change(&model.Verdict{Missing: []string{"acme/gate"}}), "", false},
		"own check":              {change(&model.Verdict{Missing: []string{"my-app:acme/gate"}}), "", false},
		"another one's":          {change(&model.Verdict{Missing: []string{"other-acme/gate"}}), "the required check other-acme/gate has not succeeded", false},
		"own and another":        {change(&model.Verdict{Missing: []string{"acme/gate", "ci"}}), "the required check ci has not succeeded", false},
		"several":                {change(&model.Verdict{Missing: []string{"lint", "acme/gate", "ci"}}), "the required checks lint, ci have not succeeded", false},
		"blocked":                {change(&model.Verdict{Blocked: []string{"it conflicts with main"}}), "it conflicts with main", false},
		"blocked and missing":    {change(&model.Verdict{Blocked: []string{"a review is required"}, Missing: []string{"ci"}}), "a review is required; the required check ci has not succeeded", false},
		"not known, and missing": {change(&model.Verdict{Unknown: true, Missing: []string{"ci"}}), "the required check ci has not succeeded", false},
		"not known, own missing": {change(&model.Verdict{Unknown: true, Missing: []string{"acme/gate"}}), "the code host has not worked out yet whether it can be merged", true},
	} {
		t.Run(name, func(t *testing.T) {
			if why, wait := Unmergeable(tc.change, own); why != tc.why || wait != tc.wait {
				t.Errorf("Unmergeable = %q, %v, want %q, %v", why, wait, tc.why, tc.wait)
			}
		})
	}
}

// A verdict is asked of all changes of an item and of what must be ahead, by a
// gate alone, and by whatever way they come.
func TestAdmitAsksTheVerdict(t *testing.T) {
	candidate := func(n int64, v *model.Verdict) Candidate {
		c := Candidate{Takes: true, Queue: "q", Circular: true}
		c.Change = depends.Change{Change: model.Change{Project: model.Project{Connection: "hub", Hostname: "h", Name: "p"}, Number: n, Open: true, URL: "URL", Verdict: v}}
		return c
	}
	is := func(n int64) model.ChangeKey { return model.ChangeKey{Project: "h/p", Number: n} }
	fine, missing, unknown := &model.Verdict{Missing: []string{"own"}}, &model.Verdict{Missing: []string{"ci"}}, &model.Verdict{Unknown: true}
	for name, tc := range map[string]struct {
		rules  Rules
		groups [][]Candidate
		want   Admission
	}{
		"its own":   {Rules{Manager: Dependent}, [][]Candidate{{candidate(1, missing)}}, Admission{Refusal: "the required check ci has not succeeded", Unmergeable: is(1)}},
		"by hand":   {Rules{Manager: Dependent, ByHand: true}, [][]Candidate{{candidate(1, missing)}}, Admission{Refusal: "the required check ci has not succeeded", Unmergeable: is(1)}},
		"a check":   {Rules{Manager: Independent}, [][]Candidate{{candidate(1, missing)}}, Admission{}},
		"not known": {Rules{Manager: Dependent}, [][]Candidate{{candidate(1, unknown)}}, Admission{Refusal: "the code host has not worked out yet whether it can be merged", Unmergeable: is(1), Wait: true}},
		"of a cycle": {Rules{Manager: Dependent}, [][]Candidate{{candidate(2, missing), candidate(1, fine)}},
			Admission{Refusal: "URL, with which it forms a cycle: the required check ci has not succeeded", Unmergeable: is(2)}},
		"ahead": {Rules{Manager: Dependent, Pipeline: "gate"}, [][]Candidate{{candidate(2, unknown)}, {candidate(1, fine)}},
			Admission{Refusal: "it depends on URL, which may not enter gate: the code host has not worked out yet whether it can be merged", Unmergeable: is(2), Wait: true}},
		"a host that does not say": {Rules{Manager: Dependent}, [][]Candidate{{func() Candidate { c := candidate(1, nil); c.Draft = true; return c }()}}, Admission{Refusal: "it is a draft"}},
		"a requirement":            {Rules{Manager: Dependent, Require: []match.Requirement{{Connection: "hub", Labels: []string{"go"}}}}, [][]Candidate{{candidate(1, fine)}}, Admission{Refusal: `it has no label "go"`}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.rules.Own, tc.rules.MaxChanges = map[string][]string{"hub": {"own"}}, -1
			got := Admit(tc.rules, tc.groups, candidate(1, nil).Key(), model.TriggerEvent{})
			if got.Refusal != tc.want.Refusal || got.Unmergeable != tc.want.Unmergeable || got.Wait != tc.want.Wait {
				t.Errorf("Admit = %+v, want %+v", got, tc.want)
			}
			if (got.Refusal == "") != (len(got.Entries) > 0) {
				t.Errorf("entries: %v", got.Entries)
			}
		})
	}
}
