package mergeplan

import (
	"errors"
	"fmt"

	"github.com/gozer-dev/gozer/internal/model"
)

// maxParts bounds steps, bases and extra branches of one request.
const maxParts = 10_000

// Validate says everything that is wrong with a request.
func Validate(req Request) error {
	if n := max(len(req.Steps), len(req.Bases), len(req.Extra)); n > maxParts {
		return fmt.Errorf("a merge request takes at most %d steps, bases and extra branches each; this one has %d", maxParts, n)
	}
	return errors.Join(checkBases(req.Bases), checkSteps(req.Steps), checkExtra(req.Extra))
}

func checkBases(bases []Base) error {
	var errs []error
	seen := map[model.BranchRef]string{}
	for i, b := range bases {
		if err := errors.Join(CheckBranch(b.Branch), CheckCommit(b.Commit)); err != nil {
			errs = append(errs, fmt.Errorf("base %d (%s): %w", i, b.Project.Canonical(), err))
		}
		ref := model.BranchRef{Project: b.Project, Branch: b.Branch}
		if was, ok := seen[ref]; ok && was != b.Commit {
			errs = append(errs, fmt.Errorf("base %d: branch %s of %s is given twice, at %s and at %s; freeze it once",
				i, b.Branch, b.Project.Canonical(), model.ShortCommit(was), model.ShortCommit(b.Commit)))
		}
		seen[ref] = b.Commit
	}
	return errors.Join(errs...)
}

func checkSteps(steps []Step) error {
	var errs []error
	seen := map[model.ChangeKey]int{}
	for i, s := range steps {
		if err := checkStep(s); err != nil {
			errs = append(errs, fmt.Errorf("step %d (change %d of %s): %w", i, s.Change.Number, s.Change.Project.Canonical(), err))
		}
		if was, ok := seen[s.Change.Key()]; ok {
			errs = append(errs, fmt.Errorf("step %d: change %d of %s is already step %d; merge it once",
				i, s.Change.Number, s.Change.Project.Canonical(), was))
		}
		seen[s.Change.Key()] = i
	}
	return errors.Join(errs...)
}

func checkStep(s Step) error {
	var errs []error
	if s.Change.Number <= 0 {
		errs = append(errs, errors.New("the change has no number"))
	}
	if s.Change.Head == "" {
		errs = append(errs, errors.New("the change has no head commit; ask the code host again"))
	} else {
		errs = append(errs, CheckCommit(s.Change.Head))
	}
	if s.Change.Ref != "" {
		errs = append(errs, CheckRef(s.Change.Ref))
	}
	if s.Time.IsZero() {
		errs = append(errs, errors.New("the step has no time; take the item's, so that commits are reproducible"))
	} else if s.Time.Unix() < 0 {
		errs = append(errs, errors.New("the step's time is before 1970, which git cannot write"))
	}
	return errors.Join(append(errs, checkMode(s.Mode), CheckBranch(s.Change.Branch))...)
}

func checkExtra(extra []model.BranchRef) error {
	var errs []error
	for i, e := range extra {
		if err := CheckBranch(e.Branch); err != nil {
			errs = append(errs, fmt.Errorf("extra branch %d (%s): %w", i, e.Project.Canonical(), err))
		}
	}
	return errors.Join(errs...)
}
