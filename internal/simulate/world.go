package simulate

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// Policy decides what is tested together, and what merges.
type Policy interface {
	// Arrive brings changes that entered at this moment, for the first time or again.
	Arrive(w *World, c *Change)
	// Moved tells that a build of a run ended.
	Moved(w *World, r *Run)
}

// Run tests some changes together: all their jobs, on one state.
type Run struct {
	Changes []*Change
	// Failed: a voting job failed. Done: no job is left.
	Failed, Done bool
	// first is the index of the run of every change.
	first   []int
	builds  []*build
	left    int
	retried int
	// again is how many failed builds are run again now.
	again int
	// priority of its builds: the lower one gets nodes first.
	priority int
	ended    bool
	// broken are jobs that fail because of a change ahead.
	broken map[string]bool
}

// build is one job of a run.
type build struct {
	run      *Run
	job      Job
	attempt  int
	position int
	began    time.Duration
	running  bool
	over     bool
	failed   bool
	// again: it failed, and is run again.
	again bool
}

// World is the clock, the nodes and the counts.
type World struct {
	Now    time.Duration
	policy Policy
	opts   Options
	load   Workload
	events events
	seq    int
	// runs that a change has completed.
	runs []int
	busy int
	wait builds
	res  *recorder
}

// event happens at a time; those of one time in the order in which they were planned.
type event struct {
	at  time.Duration
	seq int
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(e[i].at, e[j].at), cmp.Compare(e[i].seq, e[j].seq)) < 0
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) } //nolint:errcheck,forcetypeassert // the heap holds nothing else
func (e *events) Pop() any     { old := *e; x := old[len(old)-1]; *e = old[:len(old)-1]; return x }

// builds that wait for a node.
type builds []*build

func (b builds) Len() int { return len(b) }
func (b builds) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(b[i].run.priority, b[j].run.priority), cmp.Compare(b[i].position, b[j].position)) < 0
}
func (b builds) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b *builds) Push(x any)   { *b = append(*b, x.(*build)) } //nolint:errcheck,forcetypeassert // the heap holds nothing else
func (b *builds) Pop() any     { old := *b; x := old[len(old)-1]; *b = old[:len(old)-1]; return x }

func (w *World) at(t time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, event{t, w.seq, do})
}

// play runs the clock until nothing happens any more.
func (w *World) play() {
	for _, c := range w.load.Changes {
		w.at(c.Enter, func() { w.arrive(c) })
	}
	for len(w.events) > 0 {
		e, _ := heap.Pop(&w.events).(event)
		w.Now = e.at
		e.do()
		if len(w.events) == 0 || w.events[0].at > w.Now {
			w.hand()
		}
	}
}

func (w *World) arrive(c *Change) {
	w.res.arrived(w.Now)
	w.policy.Arrive(w, c)
}

// Start begins a run. Of jobs with the same name the longest counts.
func (w *World) Start(priority int, changes ...*Change) *Run {
	r := &Run{Changes: slices.Clone(changes), priority: priority}
	at := map[string]*build{}
	for _, c := range changes {
		n := w.runs[c.index]
		r.first = append(r.first, n)
		for _, j := range c.jobs(n) {
			if b := at[j.Name]; b != nil {
				b.job.Takes, b.job.Voting = max(b.job.Takes, j.Takes), b.job.Voting || j.Voting
				continue
			}
			b := &build{run: r, job: j, position: len(r.builds)}
			at[j.Name] = b
			r.builds = append(r.builds, b)
		}
	}
	r.left = len(r.builds)
	for _, b := range r.builds {
		w.ask(b)
	}
	return r
}

// ask puts a build into the line for nodes.
func (w *World) ask(b *build) { heap.Push(&w.wait, b) }

// hand gives nodes out when everything of a moment has happened: what is freed
// by a reset must not go to a build that the same reset cancels.
func (w *World) hand() {
	for len(w.wait) > 0 && (w.opts.Nodes == 0 || w.busy < w.opts.Nodes) {
		b, _ := heap.Pop(&w.wait).(*build)
		if b.over {
			continue
		}
		w.busy++
		b.began, b.running = w.Now, true
		w.res.started(w.busy)
		attempt := b.attempt
		w.at(w.Now+b.job.Takes, func() { w.end(b, attempt) })
	}
}

// end is the end of a build that was not cancelled.
func (w *World) end(b *build, attempt int) {
	if b.over || b.attempt != attempt {
		return
	}
	w.free(b, false)
	if r := b.run; r.fails(b) {
		if b.attempt < w.opts.Retry {
			b.attempt++
			r.retried = max(r.retried, b.attempt)
			w.res.restart("a failed build is run again", 1)
			if !b.again {
				b.again = true
				r.again++
			}
			w.ask(b)
			if w.opts.Both {
				w.policy.Moved(w, r)
			}
			return
		}
		r.Failed, b.failed = true, true
	}
	b.over = true
	if b.again {
		b.run.again--
	}
	b.run.left--
	if b.run.left == 0 {
		w.complete(b.run)
	}
	w.policy.Moved(w, b.run)
}

// fails says whether the build fails in its present attempt: every attempt is
// the next run of the record.
func (r *Run) fails(b *build) bool {
	if b.job.Voting && r.broken[b.job.Name] {
		return true
	}
	for i, c := range r.Changes {
		if c.fails(r.first[i]+b.attempt, b.job.Name) {
			return true
		}
	}
	return false
}

// complete counts the run: it, and what was run again in it, is used up.
func (w *World) complete(r *Run) {
	r.Done = true
	for i, c := range r.Changes {
		w.runs[c.index] = r.first[i] + r.retried + 1
	}
}

// free gives the build's node back.
func (w *World) free(b *build, thrown bool) {
	if !b.running {
		return
	}
	b.running = false
	w.busy--
	w.res.ran(w.Now-b.began, thrown)
}

// Cancel throws a run away, with what it has found out.
func (w *World) Cancel(r *Run) {
	if r == nil || r.ended {
		return
	}
	r.ended = true
	for _, b := range r.builds {
		switch {
		case b.running:
			b.over = true
			w.free(b, true)
		case b.over:
			w.res.wasted(b.job.Takes)
		default:
			b.over = true
		}
	}
}

// Discard ends a run whose result decides nothing, and counts what it has taken
// as its changes' run.
func (w *World) Discard(r *Run) {
	if !r.Done {
		w.complete(r)
	}
	w.Cancel(r)
}

// Merge merges a change after a run that passed.
func (w *World) Merge(c *Change, r *Run) {
	r.ended = true
	longest := time.Duration(0)
	for _, b := range r.builds {
		longest = max(longest, b.job.Takes)
	}
	w.res.merged(c, w.Now, longest)
}

// Eject takes a change out. A good one comes back.
func (w *World) Eject(c *Change, r *Run) {
	if r != nil {
		r.ended = true
	}
	w.res.ejected(c, w.Now)
	if !c.Bad {
		w.at(w.Now+w.load.Back, func() { w.arrive(c) })
	}
}

// without removes a change from a list.
func without(list []*Change, c *Change) []*Change {
	return slices.DeleteFunc(list, func(o *Change) bool { return o == c })
}
