package scenario

import (
	"fmt"
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// merged is one merge by the gate.
type merged struct{ queue, item string }

func (w *world) outside(v *view, a gate.Action) {
	i := v.items[a.Item]
	switch a.Kind {
	case gate.Lookup:
		w.lookup(v, i)
	case gate.Merge:
		w.merge(v, i)
	case gate.Report:
		w.report(v, i, a)
	}
}

// lookup asks the host about an item that is about to merge.
func (w *world) lookup(v *view, i *item) {
	if refused := w.different(i); refused != "" {
		w.refused(v, i, refused)
		return
	}
	if ahead := v.items[v.entry(i.name).Ahead]; ahead != nil {
		// It is asked about for the sake of one ahead, and about itself when it is its turn.
		v.hosts[i.name] = gate.Host{Known: true, Moved: w.moved(i, ahead)}
		return
	}
	all := true
	for _, c := range i.changes {
		all = all && w.host.changes[c.Key()].Merged
	}
	if all {
		w.noteMerged(v, i)
		return
	}
	v.hosts[i.name] = gate.Host{Known: true, Moved: w.moved(i, nil)}
}

// refused notes why the host does not merge an item. It is not stored: who dies
// before the report asks again.
func (w *world) refused(v *view, i *item, why string) {
	v.hosts[i.name] = gate.Host{Known: true, Refused: why}
	w.refusedOnce[setName(i.name, v.entry(i.name).Epoch)] = true
}

// different says how a change is not what was tested; empty if all are.
func (w *world) different(i *item) string {
	of := func(c model.Change, why string) string {
		if len(i.changes) == 1 {
			return why
		}
		return changeName(c) + ": " + why
	}
	for _, c := range i.changes {
		switch now := w.host.changes[c.Key()]; {
		case now.Merged:
		case !now.Open:
			return of(c, "it was closed")
		case now.Head != c.Head:
			return of(c, fmt.Sprintf("new commits were pushed: its head is %s, tested was %s", now.Head, c.Head))
		case now.Draft:
			return of(c, "it became a draft")
		case now.Branch != c.Branch:
			return of(c, fmt.Sprintf("it is to be merged into %s now, tested was %s", now.Branch, c.Branch))
		}
	}
	return ""
}

// moved names a branch that is not where the item's test assumed it; branches of
// the item ahead are that one's to tell about.
func (w *world) moved(i, ahead *item) string {
	for _, st := range i.merge.states {
		tip := w.host.tips[st.at]
		below := ahead != nil && slices.ContainsFunc(ahead.merge.states, func(o state) bool { return o.at == st.at })
		if st.extra || below || slices.Equal(tip, st.before) || w.halfway(i, st, tip) {
			continue
		}
		if len(tip) == 0 { // what it stood on left, and never merged
			tip = []string{"its beginning"}
		}
		return fmt.Sprintf("%s of %s moved to %s outside the gate", st.at.Branch, st.at.Project.Name, tip[len(tip)-1])
	}
	return ""
}

// halfway says whether a branch is where the unfinished merge of a cycle left it:
// the gate merges in order.
func (w *world) halfway(i *item, st state, tip []string) bool {
	for _, c := range i.changes {
		if ownBranch(c) != st.at {
			continue
		}
		now := w.host.changes[c.Key()]
		if !now.Merged {
			return false
		}
		if len(tip) > 0 && now.MergeCommit == tip[len(tip)-1] {
			return true
		}
	}
	return false
}

// lookAfterPush makes items that stand on a head which is gone be tested anew.
func (w *world) lookAfterPush(v *view) {
	if v.pushed == v.looked {
		return
	}
	for _, e := range v.entries {
		i := v.items[e.item]
		if i.merge == nil || i.merge.epoch != e.Epoch || i.merged {
			continue
		}
		ahead := v.items[e.Ahead]
		if ahead == nil && slices.ContainsFunc(i.changes, func(c model.Change) bool { return w.host.changes[c.Key()].Merged }) {
			continue
		}
		if why := w.moved(i, ahead); why != "" {
			v.hosts[i.name] = gate.Host{Known: true, Moved: why}
		}
	}
	v.looked = v.pushed
}

// merge merges an item's changes at the heads that were tested, one after the other.
func (w *world) merge(v *view, i *item) {
	for n, c := range i.changes {
		if !mayMerge(v.spec.Reporters.Success, c.Project.Connection) {
			w.refused(v, i, "the pipeline does not merge")
			return
		}
		if w.host.changes[c.Key()].Merged {
			continue
		}
		w.checkMerge(v, i, n)
		before := w.host.tips[ownBranch(c)]
		if refused := w.host.merge(c); refused != "" {
			if len(i.changes) > 1 {
				refused = changeName(c) + ": " + refused
			}
			if n > 0 {
				refused += "; " + (&item{changes: i.changes[:n]}).title() + " was merged before that"
			}
			w.say("%s: %s refused by the host: %s", v.pipeline, changeName(c), refused)
			w.refused(v, i, refused)
			return
		}
		w.say("merged %s into %s %s", rev(c), c.Project.Name, c.Branch)
		w.emitMerge(c, before)
		w.wrote()
	}
	w.noteMerged(v, i)
}

// emitMerge sends what a host sends when a change was merged.
func (w *world) emitMerge(c model.Change, before []string) {
	w.emit(about(w.host.changes[c.Key()], "pull_request", "closed"))
	w.emitPush(ownBranch(c), before)
}

// emitPush sends what a host sends when a branch moved.
func (w *world) emitPush(at model.BranchRef, before []string) {
	tip := w.host.tips[at]
	e := model.TriggerEvent{Connection: at.Project.Connection, Event: "push", Project: at.Project.Name, Ref: "refs/heads/" + at.Branch, NewRev: tip[len(tip)-1], Branch: at.Branch}
	if len(before) > 0 {
		e.OldRev = before[len(before)-1]
	}
	w.emit(e)
}

func mayMerge(actions []gozer.ReportAction, connection string) bool {
	return slices.ContainsFunc(actions, func(a gozer.ReportAction) bool { return a.Connection == connection && a.Merge })
}

// noteMerged records that all changes of an item are in their branches.
func (w *world) noteMerged(v *view, i *item) {
	v.hosts[i.name] = gate.Host{Known: true, Merged: true}
	i.merged, i.rescuedBy = true, v.entry(i.name).Rescuer
	w.merges = append(w.merges, merged{v.pipeline + " " + v.label, i.title()})
	w.wrote()
}
