package merger

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// maxAsks bounds how often a host is asked anew because what it said was gone
// when it was to be fetched.
const maxAsks = 2

// Refs implements Merger.
func (s *Service) Refs(ctx context.Context, p model.Project) (repostate.State, error) {
	m, r, err := s.open(ctx, p)
	if err != nil {
		return repostate.State{}, classify(err)
	}
	for n := 1; ; n++ {
		st, err := m.ListRemoteRefs(ctx, r)
		if err != nil {
			return repostate.State{}, classify(err)
		}
		frozen, _, err := s.freezeRefs(ctx, m, r, st)
		if err != nil {
			return repostate.State{}, classify(err)
		}
		if len(frozen.Lost) == 0 || n == maxAsks {
			return frozen, nil // else somebody may be pushing at this moment
		}
	}
}

// freezeRefs makes sure that all of a state is here, and stays. Branches and tags
// that cannot be had do not spoil the others: they are lost. It also gives the commit
// from which all can be reached.
func (s *Service) freezeRefs(ctx context.Context, m *gitrepo.Mirror, r gitrepo.Remote, st repostate.State) (repostate.State, string, error) {
	if kept, err := m.Frozen(ctx, st.Digest()); err != nil || kept != "" {
		return st, kept, err
	}
	err := s.fetch(ctx, m, r, gitrepo.Wants(st))
	var missing *gitrepo.MissingError
	var refused *gitrepo.InvalidError
	switch {
	case errors.As(err, &missing) || errors.As(err, &refused):
		lost, e := m.Missing(ctx, gitrepo.Wants(st))
		if e != nil {
			return st, "", e
		}
		st = st.Without(lost)
	case err != nil:
		return st, "", err
	}
	kept, err := m.Freeze(ctx, st)
	return st, kept, err
}

// Containing implements Merger.
func (s *Service) Containing(ctx context.Context, p model.Project, object string) ([]string, error) {
	if err := mergeplan.CheckCommit(object); err != nil {
		return nil, badRequest(err)
	}
	st, err := s.Refs(ctx, p)
	if err != nil {
		return nil, err
	}
	m, r, err := s.open(ctx, p)
	if err == nil {
		err = s.fetch(ctx, m, r, []gitrepo.Want{{Commit: object, Any: true}})
	}
	if err != nil {
		return nil, classify(err)
	}
	out, err := m.Containing(ctx, object, st)
	return out, classify(err)
}

// publish makes the states of all projects, and what else their repositories had
// when they were frozen, readable under a scope.
func (s *Service) publish(ctx context.Context, scope gitrepo.Scope, frozen []repostate.State, projects []*project) error {
	return each(ctx, projects, func(ctx context.Context, p *project) error {
		var st repostate.State
		if n := slices.IndexFunc(frozen, func(f repostate.State) bool { return f.Project == p.mirror.Project }); n >= 0 {
			st = frozen[n]
		}
		st, keep, err := s.still(ctx, p, st)
		if err != nil {
			return err
		}
		head := cmp.Or(strings.TrimPrefix(st.Checkout(repostate.Wish{}), "refs/heads/"), "main")
		if len(p.chains) > 0 {
			head = mergeplan.HeadBranch(p.chains)
		}
		refs := slices.Clone(st.Refs)
		for _, made := range p.states {
			refs = append(refs, repostate.Ref{Name: "refs/heads/" + made.Branch, Object: made.Commit})
			keep = append(keep, made.Commit)
		}
		slices.Reverse(refs) // of two of one name, the first counts: the state's
		return p.mirror.Publish(ctx, scope, head, repostate.New(p.mirror.Project, head, refs).Refs, keep)
	})
}

// still gives what there is of a frozen repository, and the commits that keep it. A
// merger that was not there when it was frozen has to fetch it, and something may
// be gone from the host by then: that is left out. What jobs check out is part of the
// prepared state, whose loss is an error.
func (s *Service) still(ctx context.Context, p *project, st repostate.State) (repostate.State, []string, error) {
	if len(st.Refs) == 0 {
		return st, nil, nil
	}
	st, kept, err := s.freezeRefs(ctx, p.mirror, p.remote, st)
	return st, []string{kept}, err
}
