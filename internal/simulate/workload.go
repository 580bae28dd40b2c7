package simulate

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Job is one job in one run of a change.
type Job struct {
	Name   string
	Takes  time.Duration
	Voting bool
	Fails  bool
}

// Change is one patchset that wants to merge.
type Change struct {
	Name string
	// Enter is when it first enters, from the begin of the workload.
	Enter time.Duration
	// Bad changes fail on every run.
	Bad bool
	// Urgent changes pass those that wait, where the policy lets them.
	Urgent bool
	// Runs are the recorded runs; a good change passes once they run out.
	Runs [][]Job

	index int
}

// jobs of the n-th run (from 0). A run of a good change beyond the record takes
// as long as the last one, and passes.
func (c *Change) jobs(n int) []Job {
	if n < len(c.Runs) {
		return c.Runs[n]
	}
	last := slices.Clone(c.Runs[len(c.Runs)-1])
	if !c.Bad {
		for i := range last {
			last[i].Fails = false
		}
	}
	return last
}

// fails says whether a job fails in the n-th run. What a bad change breaks is
// broken in every run.
func (c *Change) fails(n int, job string) bool {
	broken := func(j Job) bool { return j.Name == job && j.Fails && j.Voting }
	if c.Bad {
		return slices.ContainsFunc(c.Runs, func(run []Job) bool { return slices.ContainsFunc(run, broken) })
	}
	return slices.ContainsFunc(c.jobs(n), broken)
}

// broken are the jobs that a bad change breaks.
func (c *Change) broken() []string {
	var out []string
	for _, run := range c.Runs {
		for _, j := range run {
			if c.Bad && j.Fails && j.Voting {
				out = append(out, j.Name)
			}
		}
	}
	return out
}

// Workload is what comes to the gate.
type Workload struct {
	// Changes by the time at which they enter.
	Changes []*Change
	// Back is how long the author of a good change takes to bring it back.
	Back time.Duration
}

// arrange sorts the changes and gives them their numbers.
func (w *Workload) arrange() {
	slices.SortStableFunc(w.Changes, func(a, b *Change) int { return cmp.Compare(a.Enter, b.Enter) })
	for i, c := range w.Changes {
		c.index = i
	}
}

// Urgent returns the workload with a share of its changes made urgent, drawn by the seed.
func (w Workload) Urgent(share float64, seed uint64) Workload {
	r := rand.New(rand.NewPCG(seed, 0xd1b54a32d192ed03))
	out := Workload{Back: w.Back}
	for _, c := range w.Changes {
		marked := *c
		marked.Urgent = r.Float64() < share
		out.Changes = append(out.Changes, &marked)
	}
	return out
}

// Speed returns the workload with all arrivals so many times closer together.
func (w Workload) Speed(factor float64) Workload {
	out := Workload{Back: w.Back}
	for _, c := range w.Changes {
		faster := *c
		faster.Enter = time.Duration(float64(c.Enter) / factor)
		out.Changes = append(out.Changes, &faster)
	}
	return out
}
