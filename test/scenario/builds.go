package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/nodes"
)

// overtaken says whether the item does not want a buildset any more, and why.
func (w *world) overtaken(b *buildSet) (string, bool) {
	q := w.store.queues[b.queue]
	if q == nil {
		return "its queue is gone", true
	}
	switch e := q.entry(b.item); {
	case e.Epoch == 0:
		return "the change left the queue", true
	case e.Epoch > b.epoch, e.Halted:
		return e.Why, true
	}
	return "", false
}

// reconcileSet brings a job graph as far as its builds allow (controllers/buildset).
func (w *world) reconcileSet(b *buildSet) {
	if b.result != "" {
		return
	}
	if why, gone := w.overtaken(b); gone {
		if w.mayBeKept(b) {
			return // it is told when the item is prepared
		}
		b.result, b.reason, b.canceled = "CANCELED", why, true
		w.touch("queue " + b.queue)
		w.wrote()
		return
	}
	if w.lostBuild(b) {
		b.result, b.reason, b.canceled = "CANCELED", "a build that was to be kept was cancelled", true
		w.touch("queue " + b.queue)
		w.wrote()
		return
	}
	states := slices.Clone(b.states)
	for n := range states {
		build := w.store.builds[b.jobs[n].build]
		if build.result != "" {
			states[n].Result, states[n].Reason = build.result, build.reason
		}
	}
	w.require(b, states)
	p := jobgraph.Advance(states, b.failFast)
	was := *b
	b.states, b.failing, b.reason = p.Jobs, p.Failing, p.Reason
	if p.Complete {
		if b.result = "FAILURE"; p.Success {
			b.result = "SUCCESS"
		}
	}
	w.given(b)
	same := func(x, y jobgraph.JobState) bool { return x.Started == y.Started && x.Result == y.Result }
	if b.failing != was.failing || b.result != was.result || !slices.EqualFunc(b.states, was.states, same) {
		w.touch("queue " + b.queue)
		w.tellRequiring()
		w.wrote()
	}
	w.requestNodes(b)
}

// priorities of node requests.
var priorities = map[string]int32{"high": 100, "normal": 200, "low": 300}

// requestNodes asks for the nodes of every job that was started and has no result.
func (w *world) requestNodes(b *buildSet) {
	for n, j := range b.jobs {
		build := w.store.builds[j.build]
		if st := b.states[n]; !st.Started || st.Result != "" || build.requested > 0 {
			continue
		}
		if build.early && !build.holds {
			w.askForSemaphores(build)
			continue
		}
		build.priority = priorities["normal"]
		if p := w.store.pipeline(b.pipeline); p != nil && priorities[p.spec.Precedence] > 0 {
			build.priority = priorities[p.spec.Precedence]
		}
		build.requested = w.store.tick()
		w.wrote()
	}
}

// waitingBuilds have asked for nodes, in the order in which they get them.
func (w *world) waitingBuilds() []*build {
	var out []*build
	for _, b := range w.store.builds {
		if b.waiting() && !w.unwanted(b) {
			out = append(out, b)
		}
	}
	relative := w.relative(out)
	slices.SortFunc(out, func(a, b *build) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(relative[a.name], relative[b.name]), cmp.Compare(a.requested, b.requested))
	})
	return out
}

// relative priority of builds that wait, where it is used (controllers/noderequest).
func (w *world) relative(waiting []*build) map[string]int32 {
	out := map[string]int32{}
	if !w.relativePriority {
		return out
	}
	pipelines := map[string][]nodes.Standing{}
	for _, i := range w.unfinished() {
		s := nodes.Standing{Name: i.name, Since: time.Unix(int64(i.seq), 0)}
		for _, c := range i.changes {
			s.Projects = append(s.Projects, c.Project.Canonical())
		}
		if i.live {
			pipelines[i.pipeline] = append(pipelines[i.pipeline], s)
		}
	}
	for _, b := range waiting {
		set := w.decides(b)
		q := w.store.queues[set.queue]
		if q != nil && q.manager == gozer.ManagerDependent {
			out[b.name] = int32(max(0, slices.IndexFunc(q.entries, func(e entry) bool { return e.item == set.item }))) //nolint:gosec // a place in a list
		} else {
			out[b.name] = nodes.Relative(pipelines[set.pipeline])[set.item]
		}
	}
	return out
}

