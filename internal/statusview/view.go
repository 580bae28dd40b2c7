package statusview

import (
	"cmp"
	"slices"
	"time"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
)

// View is the state of a tenant's queues.
type View struct {
	Tenant string    `json:"tenant"`
	Time   time.Time `json:"time"`
	Queues []Queue   `json:"queues"`
	// MergedLastHour counts the changes that the gate merged within the hour.
	MergedLastHour int `json:"mergedLastHour"`
	// Resets counts how often a change lost its builds because of one ahead, and Culprits which ones made it so.
	Resets   int64    `json:"resets"`
	Culprits []string `json:"resetBy,omitempty"`
}

// Queue is one change queue, or all changes of an independent pipeline.
type Queue struct {
	Pipeline string `json:"pipeline"`
	// Name of a shared queue; empty for an independent pipeline.
	Name    string `json:"queue,omitempty"`
	Window  int32  `json:"window,omitempty"`
	Problem string `json:"problem,omitempty"`
	Items   []Item `json:"items"`
}

// Item is one change in a queue.
type Item struct {
	Name   string `json:"name"`
	Change string `json:"change"`
	URL    string `json:"url,omitempty"`
	Title  string `json:"title,omitempty"`
	Live   bool   `json:"live"`
	State  string `json:"state"`
	// Branch that it is to be merged into, and the changes that it is tested on.
	Branch string   `json:"branch"`
	On     []string `json:"on,omitempty"`
	// WasOn are changes that it was tested on before and is not any more.
	WasOn []string `json:"wasOn,omitempty"`
	Jobs  []Job    `json:"jobs,omitempty"`
	Note  string   `json:"note,omitempty"`
	// Reset tells when and why the item lost its builds.
	Reset   *time.Time `json:"resetAt,omitempty"`
	Why     string     `json:"resetBecause,omitempty"`
	Failing bool       `json:"failing,omitempty"`
	Halted  bool       `json:"halted,omitempty"`
}

// Job is one job of an item.
type Job struct {
	Name   string `json:"name"`
	Build  string `json:"build,omitempty"`
	Voting bool   `json:"voting"`
	// State is "waiting", "semaphores", "nodes", "starting", "running",
	// "paused" or "done".
	State  string `json:"state"`
	Result string `json:"result,omitempty"`
	// Wait says what it waits for.
	Wait     string     `json:"waits,omitempty"`
	Attempt  int32      `json:"attempt,omitempty"`
	Started  *time.Time `json:"startedAt,omitempty"`
	Finished *time.Time `json:"completedAt,omitempty"`
	LogURL   string     `json:"logURL,omitempty"`
	Failure  string     `json:"firstFailure,omitempty"`
	// Failing is why a job that runs will fail.
	Failing string `json:"failing,omitempty"`
}

// New makes the view; only the named pipeline when it is given.
func New(f Facts, pipeline string) View {
	x := indexed(f)
	v := View{Tenant: f.Tenant, Time: f.Now, Queues: []Queue{}}
	for _, q := range x.sortedQueues() {
		if pipeline != "" && q.Spec.Pipeline != pipeline {
			continue
		}
		v.Resets += q.Status.Resets
		v.addQueue(x, q)
	}
	culprits := map[string]bool{}
	for i := range f.Items {
		it := &f.Items[i]
		if pipeline != "" && it.Spec.Pipeline != pipeline {
			continue
		}
		if m := it.Status.Merged; m != nil && f.Now.Sub(m.At.Time) < time.Hour {
			v.MergedLastHour++
		}
		for _, dropped := range x.dropped(it) {
			culprits[dropped] = true
		}
	}
	for c := range culprits {
		v.Culprits = append(v.Culprits, c)
	}
	slices.Sort(v.Culprits)
	return v
}

func (v *View) addQueue(x *index, q gozer.ChangeQueue) {
	var items []Item
	for _, e := range q.Status.Items {
		if it := x.items[e.Item]; it != nil {
			items = append(items, x.item(q, e, it))
		}
	}
	if q.Spec.Dynamic {
		if len(items) == 0 {
			return
		}
		last := len(v.Queues) - 1
		if last < 0 || v.Queues[last].Pipeline != q.Spec.Pipeline || v.Queues[last].Name != "" {
			v.Queues = append(v.Queues, Queue{Pipeline: q.Spec.Pipeline})
			last++
		}
		v.Queues[last].Items = append(v.Queues[last].Items, items...)
		return
	}
	out := Queue{Pipeline: q.Spec.Pipeline, Name: clean(q.Spec.Queue), Window: q.Status.Window, Items: items}
	for _, c := range q.Status.Conditions {
		if c.Type == gozer.ConditionReady && c.Status == "False" {
			out.Problem = clean(c.Message)
		}
	}
	v.Queues = append(v.Queues, out)
}

func (x *index) item(q gozer.ChangeQueue, e gozer.QueueEntry, it *gozer.QueueItem) Item {
	c := changeOf(it)
	out := Item{
		Name: it.Name, Change: ChangeName(it), URL: clean(c.URL), Title: clean(c.Title), Live: it.Spec.Live,
		// Nothing is written of an item that just came.
		State: string(cmp.Or(it.Status.State, gozer.ItemWaiting)), Branch: clean(convert.RefName(c)), Halted: e.Halted,
	}
	for _, a := range x.chain(it.Name) {
		out.On = append(out.On, x.name(a))
	}
	out.WasOn = x.dropped(it)
	bs := x.buildSets[epochKey(it.Name, e.Epoch)]
	if bs != nil {
		out.Jobs = x.jobs(bs)
		out.Failing = bs.Status.Failing
	}
	if m := it.Status.Merge; m != nil && m.Epoch == e.Epoch && m.Problem != "" {
		out.Failing = true
	}
	if e.Epoch > 1 && e.Since != nil {
		out.Reset, out.Why = &e.Since.Time, clean(e.Why)
	}
	out.Note = x.note(q, e, it, out)
	return out
}

// dropped are the changes of an item's last state that are not part of its
// present one although they did not merge.
func (x *index) dropped(it *gozer.QueueItem) []string {
	e := x.entries[it.Name]
	before := x.buildSets[epochKey(it.Name, e.Epoch-1)]
	if e.Epoch < 2 || before == nil {
		return nil
	}
	chain := x.chain(it.Name)
	var out []string
	for _, s := range before.Spec.Steps[:max(0, len(before.Spec.Steps)-1)] {
		stands := func(name string) bool { i := x.items[name]; return i != nil && sameChange(changeOf(i), s.Change) }
		merged := slices.ContainsFunc(x.Items, func(i gozer.QueueItem) bool {
			return sameChange(changeOf(&i), s.Change) && (i.Status.Merged != nil || i.Status.Result == string(model.ItemSuccess))
		})
		if !merged && !slices.ContainsFunc(chain, stands) {
			out = append(out, clean(changeLabel(s.Change)))
		}
	}
	return out
}

func sameChange(a, b gozer.ChangeRef) bool {
	return a.Project == b.Project && a.Number == b.Number && a.Patchset == b.Patchset
}
