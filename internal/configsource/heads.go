package configsource

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// atOnce bounds how many repositories are asked at a time.
const atOnce = 8

// Heads asks which branches there are now, of those that the tenant wants: the
// default branch of each project first.
func (l *Loader) Heads(ctx context.Context, t *gozer.Tenant) ([]gozer.ConfigHead, error) {
	projects, err := l.Projects(ctx, t)
	if err != nil {
		return nil, err
	}
	found := make([][]gozer.ConfigHead, len(projects))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, p := range projects {
		group.Go(func() error {
			branches, err := l.Merger.Branches(ctx, p.Project)
			if err != nil {
				return fmt.Errorf("branches of %s: %w", p.Name, err)
			}
			found[i] = p.heads(branches)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(found...), nil
}

// heads selects the branches of a project that configuration is read from.
func (p Project) heads(branches merger.BranchList) []gozer.ConfigHead {
	first := branches.Default
	if p.Trusted && p.Spec.LoadBranch != "" {
		first = p.Spec.LoadBranch
	}
	var out []gozer.ConfigHead
	for _, b := range slices.Concat([]string{first}, slices.Sorted(maps.Keys(branches.Heads))) {
		commit := branches.Heads[b]
		if commit == "" || b == first && len(out) > 0 || p.Trusted && b != first || !p.Trusted && !p.Includes(b) {
			continue
		}
		out = append(out, gozer.ConfigHead{Project: p.Canonical(), Branch: b, Commit: commit})
	}
	return out
}

// Includes says whether the configuration of a branch is in force.
func (p Project) Includes(branch string) bool {
	if p.Spec.IncludeBranches != nil {
		return anyWhole(p.Spec.IncludeBranches, branch)
	}
	return !anyWhole(p.Spec.ExcludeBranches, branch)
}

// Dynamic says whether the configuration of a branch counts for changes that are proposed to it.
func (p Project) Dynamic(branch string) bool {
	return p.Includes(branch) || anyWhole(p.Spec.AlwaysDynamicBranches, branch)
}

// anyWhole says whether any expression matches the whole name. One that does
// not compile matches nothing: the tenant is told where it is read.
func anyWhole(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		re, err := zuulregex.Compile(p)
		return err == nil && re.FullMatch(name)
	})
}
