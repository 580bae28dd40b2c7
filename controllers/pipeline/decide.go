package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// outcomes deals with one event: it takes out what the event makes obsolete
// and enqueues the change where it is wanted.
func (r *Reconciler) outcomes(ctx context.Context, s *scope, e *gozer.TriggerEvent) ([]gozer.PipelineOutcome, error) {
	ev := convert.TriggerEvent(e)
	project, ok := s.project(ev.Connection, ev.Project)
	if !ok {
		return nil, nil
	}
	switch {
	case ev.Event == model.Timer:
		return r.enterAll(ctx, s, model.Change{
			Project: project, Patchset: ev.Patchset, Head: ev.NewRev, Ref: ev.Ref, Branch: ev.Branch, Open: true,
		}, ev)
	case ev.Number == 0 && ev.Event == "push":
		return r.pushed(ctx, s, project, ev)
	}
	host, err := r.Hosts.Host(ctx, ev.Connection)
	if err != nil {
		return nil, err
	}
	ctx = drivers.AsOf(ctx, s.now)
	if ev.Number == 0 {
		return r.ofCommit(ctx, s, host, project, ev)
	}
	return r.ofChange(ctx, s, host, project, ev)
}

// ofCommit deals with what tells of a commit: a status, or a check of a fork's
// change. It is an event of each change that has the commit as its head.
func (r *Reconciler) ofCommit(ctx context.Context, s *scope, host drivers.Host, project model.Project, ev model.TriggerEvent) ([]gozer.PipelineOutcome, error) {
	finder, ok := host.(drivers.Finder)
	if !ok || ev.Patchset == "" {
		return nil, nil
	}
	numbers, err := finder.Having(ctx, project, ev.Patchset)
	if errors.Is(err, drivers.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []gozer.PipelineOutcome
	for _, n := range numbers {
		one := ev
		one.Number = n
		some, err := r.ofChange(ctx, s, host, project, one)
		if err != nil {
			return out, err
		}
		out = merged(out, some)
	}
	return out, nil
}

// merged outcomes of several changes: one for each pipeline, as they are stored.
func merged(out, more []gozer.PipelineOutcome) []gozer.PipelineOutcome {
	for _, o := range more {
		n := slices.IndexFunc(out, func(x gozer.PipelineOutcome) bool { return x.Pipeline == o.Pipeline })
		switch {
		case n < 0:
			out = append(out, o)
		case out[n].Item == "" && o.Item != "":
			out[n] = o
		}
	}
	return out
}

// ofChange deals with an event of a change.
func (r *Reconciler) ofChange(ctx context.Context, s *scope, host drivers.Host, project model.Project, ev model.TriggerEvent) ([]gozer.PipelineOutcome, error) {
	if _, ok := host.(drivers.Poller); ok && s.isTalk(ev) {
		return nil, nil
	}
	change, err := host.Change(ctx, project, ev.Number)
	if why := s.lags(host, change, err, ev); why != "" {
		return nil, &waitError{why}
	}
	if errors.Is(err, drivers.ErrNotFound) {
		return nil, r.dequeueAll(ctx, s, model.ChangeKey{Project: project.Canonical(), Number: ev.Number}, "the change does not exist any more")
	}
	if err != nil {
		return nil, err
	}
	if err := r.dequeueStale(ctx, s, change); err != nil {
		return nil, err
	}
	if err := r.recheck(ctx, s, change, ev); err != nil {
		return nil, err
	}
	if ev.Event == "check_run" && ev.Action == drivers.ActionAbort {
		return r.abort(ctx, s, change, ev)
	}
	return r.enterAll(ctx, s, change, ev)
}

// settling is how long a host may answer with what was before its own webhook.
const settling = 10 * time.Second

// lags says why a host's answer may be older than the event: a change that was just
// opened is not there, or one that was pushed to is not at that version. Whoever
// believed that would never test it. Hosts that are polled are spread over many
// machines, and do that.
func (s *scope) lags(host drivers.Host, c model.Change, err error, ev model.TriggerEvent) string {
	if _, ok := host.(drivers.Poller); !ok || s.now.Sub(ev.ReceivedAt) > settling {
		return ""
	}
	switch {
	case errors.Is(err, drivers.ErrNotFound):
		return "the code host does not show the change yet"
	case err == nil && !c.Merged && ev.Patchset != "" && ev.Patchset != c.Patchset:
		return "the code host does not show the version yet that the event is about"
	}
	return ""
}

// abort takes a change out of the pipeline whose check somebody aborted. The host
// lets only those do that who may write.
func (r *Reconciler) abort(ctx context.Context, s *scope, c model.Change, ev model.TriggerEvent) ([]gozer.PipelineOutcome, error) {
	var out []gozer.PipelineOutcome
	for _, i := range s.itemsOf(c.Key()) {
		if !i.Spec.Live || patchsetIn(i, c.Key()) != c.Patchset || !strings.Contains(ev.Check, ":"+report.Context(s.tenant.Namespace, i.Spec.Pipeline)+":") {
			continue
		}
		if err := r.dequeue(ctx, i, fmt.Sprintf("%s aborted it on the code host.", ev.Account)); err != nil {
			return nil, err
		}
		out = append(out, gozer.PipelineOutcome{Pipeline: i.Spec.Pipeline, Item: i.Name, Message: "it is taken out: aborted by " + convert.Cut(ev.Account, 255)})
	}
	return out, nil
}

// isTalk says whether an event changes nothing that a gate asks of a change, and no
// pipeline waits for it: then the change is not read for it. Where webhooks get
// lost for good, any event is welcome as a look at the change.
func (s *scope) isTalk(ev model.TriggerEvent) bool {
	switch {
	case ev.Event == "pull_request" && (ev.Action == "comment" || ev.Action == "labeled" || ev.Action == "unlabeled"):
	case ev.Event == "pull_request_review" && ev.State == "commented":
	default:
		return false
	}
	return !slices.ContainsFunc(s.pipelines, func(p gozer.Pipeline) bool { return match.Triggered(convert.Triggers(p.Spec.Triggers), ev) })
}

// enterAll brings a change into the pipelines that want it.
func (r *Reconciler) enterAll(ctx context.Context, s *scope, change model.Change, ev model.TriggerEvent) ([]gozer.PipelineOutcome, error) {
	var out []gozer.PipelineOutcome
	var later error
	for i := range s.pipelines {
		p := &s.pipelines[i]
		if !s.mayTakePart(change, p.Name) {
			continue
		}
		as, again, why, ok := s.taken(p, change, ev)
		if !ok {
			if why != "" {
				out = append(out, gozer.PipelineOutcome{Pipeline: p.Name, Message: convert.Cut(why, maxOutcome)})
			}
			continue
		}
		enter := r.enterBy
		if again {
			enter = r.enterAs
		}
		o, err := enter(ctx, s, p, change, as)
		if isSearch(err) || isWait(err) {
			later = errors.Join(later, err) // no reason for the other pipelines to wait
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	out, err := r.enterOthers(ctx, s, change, ev, out)
	return out, errors.Join(later, err)
}

// mayTakePart says whether a change has anything to do in a pipeline. A change of
// an untrusted project that is not configured yet may: it may bring the first
// configuration, which is not known before it is prepared. One that has no jobs
// then leaves without a word.
func (s *scope) mayTakePart(c model.Change, pipeline string) bool {
	if s.layout.InPipeline(c.Project.Canonical(), pipeline) {
		return true
	}
	return len(s.layout.Stanzas(c.Project.Canonical())) == 0 && c.Number != 0 && slices.ContainsFunc(s.projects, func(p configsource.Project) bool { return p.Project == c.Project && !p.Trusted })
}

// pushed deals with a push: a branch at a commit may be what a pipeline wants
// (Zuul: a ref). Besides, the tenant controller reads the configuration, and
// queues look at their branches again.
func (r *Reconciler) pushed(ctx context.Context, s *scope, p model.Project, ev model.TriggerEvent) ([]gozer.PipelineOutcome, error) {
	branch, isBranch := model.BranchOfRef(ev.Ref)
	_, isTag := model.TagOfRef(ev.Ref)
	if !isBranch && !isTag || ev.NewRev == "" || strings.Trim(ev.NewRev, "0") == "" {
		return nil, nil // another ref, or one that was deleted
	}
	if isBranch {
		if err := r.tellQueues(ctx, s, p, branch, ev); err != nil {
			return nil, err
		}
	} else {
		branch = ""
	}
	return r.enterAll(ctx, s, model.Change{
		Project: p, Patchset: ev.NewRev, Head: ev.NewRev, OldRev: ev.OldRev, Ref: ev.Ref, Branch: branch, Open: true,
	}, ev)
}

// tellQueues makes the gates look at a branch that somebody pushed to. What the
// gate pushed itself by merging a change is no news.
func (r *Reconciler) tellQueues(ctx context.Context, s *scope, p model.Project, branch string, ev model.TriggerEvent) error {
	if s.merged[ev.NewRev] {
		return nil
	}
	told := map[string]bool{}
	for i := range s.items {
		item := &s.items[i]
		if told[item.Spec.Queue] || !s.merges(item.Spec.Pipeline) || !slices.ContainsFunc(item.Spec.Changes, func(c gozer.ChangeRef) bool {
			return convert.Project(c.Project) == p && c.Branch == branch
		}) {
			continue
		}
		told[item.Spec.Queue] = true
		q := &gozer.ChangeQueue{ObjectMeta: metav1.ObjectMeta{Namespace: item.Namespace, Name: item.Spec.Queue}}
		before := q.DeepCopy()
		q.Annotations = map[string]string{gozer.AnnotationPushed: ev.Name}
		if err := r.Patch(ctx, q, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// merges says whether a pipeline merges what succeeds.
func (s *scope) merges(pipeline string) bool {
	return slices.ContainsFunc(s.pipelines, func(p gozer.Pipeline) bool {
		return p.Name == pipeline && p.Spec.Manager == gozer.ManagerDependent
	})
}

// enter brings the change into a pipeline, or says why not.
func (r *Reconciler) enter(ctx context.Context, s *scope, p *gozer.Pipeline, c model.Change, ev model.TriggerEvent) (gozer.PipelineOutcome, error) {
	a := newArrival(s, p, c, ev)
	o := gozer.PipelineOutcome{Pipeline: p.Name}
	if i := s.present(p.Name, c, ev); i != nil {
		o.Item, o.Message = i.Name, "it is in the pipeline already"
		if ev.Urgent {
			if err := r.hurry(ctx, a, i, &o); err != nil {
				return o, err
			}
		}
	} else {
		var err error
		if o, err = r.admit(ctx, a, c); err != nil {
			return o, err
		}
	}
	return r.followed(ctx, a, o)
}

// hurry makes an item urgent that is in the pipeline already, or says why not.
func (r *Reconciler) hurry(ctx context.Context, a *arrival, i *gozer.QueueItem, o *gozer.PipelineOutcome) error {
	if why := a.s.rules(a.p, a.ev).NoUrgency(); why != "" {
		o.Message += "; " + why
		return nil
	}
	o.Message += ", and urgent from now on"
	return r.annotate(ctx, i, gozer.AnnotationUrgent, a.ev.Name)
}

// admit enqueues the change where it may enter. An item that it has already is
// replaced.
func (r *Reconciler) admit(ctx context.Context, a *arrival, c model.Change) (gozer.PipelineOutcome, error) {
	s, p, ev := a.s, a.p, a.ev
	o := gozer.PipelineOutcome{Pipeline: p.Name}
	if why := outdated(c, ev); why != "" {
		o.Message = why
		return o, nil
	}
	groups, err := r.dependencies(ctx, s, c)
	var no refusal
	if errors.As(err, &no) {
		o.Message = convert.Cut(string(no), maxOutcome)
		return o, nil
	}
	if err != nil {
		return o, err
	}
	verdict := gate.Admit(s.rules(p, ev), s.candidates(p, groups), c.Key(), ev)
	if verdict.Wait {
		if r.patient(s, ev.Name) {
			return o, &waitError{verdict.Refusal}
		}
		verdict.Refusal += fmt.Sprintf(", and was asked for %s", verdictPatience)
	}
	if verdict.Refusal != "" {
		o.Message, o.Unmergeable = convert.Cut(verdict.Refusal, maxOutcome), unmergeable(verdict.Unmergeable)
		if o.Unmergeable != "" {
			o.Patchset = c.Patchset
		}
		if verdict.Tell {
			return o, r.tellRefusal(ctx, s, p, c, ev, verdict.Refusal)
		}
		return o, nil
	}
	item, err := r.enqueue(ctx, a, verdict.Entries, reason(ev))
	if err != nil {
		return o, err
	}
	o.Item = item
	return o, r.supersede(ctx, s, p, c)
}

// maxOutcome bounds what is stored of what became of an event.
const maxOutcome = 1000

// outdated says why the event does not matter any more; empty if it does.
func outdated(c model.Change, ev model.TriggerEvent) string {
	switch {
	case c.Merged:
		return "it is merged already"
	case ev.Patchset != "" && ev.Patchset != c.Patchset:
		return "the event was about an older version; the change is at " + model.ShortCommit(c.Patchset)
	}
	return ""
}

// rules of a pipeline. What a person enqueues by hand skips its requirements,
// not the change's state.
func (s *scope) rules(p *gozer.Pipeline, ev model.TriggerEvent) gate.Rules {
	r := gate.Rules{
		Pipeline: p.Name, Manager: gate.Manager(p.Spec.Manager), IgnoreDependencies: p.Spec.IgnoreDependencies,
		Require: convert.Requirements(p.Spec.Require), Reject: convert.Requirements(p.Spec.Reject),
		Urgent: ev.Urgent, Expedite: p.Spec.Expedite,
		MaxChanges: -1, ByHand: ev.Event == "enqueue",
		Own: s.own(p), Now: s.now,
	}
	if most := s.tenant.Spec.MaxChangesPerPipeline; most != nil {
		r.MaxChanges = int(*most)
		for i := range s.items {
			if s.items[i].Spec.Pipeline == p.Name {
				r.Changes += len(s.items[i].Spec.Changes)
			}
		}
	}
	return r
}

// own are the contexts that a pipeline sets itself, by connection.
func (s *scope) own(p *gozer.Pipeline) map[string][]string {
	return convert.OwnContexts(s.tenant.Namespace, p.Name, p.Spec.Reporters)
}

// candidates are the changes with what the configuration says of them.
func (s *scope) candidates(p *gozer.Pipeline, groups [][]depends.Change) [][]gate.Candidate {
	var out [][]gate.Candidate
	for _, group := range groups {
		var list []gate.Candidate
		for _, c := range group {
			q, _ := s.layout.Queue(c.Project.Canonical())
			candidate := gate.Candidate{Change: c, Takes: s.layout.InPipeline(c.Project.Canonical(), p.Name),
				Queue: s.layout.QueueName(c.Project, c.Branch), Circular: q.AllowCircularDependencies}
			if i := s.liveItem(p.Name, c.Change); i != nil {
				candidate.Item = i.Name
			}
			list = append(list, candidate)
		}
		out = append(out, list)
	}
	return out
}

// dependencies lists what must be ahead of the change in groups, the change's own last.
func (r *Reconciler) dependencies(ctx context.Context, s *scope, c model.Change) ([][]depends.Change, error) {
	g, err := r.graph(ctx, s, c)
	if err != nil {
		return nil, err
	}
	limit := -1
	if s.tenant.Spec.MaxDependencies != nil {
		limit = int(*s.tenant.Spec.MaxDependencies)
	}
	order, err := depends.Order(g, c.Key(), limit)
	if err != nil {
		return nil, refusal(err.Error())
	}
	return order, nil
}

// dequeueStale takes out versions of the change that are not the current one, and closed changes.
func (r *Reconciler) dequeueStale(ctx context.Context, s *scope, c model.Change) error {
	for _, i := range s.itemsOf(c.Key()) {
		why := ""
		switch old := patchsetIn(i, c.Key()); {
		case c.Merged:
			// It was merged: by the gate, or by a person; the queue finds out.
		case !c.Open:
			why = "The change was closed."
		case old != c.Patchset && !s.keepsOld(i.Spec.Pipeline):
			why = fmt.Sprintf("A new version was pushed: %s replaces %s.", model.ShortCommit(c.Patchset), model.ShortCommit(old))
		}
		if why == "" {
			continue
		}
		if err := r.dequeue(ctx, i, why); err != nil {
			return err
		}
	}
	return nil
}

// keepsOld says whether a pipeline runs old versions on.
func (s *scope) keepsOld(pipeline string) bool {
	return slices.ContainsFunc(s.pipelines, func(p gozer.Pipeline) bool { return p.Name == pipeline && p.Spec.KeepOldPatchsets })
}

func (r *Reconciler) dequeueAll(ctx context.Context, s *scope, key model.ChangeKey, why string) error {
	for _, i := range s.itemsOf(key) {
		if err := r.dequeue(ctx, i, why); err != nil {
			return err
		}
	}
	return nil
}

// supersede takes the change out of the pipelines that this one supersedes.
func (r *Reconciler) supersede(ctx context.Context, s *scope, p *gozer.Pipeline, c model.Change) error {
	for _, i := range s.itemsOf(c.Key()) {
		if !i.Spec.Live || !slices.Contains(p.Spec.Supersedes, i.Spec.Pipeline) {
			continue
		}
		if err := r.dequeue(ctx, i, fmt.Sprintf("The pipeline %s supersedes %s.", p.Name, i.Spec.Pipeline)); err != nil {
			return err
		}
	}
	return nil
}
