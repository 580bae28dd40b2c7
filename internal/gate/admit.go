package gate

import (
	"fmt"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
)

// Manager is how a pipeline treats its queues (Zuul: pipeline manager).
type Manager string

// The managers.
const (
	Independent Manager = "independent"
	Dependent   Manager = "dependent"
	Serial      Manager = "serial"
	Supercedent Manager = "supercedent"
)

// Shared says whether changes of several projects may share a queue.
func (m Manager) Shared() bool { return m == Dependent || m == Serial }

// Rules are what a pipeline demands of whatever enters it.
type Rules struct {
	Pipeline string
	Manager  Manager
	// IgnoreDependencies leaves out what a change depends on (independent only).
	IgnoreDependencies bool
	Require, Reject    []match.Requirement
	// MaxChanges that the tenant allows in the pipeline (negative: no bound), and how many are there.
	MaxChanges, Changes int
	// Urgent: the change is to pass those that wait; Expedite: the pipeline lets it.
	Urgent, Expedite bool
	// ByHand skips the requirements of the change: a person wants it in.
	ByHand bool
	// Own are the contexts of statuses and checks that the pipeline's reporters
	// set, by connection: it does not wait for them.
	Own map[string][]string
	// Now is when the change is looked at: reviews have an age.
	Now time.Time
}

// Candidate is a change with what the tenant's configuration says of it.
type Candidate struct {
	depends.Change
	// Takes says that its project takes part in the pipeline.
	Takes bool
	// Queue that its project shares, and whether that queue allows cycles.
	Queue    string
	Circular bool
	// Item is its live item in the pipeline at this very patchset; empty for none.
	Item string
}

// Entry is one item of what enters together.
type Entry struct {
	// Changes in the order in which they merge; several form a cycle.
	Changes []Candidate
	Live    bool
	// Item that is there already.
	Item string
}

// Admission is what becomes of a change at the door of a pipeline.
type Admission struct {
	// Entries, those ahead first; the last one is the change's own.
	Entries []Entry
	// Refusal is why nothing enters, in words.
	Refusal string
	// Tell says that the refusal is a failure of which the change is told.
	Tell bool
	// Unmergeable is the change that the refusal is about, if it is the code host's,
	// who tells beforehand that it would not merge it: when that may have changed, it
	// is to be looked at again. The zero value is none.
	Unmergeable model.ChangeKey
	// Wait says that the code host does not know yet, and is to be asked again soon.
	Wait bool
}

// Admit decides whether a change enters a pipeline and what enters ahead of it
// (Zuul: addChange, FEATURES 3.2). groups is what depends.Order gives: what is
// needed first, the change's own group last. The event tells which patchset it
// was about.
func Admit(r Rules, groups [][]Candidate, change model.ChangeKey, ev model.TriggerEvent) Admission {
	own := groups[len(groups)-1]
	ahead := groups[:len(groups)-1]
	switch {
	case r.Manager == Supercedent:
		// Cycles and dependencies do not matter to what runs after the merge.
		own, ahead = only(own, change), nil
	case r.Manager == Serial || r.IgnoreDependencies:
		ahead = nil
	}
	a := admitter{Rules: r, own: own, event: ev, change: change}
	for _, check := range []func() *Admission{
		a.mayPass,
		a.cycleAllowed,
		a.requirements,
		func() *Admission { return a.sharedQueue(ahead) },
		func() *Admission { return a.neededMayEnter(ahead) },
		func() *Admission { return a.room(ahead) },
	} {
		if no := check(); no != nil {
			return *no
		}
	}
	return Admission{Entries: a.entries(ahead)}
}

// admitter holds the change's own group; every rule is one of its methods.
type admitter struct {
	Rules
	own    []Candidate
	change model.ChangeKey
	event  model.TriggerEvent
}

func only(group []Candidate, key model.ChangeKey) []Candidate {
	for _, c := range group {
		if c.Key() == key {
			return []Candidate{c}
		}
	}
	return group
}

func no(tell bool, format string, args ...any) *Admission {
	return &Admission{Refusal: fmt.Sprintf(format, args...), Tell: tell}
}

// mayPass refuses an urgent change where nobody passes others.
func (a *admitter) mayPass() *Admission {
	if why := a.NoUrgency(); a.Urgent && why != "" {
		return no(false, "%s", why)
	}
	return nil
}

// NoUrgency says why a pipeline has no urgent changes; empty if it has.
func (r Rules) NoUrgency() string {
	switch {
	case r.Manager != Dependent:
		return fmt.Sprintf("there are no urgent changes in %s: it is %s, and only in a dependent pipeline changes wait for one another", r.Pipeline, r.Manager)
	case !r.Expedite:
		return fmt.Sprintf("there are no urgent changes in %s: it does not say `expedite: true`", r.Pipeline)
	}
	return ""
}

