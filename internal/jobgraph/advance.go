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
	// Waits and Fails say that what changes ahead are to provide is not there yet, or
	// will not be. Providers are the builds that have it.
	Waits, Fails string
	Providers    []string
	// Started jobs were allowed to run before.
	Started bool
	// Paused jobs have done what the jobs need that depend on them, and end when
	// all those have (Zuul: zuul.pause). They stay so when they have been resumed.
	Paused bool
	// Resume tells a paused job to go on.
	Resume bool
	// Failing is why a job that has no result yet is known to fail (Zuul: pre_fail).
	Failing string
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
// dependencies failed, resumes paused ones, and sums up. With failFast, the first failure of a voting job cancels all that is
// undecided and not failing itself. It is level-based: called with its own output
// it changes nothing.
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
	for i := range out {
		out[i].Resume = out[i].Paused && out[i].Result == model.Undetermined && !awaited(out, out[i].Name)
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
		case !j.Voting || !j.fails():
		case j.Result != model.Canceled:
			return i
		case first < 0:
			first = i
		}
	}
	return first
}

// fails says whether a job has failed, or is known to.
func (j JobState) fails() bool {
	return j.Result.Failed() || j.Result == model.Undetermined && j.Failing != ""
}

// awaited says whether a job that depends on this one, directly or through others,
// is not decided.
func awaited(jobs []JobState, name string) bool {
	seen := map[string]bool{name: true}
	for grown := true; grown; {
		grown = false
		for _, j := range jobs {
			if seen[j.Name] || !slices.ContainsFunc(j.Dependencies, func(d Dependency) bool { return seen[d.Name] }) {
				continue
			}
			if j.Result == model.Undetermined {
				return true
			}
			seen[j.Name], grown = true, true
		}
	}
	return false
}

// cancelRest ends what is undecided: it would change nothing any more.
func cancelRest(jobs []JobState, culprit JobState) {
	for i := range jobs {
		if jobs[i].Result == model.Undetermined && jobs[i].Failing == "" {
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
		case !jobs[at].ready():
			waits = true
		case !d.Soft && jobs[at].Result != model.Success && jobs[at].Result != model.Undetermined:
			j.Result, j.Reason = model.Skipped, fmt.Sprintf("Skipped due to failed job %s", d.Name)
			return true
		case !jobs[at].Result.Failed() && jobs[at].Children != nil && !slices.Contains(*jobs[at].Children, j.Job):
			j.Result, j.Reason = model.Skipped, model.SkippedByChildJobs+d.Name
			return true
		}
	}
	switch {
	case waits || stop:
		return false
	case j.Waits != "":
		j.Reason = j.Waits
		return false
	case j.Fails != "":
		j.Result, j.Reason = model.Failure, j.Fails
	case j.Noop:
		j.Result = model.Success
	default:
		j.Started, j.Reason = true, ""
	}
	return true
}

// ready says whether jobs that depend on this one need not wait for it.
func (j JobState) ready() bool { return j.Result != model.Undetermined || j.Paused }

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
		p.Failing, p.Reason = true, jobs[at].why()
	}
	if p.Complete && skipped > 0 && skipped == len(jobs) {
		p.Failing, p.Reason = true, "all jobs were skipped"
	}
	p.Success = p.Complete && !p.Failing
	return p
}

// why is what a failed job says of itself.
func (j JobState) why() string {
	switch {
	case j.Result == model.Undetermined:
		return fmt.Sprintf("job %s is failing (%s)", j.Name, j.Failing)
	case j.Reason != "":
		return fmt.Sprintf("job %s: %s (%s)", j.Name, j.Result, j.Reason)
	}
	return fmt.Sprintf("job %s: %s", j.Name, j.Result)
}
