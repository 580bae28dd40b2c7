package jobgraph

import (
	"fmt"
	"slices"

	"github.com/gozer-dev/gozer/internal/model"
)

// Past is a build that an item had on an earlier state.
type Past struct {
	// Inputs is a digest of everything that it sees; empty when that is not known.
	Inputs string
	Result model.BuildResult
	// Over says that it paused for the jobs that depend on it, and does not any more:
	// what it served them is gone.
	Over bool
}

// Reuse says which earlier build serves each job: one with the same inputs, that
// runs or has a result to which they led. What the job depends on must have been
// kept as well, for what that returns is an input, too. One that served the jobs
// that depend on it, and does not any more, is of use only if all of these are kept.
// The jobs are InOrder, the earlier builds have the latest first. -1 stands for a
// new build.
func Reuse(jobs []*Job, inputs []string, past []Past) []int {
	not := map[int]bool{}
	for {
		out := reuse(jobs, inputs, past, not)
		again := false
		for n, j := range jobs {
			if out[n] >= 0 && past[out[n]].Over && !childrenKept(jobs, j, out) {
				not[n], again = true, true
			}
		}
		if !again {
			return out
		}
	}
}

// reuse leaves out the jobs that are not to be kept.
func reuse(jobs []*Job, inputs []string, past []Past, not map[int]bool) []int {
	kept := map[string]bool{}
	out := make([]int, len(jobs))
	for n, j := range jobs {
		out[n] = -1
		if !not[n] && dependenciesKept(j, kept) {
			out[n] = same(inputs[n], past)
		}
		kept[ofChange(j.Name, j.Change)] = out[n] >= 0
	}
	return out
}

// childrenKept says whether all jobs are kept that depend on one.
func childrenKept(jobs []*Job, j *Job, out []int) bool {
	for n, other := range jobs {
		if out[n] < 0 && HasChildren([]*Job{other}, j) {
			return false
		}
	}
	return true
}

func dependenciesKept(j *Job, kept map[string]bool) bool {
	for _, d := range j.Dependencies {
		if is, known := kept[ofChange(d.Name, j.Change)]; known && !is {
			return false
		}
	}
	return true
}

func same(inputs string, past []Past) int {
	if inputs == "" {
		return -1
	}
	for n, old := range past {
		if old.Inputs != inputs {
			continue
		}
		switch old.Result {
		case model.Undetermined, model.Success, model.Failure, model.TimedOut, model.PostFailure:
			return n
		}
	}
	return -1
}

func ofChange(name string, change int) string { return fmt.Sprint(name, " ", change) }

// HasChildren says whether other jobs of its change depend on a job.
func HasChildren(jobs []*Job, j *Job) bool {
	return slices.ContainsFunc(jobs, func(other *Job) bool {
		return (other.Change == j.Change || slices.Contains(j.Others, other.Change)) &&
			slices.ContainsFunc(other.Dependencies, func(d Dependency) bool { return d.Name == j.Name })
	})
}

// InOrder puts every job behind those of its change that it depends on.
func InOrder(jobs []*Job) []*Job {
	out := make([]*Job, 0, len(jobs))
	placed := map[*Job]bool{}
	var place func(j *Job)
	place = func(j *Job) {
		if placed[j] {
			return
		}
		placed[j] = true
		for _, d := range j.Dependencies {
			for _, other := range jobs {
				if other.Name == d.Name && other.Change == j.Change {
					place(other)
				}
			}
		}
		out = append(out, j)
	}
	for _, j := range jobs {
		place(j)
	}
	return out
}
