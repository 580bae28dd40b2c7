package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// arrival is an event that brings changes into a pipeline: the one that it is
// about, what that needs, and what needs it (Zuul: changes enqueued ahead and
// behind). It is deep first, so that the order is the same whichever of the
// changes had the event:
//
//	   A
//	  / \      an event of C brings A, B, C, D, E, F, G, in this order
//	 B   G
//	/|\
//	C E F
//	|
//	D
//
// An item whose followers were not looked for when the process died is found by
// its event, which is dealt with again.
type arrival struct {
	s  *scope
	p  *gozer.Pipeline
	ev model.TriggerEvent
	// own is the change that the event is about.
	own model.Change
	// looked are the items whose followers were looked for, tried the changes that were looked at.
	looked map[string]bool
	tried  map[model.ChangeKey]bool
	// failed is why followers could not be looked for.
	failed error
}

func newArrival(s *scope, p *gozer.Pipeline, own model.Change, ev model.TriggerEvent) *arrival {
	return &arrival{s: s, p: p, own: own, ev: ev, looked: map[string]bool{}, tried: map[model.ChangeKey]bool{}}
}

// urgent says whether an entry is what the event is about, and that is urgent:
// what it needs comes along, what needs it does not.
func (a *arrival) urgent(e gate.Entry) bool {
	return a.ev.Urgent && slices.ContainsFunc(e.Changes, func(c gate.Candidate) bool { return c.Key() == a.own.Key() })
}

// itemOf is the item of an entry that is there already: from before, or because
// it followed something that came in just now.
func (a *arrival) itemOf(e gate.Entry) string {
	if e.Item != "" {
		return e.Item
	}
	if i := a.s.liveItem(a.p.Name, e.Changes[0].Change.Change); i != nil && e.Live && i.Spec.Event == a.ev.Name && len(i.Spec.Changes) == len(e.Changes) {
		return i.Name
	}
	return ""
}

// giveUp notes why no more followers can be looked for. The rest goes on.
func (a *arrival) giveUp(err error) error {
	a.failed = err
	return nil
}

func (a *arrival) gaveUp() bool { return a.failed != nil }

// brought are the items that the event brought into the pipeline, also those that merged since.
func (a *arrival) brought() []gozer.QueueItem {
	var out []gozer.QueueItem
	for _, list := range [][]gozer.QueueItem{a.s.done, a.s.items} {
		for _, i := range list {
			if i.Spec.Event == a.ev.Name && i.Spec.Pipeline == a.p.Name && i.Spec.Live {
				out = append(out, i)
			}
		}
	}
	slices.SortFunc(out, func(a, b gozer.QueueItem) int { return a.Spec.EnqueuedAt.Compare(b.Spec.EnqueuedAt.Time) })
	return out
}

// followed completes what an event brings, and says when that could not be done.
func (r *Reconciler) followed(ctx context.Context, a *arrival, o gozer.PipelineOutcome) (gozer.PipelineOutcome, error) {
	for _, i := range a.brought() {
		if err := r.followers(ctx, a, i.Name); err != nil {
			return o, err
		}
	}
	if a.failed == nil {
		return o, nil
	}
	if r.Now().Sub(a.ev.ReceivedAt) < patience {
		return o, &searchError{a.failed}
	}
	logf.FromContext(ctx).Error(a.failed, "Cannot find the changes that need what was enqueued", "event", a.ev.Name, "pipeline", a.p.Name)
	o.Message = convert.Cut(fmt.Sprintf("which changes need it could not be found out, they need an event of their own: %v", a.failed), maxOutcome)
	return o, nil
}

// searchError tells that changes which need one that is in its queue could not
// be looked for. That is worth another try, and nothing for which others must wait.
type searchError struct{ err error }

func (e *searchError) Error() string { return fmt.Sprintf("look for changes that need it: %v", e.err) }
func (e *searchError) Unwrap() error { return e.err }

func isSearch(err error) bool {
	var e *searchError
	return errors.As(err, &e)
}

// maxTried bounds how many changes are looked at for one event: anybody may open
// changes that need one.
const maxTried = 200

