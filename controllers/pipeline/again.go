package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
)

// waitError tells that a code host does not know yet whether it would merge what
// an event brings. The event is dealt with again soon; nobody waits for it.
type waitError struct{ why string }

func (e *waitError) Error() string { return e.why }

func isWait(err error) bool {
	var e *waitError
	return errors.As(err, &e)
}

const (
	// askAgain is how soon a host that does not know yet is asked again.
	askAgain = 3 * time.Second
	// verdictPatience with such a host. It works it out in seconds, when it does.
	verdictPatience = 2 * time.Minute
)

// patient says whether a host that does not know yet is still to be waited for
// about an event: since it was first asked here.
func (r *Reconciler) patient(s *scope, event string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked == nil {
		r.asked = map[string]time.Time{}
	}
	key := s.tenant.Namespace + "/" + event
	since, ok := r.asked[key]
	if !ok {
		r.asked[key] = s.now
		return true
	}
	return s.now.Sub(since) < verdictPatience
}

// forget that a host was asked about an event that was dealt with.
func (r *Reconciler) forget(s *scope, event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.asked, s.tenant.Namespace+"/"+event)
}

// past is an event that the tenant has dealt with, what became of it, and that is
// to be looked at again.
type past struct {
	event    model.TriggerEvent
	outcomes []gozer.PipelineOutcome
}

// remember an event that was dealt with, if it is to be looked at again.
func (s *scope) remember(e *gozer.TriggerEvent, outcomes []gozer.PipelineOutcome) {
	if awaits(outcomes) {
		s.past = append(s.past, past{convert.TriggerEvent(e), outcomes})
	}
}

// taken is the event as which a pipeline takes what happened: the event itself,
// or one before it (again), which was refused because the code host would not
// merge the change as it was then. When it takes neither, reason may say why.
func (s *scope) taken(p *gozer.Pipeline, c model.Change, ev model.TriggerEvent) (as model.TriggerEvent, again bool, reason string, ok bool) {
	if ev.Forced() {
		return ev, false, "", ev.Pipeline == p.Name
	}
	triggers := convert.Triggers(p.Spec.Triggers)
	if own := convert.OwnContexts(s.tenant.Namespace, p.Name, p.Spec.Reporters)[ev.Connection]; ev.Event == "check_run" && len(own) > 0 {
		ev.Check = strings.Replace(ev.Check, ":"+drivers.AllChecks+":", ":"+own[0]+":", 1) // the pipeline's own is one of all
	}
	if reason, ok = match.Wanted(triggers, c, ev, s.now); ok {
		return ev, false, "", true
	}
	if before, found := s.refused(p.Name, triggers, c, ev); found {
		return before, true, "", true
	}
	return ev, false, reason, false
}

// refused finds the event that would have brought the change in, had the code
// host been ready to merge all that it brings.
func (s *scope) refused(pipeline string, triggers []match.Trigger, c model.Change, ev model.TriggerEvent) (model.TriggerEvent, bool) {
	if c.Verdict == nil {
		return ev, false // its host does not say before it is asked to merge
	}
	var last *past
	for n := range s.past {
		x := &s.past[n]
		o := x.outcome(pipeline)
		// Whoever asked for it knew the version of then, whether or not the event says
		// which: nobody lets another one in by pushing it.
		if o.Unmergeable == "" || !x.about(c) || o.Patchset != c.Patchset || outdated(c, x.event) != "" {
			continue
		}
		if _, wanted := match.Wanted(triggers, c, x.event, s.now); wanted && (last == nil || !x.event.ReceivedAt.Before(last.event.ReceivedAt)) {
			last = x
		}
	}
	if last == nil {
		return ev, false
	}
	as := last.event
	as.Name, as.ReceivedAt = ev.Name, ev.ReceivedAt // it comes in now, and by what happened now
	return as, true
}

// settle notes on the events of a change that a pipeline refused, that something
// came of them, or of a later one: they are not to bring the change in again.
func (r *Reconciler) settle(ctx context.Context, s *scope, pipeline string, c model.Change) error {
	for n := range s.past {
		x := &s.past[n]
		if x.outcome(pipeline).Unmergeable == "" || !x.about(c) {
			continue
		}
		var e gozer.TriggerEvent
		if err := r.Live.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: x.event.Name}, &e); err != nil {
			if client.IgnoreNotFound(err) != nil {
				return err
			}
			continue
		}
		before := e.DeepCopy()
		settled(outcomesOf(&e, s.tenant.Namespace), pipeline)
		if _, err := patch.Status(ctx, r.Client, &e, before, patch.Lock); client.IgnoreNotFound(err) != nil {
			return err
		}
		settled(x.outcomes, pipeline)
	}
	return nil
}

func settled(outcomes []gozer.PipelineOutcome, pipeline string) {
	for i := range outcomes {
		if outcomes[i].Pipeline == pipeline {
			outcomes[i].Unmergeable = ""
		}
	}
}

// awaits says whether an event is to be looked at again.
func awaits(outcomes []gozer.PipelineOutcome) bool {
	return slices.ContainsFunc(outcomes, func(o gozer.PipelineOutcome) bool { return o.Unmergeable != "" })
}

