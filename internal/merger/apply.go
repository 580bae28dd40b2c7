package merger

import (
	"context"
	"fmt"
	"regexp"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/mergeplan"
)

const (
	gozerIdentity = "Gozer <gozer@localhost>"
	maxPicks      = 500
)

// apply merges one step onto a state, in the step's mode.
func apply(ctx context.Context, m *gitrepo.Mirror, before outcome, step mergeplan.Step) (outcome, error) {
	switch step.Mode {
	case mergeplan.ModeMerge, mergeplan.ModeMergeOrt, mergeplan.ModeMergeRecursive, mergeplan.ModeMergeResolve:
		return mergeBoth(ctx, m, before, step)
	case mergeplan.ModeSquash:
		return squash(ctx, m, before, step)
	case mergeplan.ModeCherryPick:
		head, err := m.ReadCommit(ctx, step.Change.Head)
		if err != nil {
			return outcome{}, err
		}
		if len(head.Parents) > 1 { // as Zuul does: a merge commit cannot be picked
			return mergeBoth(ctx, m, before, step)
		}
		return pickAll(ctx, m, before, step)
	case mergeplan.ModeRebase:
		return pickAll(ctx, m, before, step)
	}
	return outcome{}, badRequest(fmt.Errorf("merge mode %q is not supported", step.Mode))
}

// mergeBoth makes a merge commit of the state and the change.
func mergeBoth(ctx context.Context, m *gitrepo.Mirror, before outcome, step mergeplan.Step) (outcome, error) {
	return mergeOnto(ctx, m, before, step, []string{before.Commit, step.Change.Head})
}

// squash makes one ordinary commit of all that the change does.
func squash(ctx context.Context, m *gitrepo.Mirror, before outcome, step mergeplan.Step) (outcome, error) {
	return mergeOnto(ctx, m, before, step, []string{before.Commit})
}

func mergeOnto(ctx context.Context, m *gitrepo.Mirror, before outcome, step mergeplan.Step, parents []string) (outcome, error) {
	tree, conflict, err := m.MergeTree(ctx, gitrepo.Merge{
		Ours: before.Commit, Theirs: step.Change.Head, NoRenames: step.Mode == mergeplan.ModeMergeResolve,
	})
	if err != nil || conflict != nil {
		return outcome{Conflict: conflict}, err
	}
	if tree == before.Tree {
		// Nothing new in the tree. A squash of nothing is dropped; a merge is
		// made all the same, unless the change is in the state already.
		contained := len(parents) == 1
		if !contained {
			if contained, err = m.IsAncestor(ctx, step.Change.Head, before.Commit); err != nil {
				return outcome{}, err
			}
		}
		if contained {
			return outcome{Commit: before.Commit, Tree: before.Tree}, nil
		}
	}
	commit, err := m.CommitTree(gitrepo.Commit{
		Tree: tree, Parents: parents, Author: signature(step), Committer: signature(step), Message: mergeplan.Message(step),
	})
	return outcome{Commit: commit, Tree: tree}, err
}

// signature has the step's time and no zone, so that commits are reproducible.
func signature(step mergeplan.Step) string {
	return fmt.Sprintf("%s %d +0000", gozerIdentity, step.Time.Unix())
}

// pickAll applies the commits that the state does not have one by one, oldest
// first, without merges. A commit that changes nothing (any more) is dropped.
func pickAll(ctx context.Context, m *gitrepo.Mirror, before outcome, step mergeplan.Step) (outcome, error) {
	commits, err := m.CommitsBetween(ctx, before.Commit, step.Change.Head, maxPicks)
	if err != nil {
		return outcome{}, err
	}
	if before.Tree == "" {
		if before.Tree, err = m.TreeOf(ctx, before.Commit); err != nil {
			return outcome{}, err
		}
	}
	state := before
	for _, id := range commits {
		if state, err = pick(ctx, m, state, step, id); err != nil || state.Conflict != nil {
			return state, err
		}
	}
	return outcome{Commit: state.Commit, Tree: state.Tree}, nil
}

// pick applies one commit. A three-way merge whose base is the commit's parent
// is what picking is; git merge-tree finds its base itself, so it is given a
// helper commit with the state's tree whose parent is the commit's parent:
//
//	parent ──► commit          merge base of helper and commit = parent
//	     └───► helper (tree of the state)
func pick(ctx context.Context, m *gitrepo.Mirror, state outcome, step mergeplan.Step, id string) (outcome, error) {
	c, err := m.ReadCommit(ctx, id)
	if err != nil {
		return outcome{}, err
	}
	if len(c.Parents) == 1 && c.Parents[0] == state.Commit {
		// Nothing to apply it onto: the commit can stay as it is.
		return outcome{Commit: id, Tree: c.Tree}, nil
	}
	helper, err := m.CommitTree(gitrepo.Commit{
		Tree: state.Tree, Parents: c.Parents, Author: signature(step), Committer: signature(step), Message: "helper\n",
	})
	if err != nil {
		return outcome{}, err
	}
	tree, conflict, err := m.MergeTree(ctx, gitrepo.Merge{Ours: helper, Theirs: id, Unrelated: len(c.Parents) == 0})
	if err != nil || conflict != nil {
		return outcome{Conflict: conflict}, err
	}
	if tree == state.Tree {
		return outcome{Commit: state.Commit, Tree: state.Tree}, nil
	}
	commit, err := m.CommitTree(gitrepo.Commit{
		Tree: tree, Parents: []string{state.Commit}, Author: author(c, step), Committer: signature(step),
		Encoding: c.Encoding, Message: c.Message,
	})
	return outcome{Commit: commit, Tree: tree}, err
}

var wellFormed = regexp.MustCompile(`^[^<>\x00]+ <[^<>\x00]*> (0|[1-9][0-9]{0,11}) [+-][0-9]{4}$`)

// author keeps the author of a picked commit. Old histories have authors that
// git reads and does not write; every merger replaces them alike.
func author(c gitrepo.Commit, step mergeplan.Step) string {
	if wellFormed.MatchString(c.Author) {
		return c.Author
	}
	return signature(step)
}
