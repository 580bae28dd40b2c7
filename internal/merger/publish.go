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
const maxAsks = 3

// Refs implements Merger.
func (s *Service) Refs(ctx context.Context, p model.Project) (repostate.State, error) {
	m, r, err := s.open(ctx, p)
	if err != nil {
		return repostate.State{}, classify(err)
	}
	for n := 1; ; n++ {
		st, err := m.ListRemoteRefs(ctx, r)
		if err == nil {
			_, err = s.freezeRefs(ctx, m, r, st)
		}
		var missing *gitrepo.MissingError
		if errors.As(err, &missing) && n < maxAsks {
			continue // somebody pushes at this moment
		}
		if err != nil {
			return repostate.State{}, classify(err)
		}
		return st, nil
	}
}

// freezeRefs makes sure that all of a state is here, and stays. It gives the commit
// from which it can be reached.
func (s *Service) freezeRefs(ctx context.Context, m *gitrepo.Mirror, r gitrepo.Remote, st repostate.State) (string, error) {
	if kept, err := m.Frozen(ctx, st.Digest()); err != nil || kept != "" {
		return kept, err
	}
	if err := s.fetch(ctx, m, r, gitrepo.Wants(st)); err != nil {
		return "", err
	}
	return m.Freeze(ctx, st)
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
	kept, err := s.freezeRefs(ctx, p.mirror, p.remote, st)
	var missing *gitrepo.MissingError
	if errors.As(err, &missing) {
		st.Refs = slices.DeleteFunc(slices.Clone(st.Refs), func(r repostate.Ref) bool { return slices.Contains(missing.What, r.Object) })
		kept, err = p.mirror.Freeze(ctx, st)
	}
	return st, []string{kept}, err
}
