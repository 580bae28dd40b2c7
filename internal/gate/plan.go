package gate

import (
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// Plan says what to do next. It visits the items front to back:
//
//  1. An item that was reported leaves; the window follows its result.
//  2. An item whose needed change is failing is halted.
//  3. An item that does not stand on the nearest non-failing item ahead is
//     reset onto it, unless what it stood on has merged.
//  4. An item within the window is activated.
//  5. An item with nothing ahead of it whose jobs are done is looked up,
//     merged and reported.
//
// In a queue that rescues, an item that failed is not failing to those behind
// it while one of them may rescue it.
//
// Structural actions come in the order of the queue and can be applied
// together; outside actions may be performed in any order.
func Plan(q Queue) []Action {
	p := planner{
		merges: q.Merges,
		alone:  q.Alone,
		window: q.Window,
		fates:  make([]fate, 0, len(q.Items)),
	}
	for i := range q.Items {
		// First, so that a window that grows or shrinks holds for all items.
		p.resize(&q.Items[i])
	}
	if q.Rescue && q.Merges && !q.Alone {
		p.rescue = newRescue(q.Items, p.window)
	}
	for i := range q.Items {
		last := i == len(q.Items)-1
		p.fates = p.fates[:i+1]
		if q.Newest && !last && p.staying > 0 && p.overtaken(&q.Items[i], &q.Items[len(q.Items)-1], &p.fates[i]) {
			continue
		}
		p.visit(i, &q.Items[i], &p.fates[i], last)
	}
	if p.window.Size != q.Window.Size {
		p.add(Action{Kind: Resize, Size: p.window.Size})
	}
	return p.actions
}

// planner is the state of one pass. Each item that was visited has a fate.
type planner struct {
	merges  bool
	alone   bool
	window  Window
	actions []Action
	fates   []fate
	index   map[string]*fate
	// base is what the next item should stand on: the nearest non-failing
	// item ahead, or the non-live item directly ahead.
	base *fate
	// staying counts the items that stay, for the window.
	staying int
	// rescue knows who of those that failed may be rescued; nil when nobody can.
	rescue *rescue
	// group merges with the item that is visited, if that is rescued.
	group []int
}

// fate is what the pass decided about an item.
type fate struct {
	id, name string
	epoch    int
	live     bool
	// gone: it leaves with this pass. merged: and its change is in the branch.
	gone, merged bool
	// failing: it cannot be stood on. why: for those that stood on it.
	failing bool
	why     string
}

func (p *planner) add(a Action) {
	if len(p.actions) == cap(p.actions) && len(p.actions) >= 64 {
		// Many items have something to do: most likely all behind them have, too.
		p.actions = slices.Grow(p.actions, cap(p.fates)-len(p.fates)+8)
	}
	p.actions = append(p.actions, a)
}

// fate of an item that was visited. Mostly it is the one that was the base
// last; others are looked up in an index, which is made when it is needed.
func (p *planner) fate(id string) *fate {
	switch {
	case id == "":
		return nil
	case p.base != nil && p.base.id == id:
		return p.base
	case p.index == nil:
		p.index = make(map[string]*fate, cap(p.fates))
	}
	for i := len(p.index); i < len(p.fates); i++ {
		p.index[p.fates[i].id] = &p.fates[i]
	}
	return p.index[id]
}

func (p *planner) visit(i int, it *Item, f *fate, last bool) {
	*f = fate{id: it.ID, name: it.Name, epoch: it.Epoch, live: it.Live}
	p.group = nil
	if p.leaves(it, f, last) {
		return
	}
	index := p.staying
	p.staying++

	place := it.Place
	facts := *it
	if why, going := it.going(); going {
		// It only waits for its report; moving it would be for nothing.
		f.failing = true
		f.why = it.Name + " left: " + why
		if it.Epoch == 0 {
			p.settle(it, f, &place)
		}
	} else if need := p.failingNeed(it); need != nil {
		f.failing = true
		f.why = it.Name + " needs " + need.name + ", which is failing"
		p.halt(it, f, &place)
		if !need.live {
			// It is never reported and so never leaves: this one would wait for ever.
			facts.NeedGone = need.name
			f.why = "it needs " + need.name + ": " + need.why
		}
	} else {
		p.settle(it, f, &place)
		switch {
		case place.Epoch != it.Epoch:
			facts.Facts, facts.Host = Facts{}, Host{}
		case place.Ahead != it.Ahead && !it.Host.Merged:
			facts.Host = Host{}
		}
		if !place.Active && p.window.includes(index) {
			place.Active = true
			p.placed(it, Activate, place, "it is within the window")
		}
		if why, bad := facts.failing(); bad && !p.kept(i, &facts, &place) {
			f.failing = true
			f.why = it.Name + " failed: " + why
		}
	}
	f.epoch = place.Epoch
	facts.Place = place
	p.outside(&facts, f)
	if (!f.failing || !it.Live) && !p.alone {
		p.base = f
	}
}

// overtaken takes out an item that waits behind the one that runs and has a
// newer one behind it (Zuul: the supercedent manager prunes the middle).
func (p *planner) overtaken(it, newest *Item, f *fate) bool {
	if it.Active || it.Reported != model.ItemUndecided {
		return false
	}
	*f = fate{id: it.ID, name: it.Name, gone: true, failing: true, why: newest.Name + " is newer"}
	p.add(Action{Kind: Remove, Item: it.ID, Result: model.ItemDequeued, Why: newest.Name + " is newer, and will be run instead"})
	return true
}

// placed records a new place. Several changes of one item's place in one pass are one action.
func (p *planner) placed(it *Item, kind Kind, place Place, why string) {
	if n := len(p.actions); n > 0 && p.actions[n-1].Item == it.ID && !p.actions[n-1].Kind.Outside() {
		p.actions[n-1].Place = place
		return
	}
	p.add(Action{Kind: kind, Item: it.ID, Place: place, Why: why})
}

// leaves takes out an item with which nothing is left to do.
func (p *planner) leaves(it *Item, f *fate, last bool) bool {
	switch {
	case it.Reported != model.ItemUndecided:
		f.merged = it.Host.Merged
		p.add(Action{Kind: Remove, Item: it.ID, Result: it.Reported})
	case !it.Live && (last || it.Leave != ""):
		p.add(Action{Kind: Remove, Item: it.ID, Result: model.ItemDequeued, Why: "nothing depends on it here any more"})
	default:
		return false
	}
	f.gone, f.failing = true, !f.merged
	if why, bad := it.failing(); bad {
		f.why = it.Name + " failed: " + why
	} else if !f.merged {
		f.why = it.Name + " left the queue"
	}
	return true
}

// resize lets the window follow the result with which an item leaves.
func (p *planner) resize(it *Item) {
	if !p.merges {
		return
	}
	switch it.Reported {
	case model.ItemSuccess:
		p.window = p.window.grown()
	case model.ItemFailure, model.ItemMergeConflict, model.ItemConfigError, model.ItemNoJobs:
		p.window = p.window.shrunk()
	}
}

// failingNeed returns a needed item ahead that is failing, if there is one.
func (p *planner) failingNeed(it *Item) *fate {
	for _, id := range it.Needs {
		if f := p.fate(id); f != nil && f.failing {
			return f
		}
	}
	return nil
}

// halt stops an item whose needed change is failing. It is not tested again
// until the needed change has another chance.
func (p *planner) halt(it *Item, f *fate, place *Place) {
	if it.Halted {
		return
	}
	place.Halted = true
	place.Why = f.why
	if place.Epoch == 0 {
		place.Epoch = 1
		if p.base != nil {
			place.Ahead, place.AheadEpoch = p.base.id, p.base.epoch
		}
	}
	p.placed(it, Halt, *place, place.Why)
}

// settle puts an item where it belongs.
func (p *planner) settle(it *Item, f *fate, place *Place) {
	want := Place{}
	if p.base != nil {
		want.Ahead, want.AheadEpoch = p.base.id, p.base.epoch
	}
	if it.Epoch == 0 {
		place.Epoch, place.Ahead, place.AheadEpoch = 1, want.Ahead, want.AheadEpoch
		place.Why = "enqueued"
		p.placed(it, Put, *place, place.Why)
		return
	}
	ahead := p.fate(it.Ahead)
	mergedAway := ahead != nil && ahead.merged
	switch {
	case it.Halted:
		p.reset(it, f, place, want, "the change that it needs has another chance")
	case it.Host.Known && it.Host.Moved != "" && !it.Host.Merged:
		p.reset(it, f, place, want, it.Host.Moved)
	case it.Facts.Canceled:
		p.reset(it, f, place, want, "its jobs were cancelled before they were done")
	case it.Ahead == want.Ahead && it.AheadEpoch == want.AheadEpoch:
		// It stands where it should.
	case mergedAway && want.Ahead == "":
		place.Ahead, place.AheadEpoch = "", 0
		p.placed(it, Attach, *place, ahead.name+" merged")
	default:
		p.reset(it, f, place, want, p.cause(it, ahead))
	}
}

// cause tells why an item cannot stay on what it was tested on.
func (p *planner) cause(it *Item, ahead *fate) string {
	switch {
	case ahead == nil && it.Ahead == "":
		return "another item came ahead of it"
	case ahead == nil:
		return "the item that it was tested on is not ahead of it any more"
	case ahead.why != "":
		return ahead.why
	}
	if p.base != nil {
		return p.base.name + " is ahead of it now"
	}
	return ahead.name + ", which it was tested on, was tested anew"
}

func (p *planner) reset(it *Item, f *fate, place *Place, want Place, why string) {
	place.Epoch = it.Epoch + 1
	place.Ahead, place.AheadEpoch = want.Ahead, want.AheadEpoch
	place.Active, place.Halted, place.GivenUp, place.Rescuer = false, false, false, ""
	place.Why = why
	// Those that stood on it are reset for the same reason.
	f.why = why
	p.placed(it, Reset, *place, place.Why)
}

// outside decides what is to be done outside about an item that stays.
func (p *planner) outside(it *Item, f *fate) {
	if !it.Live {
		return
	}
	switch {
	case it.Host.Known && it.Host.Merged:
		p.add(Action{Kind: Report, Item: it.ID, Result: model.ItemSuccess})
		f.failing = false
	case (it.Leave != "" || it.Lost != "") && p.merges && it.mayHaveMerged():
		p.add(Action{Kind: Lookup, Item: it.ID})
	case it.Leave != "":
		p.add(Action{Kind: Report, Item: it.ID, Result: model.ItemDequeued, Why: it.Leave})
	case it.Lost != "":
		p.add(Action{Kind: Report, Item: it.ID, Result: model.ItemFailure, Why: it.Lost})
	case it.NeedGone != "":
		p.add(Action{Kind: Report, Item: it.ID, Result: model.ItemFailure, Why: strings.TrimPrefix(f.why, it.Name+" left: ")})
	case !p.isHead(it) || !it.Active || !it.done():
		return
	case it.result() != model.ItemSuccess:
		p.failed(it, f)
	case !p.merges:
		p.add(Action{Kind: Report, Item: it.ID, Result: model.ItemSuccess})
	case !it.Host.Known:
		p.add(Action{Kind: Lookup, Item: it.ID})
	case it.Host.Refused != "":
		p.add(Action{Kind: Report, Item: it.ID, Result: model.ItemMergeFailure, Why: it.Host.Refused})
	default:
		p.add(Action{Kind: Merge, Item: it.ID})
	}
}

// isHead says whether nothing live is ahead of the item that it stands on.
func (p *planner) isHead(it *Item) bool {
	f := p.fate(it.Ahead)
	return it.Ahead == "" || (f != nil && !f.live)
}
