package scenario

import (
	"fmt"
	"maps"
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// store is what the custom resources hold. A crash leaves it as it is.
type store struct {
	// heads is the tenant's configuration in force: where each branch was read.
	heads map[model.BranchRef][]string
	// tenantFile and its version that is in force.
	tenantFile string
	pipelines  []pipeline
	events     []*event
	queues     map[string]*queue
	items      map[string]*item
	sets       map[string]*buildSet
	builds     map[string]*build
	// holders of semaphores: names of builds.
	holders map[semaphore.Key][]string
	// itemList and setList are items and sets, oldest first.
	itemList []*item
	setList  []*buildSet
	// created counts what was created: it stands for the time.
	created int
}

func newStore() *store {
	return &store{
		heads: map[model.BranchRef][]string{}, queues: map[string]*queue{}, items: map[string]*item{},
		sets: map[string]*buildSet{}, builds: map[string]*build{}, holders: map[semaphore.Key][]string{},
	}
}

func (s *store) tick() int {
	s.created++
	return s.created
}

// pipeline as the tenant's configuration has it.
type pipeline struct {
	name string
	spec gozer.PipelineSpec
}

func (s *store) pipeline(name string) *pipeline {
	for i := range s.pipelines {
		if s.pipelines[i].name == name {
			return &s.pipelines[i]
		}
	}
	return nil
}

// event is a TriggerEvent.
type event struct {
	model.TriggerEvent
	dealt bool
}

// queue is a ChangeQueue.
type queue struct {
	name, label, pipeline string
	manager               gozer.Manager
	// item is that of a queue which was made for one.
	item      string
	entries   []entry
	window    int32
	windowSet bool
	// pushed is the last push that the queue was told of, looked the last that it looked after.
	pushed, looked string
}

// entry is an item's place.
type entry struct {
	item string
	// urgent: it passed those that waited.
	urgent bool
	gate.Place
}

func (q *queue) entry(item string) entry {
	for _, e := range q.entries {
		if e.item == item {
			return e
		}
	}
	return entry{item: item}
}

// item is a QueueItem.
type item struct {
	name, pipeline, queue, event string
	changes                      []model.Change
	live                         bool
	needs                        []string
	seq                          int

	dequeue string
	// urgent items are to pass those that wait.
	urgent bool
	lost   string
	merge  *itemMerge
	// merged: the changes are in their branches.
	merged bool
	// rescuedBy is the item that passed what a merged one failed in.
	rescuedBy string
	reported  bool
	started   bool
	result    model.ItemResult
	reason    string
}

// title names the changes, as convert.ChangeNames does.
func (i *item) title() string {
	out := ""
	for n, c := range i.changes {
		if n > 0 {
			out += " + "
		}
		out += changeName(c)
	}
	return out
}

// patchset of a change that the item has; empty if it has none.
func (i *item) patchset(key model.ChangeKey) string {
	for _, c := range i.changes {
		if c.Number != 0 && c.Key() == key {
			return c.Patchset
		}
	}
	return ""
}

// itemMerge is what preparing an item for an epoch gave.
type itemMerge struct {
	epoch         int
	problem       model.ItemResult
	message       string
	details       string
	jobs          int
	set           string
	configChanged bool
	states        []state
}

// state of one branch in an item's speculative state.
type state struct {
	at model.BranchRef
	// base is where the branch was, before what it is without the item's own changes.
	base, before, tree []string
	proposed           bool
	extra              bool
}

func (m *itemMerge) state(at model.BranchRef) *state {
	for n := range m.states {
		if m.states[n].at == at && !m.states[n].extra {
			return &m.states[n]
		}
	}
	return nil
}

// buildSet is a BuildSet with its status.
type buildSet struct {
	name, item, queue, pipeline string
	epoch                       int
	// steps are the changes of the state in merge order, the item's own last.
	steps []model.Change
	// merge is what its item's status says when it has this buildset.
	merge    *itemMerge
	jobs     []setJob
	states   []jobgraph.JobState
	result   string
	reason   string
	failing  bool
	failFast bool
	// ahead are the items that it stands on, the nearest first, where a job requires something.
	ahead    []gozer.ItemAhead
	canceled bool
	seq      int
}

// setJob is a job of a buildset.
type setJob struct {
	key, build string
	attempts   int
	nodes      int
	reused     bool
}

// build is a Build with its node request.
type build struct {
	name, set, job, key string
	// own are the changes that the job is for.
	own []string
	// change is the one of its item that it is for in the first place.
	change  int
	voting  bool
	attempt int
	// provides and requires are names of what changes have for others.
	provides, requires []string
	// has are the builds whose artifacts it gets.
	has []string
	// requested is when nodes were asked for, 0 if not; priority is the request's.
	requested int
	priority  int32
	nodes     int
	// allotted builds have nodes.
	allotted bool
	started  int // 0 if it does not run
	// needs are semaphores; early ones come before nodes.
	needs []semaphore.Key
	early bool
	// asks for its semaphores, since when; holds: it went on with all of them.
	asks  int
	holds bool
	// inputs is the digest of what it sees, where builds are kept; sees is what that stands for.
	inputs string
	sees   sight
	// retryFailed is how many failures do not count, failures those that did not.
	retryFailed int
	failures    []string
	result      model.BuildResult
	reason      string
}

func (b *build) waiting() bool {
	return b.requested > 0 && !b.allotted && b.started == 0 && b.result == ""
}

// pending builds have asked for nodes or semaphores, and do not run.
func (b *build) pending() bool {
	return (b.requested > 0 || b.asks > 0) && b.started == 0 && b.result == ""
}

// waitsForSemaphores says whether it asked for them and was not seen to go on.
func (b *build) waitsForSemaphores() bool { return b.asks > 0 && !b.holds && b.result == "" }

func (b *build) running() bool { return b.started > 0 && b.result == "" }

// byAge lists what is in a map, oldest first.
func byAge[T any](m map[string]T, seq func(T) int) []T {
	return slices.SortedFunc(maps.Values(m), func(a, b T) int { return seq(a) - seq(b) })
}

// setName of an item's epoch.
func setName(item string, epoch int) string { return fmt.Sprintf("%s/%d", item, epoch) }