// followers brings in what needs the changes of an item.
func (r *Reconciler) followers(ctx context.Context, a *arrival, name string) error {
	if a.p.Spec.Manager != gozer.ManagerDependent || a.looked[name] || a.gaveUp() {
		return nil
	}
	brought := a.brought()
	n := slices.IndexFunc(brought, func(i gozer.QueueItem) bool { return i.Name == name })
	if n < 0 {
		return nil
	}
	a.looked[name] = true
	for _, ref := range brought[n].Spec.Changes {
		needed := convert.Change(ref)
		a.tried[needed.Key()] = true
		found, err := r.needing(ctx, a, needed)
		if err != nil {
			return a.giveUp(err)
		}
		for _, c := range found {
			if err := r.follow(ctx, a, needed, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// needing finds the open changes that name a change, on all connections.
func (r *Reconciler) needing(ctx context.Context, a *arrival, needed model.Change) ([]model.Change, error) {
	queue := a.s.layout.QueueName(needed.Project, needed.Branch)
	var out []model.Change
	for _, source := range a.s.tenant.Spec.Sources {
		var among []model.Project
		for _, p := range a.s.projects {
			if p.Connection == source.Connection && a.s.layout.InPipeline(p.Canonical(), a.p.Name) && a.s.layout.QueueName(p.Project, needed.Branch) == queue {
				among = append(among, p.Project)
			}
		}
		if len(among) == 0 {
			continue
		}
		host, err := r.Hosts.Host(ctx, source.Connection)
		if err != nil {
			return nil, err
		}
		found, err := host.Needing(ctx, needed, among, a.ev.ReceivedAt)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			names, err := r.names(ctx, a.s, c, needed.Key())
			if err != nil {
				return nil, err
			}
			if names {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// names says whether a change's text names another one.
func (r *Reconciler) names(ctx context.Context, s *scope, c model.Change, key model.ChangeKey) (bool, error) {
	lines := depends.Lines(c.Message)
	for _, url := range lines[:min(len(lines), maxGraph)] {
		n, err := r.named(ctx, s, url)
		if err != nil {
			return false, err
		}
		if n.known && n.number == key.Number && n.project.Canonical() == key.Project {
			return true, nil
		}
	}
	return false, nil
}

// follow brings a change in behind one that it needs, where it may enter. When it
// is there already, what it brought may not be.
func (r *Reconciler) follow(ctx context.Context, a *arrival, needed, found model.Change) error {
	if a.tried[found.Key()] || len(a.tried) >= maxTried {
		return nil
	}
	a.tried[found.Key()] = true
	host, err := r.Hosts.Host(ctx, found.Project.Connection)
	if err == nil {
		found, err = host.Change(ctx, found.Project, found.Number)
	}
	if errors.Is(err, drivers.ErrNotFound) || err == nil && (found.Merged || !found.Open) {
		return nil // it went while it was looked for
	}
	if err != nil {
		return a.giveUp(err)
	}
	if i := a.s.liveItem(a.p.Name, found); i != nil {
		return r.followers(ctx, a, i.Name)
	}
	entries, why, err := r.admitFollower(ctx, a, needed, found)
	switch {
	case err != nil:
		return a.giveUp(err)
	case why != "":
		logf.FromContext(ctx).V(1).Info("Not brought in behind what it needs", "change", found.URL, "pipeline", a.p.Name, "reason", why)
		return nil
	}
	if _, err := r.enqueue(ctx, a, entries, a.because(needed, entries[len(entries)-1])); err != nil {
		return err
	}
	return r.supersede(ctx, a.s, a.p, found)
}

// because is why an item enters that needs a change. The one that the event is
// about may come in behind what it brought itself.
func (a *arrival) because(needed model.Change, e gate.Entry) string {
	if slices.ContainsFunc(e.Changes, func(c gate.Candidate) bool { return c.Key() == a.own.Key() }) {
		return reason(a.ev)
	}
	return fmt.Sprintf("it needs %s, which entered", convert.ChangeName(convert.ChangeRef(needed, "")))
}

// admitFollower says what enters with a change that needs another one, or why it
// does not. It has no event of its own, and nobody put it in by hand.
func (r *Reconciler) admitFollower(ctx context.Context, a *arrival, needed, c model.Change) ([]gate.Entry, string, error) {
	groups, err := r.dependencies(ctx, a.s, c)
	if err == nil && c.Key() != a.own.Key() && !a.own.Merged && contains(groups[len(groups)-1], a.own.Key()) {
		// Of a cycle, the change that has the event says in which order it merges.
		c = a.own
		groups, err = r.dependencies(ctx, a.s, c)
	}
	var no refusal
	if errors.As(err, &no) {
		return nil, string(no), nil
	}
	if err != nil {
		return nil, "", err
	}
	rules := a.s.rules(a.p, model.TriggerEvent{})
	candidates := a.s.candidates(a.p, groups)
	queue := a.s.layout.QueueName(needed.Project, needed.Branch)
	for _, own := range candidates[len(candidates)-1] {
		if why := gate.MayFollow(rules, queue, own); why != "" {
			return nil, why, nil
		}
	}
	verdict := gate.Admit(rules, candidates, c.Key(), model.TriggerEvent{})
	if verdict.Wait {
		return nil, "", &waitError{verdict.Refusal}
	}
	return verdict.Entries, verdict.Refusal, nil
}

func contains(group []depends.Change, key model.ChangeKey) bool {
	return slices.ContainsFunc(group, func(c depends.Change) bool { return c.Key() == key })
}
