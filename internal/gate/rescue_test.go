package gate

import (
	"testing"

	"github.com/gozer-dev/gozer/internal/model"
)

// TestVerdictOf: only a job that another one left out on purpose is no vote.
func TestVerdictOf(t *testing.T) {
	for name, tc := range map[string]struct {
		result  model.BuildResult
		reason  string
		verdict Verdict
		votes   bool
	}{
		"runs":           {model.Undetermined, "", Pending, true},
		"is retried":     {model.Retry, "", Pending, true},
		"passed":         {model.Success, "", Passed, true},
		"failed":         {model.Failure, "", Failed, true},
		"no node":        {model.NodeFailure, "", Failed, true},
		"too long":       {model.TimedOut, "", Failed, true},
		"fail-fast":      {model.Canceled, "Canceled: job unit failed", Undone, true},
		"after a failed": {model.Skipped, "Skipped due to failed job build", Undone, true},
		"on purpose":     {model.Skipped, model.SkippedByChildJobs + "build", Undone, false},
	} {
		if v, votes := VerdictOf(tc.result, tc.reason); votes != tc.votes || votes && v != tc.verdict {
			t.Errorf("%s: %v, %v", name, v, votes)
		}
	}
}

// TestWhoRescues: what one behind has to have passed.
func TestWhoRescues(t *testing.T) {
	job := func(name, project string, v Verdict) Vote { return Vote{Job: name, Project: project, Verdict: v} }
	missing := Facts{Votes: []Vote{job("unit", "p@main", Failed), job("deploy", "p@main", Undone), job("lint", "p@main", Passed)}}.missing()
	for name, tc := range map[string]struct {
		votes []Vote
		want  Verdict
	}{
		"all":                {[]Vote{job("unit", "p@main", Passed), job("deploy", "p@main", Passed)}, Passed},
		"one not run":        {[]Vote{job("unit", "p@main", Passed)}, Undone},
		"of another branch":  {[]Vote{job("unit", "p@main", Passed), job("deploy", "p@stable", Passed)}, Undone},
		"one fails":          {[]Vote{job("unit", "p@main", Failed), job("deploy", "p@main", Pending)}, Failed},
		"one was cancelled":  {[]Vote{job("unit", "p@main", Passed), job("deploy", "p@main", Undone)}, Undone},
		"one runs":           {[]Vote{job("unit", "p@main", Passed), job("deploy", "p@main", Pending)}, Pending},
		"what passed before": {[]Vote{job("unit", "p@main", Passed), job("deploy", "p@main", Passed), job("lint", "p@main", Failed)}, Passed},
	} {
		if got, _ := (Facts{Votes: tc.votes}).instead(missing); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// TestWhoHoldsRescuesNobody: those behind an item whose job they wait for never
// start; waiting for them would be for ever.
func TestWhoHoldsRescuesNobody(t *testing.T) {
	failed := Facts{Prepared: true, Jobs: 1, Failing: true, Complete: true, Votes: []Vote{{Job: "unit", Verdict: Failed}}}
	pending := Facts{Prepared: true, Jobs: 1, Votes: []Vote{{Job: "unit"}}}
	holds := Facts{Prepared: true, Jobs: 1, Complete: true, Votes: []Vote{{Job: "docs", Verdict: Passed}}, Holds: true}
	queue := func(facts ...Facts) Queue {
		q := Queue{Merges: true, Rescue: true}
		for n, f := range facts {
			it := Item{ID: string(rune('a' + n)), Live: true, Place: Place{Epoch: 1, Active: true}, Facts: f}
			if n > 0 {
				it.Ahead, it.AheadEpoch = q.Items[n-1].ID, 1
			}
			it.Name = it.ID
			q.Items = append(q.Items, it)
		}
		return q
	}
	if got := Plan(queue(failed, pending)); len(got) != 0 {
		t.Errorf("it waits for the one behind: %v", got)
	}
	if got := Plan(queue(failed, holds, pending)); len(got) == 0 || got[0].Kind != GiveUp {
		t.Errorf("the one between holds the one behind: %v", got)
	}
	failed.Holds = true
	if got := Plan(queue(failed, pending)); len(got) == 0 || got[0].Kind != Report {
		t.Errorf("it holds the one behind itself: %v", got)
	}
}
