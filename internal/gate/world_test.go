package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// world plays everything around a queue: jobs, the code host, the branch. It
// carries out what Plan says and checks the invariants after every step.
type world struct {
	q Queue
	// branch is the sequence of changes in the branch; pushes by hand are "push N".
	branch []string
	pushes int
	// tested is the sequence that an item's present state consists of.
	tested map[string][]string
	// bad says whether the tests fail on a state, given as its sequence.
	bad func(state []string) bool
	// jobs of an item; "unit" where nothing is said. A flake is a job that fails for
	// an item, and not for those behind it.
	jobs   map[string][]string
	flakes map[string][]string
	// passed: an urgent item has passed others since the last step.
	passed bool
	// refuse lists the changes that the code host does not merge.
	refuse map[string]bool

	log     []string
	resets  map[string]int
	results map[string]model.ItemResult
	builds  int
	// running are the states for which jobs run: item -> epoch.
	running map[string]int
	problem string
}

func newWorld(merges bool, window Window) *world {
	return &world{
		q:      Queue{Merges: merges, Window: window},
		tested: map[string][]string{}, resets: map[string]int{}, results: map[string]model.ItemResult{},
		running: map[string]int{}, refuse: map[string]bool{},
		jobs: map[string][]string{}, flakes: map[string][]string{},
		bad: func([]string) bool { return false },
	}
}

func (w *world) violation(format string, args ...any) {
	if w.problem == "" {
		w.problem = fmt.Sprintf(format, args...)
	}
}

func (w *world) item(id string) *Item {
	for i := range w.q.Items {
		if w.q.Items[i].ID == id {
			return &w.q.Items[i]
		}
	}
	return nil
}

func (w *world) enqueue(id string, needs ...string) {
	w.q.Items = append(w.q.Items, Item{ID: id, Name: id, Live: true, Needs: needs})
}

// stateOf is what an item's state would consist of if it were prepared now.
func (w *world) stateOf(it *Item) ([]string, bool) {
	if it.Ahead == "" {
		return append(slices.Clone(w.branch), it.ID), true
	}
	ahead := w.item(it.Ahead)
	if ahead == nil || ahead.Epoch != it.AheadEpoch {
		return nil, false
	}
	state, ok := w.tested[key(ahead)]
	if !ok {
		return nil, false
	}
	return append(slices.Clone(state), it.ID), true
}

func key(it *Item) string { return fmt.Sprintf("%s/%d", it.ID, it.Epoch) }

// prepare merges and configures an item, as the queueitem controller would.
func (w *world) prepare(id string) bool {
	it := w.item(id)
	if it == nil || !it.Active || it.Halted || it.Facts.Prepared {
		return false
	}
	state, ok := w.stateOf(it)
	if !ok {
		return false
	}
	w.tested[key(it)] = state
	it.Facts = Facts{Prepared: true, Jobs: len(w.jobsOf(id)), Votes: w.votes(id, Pending)}
	w.running[id] = it.Epoch
	w.builds++
	return true
}

// finish ends an item's jobs with the result that its state deserves.
func (w *world) finish(id string) bool {
	it := w.item(id)
	if it == nil || !it.Facts.Prepared || it.Facts.Complete || it.Halted {
		return false
	}
	it.Facts.Complete = true
	it.Facts.Votes = w.votes(id, Passed)
	for n, job := range w.jobsOf(id) {
		if n == 0 && w.bad(w.tested[key(it)]) || slices.Contains(w.flakes[id], job) {
			it.Facts.Failing, it.Facts.Reason = true, "job "+job+" failed"
			it.Facts.Votes[n].Verdict = Failed
		}
	}
	delete(w.running, id)
	return true
}

func (w *world) jobsOf(id string) []string {
	if jobs := w.jobs[id]; jobs != nil {
		return jobs
	}
	return []string{"unit"}
}

// votes of an item, all with one verdict; only a queue that rescues knows them.
func (w *world) votes(id string, v Verdict) []Vote {
	var out []Vote
	for _, job := range w.jobsOf(id) {
		out = append(out, Vote{Job: job, Project: "p", Verdict: v})
	}
	return out
}

func (w *world) push() {
	w.pushes++
	w.branch = append(w.branch, fmt.Sprintf("push %d", w.pushes))
}

// step plans once and does what was planned. It says whether there was anything.
func (w *world) step() bool {
	before := w.q
	actions := Plan(w.q)
	w.checkMinimal(before, actions)
	w.passed = false
	for _, a := range actions {
		w.log = append(w.log, a.String())
		if a.Kind == Reset {
			w.resets[a.Item]++
		}
		if a.Kind == Remove {
			w.results[a.Item] = a.Result
		}
	}
	w.q = Apply(w.q, actions)
	for _, it := range w.q.Items {
		if it.Epoch == 0 {
			w.violation("%s has no place after a plan", it.ID)
		}
	}
	for _, a := range Plan(w.q) {
		if !a.Kind.Outside() && a.Kind != Remove {
			w.violation("not level-based: planning again gives %v after %v", a, actions)
		}
	}
	for _, a := range actions {
		w.perform(a)
	}
	return len(actions) > 0
}

