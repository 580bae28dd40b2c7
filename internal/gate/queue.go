package gate

import "github.com/gozer-dev/gozer/internal/model"

// Queue is a snapshot of one change queue.
type Queue struct {
	// Merges is true for dependent pipelines: what succeeds is merged.
	Merges bool
	// Alone is true for serial and supercedent pipelines: items are tested on
	// the branches, one after the other, and not on one another.
	Alone bool
	// Newest is true for supercedent pipelines: of the items that wait, only the
	// newest stays.
	Newest bool
	// Rescue lets an item that failed be rescued by one behind it: dependent pipelines.
	Rescue bool
	Window Window
	// Items in the order in which they are to merge.
	Items []Item
}

// Item is what is known of one queue item.
type Item struct {
	ID string
	// Name of the change for people, e.g. "acme/api#12".
	Name string
	// Live items run jobs and are reported; the others are there for what stands on them.
	Live bool
	Place
	// Needs are the items of this queue that the change depends on.
	Needs []string
	// NeedGone names a change that it depends on and that will not merge through this queue.
	NeedGone string
	// Lost is a requirement for merging that it does not fulfil any more; empty if it does.
	Lost string
	// Leave is why the item must go undecided (new patchset, closed, dequeued); empty if it need not.
	Leave string
	Facts Facts
	Host  Host
	// Reported is the result that the code host was told. Nothing is left to do but to go.
	Reported model.ItemResult
}

// Place is where an item stands; it is what Plan changes.
type Place struct {
	// Epoch counts the states that the item was given; 0 before the first.
	Epoch int
	// Ahead is the item on whose state it is tested; empty for the branches.
	Ahead string
	// AheadEpoch is the epoch of Ahead that it is tested on.
	AheadEpoch int
	// Active items are worked on.
	Active bool
	// Halted items have their jobs cancelled: a change that they need is failing.
	Halted bool
	// Rescuer is the item behind it that passed what it failed in; empty for none.
	// From then on it may be in its branch.
	Rescuer string
	// GivenUp: it failed, and nobody will rescue it.
	GivenUp bool
	// Why it stands there, for people.
	Why string
}

// Facts are about the item's present epoch; facts of an older one must not be given.
type Facts struct {
	// Prepared: the state was merged and configured, or Problem says why not.
	Prepared bool
	Problem  model.ItemResult
	// Jobs is the number of jobs to run.
	Jobs int
	// Failing: a voting job failed.
	Failing bool
	// Retrying: a voting job failed and is run again before that counts.
	Retrying bool
	// Complete: no job runs any more, and each said what it had to say.
	Complete bool
	// Canceled: the jobs were ended before they were done. What they would have said is not known.
	Canceled bool
	// Votes are the voting jobs, and Holds tells that those behind do not start
	// theirs before this item has merged. Both only for a queue that rescues.
	Votes []Vote
	Holds bool
	// Reason for Problem or Failing, in words.
	Reason string
}

// Host is what the code host said when it was asked right before merging, the
// item or one ahead that it rescues. When that has merged, it is asked anew.
type Host struct {
	// Known is false until it was asked.
	Known bool
	// Merged: the change is in its branch.
	Merged bool
	// Refused says why the change cannot be merged; empty if it can.
	Refused string
	// Moved says which branch is not where the test assumed it; empty if none.
	Moved string
}

// going says whether the item must go whatever its jobs say, and why.
func (it *Item) going() (string, bool) {
	switch {
	case it.Host.Merged:
		return "", false
	case it.Leave != "":
		return it.Leave, true
	case it.Lost != "":
		return it.Lost, true
	case it.NeedGone != "":
		return "it needs " + it.NeedGone + ", which will not merge", true
	}
	return "", false
}

// failing says whether the item cannot succeed on its present state, and why.
func (it *Item) failing() (string, bool) {
	if why, going := it.going(); going {
		return why, true
	}
	switch {
	case it.Facts.Problem != model.ItemUndecided || it.Facts.Failing:
		return it.Facts.Reason, true
	case it.Host.Refused != "" && !it.Host.Merged:
		return it.Host.Refused, true
	}
	return "", false
}

// mayHaveMerged says whether an item has come so far that a process that died
// may have merged it, without anybody knowing.
func (it *Item) mayHaveMerged() bool {
	return it.Ahead == "" && it.Active && !it.Host.Known && it.done() && (it.result() == model.ItemSuccess || it.Rescuer != "")
}

// done says whether nothing of the item's present state is still to come.
func (it *Item) done() bool {
	if !it.Facts.Prepared || it.Halted {
		return false
	}
	return it.Facts.Problem != model.ItemUndecided || it.Facts.Jobs == 0 || it.Facts.Complete
}

// result of an item that is done.
func (it *Item) result() model.ItemResult {
	switch {
	case it.Facts.Problem != model.ItemUndecided:
		return it.Facts.Problem
	case it.Facts.Failing:
		return model.ItemFailure
	case it.Facts.Jobs == 0:
		return model.ItemNoJobs
	}
	return model.ItemSuccess
}
