package jobgraph

import (
	"fmt"
	"slices"

	"github.com/gozer-dev/gozer/internal/model"
)

// JobState is a job of the graph as Advance sees it.
type JobState struct {
	Name   string
	Voting bool
	// Noop jobs succeed without being run.
	Noop         bool
	Dependencies []Dependency
	// Job is the name as children are named by; that of a cycle's job has more to it.
	Job string
	// Children are the only ones of the jobs that depend on this one that run; nil
	// is no restriction (Zuul: child_jobs).
	Children *[]string
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
	// Reason names the first voting job that failed, not one that was cancelled for it.
	Reason string
	// Done counts the jobs with a result.
	Done int
}

// Advance starts jobs whose dependencies allow it, skips those whose
// dependencies failed, and sums up. With failFast, the first failure of a
// voting job cancels all that is undecided. It is level-based: called with its
// own output it changes nothing.
func Advance(jobs []JobState, failFast bool) Progress {
	out := make([]JobState, len(jobs))
	copy(out, jobs)
	index := map[string]int{}
	for i, j := range out {
		index[j.Name] = i
	}
	culprit := -1
	if failFast {
		culprit = firstFailure(out)
	}
	for changed := true; changed; {
		changed = false
		for i := range out {
			if advanceJob(out, index, i, culprit >= 0) {
				changed = true
			}
		}
	}
	if culprit >= 0 {
		cancelRest(out, out[culprit])
	}
	return sumUp(out)
}

// firstFailure is the voting job that fails the buildset; -1 if none does. One
// that was cancelled is named only when nothing else failed: it was cancelled
// because of the other. A retry is no result yet.
func firstFailure(jobs []JobState) int {
	first := -1
	for i, j := range jobs {
		switch {
		case !j.Voting || !j.Result.Failed():
		case j.Result != model.Canceled:
			return i
		case first < 0:
			first = i
		}
	}
	return first
}

// cancelRest ends what is undecided: it would change nothing any more.
func cancelRest(jobs []JobState, culprit JobState) {
	for i := range jobs {
		if jobs[i].Result == model.Undetermined {
			jobs[i].Result, jobs[i].Reason = model.Canceled, fmt.Sprintf("Canceled: job %s failed, and the project asks for fail-fast", culprit.Name)
		}
	}
}

// advanceJob moves one job on if it can; it says whether it did. When all is
// to be stopped, it starts nothing.
func advanceJob(jobs []JobState, index map[string]int, i int, stop bool) bool {
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
		case jobs[at].Result == model.Success && jobs[at].Children != nil && !slices.Contains(*jobs[at].Children, j.Job):
			j.Result, j.Reason = model.Skipped, model.SkippedByChildJobs+d.Name
			return true
		}
	}
	if waits || stop {
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
		switch j.Result {
		case model.Undetermined:
			p.Complete = false
			continue
		case model.Skipped:
			skipped++
		}
		p.Done++
	}
	if at := firstFailure(jobs); at >= 0 {
		p.Failing = true
		p.Reason = fmt.Sprintf("job %s: %s", jobs[at].Name, jobs[at].Result)
		if jobs[at].Reason != "" {
			p.Reason += " (" + jobs[at].Reason + ")"
		}
	}
	if p.Complete && skipped > 0 && skipped == len(jobs) {
		p.Failing, p.Reason = true, "all jobs were skipped"
	}
	p.Success = p.Complete && !p.Failing
	return p
}
