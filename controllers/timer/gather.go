package timer

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/timer"
)

// scope is what one reconcile knows.
type scope struct {
	tenant *gozer.Tenant
	now    time.Time
	layout *configsource.Config
	// projects by canonical name.
	projects map[string]model.Project
	// heads of the branches that the configuration is of.
	heads map[branch]string
	// pipelines that have times now, or had.
	pipelines []gozer.Pipeline
	timers    []timer.Timer
}

// branch of a project, by canonical name.
type branch struct{ project, name string }

// key of one time of a pipeline.
type key struct {
	pipeline types.UID
	time     string
}

func (r *Reconciler) gather(ctx context.Context, t *gozer.Tenant) (*scope, error) {
	s := &scope{tenant: t, now: r.Now(), projects: map[string]model.Project{}, heads: map[branch]string{}}
	var list gozer.PipelineList
	if err := r.List(ctx, &list, client.InNamespace(t.Namespace)); err != nil {
		return nil, err
	}
	s.pipelines = slices.DeleteFunc(list.Items, func(p gozer.Pipeline) bool {
		return p.DeletionTimestamp != nil || len(p.Status.Timers) == 0 && !slices.ContainsFunc(p.Spec.Triggers, isTimer)
	})
	if len(s.pipelines) == 0 {
		return s, nil
	}
	var err error
	if s.layout, err = r.Loader.Layout(ctx, t, t.Status.Layout.Heads, nil); err != nil {
		return nil, err
	}
	projects, err := r.Loader.Projects(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, p := range projects {
		s.projects[p.Canonical()] = p.Project
	}
	for _, h := range t.Status.Layout.Heads {
		s.heads[branch{h.Project, h.Branch}] = h.Commit
	}
	for n := range s.pipelines {
		s.timers = append(s.timers, r.timers(ctx, s, &s.pipelines[n])...)
	}
	return s, nil
}

func isTimer(t gozer.Trigger) bool { return t.Event == model.Timer }

// timers of a pipeline. A time that cannot be read is left out: the condition
// Ready of the Pipeline tells.
func (r *Reconciler) timers(ctx context.Context, s *scope, p *gozer.Pipeline) []timer.Timer {
	var out []timer.Timer
	branches := s.branches(p.Name)
	for _, t := range p.Spec.Triggers {
		for _, text := range t.Times {
			schedule, err := timer.Parse(text)
			if err != nil {
				logf.FromContext(ctx).Info("Time left out", "pipeline", p.Name, "time", text, "reason", err.Error())
				continue
			}
			if slices.ContainsFunc(out, func(o timer.Timer) bool { return o.Time == text }) {
				continue
			}
			out = append(out, timer.Timer{
				Pipeline: p.Name, Time: text, Schedule: schedule, Dereference: t.Dereference, Since: r.since(s, p, text), Branches: branches,
			})
		}
	}
	return out
}

// since is up to when a time is done with: what is new begins now.
func (r *Reconciler) since(s *scope, p *gozer.Pipeline, text string) time.Time {
	noted, ok := notedFor(p, text)
	if !ok {
		return s.now
	}
	if done := r.done[s.tenant.UID][key{p.UID, text}]; done.After(noted.Until.Time) {
		return done
	}
	return noted.Until.Time
}

// notedFor is what the status says of a time.
func notedFor(p *gozer.Pipeline, text string) (gozer.PipelineTimer, bool) {
	i := slices.IndexFunc(p.Status.Timers, func(t gozer.PipelineTimer) bool { return t.Time == text })
	if i < 0 {
		return gozer.PipelineTimer{}, false
	}
	return p.Status.Timers[i], true
}

// branches of the projects that take part in a pipeline. Heads have none that is
// always dynamic.
func (s *scope) branches(pipeline string) []timer.Branch {
	var out []timer.Branch
	takes := map[string]bool{}
	for _, h := range s.tenant.Status.Layout.Heads {
		in, known := takes[h.Project]
		if !known {
			_, here := s.projects[h.Project]
			in = here && s.layout.InPipeline(h.Project, pipeline)
			takes[h.Project] = in
		}
		if in {
			out = append(out, timer.Branch{Project: h.Project, Name: h.Branch, Spread: timer.SpreadOf(s.tenant.Namespace, h.Project, h.Branch)})
		}
	}
	return out
}

// idle says that a branch has nothing to do in a pipeline. An item without jobs
// would leave without a word; so none is made.
func (s *scope) idle(pipeline string, postReview bool, b timer.Branch) bool {
	return jobgraph.Idle(s.layout.Layout, jobgraph.Input{
		Pipeline: pipeline, PostReview: postReview, Cache: &s.layout.Jobs,
		Changes: []jobgraph.Change{{Project: s.projects[b.Project], Ref: layout.Ref{Branch: b.Name}}},
	})
}
