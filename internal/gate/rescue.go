package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// An item that failed in a job may be rescued: one behind it, whose state has
// all of its own, passes the same job. Until that is decided those behind keep
// standing on it.
//
//	A ● ← F ✖ ← B ● ← R ●     F failed in unit. R is the nearest that runs unit on
//	                          top of F, and passes: F, B and R merge in this order.
//
// What merges so was tested as it merges: the state of R, whole. That of F alone
// had a failure. How long others wait for a rescue is bounded by one job: when
// the nearest item that runs what F failed in fails in it as well, F is given up.

// Verdict of a voting job.
type Verdict uint8

// Verdicts.
const (
	Pending Verdict = iota
	Passed
	Failed
	// Undone jobs were cancelled or skipped because another one failed.
	Undone
)

// Vote is a voting job of an item's present state.
type Vote struct {
	Job string
	// Project and branch that the job is for. The same job for the same branch
	// behind an item tests that item as well; one for another does not see it.
	Project string
	Verdict Verdict
}

// VerdictOf a voting job's result. What another job left out on purpose is no vote.
func VerdictOf(result model.BuildResult, reason string) (v Verdict, votes bool) {
	switch result {
	case model.Undetermined, model.Retry:
		return Pending, true
	case model.Success:
		return Passed, true
	case model.Canceled:
		return Undone, true
	case model.Skipped:
		return Undone, !strings.HasPrefix(reason, model.SkippedByChildJobs)
	}
	return Failed, true
}

// missing are the votes that the item does not have.
func (f Facts) missing() []Vote {
	var out []Vote
	for _, v := range f.Votes {
		if v.Verdict == Failed || v.Verdict == Undone {
			out = append(out, v)
		}
	}
	return out
}

// rescuable says whether only jobs speak against the item, which one behind it
// may pass in its stead.
func (it *Item) rescuable() bool {
	if _, going := it.going(); going || !it.Live || it.Halted || it.GivenUp || it.Host.Merged || it.Host.Refused != "" {
		return false
	}
	f := &it.Facts
	return f.Failing && f.Problem == model.ItemUndecided && !f.Canceled && !f.Holds &&
		slices.ContainsFunc(f.Votes, func(v Vote) bool { return v.Verdict == Failed })
}

// chance of an item that failed.
type chance struct {
	// rescuer is the place in the queue of who passed its jobs; 0 for nobody yet.
	rescuer int
	// lost says why nobody will; empty while somebody may.
	lost string
}

// rescue knows the chances of all items that failed.
type rescue struct {
	items  []Item
	window Window
	index  map[string]int
	// rank counts those that stay ahead of each item, for the window.
	rank []int
	// bad items cannot be stood on, or will be halted.
	bad     []bool
	chances map[int]chance
}

// newRescue looks at the queue from its end: who is behind decides the chances
// of who is ahead. It is nil when nobody can be rescued.
func newRescue(items []Item, window Window) *rescue {
	if !slices.ContainsFunc(items, func(it Item) bool { return it.rescuable() }) {
		return nil
	}
	r := &rescue{items: items, window: window, index: make(map[string]int, len(items)), rank: make([]int, len(items)),
		bad: make([]bool, len(items)), chances: map[int]chance{}}
	staying := 0
	for i := range items {
		r.index[items[i].ID] = i
		if r.rank[i] = staying; items[i].Reported == model.ItemUndecided {
			staying++
		}
	}
	r.spoil(0)
	for i := len(items) - 1; i >= 0; i-- {
		if r.bad[i] || !items[i].rescuable() {
			continue
		}
		c := r.chance(i)
		if r.chances[i] = c; c.lost != "" {
			r.bad[i] = true
			r.spoil(i + 1)
		}
	}
	return r
}

// spoil finds, from a place in the queue on, who is bad, and whoever needs one that is.
func (r *rescue) spoil(from int) {
	for i := from; i < len(r.items); i++ {
		it := &r.items[i]
		_, failing := it.failing()
		left := it.Reported != model.ItemUndecided || failing && !it.rescuable()
		r.bad[i] = r.bad[i] || left && !it.Host.Merged || slices.ContainsFunc(it.Needs, func(id string) bool {
			n, known := r.index[id]
			return known && r.bad[n]
		})
	}
}

// chance of the item at a place. The nearest behind it that runs all that it
// failed in decides, be it that it runs yet.
func (r *rescue) chance(x int) chance {
	it := &r.items[x]
	missing := it.Facts.missing()
	base := x
	for y := x + 1; y < len(r.items); y++ {
		o := &r.items[y]
		stands := base >= 0 && o.standsOn(&r.items[base])
		verdict, job := o.Facts.instead(missing)
		switch {
		case stands && o.Host.Refused != "":
			// It was asked about for this one's sake. That is kept nowhere else.
			return chance{lost: fmt.Sprintf("%s, tested on top of it, cannot merge: %s", o.Name, o.Host.Refused)}
		case stands && verdict == Failed:
			return chance{lost: fmt.Sprintf("%s, tested on top of it, fails in %s as well", o.Name, job)}
		case r.bad[y] || o.Reported != model.ItemUndecided:
			continue
		}
		if base = -1; stands {
			base = y
		}
		if (!stands || !o.Active) && !r.window.includes(r.rank[y]) {
			continue // nobody works on it
		}
		if !stands || !o.Active || !o.Facts.Prepared {
			return chance{}
		}
		switch {
		case verdict == Passed && !o.Facts.Failing && o.done():
			return chance{rescuer: y}
		case verdict == Pending, verdict == Passed && !o.Facts.Failing:
			return chance{}
		}
		if o.Facts.Holds {
			break // those behind run nothing before it has merged
		}
	}
	if !it.done() {
		return chance{}
	}
	return chance{lost: "no change on top of it can pass " + jobs(missing)}
}

