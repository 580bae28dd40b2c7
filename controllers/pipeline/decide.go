package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
)

// outcomes deals with one event: it takes out what the event makes obsolete
// and enqueues the change where it is wanted.
func (r *Reconciler) outcomes(ctx context.Context, s *scope, e *gozer.TriggerEvent) ([]gozer.PipelineOutcome, error) {
	ev := convert.TriggerEvent(e)
	if ev.Number == 0 {
		// A push: the tenant controller reads the configuration, the changequeue
		// controller looks at the branch before it merges.
		return nil, nil
	}
	project, ok := s.project(ev.Connection, ev.Project)
	if !ok {
		return nil, nil
	}
	host, err := r.Hosts.Host(ctx, ev.Connection)
	if err != nil {
		return nil, err
	}
	change, err := host.Change(ctx, project, ev.Number)
	if errors.Is(err, drivers.ErrNotFound) {
		return nil, r.dequeueAll(ctx, s, model.ChangeKey{Project: project.Canonical(), Number: ev.Number}, "the change does not exist any more")
	}
	if err != nil {
		return nil, err
	}
	if err := r.dequeueStale(ctx, s, change); err != nil {
		return nil, err
	}
	var out []gozer.PipelineOutcome
	for i := range s.pipelines {
		p := &s.pipelines[i]
		if !wants(p, ev) || !s.layout.InPipeline(project.Canonical(), p.Name) {
			continue
		}
		o, err := r.enter(ctx, s, p, change, ev)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// wants says whether the event is the pipeline's.
func wants(p *gozer.Pipeline, ev model.TriggerEvent) bool {
	if ev.Event == "enqueue" {
		return ev.Pipeline == p.Name
	}
	return match.Triggered(convert.Triggers(p.Spec.Triggers), ev)
}

// enter brings the change into a pipeline, or says why not.
func (r *Reconciler) enter(ctx context.Context, s *scope, p *gozer.Pipeline, c model.Change, ev model.TriggerEvent) (gozer.PipelineOutcome, error) {
	o := gozer.PipelineOutcome{Pipeline: p.Name}
	if i := s.liveItem(p.Name, c); i != nil {
		o.Item, o.Message = i.Name, "it is in the pipeline already"
		return o, nil
	}
	if why := unfit(p, c, ev); why != "" {
		o.Message = why
		return o, nil
	}
	order, err := r.dependencies(ctx, s, c)
	var no refusal
	if errors.As(err, &no) {
		o.Message = convert.Cut(string(no), 1000)
		return o, nil
	}
	if err != nil {
		return o, err
	}
	item, why, err := r.enqueue(ctx, s, p, order, ev)
	if err != nil {
		return o, err
	}
	o.Item, o.Message = item, convert.Cut(why, 1000)
	if item == "" {
		return o, nil
	}
	return o, r.supersede(ctx, s, p, c)
}

// unfit says why a change may not enter; empty if it may. What a person
// enqueues by hand skips the pipeline's requirements, not the change's state.
func unfit(p *gozer.Pipeline, c model.Change, ev model.TriggerEvent) string {
	switch {
	case c.Merged:
		return "it is merged already"
	case ev.Patchset != "" && ev.Patchset != c.Patchset:
		return "the event was about an older version; the change is at " + model.ShortCommit(c.Patchset)
	}
	if p.Spec.Manager == gozer.ManagerDependent {
		if why := unmergeable(c); why != "" {
			return why
		}
	}
	if ev.Event == "enqueue" {
		return ""
	}
	why, _ := match.Allowed(convert.Requirements(p.Spec.Require), convert.Requirements(p.Spec.Reject), c, ev)
	return why
}

// unmergeable says why the code host would not merge a change as it is.
func unmergeable(c model.Change) string {
	switch {
	case !c.Open:
		return "it is not open"
	case c.Draft:
		return "it is a draft"
	}
	return ""
}

// dependencies lists what must be ahead of the change, and the change last.
func (r *Reconciler) dependencies(ctx context.Context, s *scope, c model.Change) ([]depends.Change, error) {
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
		switch old := i.Spec.Changes[0].Patchset; {
		case c.Merged:
			// It was merged: by the gate, or by a person; the queue finds out.
		case !c.Open:
			why = "The change was closed."
		case old != c.Patchset:
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
