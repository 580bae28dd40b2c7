package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// emit makes an event durable, as intake does.
func (w *world) emit(e model.TriggerEvent) {
	e.Name = fmt.Sprintf("ev%d", len(w.store.events)+1)
	w.store.events = append(w.store.events, &event{TriggerEvent: e})
}

// about is an event of a change.
func about(c *model.Change, kind, action string) model.TriggerEvent {
	return model.TriggerEvent{Connection: c.Project.Connection, Event: kind, Action: action, Project: c.Project.Name,
		Number: c.Number, Patchset: c.Patchset, Branch: c.Branch}
}

// project of the tenant.
func (w *world) project(connection, name string) (model.Project, bool) {
	i := slices.IndexFunc(w.tenant.projects, func(p model.Project) bool { return p.Connection == connection && p.Name == name })
	if i < 0 {
		return model.Project{}, false
	}
	return w.tenant.projects[i], true
}

// deal deals with one event (controllers/pipeline).
func (w *world) deal(e *event) {
	ev := e.TriggerEvent
	if p, ok := w.project(ev.Connection, ev.Project); ok {
		if ev.Event == model.Timer {
			w.enterAll(model.Change{Project: p, Patchset: ev.Patchset, Head: ev.NewRev, Ref: ev.Ref, Branch: ev.Branch, Open: true}, ev)
		} else if ev.Number == 0 {
			w.dealPush(p, ev)
		} else if c := w.host.changes[model.ChangeKey{Project: p.Canonical(), Number: ev.Number}]; c != nil {
			w.dequeueStale(*c)
			w.recheck(*c, ev)
			w.enterAll(*c, ev)
		}
	}
	e.dealt = true
	w.wrote()
}

// dealPush tells the gates of a push, and brings the branch to pipelines that want it.
func (w *world) dealPush(p model.Project, ev model.TriggerEvent) {
	branch, ok := model.BranchOfRef(ev.Ref)
	if !ok {
		return
	}
	if !w.gateMade(ev.NewRev) {
		for _, i := range w.unfinished() {
			q := w.store.queues[i.queue]
			own := func(c model.Change) bool { return c.Project == p && c.Branch == branch }
			if q == nil || q.manager != gozer.ManagerDependent || !slices.ContainsFunc(i.changes, own) {
				continue
			}
			q.pushed = ev.Name
			w.touch("queue " + q.name)
			w.wrote()
		}
	}
	w.enterAll(model.Change{Project: p, Patchset: ev.NewRev, Head: ev.NewRev, OldRev: ev.OldRev, Ref: ev.Ref, Branch: branch, Open: true}, ev)
}

// gateMade says whether a commit is one of the gate's own merges.
func (w *world) gateMade(commit string) bool {
	for _, i := range w.store.items {
		if i.merged && slices.ContainsFunc(i.changes, func(c model.Change) bool { return rev(c) == commit }) {
			return true
		}
	}
	return false
}

func (w *world) enterAll(c model.Change, ev model.TriggerEvent) {
	for n := range w.store.pipelines {
		p := &w.store.pipelines[n]
		wanted := ev.Forced() && ev.Pipeline == p.name || !ev.Forced() && match.Triggered(convert.Triggers(p.spec.Triggers), ev)
		if wanted && (w.inForce().InPipeline(c.Project.Canonical(), p.name) || c.Number != 0 && c.Project.Name != configProject && len(w.inForce().Stanzas(c.Project.Canonical())) == 0) {
			w.enter(p, c, ev)
		}
	}
}

// enter brings a change into a pipeline, or says why not.
func (w *world) enter(p *pipeline, c model.Change, ev model.TriggerEvent) {
	a := newArrival(p, c, ev)
	i := w.present(p.name, c, ev)
	switch {
	case i == nil:
		w.admit(a, c)
	case ev.Urgent && !i.urgent && w.rulesOf(p, ev).NoUrgency() == "":
		i.urgent = true
		w.touch("queue " + i.queue)
		w.wrote()
	}
	w.followed(a)
}

// admit enqueues a change where it may enter, in place of an item that it has
// already. It says whether it did.
func (w *world) admit(a *arrival, c model.Change) bool {
	p, ev := a.p, a.ev
	refuse := func(why string) { w.say("%s: %s not enqueued: %s", p.name, changeName(c), why) }
	switch {
	case c.Merged:
		refuse("it is merged already")
		return false
	case ev.Patchset != "" && ev.Patchset != c.Patchset:
		refuse("the event was about an older version")
		return false
	}
	groups, err := w.dependencies(c)
	if err != nil {
		refuse(err.Error())
		return false
	}
	verdict := gate.Admit(w.rulesOf(p, ev), w.candidates(p, groups), c.Key(), ev)
	if verdict.Refusal != "" {
		refuse(verdict.Refusal)
		if verdict.Tell {
			w.tellRefusal(p, c, ev, verdict.Refusal)
		}
		return false
	}
	w.enqueue(a, verdict.Entries)
	w.supersede(p, c)
	return true
}

