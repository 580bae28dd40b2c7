package queueitem

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// rebase leaves out of the state ahead what has merged since that was made: the
// branch has it now, with the very tree. Otherwise the states of a gate that is
// never empty would consist of more and more changes (Zuul: an item is merged
// onto the branches as they are, with the items that are ahead now).
func (r *Reconciler) rebase(ctx context.Context, s *scope) error {
	if s.ahead == nil || len(s.aheadSteps) == 0 {
		return nil
	}
	var list gozer.QueueItemList
	err := r.List(ctx, &list, client.InNamespace(s.item.Namespace), client.MatchingLabels{gozer.LabelQueue: s.item.Spec.Queue}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return err
	}
	merged := map[gozer.ChangeRef]*gozer.ItemMerged{}
	for n := range list.Items {
		i := &list.Items[n]
		// Of a cycle, only the commit of the last change is known.
		if m := i.Status.Merged; m != nil && len(i.Spec.Changes) == 1 && m.Tree != "" && !m.Differs {
			merged[i.Spec.Changes[0]] = m
		}
	}
	first := slices.IndexFunc(s.aheadSteps, func(st gozer.MergeStep) bool { return merged[st.Change] == nil })
	if first < 0 {
		first = len(s.aheadSteps)
	}
	if first == 0 {
		return nil
	}
	s.mergedAs, s.rebased, s.allSteps = map[branch]string{}, true, s.aheadSteps
	for _, st := range s.aheadSteps[:first] {
		s.mergedAs[branchOf(st.Change)] = merged[st.Change].Commit
	}
	s.aheadSteps = s.aheadSteps[first:]
	return nil
}

// unrebase goes back to the state ahead as it was made.
func (s *scope) unrebase() {
	s.aheadSteps, s.mergedAs, s.rebased = s.allSteps, nil, false
}