// outcome in a pipeline; the zero value when the event was none of its business.
func (x *past) outcome(pipeline string) gozer.PipelineOutcome {
	for _, o := range x.outcomes {
		if o.Pipeline == pipeline {
			return o
		}
	}
	return gozer.PipelineOutcome{}
}

// about says whether the event is one of the change.
func (x *past) about(c model.Change) bool {
	return x.event.Connection == c.Project.Connection && x.event.Project == c.Project.Name && x.event.Number == c.Number
}

// unmergeable names a change in an outcome; empty for none.
func unmergeable(key model.ChangeKey) string {
	if key == (model.ChangeKey{}) {
		return ""
	}
	return fmt.Sprintf("%s#%d", key.Project, key.Number)
}

// enterAs brings a change into a pipeline, or says why not, as if another event
// had come.
func (r *Reconciler) enterAs(ctx context.Context, s *scope, p *gozer.Pipeline, change model.Change, as model.TriggerEvent) (gozer.PipelineOutcome, error) {
	o, err := r.enter(ctx, s, p, change, as)
	o.Unmergeable, o.Patchset = "", "" // the other event says so, and is the one to be looked at again
	if err != nil || o.Item == "" {
		return o, err
	}
	if o.Message == "" {
		o.Message = fmt.Sprintf("the code host would merge it by now; it enters as by the event that was refused: %s", reason(as))
	}
	return o, r.settle(ctx, s, p.Name, change)
}

// enterBy brings a change into a pipeline by an event of its own, which replaces
// those that were refused before.
func (r *Reconciler) enterBy(ctx context.Context, s *scope, p *gozer.Pipeline, change model.Change, ev model.TriggerEvent) (gozer.PipelineOutcome, error) {
	o, err := r.enter(ctx, s, p, change, ev)
	if err != nil {
		return o, err
	}
	return o, r.settle(ctx, s, p.Name, change)
}

// maxOthers bounds how many changes are read because one that they need, or form
// a cycle with, may be merged by now.
const maxOthers = 20

// enterOthers brings in those changes that were refused because of this one. out
// is what the pipelines made of the event so far.
func (r *Reconciler) enterOthers(ctx context.Context, s *scope, c model.Change, ev model.TriggerEvent, out []gozer.PipelineOutcome) ([]gozer.PipelineOutcome, error) {
	if c.Verdict == nil || c.Number == 0 || ev.Forced() {
		return out, nil
	}
	var later error
	for i := range s.pipelines {
		p := &s.pipelines[i]
		if why, _ := gate.Unmergeable(c, s.own(p)[c.Project.Connection]); !s.merges(p.Name) || why != "" && !c.Merged {
			continue
		}
		for _, x := range s.blockedBy(p.Name, c) {
			o, err := r.enterOther(ctx, s, p, x, ev)
			if isSearch(err) || isWait(err) {
				later = errors.Join(later, err)
				continue
			}
			if err != nil {
				return out, err
			}
			out = noted(out, o, x)
		}
	}
	return out, later
}

// blockedBy are the latest events of other changes that a pipeline refused for
// the sake of this one.
func (s *scope) blockedBy(pipeline string, c model.Change) []model.TriggerEvent {
	var out []model.TriggerEvent
	for n := range s.past {
		x := &s.past[n]
		if x.outcome(pipeline).Unmergeable != unmergeable(c.Key()) || x.about(c) || len(out) == maxOthers || slices.ContainsFunc(out, func(e model.TriggerEvent) bool {
			return e.Connection == x.event.Connection && e.Project == x.event.Project && e.Number == x.event.Number
		}) {
			continue
		}
		out = append(out, x.event)
	}
	return out
}

// enterOther brings in the change of an event that was refused. The outcome has
// no item when it does not enter.
func (r *Reconciler) enterOther(ctx context.Context, s *scope, p *gozer.Pipeline, x, ev model.TriggerEvent) (o gozer.PipelineOutcome, err error) {
	project, ok := s.project(x.Connection, x.Project)
	if !ok {
		return o, nil
	}
	host, err := r.Hosts.Host(ctx, x.Connection)
	if err != nil {
		return o, err
	}
	other, err := host.Change(ctx, project, x.Number)
	if errors.Is(err, drivers.ErrNotFound) {
		return o, nil
	}
	if err != nil {
		return o, err
	}
	as, ok := s.refused(p.Name, convert.Triggers(p.Spec.Triggers), other, ev)
	if !ok || other.Merged || !other.Open || !s.mayTakePart(other, p.Name) || s.liveItem(p.Name, other) != nil {
		return o, nil
	}
	return r.enterAs(ctx, s, p, other, as)
}

// noted adds to the outcomes that another change entered. Why one did not is
// nothing that the event's own change is told.
func noted(out []gozer.PipelineOutcome, o gozer.PipelineOutcome, x model.TriggerEvent) []gozer.PipelineOutcome {
	if o.Item == "" {
		return out
	}
	o.Message = convert.Cut(fmt.Sprintf("%s#%d: %s", x.Project, x.Number, o.Message), maxOutcome)
	i := slices.IndexFunc(out, func(other gozer.PipelineOutcome) bool { return other.Pipeline == o.Pipeline })
	switch {
	case i < 0:
		return append(out, o)
	case out[i].Message != "":
		o.Message = convert.Cut(out[i].Message+"; "+o.Message, maxOutcome)
	}
	out[i].Message = o.Message
	return out
}
