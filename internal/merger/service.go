package merger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/lru"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
)

const (
	maxStates  = 20_000
	maxChanges = 5_000
	// parallel bounds the projects of one request that are worked on at once.
	parallel = 8
)

// Service is the in-process Merger.
type Service struct {
	Stats Stats

	store   *gitrepo.Store
	remotes Remotes
	// states holds what each merge gave, by digest; changes the files that a
	// change touches, by base and head.
	states  *lru.Cache[string, outcome]
	changes *lru.Cache[changeKey, changedFiles]

	mu    sync.Mutex
	locks map[model.Project]chan struct{}
}

var _ Merger = (*Service)(nil)

// New makes a Service on a store of mirrors.
func New(store *gitrepo.Store, remotes Remotes) *Service {
	return &Service{
		store:   store,
		remotes: remotes,
		states:  lru.New[string, outcome](maxStates),
		changes: lru.New[changeKey, changedFiles](maxChanges),
		locks:   map[model.Project]chan struct{}{},
	}
}

// lock lets one request at a time merge in a project, so that two requests
// with the same changes ahead do not both merge them.
func (s *Service) lock(ctx context.Context, p model.Project) (func(), error) {
	s.mu.Lock()
	l, ok := s.locks[p]
	if !ok {
		l = make(chan struct{}, 1)
		s.locks[p] = l
	}
	s.mu.Unlock()
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// open gives the mirror of a project and its remote.
func (s *Service) open(ctx context.Context, p model.Project) (*gitrepo.Mirror, gitrepo.Remote, error) {
	m, err := s.store.EnsureMirror(ctx, p)
	if err != nil {
		return nil, gitrepo.Remote{}, err
	}
	r, err := s.remotes.Remote(ctx, p.Connection, p)
	if err != nil {
		return nil, gitrepo.Remote{}, fmt.Errorf("how to reach %s: %w", p.Canonical(), err)
	}
	return m, r, nil
}

func (s *Service) fetch(ctx context.Context, m *gitrepo.Mirror, r gitrepo.Remote, wants []gitrepo.Want) error {
	fetched, err := m.Fetch(ctx, r, wants)
	if fetched {
		s.Stats.Fetches.Add(1)
	}
	return err
}

// Branches implements Merger.
func (s *Service) Branches(ctx context.Context, p model.Project) (BranchList, error) {
	m, r, err := s.open(ctx, p)
	if err != nil {
		return BranchList{}, classify(err)
	}
	b, err := m.ListRemoteBranches(ctx, r)
	if err != nil {
		return BranchList{}, classify(err)
	}
	return BranchList{Default: b.Default, Heads: b.Heads}, nil
}

// Tip implements Merger.
func (s *Service) Tip(ctx context.Context, p model.Project, branch string) (Commit, error) {
	if err := mergeplan.CheckBranch(branch); err != nil {
		return Commit{}, badRequest(err)
	}
	m, r, err := s.open(ctx, p)
	if err != nil {
		return Commit{}, classify(err)
	}
	heads, err := s.heads(ctx, m, r, []string{branch})
	if err != nil {
		return Commit{}, classify(err)
	}
	commit := heads[branch]
	if err := s.fetch(ctx, m, r, []gitrepo.Want{{Commit: commit, Ref: "refs/heads/" + branch}}); err != nil {
		return Commit{}, classify(moved(err, heads))
	}
	tree, err := m.TreeOf(ctx, commit)
	return Commit{Commit: commit, Tree: tree}, classify(m.WasThere(err))
}

// heads asks the remote once for the heads of branches that must exist.
func (s *Service) heads(ctx context.Context, m *gitrepo.Mirror, r gitrepo.Remote, branches []string) (map[string]string, error) {
	all, err := m.ListRemoteBranches(ctx, r)
	if err != nil {
		return nil, err
	}
	heads := map[string]string{}
	for _, b := range branches {
		commit, ok := all.Heads[b]
		if !ok {
			return nil, &Error{Kind: Missing, Message: fmt.Sprintf("%s has no branch %q", m.Project.Canonical(), b)}
		}
		heads[b] = commit
	}
	return heads, nil
}

// Files implements Merger.
func (s *Service) Files(ctx context.Context, req FilesRequest) (FilesResult, error) {
	commit := req.Commit
	if commit == "" {
		tip, err := s.Tip(ctx, req.Project, req.Branch)
		if err != nil {
			return FilesResult{}, err
		}
		commit = tip.Commit
	} else if err := s.have(ctx, req); err != nil {
		return FilesResult{}, err
	}
	m, err := s.store.EnsureMirror(ctx, req.Project)
	if err != nil {
		return FilesResult{}, classify(err)
	}
	files, complaints, err := m.ReadFiles(ctx, commit, req.Paths)
	if err != nil {
		return FilesResult{}, classify(m.WasThere(err))
	}
	return FilesResult{Commit: commit, Files: files, Errors: complaints}, nil
}

// have makes sure that a commit is in the mirror. Commits of prepared states
// are nowhere else, so their loss is told apart: preparing again helps.
func (s *Service) have(ctx context.Context, req FilesRequest) error {
	m, r, err := s.open(ctx, req.Project)
	if err != nil {
		return classify(err)
	}
	want := gitrepo.Want{Commit: req.Commit}
	if req.Branch != "" {
		want.Ref = "refs/heads/" + req.Branch
	}
	err = s.fetch(ctx, m, r, []gitrepo.Want{want})
	var missing *gitrepo.MissingError
	if errors.As(err, &missing) {
		return &Error{Kind: Missing, Message: fmt.Sprintf(
			"%s is neither on the code host nor a state that this merger prepared; prepare the item again", missing.What[0])}
	}
	return classify(err)
}

// Release implements Merger.
func (s *Service) Release(ctx context.Context, scope string) error {
	sc, err := gitrepo.ParseScope(scope)
	if err != nil {
		return badRequest(err)
	}
	mirrors, err := s.store.Existing()
	if err != nil {
		return classify(err)
	}
	var errs []error
	for _, m := range mirrors {
		errs = append(errs, m.Unpublish(ctx, sc))
	}
	return classify(errors.Join(errs...))
}

// Sweep forgets prepared states that were not asked for within stateAge and
// scopes that were published longer than scopeAge ago, repacks mirrors that need
// it, and deletes some when they take too much room. Call it now and then.
func (s *Service) Sweep(ctx context.Context, stateAge, scopeAge time.Duration) error {
	mirrors, err := s.store.Existing()
	if err != nil {
		return classify(err)
	}
	now := time.Now()
	var errs []error
	for _, m := range mirrors {
		digests, err := m.Sweep(ctx, now.Add(-stateAge), now.Add(-scopeAge))
		for _, d := range digests {
			s.states.Remove(d)
		}
		errs = append(errs, err, m.Maintain(ctx))
	}
	_, err = s.store.MakeRoom()
	return classify(errors.Join(append(errs, err)...))
}
