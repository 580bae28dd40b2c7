package jobgraph

import (
	"fmt"

	"github.com/gozer-dev/gozer/internal/model"
)

// JobState is a job of the graph as Advance sees it.
type JobState struct {
	Name   string
	Voting bool
	// Noop jobs succeed without being run.
	Noop         bool
	Dependencies []Dependency
	// Started jobs were allowed to run before.
	Started bool
	// Result of the job; empty while it is not decided.
	Result model.BuildResult
	Reason string
}

// Progress is what Advance makes of a buildset.
type Progress struct {
	// Jobs with new results (skipped, noop) and starts filled in, in the given order.
	Jobs []JobState
	// Failing is true as soon as a voting job failed.
	Failing bool
	// Complete is true when every job has a result.
	Complete bool
	// Success is meaningful when Complete.
	Success bool
	// Reason names the first failed voting job.
	Reason string
	// Done counts the jobs with a result.
	Done int
}

// Advance starts jobs whose dependencies allow it, skips those whose
// dependencies failed, and sums up. It is level-based: called with its own
// output it changes nothing.
func Advance(jobs []JobState) Progress {
	out := make([]JobState, len(jobs))
	copy(out, jobs)
	index := map[string]int{}
	for i, j := range out {
		index[j.Name] = i
	}
	for changed := true; changed; {
		changed = false
		for i := range out {
			if advanceJob(out, index, i) {
				changed = true
			}
		}
	}
	return sumUp(out)
}

// advanceJob moves one job on if it can; it says whether it did.
func advanceJob(jobs []JobState, index map[string]int, i int) bool {
	j := &jobs[i]
	if j.Started || j.Result != model.Undetermined {
		return false
	}
	waits := false
	for _, d := range j.Dependencies {
		at, known := index[d.Name]
		switch {
		case !known && d.Soft:
			// It does not run.
		case !known:
			j.Result, j.Reason = model.Skipped, fmt.Sprintf("Skipped: job %s does not run", d.Name)
			return true
		case jobs[at].Result == model.Undetermined:
			waits = true
		case !d.Soft && jobs[at].Result != model.Success:
			j.Result, j.Reason = model.Skipped, fmt.Sprintf("Skipped due to failed job %s", d.Name)
			return true
		}
	}
	if waits {
		return false
	}
	if j.Noop {
		j.Result = model.Success
		return true
	}
	j.Started = true
	return true
}

func sumUp(jobs []JobState) Progress {
	p := Progress{Jobs: jobs, Complete: true}
	skipped := 0
	for _, j := range jobs {
		switch {
		case j.Result == model.Undetermined:
			p.Complete = false
			continue
		case j.Result == model.Skipped:
			skipped++
		case j.Voting && j.Result.Failed():
			if !p.Failing {
				p.Reason = fmt.Sprintf("job %s: %s", j.Name, j.Result)
				if j.Reason != "" {
					p.Reason += " (" + j.Reason + ")"
				}
			}
			p.Failing = true
		}
		p.Done++
	}
	if p.Complete && skipped > 0 && skipped == len(jobs) {
		p.Failing, p.Reason = true, "all jobs were skipped"
	}
	p.Success = p.Complete && !p.Failing
	return p
}