func jobs(votes []Vote) string {
	var names []string
	for _, v := range votes {
		names = append(names, v.Job)
	}
	return strings.Join(names, ", ")
}

// standsOn says whether the item's state is that of the other, as it is now, and its own.
func (it *Item) standsOn(ahead *Item) bool {
	anew := it.Halted || it.Facts.Canceled || it.Host.Known && it.Host.Moved != ""
	return it.Epoch > 0 && !anew && it.Ahead == ahead.ID && it.AheadEpoch == ahead.Epoch
}

// instead is what becomes of missing votes: Undone when the item does not run
// all of those jobs, or will not get to. The job is one that failed.
func (f Facts) instead(missing []Vote) (v Verdict, job string) {
	pending, undone := false, false
	for _, m := range missing {
		n := slices.IndexFunc(f.Votes, func(v Vote) bool { return v.Job == m.Job && v.Project == m.Project })
		if n < 0 {
			return Undone, ""
		}
		switch f.Votes[n].Verdict {
		case Pending:
			pending = true
		case Undone:
			undone = true
		case Failed:
			job = m.Job
		}
	}
	switch {
	case job != "":
		return Failed, job
	case undone:
		return Undone, ""
	case pending:
		return Pending, ""
	}
	return Passed, ""
}

// group are those that merge with an item, the last one first: its rescuer and
// all between them, to whom that may apply again. It is not ok before all of
// them have passed, or are rescued.
func (r *rescue) group(x int) (members []int, ok bool) {
	last := r.chances[x].rescuer
	for y := last; y != x; {
		o := &r.items[y]
		if !o.done() {
			return nil, false
		}
		if o.Facts.Failing {
			further := r.chances[y].rescuer
			if further == 0 {
				return nil, false
			}
			if further > last {
				last, y, members = further, further, nil
				continue
			}
		}
		members = append(members, y)
		y = r.index[o.Ahead]
	}
	return members, last > 0
}

// kept says whether those behind an item that failed go on standing on it.
func (p *planner) kept(i int, it *Item, place *Place) bool {
	if p.rescue == nil || !it.rescuable() {
		return false
	}
	c, judged := p.rescue.chances[i]
	if !judged {
		return false
	}
	if c.rescuer > 0 && place.Ahead == "" && it.done() {
		if members, ok := p.rescue.group(i); ok {
			p.group = members
			p.rescued(it, place, p.rescue.items[c.rescuer])
			return true
		}
	}
	switch {
	case place.Rescuer != "" && !it.Host.Known:
		return true // it may have merged, without anybody knowing
	case c.lost != "":
		place.GivenUp, place.Rescuer = true, ""
		p.add(Action{Kind: GiveUp, Item: it.ID, Place: *place, Why: c.lost})
		return false
	case place.Rescuer != "":
		place.Rescuer = ""
		p.add(Action{Kind: Rescue, Item: it.ID, Place: *place, Why: "what was to rescue it cannot merge as it is"})
	}
	return true
}

// rescued notes who rescues an item. It is stored before the item merges: a
// process that dies in between leaves no doubt why it was merged.
func (p *planner) rescued(it *Item, place *Place, by Item) {
	if place.Rescuer == by.ID {
		return
	}
	place.Rescuer = by.ID
	p.add(Action{Kind: Rescue, Item: it.ID, Place: *place, Why: fmt.Sprintf("%s passed %s on top of it", by.Name, jobs(it.Facts.missing()))})
}

// asked says whether the host was asked about an item; if not, it is to be.
func (p *planner) asked(it *Item) bool {
	if !it.Host.Known {
		p.add(Action{Kind: Lookup, Item: it.ID})
	}
	return it.Host.Known
}

// failed decides what is to be done outside about a head whose jobs failed. The
// host is asked about all that merge with it before the first of them merges.
func (p *planner) failed(it *Item, f *fate) {
	if it.Rescuer == "" {
		if f.failing || !it.rescuable() {
			p.add(Action{Kind: Report, Item: it.ID, Result: it.result(), Why: it.Facts.Reason})
		}
		return // it waits to be rescued
	}
	if it.Host.Refused != "" {
		p.add(Action{Kind: Report, Item: it.ID, Result: model.ItemMergeFailure, Why: it.Host.Refused})
		return
	}
	known := p.asked(it)
	for _, n := range p.group {
		known = p.asked(&p.rescue.items[n]) && known
	}
	switch {
	case known && f.failing:
		p.add(Action{Kind: Report, Item: it.ID, Result: it.result(), Why: it.Facts.Reason})
	case known:
		p.add(Action{Kind: Merge, Item: it.ID})
	}
}