func (w *world) supersede(p *pipeline, c model.Change) {
	for _, i := range w.itemsOf(c.Key()) {
		if i.live && slices.Contains(p.spec.Supersedes, i.pipeline) {
			w.dequeue(i, fmt.Sprintf("The pipeline %s supersedes %s.", p.name, i.pipeline))
		}
	}
}

func (w *world) rulesOf(p *pipeline, ev model.TriggerEvent) gate.Rules {
	r := gate.Rules{
		Pipeline: p.name, Manager: gate.Manager(p.spec.Manager), IgnoreDependencies: p.spec.IgnoreDependencies,
		Require: convert.Requirements(p.spec.Require), Reject: convert.Requirements(p.spec.Reject),
		Urgent: ev.Urgent, Expedite: p.spec.Expedite,
		MaxChanges: -1, ByHand: ev.Event == "enqueue",
	}
	if most := w.inForce().spec.MaxChangesPerPipeline; most != nil {
		r.MaxChanges = int(*most)
		for _, i := range w.unfinished() {
			if i.pipeline == p.name {
				r.Changes += len(i.changes)
			}
		}
	}
	return r
}

func (w *world) candidates(p *pipeline, groups [][]depends.Change) [][]gate.Candidate {
	l := w.inForce()
	var out [][]gate.Candidate
	for _, group := range groups {
		var list []gate.Candidate
		for _, c := range group {
			q, _ := l.Queue(c.Project.Canonical())
			candidate := gate.Candidate{Change: c, Takes: l.InPipeline(c.Project.Canonical(), p.name),
				Queue: l.QueueName(c.Project, c.Branch), Circular: q.AllowCircularDependencies}
			if i := w.liveItem(p.name, c.Change); i != nil {
				candidate.Item = i.name
			}
			list = append(list, candidate)
		}
		out = append(out, list)
	}
	return out
}

// dependencies reads what a change needs and puts it in order.
func (w *world) dependencies(root model.Change) ([][]depends.Change, error) {
	g := depends.Graph{}
	for todo := []model.Change{root}; len(todo) > 0; todo = todo[1:] {
		c := todo[0]
		if _, seen := g[c.Key()]; seen {
			continue
		}
		node := depends.Change{Change: c}
		for _, url := range depends.Lines(c.Message) {
			need, ok, err := w.changeByURL(url)
			if err != nil {
				return nil, err
			}
			if ok && !slices.Contains(node.Needs, need.Key()) {
				node.Needs = append(node.Needs, need.Key())
				todo = append(todo, need)
			}
		}
		g[c.Key()] = node
	}
	limit := -1
	if most := w.inForce().spec.MaxDependencies; most != nil {
		limit = int(*most)
	}
	return depends.Order(g, root.Key(), limit)
}

// changeByURL finds the change that a line names; lines that name something else are ignored.
func (w *world) changeByURL(url string) (model.Change, bool, error) {
	for name, connection := range connections {
		rest, ok := strings.CutPrefix(url, "https://"+connection.Hostname+"/")
		if !ok {
			continue
		}
		project, text, _ := strings.Cut(rest, "/pulls/")
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return model.Change{}, false, nil //nolint:nilerr // a line that names no change
		}
		p, known := w.project(name, project)
		if !known {
			return model.Change{}, false, fmt.Errorf("it depends on %s, whose project is not in the tenant", url)
		}
		if c := w.host.changes[model.ChangeKey{Project: p.Canonical(), Number: number}]; c != nil {
			return *c, true, nil
		}
		return model.Change{}, false, errors.New("it depends on " + url + ", which does not exist")
	}
	return model.Change{}, false, nil
}

// tellRefusal reports why a change may not enter.
func (w *world) tellRefusal(p *pipeline, c model.Change, ev model.TriggerEvent, why string) {
	w.comment(c, p.spec.Reporters.Failure, report.Item{
		Pipeline: p.name, Merges: p.spec.Manager == gozer.ManagerDependent, Change: c, Result: model.ItemFailure, Reason: why,
		BuildSet: ev.Name + "/" + p.name, Messages: messages(p.spec),
	})
}
