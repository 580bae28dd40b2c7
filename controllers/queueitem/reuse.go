package queueitem

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/index"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
)

// keeps says whether builds of one buildset may be part of a later one.
func keeps(p *gozer.Pipeline) bool { return p.Spec.ReuseResults || p.Spec.RetryBothOutcomes }

// earlier lists the builds that the item had before, the latest first; none where
// the pipeline does not reuse them.
func (r *Reconciler) earlier(ctx context.Context, s *scope) ([]gozer.Build, error) {
	if !keeps(&s.pipeline) || s.entry.Epoch == 1 && !s.alternative {
		return nil, nil
	}
	var list gozer.BuildList
	if err := r.List(ctx, &list, client.InNamespace(s.item.Namespace), client.MatchingLabels{gozer.LabelItem: s.item.Name}); err != nil {
		return nil, err
	}
	lost, err := r.lost(ctx, s)
	if err != nil {
		return nil, err
	}
	list.Items = slices.DeleteFunc(list.Items, func(b gozer.Build) bool {
		if b.Status.Result == "" && lost[b.Name] {
			return true
		}
		if b.Labels[gozer.LabelAlternative] == "" {
			return !s.pipeline.Spec.ReuseResults
		}
		// One that waits would wait behind everybody.
		return b.Status.Result == "" && b.Status.StartedAt == nil
	})
	slices.SortFunc(list.Items, func(a, b gozer.Build) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	return list.Items, nil
}

// lost are the builds of buildsets that were given up because a paused job was lost:
// those that run are about to be cancelled, and have seen what is gone.
func (r *Reconciler) lost(ctx context.Context, s *scope) (map[string]bool, error) {
	var sets gozer.BuildSetList
	if err := r.List(ctx, &sets, client.InNamespace(s.item.Namespace), index.By(gozer.LabelItem, s.item.Name), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for i := range sets.Items {
		if sets.Items[i].Status.PausedLost == "" {
			continue
		}
		for _, j := range sets.Items[i].Spec.Jobs {
			out[j.Build] = true
		}
	}
	return out, nil
}

// reused finds for each job the earlier build that serves it; nil for a new one.
func reused(jobs []*jobgraph.Job, builds []*gozer.Build, earlier []gozer.Build) []*gozer.Build {
	inputs := make([]string, 0, len(builds))
	for _, b := range builds {
		inputs = append(inputs, b.Spec.Inputs)
	}
	past := make([]jobgraph.Past, 0, len(earlier))
	for _, b := range earlier {
		past = append(past, jobgraph.Past{Inputs: b.Spec.Inputs, Result: model.BuildResult(b.Status.Result), Over: b.Status.Resumed})
	}
	out := make([]*gozer.Build, len(jobs))
	for n, i := range jobgraph.Reuse(jobs, inputs, past) {
		if i >= 0 {
			out[n] = &earlier[i]
		}
	}
	return out
}
