package queueitem

import (
	"context"
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/layout"
)

// needsConfig says whether what is wrong in the item's own configuration would
// be right with the changes to config projects that it stands on. Those are not
// in force before they merged, so it has to wait for that.
func (r *Reconciler) needsConfig(ctx context.Context, s *scope, with, without []configsource.Overlay) (bool, error) {
	if s.ahead == nil || !slices.ContainsFunc(s.ahead.Status.Merge.States, isProposed) {
		return false, nil
	}
	proposed, err := r.Loader.Layout(ctx, s.tenant, s.tenant.Status.Layout.Heads, evenTrusted(with))
	if err != nil {
		return false, err
	}
	before, err := r.Loader.Layout(ctx, s.tenant, s.tenant.Status.Layout.Heads, evenTrusted(without))
	if err != nil {
		return false, err
	}
	for _, c := range s.item.Spec.Changes {
		if len(layout.NewErrors(proposed.Layout, before.Layout, convert.Project(c.Project).Canonical(), c.Branch)) > 0 {
			return false, nil
		}
	}
	return true, nil
}

func isProposed(st gozer.PreparedState) bool { return st.ProposedConfig }

func evenTrusted(overlays []configsource.Overlay) []configsource.Overlay {
	out := slices.Clone(overlays)
	for n := range out {
		out[n].EvenTrusted = true
	}
	return out
}
