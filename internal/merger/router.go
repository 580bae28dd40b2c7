package merger

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// Replica is one of several mergers.
type Replica struct {
	// Name decides which projects are its own. It is the same in every process.
	Name string
	Merger
}

// Router is a Merger of several replicas. A project is its first replica's as
// long as that answers, so that one mirror of it is warm; when it does not, the
// next is asked within the same call. Commits are reproducible, so it does not
// matter who makes them, nor how often.
type Router struct {
	ring      ring[Merger]
	requests  *prometheus.CounterVec
	failovers *prometheus.CounterVec
}

var _ Merger = (*Router)(nil)

// NewRouter makes a Router; there must be a replica.
func NewRouter(replicas []Replica, now func() time.Time) *Router {
	r := &Router{
		ring: ring[Merger]{now: now},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gozer_merger_requests_total", Help: "Requests to a replica of the merger.",
		}, []string{"replica"}),
		failovers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gozer_merger_failovers_total", Help: "Requests that a replica did not answer, so that the next was asked.",
		}, []string{"replica"}),
	}
	for _, rep := range replicas {
		r.ring.add(rep.Name, rep.Merger)
		r.requests.WithLabelValues(rep.Name)
		r.failovers.WithLabelValues(rep.Name)
	}
	return r
}

// Register makes the numbers metrics.
func (r *Router) Register(reg prometheus.Registerer) error {
	return errors.Join(reg.Register(r.requests), reg.Register(r.failovers))
}

// Branches implements Merger.
func (r *Router) Branches(ctx context.Context, p model.Project) (BranchList, error) {
	return route(ctx, r, p, func(m Merger) (BranchList, error) { return m.Branches(ctx, p) }, nil)
}

// Refs implements Merger.
func (r *Router) Refs(ctx context.Context, p model.Project) (repostate.State, error) {
	return route(ctx, r, p, func(m Merger) (repostate.State, error) { return m.Refs(ctx, p) }, nil)
}

// Containing implements Merger.
func (r *Router) Containing(ctx context.Context, p model.Project, object string) ([]string, error) {
	return route(ctx, r, p, func(m Merger) ([]string, error) { return m.Containing(ctx, p, object) }, nil)
}

// Tip implements Merger.
func (r *Router) Tip(ctx context.Context, p model.Project, branch string) (Commit, error) {
	return route(ctx, r, p, func(m Merger) (Commit, error) { return m.Tip(ctx, p, branch) }, nil)
}

// Files implements Merger. The commit of a prepared state is only where it was
// made, which need not be the first choice of now: others may have it.
func (r *Router) Files(ctx context.Context, req FilesRequest) (FilesResult, error) {
	elsewhere := func(err error) bool { return req.Commit != "" && KindOf(err) == Missing }
	return route(ctx, r, req.Project, func(m Merger) (FilesResult, error) { return m.Files(ctx, req) }, elsewhere)
}

// Release implements Merger: every replica may have something. One that is away
// must not keep an item for ever: it forgets by itself what is old.
func (r *Router) Release(ctx context.Context, scope string) error {
	if _, err := gitrepo.ParseScope(scope); err != nil {
		return badRequest(err)
	}
	errs := make([]error, len(r.ring.members))
	var g errgroup.Group
	for i, m := range r.ring.members {
		g.Go(func() error {
			if m.admit(r.ring.now()) {
				errs[i] = r.try(ctx, m, func(m Merger) error { return m.Release(ctx, scope) })
			} else {
				errs[i] = &Error{Kind: Transient, Message: "is left out, for it did not answer", away: true}
			}
			return nil
		})
	}
	_ = g.Wait()
	var silent []string
	for i, err := range errs {
		switch {
		case isAway(err):
			silent = append(silent, r.ring.members[i].name+": "+err.Error())
		case err != nil:
			return err
		}
	}
	if len(silent) == len(errs) {
		return nobody(silent, Transient)
	}
	return nil
}

// Prepare implements Merger.
//
//  1. Split by project; each part goes to its project's replica.
//  2. Put the answers together.
//  3. If nothing conflicts, publish: the parts once more, with the scope, as
//     they were found. A state that conflicts is published nowhere, in no part.
//
// A request of one project, as most are, is one call.
func (r *Router) Prepare(ctx context.Context, req PrepareRequest) (mergeplan.Result, error) {
	if err := mergeplan.Validate(req.Request); err != nil {
		return mergeplan.Result{}, badRequest(err)
	}
	if req.Scope != "" {
		if _, err := gitrepo.ParseScope(req.Scope); err != nil {
			return mergeplan.Result{}, badRequest(err)
		}
	}
	parts := split(req)
	scope := ""
	if len(parts) == 1 {
		scope = req.Scope
	}
	results, err := r.prepareAll(ctx, scope, parts)
	if err != nil {
		return mergeplan.Result{}, err
	}
	whole := join(len(req.Request.Steps), parts, results)
	if req.Scope == scope || whole.Conflict != nil {
		return whole, nil
	}
	for i, p := range parts {
		p.freeze(results[i].States)
	}
	if results, err = r.prepareAll(ctx, req.Scope, parts); err != nil {
		return mergeplan.Result{}, err
	}
	return join(len(req.Request.Steps), parts, results), nil
}

// prepareAll prepares the parts at once.
func (r *Router) prepareAll(ctx context.Context, scope string, parts []*part) ([]mergeplan.Result, error) {
	results := make([]mergeplan.Result, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, p := range parts {
		ask := p.request
		ask.Scope = scope
		g.Go(func() (err error) {
			results[i], err = route(ctx, r, p.project, func(m Merger) (mergeplan.Result, error) {
				return m.Prepare(ctx, ask)
			}, nil)
			return err
		})
	}
	return results, g.Wait()
}
