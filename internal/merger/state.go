package merger

import (
	"context"
	"errors"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/mergeplan"
)

// outcome is what one merge gave.
type outcome struct {
	Commit, Tree string
	Conflict     *gitrepo.MergeConflict
	// WithBranch: the change conflicts with its branch even when it is alone.
	WithBranch bool
	// generation of the mirror that has the commit: a new one has it no more.
	generation uint64
	// touched is when the ref that keeps the state was last marked as wanted.
	touched time.Time
}

// touchEvery keeps the marking of refs cheap; it is far below any sweep's age.
const touchEvery = 10 * time.Minute

type changeKey struct {
	project, base, head string
	generation          uint64
}

// maxFilesKept bounds the files of one change that are remembered.
const maxFilesKept = 20_000

type changedFiles struct {
	files     []string
	truncated bool
}

func (c changedFiles) result(after outcome) mergeplan.StepResult {
	n := min(len(c.files), mergeplan.MaxChangedFiles)
	return mergeplan.StepResult{Commit: after.Commit, Tree: after.Tree, ChangedFiles: c.files[:n:n], Truncated: c.truncated || n < len(c.files)}
}

// changed gives the files that a change touches.
func (s *Service) changed(ctx context.Context, m *gitrepo.Mirror, base, head string) (changedFiles, error) {
	key := changeKey{m.Project.Canonical(), base, head, m.Generation()}
	if c, ok := s.changes.Get(key); ok {
		return c, nil
	}
	files, truncated, err := m.ChangedFiles(ctx, base, head, maxFilesKept)
	if err != nil {
		return changedFiles{}, err
	}
	c := changedFiles{files: files, truncated: truncated}
	s.changes.Put(key, c)
	return c, nil
}

// state gives the state after one more step: from memory, from the ref that
// an earlier process left, or by merging. New states are added to made.
func (s *Service) state(ctx context.Context, m *gitrepo.Mirror, c mergeplan.Chain, before outcome, step mergeplan.Step, digest string, made map[string]string) (outcome, error) {
	if o, ok := s.states.Get(digest); ok && o.generation == m.Generation() {
		s.Stats.Reused.Add(1)
		return s.touch(m, digest, o), nil
	}
	if o, ok, err := s.stateOfRef(ctx, m, digest); err != nil || ok {
		return o, err
	}
	o, err := s.mergeStep(ctx, m, c, before, step)
	if err != nil {
		return outcome{}, err
	}
	o.generation = m.Generation()
	if o.Conflict == nil {
		made[digest] = o.Commit
		o.touched = time.Now()
	}
	s.states.Put(digest, o)
	return o, nil
}

// touch marks a state as wanted, so that it is not swept while in use.
func (s *Service) touch(m *gitrepo.Mirror, digest string, o outcome) outcome {
	if o.Conflict == nil && time.Since(o.touched) > touchEvery {
		m.TouchRef(gitrepo.StateRef(digest))
		o.touched = time.Now()
		s.states.Put(digest, o)
	}
	return o
}

func (s *Service) stateOfRef(ctx context.Context, m *gitrepo.Mirror, digest string) (outcome, bool, error) {
	commit, err := m.ResolveRef(ctx, gitrepo.StateRef(digest))
	if err != nil || commit == "" {
		return outcome{}, false, err
	}
	tree, err := m.TreeOf(ctx, commit)
	var missing *gitrepo.MissingError
	if errors.As(err, &missing) {
		return outcome{}, false, nil // a ref to nothing: merge again
	}
	if err != nil {
		return outcome{}, false, err
	}
	s.Stats.Reused.Add(1)
	return s.touch(m, digest, outcome{Commit: commit, Tree: tree, generation: m.Generation()}), true, nil
}

// mergeStep merges, and finds out whether a conflict is with the branch alone.
func (s *Service) mergeStep(ctx context.Context, m *gitrepo.Mirror, c mergeplan.Chain, before outcome, step mergeplan.Step) (outcome, error) {
	s.Stats.Merges.Add(1)
	o, err := apply(ctx, m, before, step)
	if err != nil || o.Conflict == nil {
		return o, err
	}
	o.WithBranch = before.Commit == c.Base
	if !o.WithBranch {
		alone, err := apply(ctx, m, outcome{Commit: c.Base}, step)
		if err != nil {
			return outcome{}, err
		}
		o.WithBranch = alone.Conflict != nil
	}
	return o, nil
}