// cycleAllowed refuses a cycle where one of its projects' queues does not allow it.
func (a *admitter) cycleAllowed() *Admission {
	if len(a.own) == 1 {
		return nil
	}
	for _, c := range a.own {
		if !c.Circular {
			return no(true, "Dependency cycle detected and project %s doesn't allow circular dependencies", c.Project.Name)
		}
	}
	return nil
}

// requirements that every change of the item must fulfil.
func (a *admitter) requirements() *Admission {
	for _, c := range a.own {
		its, what := a.event, ""
		if c.Key() != a.change {
			its, what = model.TriggerEvent{}, fmt.Sprintf("%s, with which it forms a cycle: ", c.URL)
		}
		if no := a.unfit(c, its, what); no != nil {
			return no
		}
	}
	return nil
}

// unfit refuses a change that may not be in the pipeline; what begins the sentence.
func (a *admitter) unfit(c Candidate, ev model.TriggerEvent, what string) *Admission {
	if a.Manager == Dependent {
		if why, wait := Unmergeable(c.Change.Change, a.Own[c.Project.Connection]); why != "" {
			no := &Admission{Refusal: what + why, Wait: wait}
			if c.Verdict != nil {
				no.Unmergeable = c.Key()
			}
			return no
		}
	}
	if a.ByHand || c.Number == 0 {
		return nil // requirements are about changes
	}
	if why, ok := match.Allowed(a.Require, a.Reject, c.Change.Change, ev, a.Now); !ok {
		return no(false, "%s%s", what, why)
	}
	return nil
}

// sharedQueue refuses what cannot be ahead because it is in another queue.
func (a *admitter) sharedQueue(ahead [][]Candidate) *Admission {
	if !a.Manager.Shared() {
		return nil
	}
	change := a.own[len(a.own)-1]
	for _, group := range append(ahead[:len(ahead):len(ahead)], a.own) {
		for _, c := range group {
			if c.Queue != change.Queue || c.Key() != change.Key() && !c.Takes {
				return no(true, "Change %d in project %s does not share a change queue with %d in project %s; merge that one first",
					change.Number, change.Project.Name, c.Number, c.Project.Name)
			}
		}
	}
	return nil
}

// neededMayEnter refuses when something that is needed may not enter itself.
func (a *admitter) neededMayEnter(ahead [][]Candidate) *Admission {
	for _, group := range ahead {
		for _, c := range group {
			if a.Manager == Dependent && c.Item != "" {
				continue
			}
			if a.Manager == Dependent && len(group) > 1 && !c.Circular {
				return no(true, "Dependency cycle detected and project %s doesn't allow circular dependencies", c.Project.Name)
			}
			if no := a.unfit(c, model.TriggerEvent{}, fmt.Sprintf("it depends on %s, which may not enter %s: ", c.URL, a.Pipeline)); no != nil {
				return no
			}
		}
	}
	return nil
}

// room refuses what would be too much for the pipeline.
func (a *admitter) room(ahead [][]Candidate) *Admission {
	if a.MaxChanges < 0 {
		return nil
	}
	n := len(a.own)
	for _, group := range ahead {
		for _, c := range group {
			if c.Item == "" || a.Manager != Dependent {
				n++
			}
		}
	}
	switch {
	case n > a.MaxChanges:
		return no(true, "%d changes to enqueue greater than pipeline max of %d", n, a.MaxChanges)
	case n+a.Changes > a.MaxChanges:
		return no(true, "Unable to enqueue change: %d additional changes would exceed pipeline max of %d under current conditions", n, a.MaxChanges)
	}
	return nil
}

// entries are the items, those ahead first. In a gate what is needed merges,
// and may be there already; elsewhere it is only there to be tested upon.
func (a *admitter) entries(ahead [][]Candidate) []Entry {
	var out []Entry
	for _, group := range ahead {
		e := Entry{Changes: group, Live: a.Manager == Dependent}
		if e.Live {
			e.Item = group[0].Item
		}
		out = append(out, e)
	}
	return append(out, Entry{Changes: a.own, Live: true})
}

// String names the changes of an entry, for people.
func (e Entry) String() string {
	var names []string
	for _, c := range e.Changes {
		names = append(names, fmt.Sprintf("%s#%d %s", c.Project.Name, c.Number, c.Patchset))
	}
	return strings.Join(names, " + ")
}