func (w *world) perform(a Action) {
	it := w.item(a.Item)
	if it == nil {
		return
	}
	switch a.Kind {
	case Lookup:
		it.Host = Host{Known: true}
		if w.refuse[it.ID] {
			it.Host.Refused = "the code host refuses"
		}
		want := w.tested[key(it)]
		if it.Ahead != "" && slices.Equal(w.branch, want[:min(len(w.branch), len(want))]) {
			break // what is ahead is not in the branch yet
		}
		if !slices.Equal(w.branch, want[:len(want)-1]) {
			it.Host.Moved = "the branch moved"
		}
	case Merge:
		if !slices.Equal(append(slices.Clone(w.branch), it.ID), w.tested[key(it)]) {
			w.violation("not safe: %s merges onto %v but was tested as %v", it.ID, w.branch, w.tested[key(it)])
		}
		if w.bad(w.tested[key(it)]) || it.Facts.Failing && !w.rescued(it) {
			w.violation("not safe: %s merges although its tests fail", it.ID)
		}
		w.branch = append(w.branch, it.ID)
		it.Host.Merged = true
	case Report:
		it.Reported = a.Result
	}
}

// expedite lets an item pass those that wait. Who has started must keep its state.
func (w *world) expedite(id string) {
	order, needs := []string{}, map[string][]string{}
	for _, it := range w.q.Items {
		order = append(order, it.ID)
		needs[it.ID] = it.Needs
	}
	started := func(id string) bool { it := w.item(id); return it.Active || it.Reported != "" || it.Host.Merged }
	if started(id) {
		return
	}
	items := make([]Item, 0, len(order))
	for _, next := range Expedite(order, id, started, needs) {
		items = append(items, *w.item(next))
	}
	w.q.Items, w.passed = items, true
}

// rescued says whether an item that succeeded, and stands on this one in the
// present epochs, passed all that this one failed in.
func (w *world) rescued(it *Item) bool {
	on := map[string]int{it.ID: it.Epoch}
	for n := range w.q.Items {
		o := &w.q.Items[n]
		if epoch, ok := on[o.Ahead]; !ok || epoch != o.AheadEpoch {
			continue
		}
		on[o.ID] = o.Epoch
		verdict, _ := o.Facts.instead(it.Facts.missing())
		if _, failing := o.failing(); !failing && o.Facts.Complete && verdict == Passed {
			return w.q.Rescue
		}
	}
	return false
}

// checkGivenUp asserts that an item is given up only when its jobs are done, or
// one that stands on it fails in one of the same.
func (w *world) checkGivenUp(q Queue, it *Item) {
	on := map[string]int{it.ID: it.Epoch}
	for n := range q.Items {
		o := &q.Items[n]
		if epoch, ok := on[o.Ahead]; !ok || epoch != o.AheadEpoch {
			continue
		}
		on[o.ID] = o.Epoch
		if verdict, _ := o.Facts.instead(it.Facts.missing()); verdict == Failed {
			return
		}
	}
	if !it.done() {
		w.violation("%s is given up without a reason", it.ID)
	}
}

// checkMinimal asserts that exactly those items get a new state whose present
// one contains something that is failing, gone or itself made anew.
func (w *world) checkMinimal(q Queue, actions []Action) {
	anew := map[string]bool{}
	stopped := map[string]bool{}
	given := map[string]bool{}
	for _, a := range actions {
		switch a.Kind {
		case GiveUp:
			given[a.Item] = true
		case Reset:
			anew[a.Item] = true
		case Halt:
			stopped[a.Item] = true
		case Remove:
			stopped[a.Item] = a.Result != model.ItemSuccess || !w.q.Merges
		}
	}
	spoilt := map[string]bool{}
	for i := range q.Items {
		it := &q.Items[i]
		if it.Epoch == 0 {
			continue
		}
		_, failing := it.failing()
		if given[it.ID] {
			w.checkGivenUp(q, it)
		} else if q.Rescue && it.rescuable() {
			failing = false
		}
		self := it.Halted && !stopped[it.ID] || it.Host.Moved != "" && !it.Host.Merged
		onSpoilt := it.Ahead != "" && (spoilt[it.Ahead] || w.item(it.Ahead) == nil)
		_, going := it.going()
		leaves := it.Reported != ""
		if w.passed && !it.Active {
			spoilt[it.ID] = anew[it.ID] // it has no builds to lose
			continue
		}
		if (self || onSpoilt) != anew[it.ID] && !stopped[it.ID] && !going && !leaves && !it.Halted {
			w.violation("not minimal: %s reset=%v, but stands on something spoilt=%v (actions %v)", it.ID, anew[it.ID], onSpoilt, actions)
		}
		spoilt[it.ID] = anew[it.ID] || stopped[it.ID] || failing && !it.Host.Merged || it.Halted
	}
}

// forget drops what was looked up: it is never older than one reconcile. What
// is stored (places, results, merges) stays.
func (w *world) forget() {
	for i := range w.q.Items {
		if !w.q.Items[i].Host.Merged {
			w.q.Items[i].Host = Host{}
		}
	}
}

// settle steps until nothing is left to do.
func (w *world) settle() {
	w.forget()
	limit := 6*len(w.q.Items) + 12
	for n := 0; w.step(); n++ {
		if n > limit {
			w.violation("not live: %d rounds for %d items and still %v", n, len(w.q.Items), Plan(w.q))
			return
		}
	}
}

func (w *world) String() string {
	var b strings.Builder
	for i := range w.q.Items {
		it := &w.q.Items[i]
		on := it.Ahead
		if on == "" {
			on = "-"
		}
		fmt.Fprintf(&b, "%s@%d on %s", it.ID, it.Epoch, on)
		if !it.Active {
			b.WriteString(" waiting")
		}
		if it.Halted {
			b.WriteString(" halted")
		}
		if why, bad := it.failing(); bad {
			b.WriteString(" failing: " + why)
		}
		if it.GivenUp {
			b.WriteString(", given up")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
