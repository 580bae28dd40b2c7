package story

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// Rules are pure functions of the outcome: one by one, what the story promises.
type Rules []func(*Outcome) error

var (
	// Always holds, whatever happened meanwhile.
	Always = Rules{results, mergedInOrder, mergedAsTested, failureReported, nothingLeft}
	// OnlyNecessary holds as long as the manager was there all the time.
	OnlyNecessary = Rules{eachOnTheOnesAhead, retested}
	// AsTested holds for any changes, also others than the five.
	AsTested = Rules{mergedAsTested, nothingLeft}
	// Undisturbed holds when nothing went wrong but C.
	Undisturbed = append(Rules{inParallel}, OnlyNecessary...)
)

// Check says everything that is not as it must be after a round.
func Check(o *Outcome, sets ...Rules) error {
	if err := errors.Join(each(o, onceInGate)...); err != nil {
		return err // the rules look at that one item
	}
	var errs []error
	for _, rule := range slices.Concat(sets...) {
		errs = append(errs, rule(o))
	}
	return errors.Join(errs...)
}

func each(o *Outcome, rule func(*Gated) error) []error {
	var errs []error
	for _, g := range o.Gated {
		errs = append(errs, rule(g))
	}
	return errs
}

func onceInGate(g *Gated) error {
	if len(g.Items) != 1 {
		return fmt.Errorf("%s was %d times in the gate, not once", g.Letter, len(g.Items))
	}
	if len(g.Sets) == 0 {
		return fmt.Errorf("%s was never tested: %s", g.Letter, g.Items[0].Status.Reason)
	}
	return nil
}

// letters of the changes that a buildset tested, in order.
func (o *Outcome) letters(s gozer.BuildSet) string {
	var b strings.Builder
	for _, step := range s.Spec.Steps {
		letter := "?"
		for _, g := range o.Gated {
			if g.Repo == step.Change.Project.Name && g.Pull.Number == step.Change.Number {
				letter = g.Letter
			}
		}
		b.WriteString(letter)
	}
	return b.String()
}

// eachOnTheOnesAhead: the five were first tested on what was approved before them.
func eachOnTheOnesAhead(o *Outcome) error {
	var errs []error
	for n, g := range o.Gated {
		want := "ABCDE"[:n+1]
		if got := o.letters(g.Sets[0]); got != want {
			errs = append(errs, fmt.Errorf("%s was first tested as %s, not as %s", g.Letter, got, want))
		}
	}
	return errors.Join(errs...)
}

// inParallel: all five were tested at the same time.
func inParallel(o *Outcome) error {
	var lastStart, firstEnd time.Time
	for _, g := range o.Gated {
		for _, b := range g.Builds {
			if b.Spec.BuildSet != g.Sets[0].Name || b.Status.StartedAt == nil || b.Status.CompletedAt == nil {
				continue
			}
			if b.Status.StartedAt.After(lastStart) {
				lastStart = b.Status.StartedAt.Time
			}
			if firstEnd.IsZero() || b.Status.CompletedAt.Time.Before(firstEnd) {
				firstEnd = b.Status.CompletedAt.Time
			}
		}
	}
	if lastStart.After(firstEnd) {
		return fmt.Errorf("the five did not run in parallel: one began %s after another had ended", lastStart.Sub(firstEnd))
	}
	return nil
}

// retested: D and E, and only they, were tested a second time, without C: 7 builds in all.
func retested(o *Outcome) error {
	var errs []error
	builds := 0
	for _, g := range o.Gated {
		builds += len(g.Builds)
		want := map[string]int{"A": 1, "B": 1, "C": 1, "D": 2, "E": 2}[g.Letter]
		if len(g.Sets) != want {
			errs = append(errs, fmt.Errorf("%s was tested %d times, not %d times", g.Letter, len(g.Sets), want))
		}
		if len(g.Sets) > 1 {
			if got := o.letters(g.Sets[1]); strings.Contains(got, "C") || !strings.HasSuffix(got, g.Letter) {
				errs = append(errs, fmt.Errorf("the second time %s was tested as %s, not without C", g.Letter, got))
			}
		}
	}
	if builds != 7 {
		errs = append(errs, fmt.Errorf("the gate made %d builds, not 7", builds))
	}
	return errors.Join(errs...)
}

// results: C failed, by its own test; the others succeeded.
func results(o *Outcome) error {
	var errs []error
	for _, g := range o.Gated {
		want := "SUCCESS"
		if g.Letter == "C" {
			want = "FAILURE"
		}
		if got := g.Items[0].Status.Result; got != want {
			errs = append(errs, fmt.Errorf("%s ended with %s (%s), not with %s", g.Letter, got, g.Items[0].Status.Reason, want))
		}
		for _, b := range g.Builds {
			if r := b.Status.Result; r != "SUCCESS" && r != "FAILURE" && r != "CANCELED" {
				errs = append(errs, fmt.Errorf("build %s of %s ended with %s (%s)", b.Name, g.Letter, r, b.Status.Reason))
			}
		}
		if got := g.Statuses[Tenant+"/gate"].State; got != strings.ToLower(want) {
			errs = append(errs, fmt.Errorf("the status of %s on the forge is %q, not %s", g.Letter, got, strings.ToLower(want)))
		}
	}
	return errors.Join(errs...)
}

const mergeOrder = "ABDE"

