package changequeue

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
)

// describe brings every item's status up to date with its place and facts.
func (s *scope) describe() {
	for _, e := range s.queue.Status.Items {
		i := s.items[e.Item]
		if i.Status.Result != "" {
			continue
		}
		f := i.facts(e.Epoch)
		i.Status.AheadChange = ""
		if ahead := s.items[e.Ahead]; ahead != nil {
			i.Status.AheadChange = ahead.name()
		}
		i.Status.Builds = ""
		if i.buildSet != nil && i.buildSet.Spec.Epoch == e.Epoch {
			i.Status.Builds = i.buildSet.Status.Progress
		}
		switch {
		case e.Halted || f.Problem != model.ItemUndecided || f.Failing:
			i.Status.State = gozer.ItemFailing
		case !e.Active:
			i.Status.State = gozer.ItemWaiting
		case !f.Prepared:
			i.Status.State = gozer.ItemPreparing
		case f.Complete:
			i.Status.State = gozer.ItemReady
		default:
			i.Status.State = gozer.ItemRunning
		}
		if !s.waiting[i.Name] {
			i.Status.Reason = convert.Cut(reasonFor(s, e, f.Reason, f.Complete), 4000)
			if s.mayBeRescued(i, e) {
				i.Status.Reason = convert.Cut(f.Reason+"; "+gozer.MayBeRescued, 4000)
			}
		}
	}
}

// reasonFor says in words what an item waits for.
func reasonFor(s *scope, e gozer.QueueEntry, problem string, complete bool) string {
	switch {
	case e.Halted:
		return e.Why
	case problem != "" && e.Ahead != "":
		return fmt.Sprintf("%s; it is reported when %s is decided", problem, s.items[e.Ahead].name())
	case problem != "":
		return problem
	case !e.Active:
		return fmt.Sprintf("outside the window of %d changes", s.queue.Status.Window)
	case complete && e.Ahead != "":
		return "all jobs succeeded; waits for " + s.items[e.Ahead].name()
	case e.Epoch > 1:
		return e.Why
	}
	return ""
}

// flush writes what changed: items first, the queue last. An item that left
// the queue must have its result before nobody looks at it any more.
func (r *Reconciler) flush(ctx context.Context, s *scope) error {
	for _, i := range s.items {
		i.conditions(r)
		if equality.Semantic.DeepEqual(i.Status, i.before.Status) {
			// Most items of a long queue, in most rounds; making a patch of each costs more than all else.
			continue
		}
		if _, err := patch.Status(ctx, r.Client, i.QueueItem, i.before); err != nil {
			if client.IgnoreNotFound(err) == nil {
				continue
			}
			return err
		}
		i.before = i.DeepCopy()
	}
	if _, err := patch.Status(ctx, r.Client, s.queue, s.queueBefore, patch.Lock); err != nil {
		return err
	}
	s.queueBefore = s.queue.DeepCopy()
	return nil
}

// conditions follow from the other fields.
func (i *item) conditions(r *Reconciler) {
	if i.Status.Result == "" {
		return
	}
	c := &i.Status.Conditions
	patch.Condition(c, i.Generation, gozer.ConditionCompleted, true, i.Status.Result, i.Status.Reason, r.Now())
	if i.Status.Reported != nil {
		patch.Condition(c, i.Generation, gozer.ConditionReported, true, "Reported", "", r.Now())
	}
	if m := i.Status.Merged; m != nil {
		reason := "TreeAsTested"
		if m.Tree == "" {
			reason = "TreeNotCompared" // something else was merged on top before it could be
		} else if m.Differs {
			reason = "TreeDiffers"
		}
		patch.Condition(c, i.Generation, gozer.ConditionMerged, true, reason, "merged as "+m.Commit, r.Now())
	}
}