func (w *world) nodesReady() bool { return w.free() && len(w.waitingBuilds()) > 0 }

func (w *world) free() bool {
	used := 0
	for _, b := range w.store.builds {
		if b.running() || b.allotted && b.result == "" {
			used++
		}
	}
	return w.capacity == 0 || used < w.capacity
}

// assignNodes serves requests (controllers/noderequest, controllers/build).
func (w *world) assignNodes() {
	for _, b := range w.waitingBuilds() {
		if !w.free() {
			return
		}
		if len(b.needs) > 0 && !b.holds {
			b.allotted = true
			w.askForSemaphores(b)
		} else {
			w.startBuild(b)
		}
		if w.order != nil {
			return // one at a time: anything may happen in between
		}
	}
}

func (w *world) startBuild(b *build) {
	b.attempt++
	b.allotted, b.started = false, w.store.tick()
	w.say("started %s on %s%s", title(b), w.stateText(b), w.withArtifacts(b))
	w.wrote()
}

// title names a build: its job and the changes that it is for.
func title(b *build) string { return b.job + " " + strings.Join(b.own, "+") }

// stateText is the exact merge order of what a build runs on.
func (w *world) stateText(b *build) string {
	if steps := w.contents(b); len(steps) > 0 {
		return strings.Join(steps, " ")
	}
	return "the branch"
}

// contents are the changes of a build's state.
func (w *world) contents(b *build) []string {
	var out []string
	for _, c := range w.store.sets[b.set].steps {
		out = append(out, rev(c))
	}
	return out
}

// unwanted says whether a build's buildset was cancelled.
func (w *world) unwanted(b *build) bool { return w.decides(b).canceled }

// readyBuilds can end, the oldest first: only when nothing else is to do, in default order.
func (w *world) readyBuilds() []step {
	var builds []*build
	for _, b := range w.store.builds {
		if b.running() && (w.unwanted(b) || !w.held(b)) || b.pending() && w.unwanted(b) {
			builds = append(builds, b)
		}
	}
	slices.SortFunc(builds, func(a, b *build) int {
		if x, y := w.unwanted(a), w.unwanted(b); x != y {
			if x {
				return -1
			}
			return 1
		}
		if a.started != b.started {
			return a.started - b.started
		}
		return a.requested - b.requested
	})
	var out []step
	for _, b := range builds {
		out = append(out, step{"build " + b.name, func() { w.endBuild(b) }})
	}
	return out
}

// held says whether the story keeps a build running.
func (w *world) held(b *build) bool {
	return !w.freed[b.name] && w.holds.match(b.job)
}

// endBuild ends a build: with what it deserves, or because nobody wants it.
func (w *world) endBuild(b *build) {
	decides := w.decides(b)
	switch {
	case w.unwanted(b) && b.started == 0:
		b.result, b.reason = model.Canceled, "nobody waits for it" // nothing ran: no history
	case w.unwanted(b):
		b.result = model.Canceled
		w.record(b, "ABORTED")
	default:
		result, reason := w.deserved(b), ""
		if result == model.Retry {
			w.record(b, "RETRY")
			if b.attempt-len(b.failures) < w.attempts(b) {
				b.started, b.requested = 0, w.store.tick()
				w.wrote()
				return
			}
			result, reason = model.RetryLimit, fmt.Sprintf("%d attempts", b.attempt)
		} else {
			w.record(b, string(result))
		}
		if counts := result != model.Failure || len(b.failures) >= b.retryFailed; !counts {
			b.failures = append(b.failures, string(result))
			b.started, b.requested = 0, w.store.tick()
			w.wrote()
			return
		}
		b.result, b.reason = result, reason
	}
	w.tellRequiring()
	w.touchSets(decides.item)
	w.wrote()
}

func (w *world) attempts(b *build) int {
	for _, j := range w.store.sets[b.set].jobs {
		if j.build == b.name {
			return j.attempts
		}
	}
	return 1
}

func (w *world) record(b *build, result string) {
	w.history = append(w.history, fmt.Sprintf("%s %s on %s", title(b), result, w.stateText(b)))
	w.say("%s %s on %s", result, title(b), w.stateText(b))
}