// mergedInOrder: A, B, D, E and nothing else, in this order, once each.
func mergedInOrder(o *Outcome) error {
	var errs []error
	var merged []*Gated
	for _, g := range o.Gated {
		if g.Now.Merged != strings.Contains(mergeOrder, g.Letter) {
			errs = append(errs, fmt.Errorf("on the forge, %s is merged: %t", g.Letter, g.Now.Merged))
		}
		if g.Items[0].Status.Merged != nil {
			merged = append(merged, g)
		} else if g.Now.Merged {
			errs = append(errs, fmt.Errorf("%s is merged, and its QueueItem does not know", g.Letter))
		}
	}
	slices.SortFunc(merged, func(a, b *Gated) int {
		return a.Items[0].Status.Merged.At.Compare(b.Items[0].Status.Merged.At.Time)
	})
	got := ""
	for _, g := range merged {
		got += g.Letter
	}
	if got != mergeOrder {
		errs = append(errs, fmt.Errorf("merged in the order %s, not %s", got, mergeOrder))
	}
	return errors.Join(append(errs, branchOrder(o)...)...)
}

// branchOrder reads the same from the branches themselves.
func branchOrder(o *Outcome) []error {
	var errs []error
	for _, want := range []struct{ repo, letters string }{{APIRepo, "ABE"}, {WebRepo, "D"}} {
		var found []*Gated
		for _, g := range o.Gated {
			if n := slices.Index(o.Histories[want.repo], g.Now.MergeCommit); g.Repo == want.repo && g.Now.Merged && n >= 0 {
				found = append(found, g)
			}
		}
		at := func(g *Gated) int { return slices.Index(o.Histories[want.repo], g.Now.MergeCommit) }
		slices.SortFunc(found, func(a, b *Gated) int { return cmp.Compare(at(b), at(a)) })
		got := ""
		for _, g := range found {
			got += g.Letter
		}
		if got != want.letters {
			errs = append(errs, fmt.Errorf("the branch main of %s has the merges %q, not %q", want.repo, got, want.letters))
		}
	}
	return errs
}

// mergedAsTested: the tree of each merge is the tree that its last buildset was run on.
func mergedAsTested(o *Outcome) error {
	return errors.Join(each(o, func(g *Gated) error {
		if !g.Now.Merged || g.Items[0].Status.Merged == nil {
			return nil
		}
		tested := ""
		last := g.Sets[len(g.Sets)-1]
		for _, s := range last.Spec.States {
			if s.Project.Name == g.Repo && s.Branch == "main" {
				tested = s.Tree
			}
		}
		m := g.Items[0].Status.Merged
		switch {
		case tested == "" || tested != g.MergedTree:
			return fmt.Errorf("%s was tested with the tree %q and merged with %q", g.Letter, tested, g.MergedTree)
		case m.Commit != g.Now.MergeCommit:
			return fmt.Errorf("%s was merged as %s; its QueueItem says %s", g.Letter, g.Now.MergeCommit, m.Commit)
		case m.Tree != "" && m.Tree != tested:
			return fmt.Errorf("the QueueItem of %s says it merged the tree %s, tested was %s", g.Letter, m.Tree, tested)
		case m.Tree == "":
			return fmt.Errorf("the QueueItem of %s does not tell the merged tree", g.Letter)
		}
		return nil
	})...)
}

// FailingLine is what C's log says first about its failure, but for the numbers.
const FailingLine = ".page:1: error: GET /login: want "

// failureReported: C has one comment, with the reason and a link; nobody else has any from the gate.
func failureReported(o *Outcome) error {
	var errs []error
	for _, g := range o.Gated {
		var reports []string
		for _, c := range g.Comments {
			if strings.Contains(c.Body, "(gate)") {
				reports = append(reports, c.Body)
			}
		}
		if g.Letter != "C" {
			if len(reports) > 0 {
				errs = append(errs, fmt.Errorf("%s has a comment by the gate: %s", g.Letter, reports[0]))
			}
			continue
		}
		if len(reports) != 1 {
			errs = append(errs, fmt.Errorf("on the pull request of C are %d comments by the gate, not one", len(reports)))
			continue
		}
		parts := []string{"FAILURE", FailingLine, g.Builds[len(g.Builds)-1].Status.LogURL}
		for _, step := range g.Sets[len(g.Sets)-1].Spec.Steps {
			if step.Change.Number != g.Pull.Number || step.Change.Project.Name != g.Repo {
				parts = append(parts, fmt.Sprintf("%s#%d", step.Change.Project.Name, step.Change.Number)) // what it was tested on
			}
		}
		for _, part := range parts {
			if part == "" || !strings.Contains(reports[0], part) {
				errs = append(errs, fmt.Errorf("the comment on C does not have %q:\n%s", part, reports[0]))
			}
		}
	}
	return errors.Join(errs...)
}

func nothingLeft(o *Outcome) error {
	if len(o.Pods) > 0 {
		return fmt.Errorf("these Pods are left: %v", o.Pods)
	}
	return nil
}

// CheckLog follows the link in C's report: it must lead to the log.
func (st *Stage) CheckLog(ctx context.Context, o *Outcome) error {
	return st.CheckLink(ctx, o.of("C").Builds[0].Status.LogURL, FailingLine)
}

// CheckLink follows a link to a log, which must have a line.
func (st *Stage) CheckLink(ctx context.Context, link, line string) error {
	code, body, err := get(ctx, link)
	switch {
	case err != nil:
		return fmt.Errorf("the link to the log does not work: %w", err)
	case code != 200 || !strings.Contains(body, line):
		return fmt.Errorf("the link %s to the log answers %d and has no line with %q:\n%s", link, code, line, body[:min(len(body), 2000)])
	}
	return nil
}

// Failed is the name of C's build.
func (o *Outcome) Failed() string { return o.of("C").Builds[0].Name }
