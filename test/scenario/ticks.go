package scenario

import (
	"fmt"
	"slices"
	"time"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// leapDay is when times come in stories. Those that are also played with a real
// clock must name a time that it does not reach meanwhile.
var leapDay = time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)

// cmdTick lets the time of a pipeline come (controllers/timer): "tick PIPELINE".
// When that is, is no matter of stories.
func (p *player) cmdTick(c command) error {
	if err := p.settle(); err != nil {
		return err
	}
	pipeline := p.store.pipeline(c.arg(0))
	if pipeline == nil {
		return fmt.Errorf("no pipeline %s", c.arg(0))
	}
	n := slices.IndexFunc(pipeline.spec.Triggers, func(t gozer.Trigger) bool { return t.Event == model.Timer })
	if n < 0 {
		return fmt.Errorf("the pipeline %s has no times", pipeline.name)
	}
	t := pipeline.spec.Triggers[n]
	for _, at := range p.host.branches {
		if !slices.Contains(p.tenant.projects, at.Project) || p.idle(pipeline, at) {
			continue
		}
		tip := p.host.tips[at]
		if len(tip) == 0 {
			return fmt.Errorf("%s of %s has no commit yet that a story names; push one", at.Branch, at.Project.Name)
		}
		e := model.TriggerEvent{Connection: at.Project.Connection, Event: model.Timer, Project: at.Project.Name, Branch: at.Branch,
			Ref: "refs/heads/" + at.Branch, NewRev: tip[len(tip)-1], Pipeline: pipeline.name, Time: t.Times[0], Tick: leapDay}
		if t.Dereference {
			e.Patchset = e.NewRev
		}
		p.emit(e)
	}
	return nil
}

func (w *world) idle(p *pipeline, at model.BranchRef) bool {
	l := w.inForce()
	return !l.InPipeline(at.Project.Canonical(), p.name) || jobgraph.Idle(l.Layout, jobgraph.Input{
		Pipeline: p.name, PostReview: p.spec.PostReview, Cache: &l.jobs,
		Changes: []jobgraph.Change{{Project: at.Project, Ref: layout.Ref{Branch: at.Branch}}},
	})
}

// present finds what an event would bring into a pipeline and is there already.
func (w *world) present(pipeline string, c model.Change, ev model.TriggerEvent) *item {
	if ev.Event != model.Timer {
		return w.liveItem(pipeline, c)
	}
	for _, i := range w.unfinished() {
		own := i.changes[0]
		if i.pipeline == pipeline && i.live && i.dequeue == "" && own.Number == 0 && own.Project == c.Project && own.Ref == c.Ref && own.Patchset == c.Patchset {
			return i
		}
	}
	return nil
}
