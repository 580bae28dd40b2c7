package changequeue

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
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
//
// Items end in the order of the queue. Were one seen to have merged while the one
// that it stood on is not, by whoever goes on after a death, those behind would be
// moved onto the latter, and tested without the former.
//
// What is only for people, and follows from the rest, waits for a moment: mostly
// something else is to be written about the item soon.
func (r *Reconciler) flush(ctx context.Context, s *scope) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	var ended []*item
	for _, i := range s.inOrder() {
		i.conditions(r)
		if equality.Semantic.DeepEqual(i.Status, i.before.Status) {
			// Most items of a long queue, in most rounds.
			continue
		}
		if wait := r.later(s, i); wait > 0 {
			s.comeBack(wait)
			continue
		}
		if i.ends() {
			ended = append(ended, i)
			continue
		}
		g.Go(func() error { return r.store(gctx, i) })
	}
	g.Go(func() error {
		for _, i := range ended {
			if err := r.store(gctx, i); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	switch changed, err := patch.Status(ctx, r.Client, s.queue, s.queueBefore, patch.Lock); {
	case err != nil:
		// Somebody else wrote it, or nobody knows: see what is there now.
		r.written.forget(client.ObjectKeyFromObject(s.queue))
		return err
	case changed:
		r.written.note(s.queue)
		s.queueBefore = s.queue.DeepCopy()
	}
	return nil
}

// inOrder are all items, in the order in which the queue was last stored; those that
// have no place in it come last.
func (s *scope) inOrder() []*item {
	out := make([]*item, 0, len(s.items))
	placed := map[string]bool{}
	for _, e := range s.queueBefore.Status.Items {
		if i := s.items[e.Item]; i != nil && !placed[e.Item] {
			placed[e.Item] = true
			out = append(out, i)
		}
	}
	for name, i := range s.items {
		if !placed[name] {
			out = append(out, i)
		}
	}
	return out
}

// ends says whether what is to be written says how the item ends.
func (i *item) ends() bool {
	was := i.before.Status
	return i.Status.Result != was.Result || (i.Status.Merged != nil) != (was.Merged != nil) || (i.Status.Reported != nil) != (was.Reported != nil)
}

// writers of items at once. An API server answers many as soon as one.
const writers = 8

// store writes the status of one item; one that is gone needs none.
func (r *Reconciler) store(ctx context.Context, i *item) error {
	changed, err := patch.Status(ctx, r.Client, i.QueueItem, i.before)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	if changed {
		r.written.note(i.QueueItem)
	}
	i.before = i.DeepCopy()
	return nil
}

// comeBack makes the queue be looked at again, at the latest after a time.
func (s *scope) comeBack(after time.Duration) {
	if s.again == 0 || after < s.again {
		s.again = after
	}
}

// What is only for people waits the longer, the more items there are: a deep
// queue is when writes are dear.
const (
	laterFirst = 200 * time.Millisecond
	laterItem  = 20 * time.Millisecond
	laterMost  = 3 * time.Second
)

// later says how long the writing of an item's status may still wait; 0 when it may not.
func (r *Reconciler) later(s *scope, i *item) time.Duration {
	if !i.onlyForPeople() {
		r.people.Done(client.ObjectKeyFromObject(i))
		return 0
	}
	return r.people.Left(i, min(laterMost, laterFirst+time.Duration(len(s.order))*laterItem), r.Now())
}

// onlyForPeople says whether all that changed in the item's status can be told
// again from the queue and the buildset. That it fails is told at once.
func (i *item) onlyForPeople() bool {
	was, n := i.before.Status, len(i.before.Status.Decisions)
	if len(i.Status.Decisions) < n || i.Status.State != was.State && i.Status.State == gozer.ItemFailing {
		return false
	}
	for _, d := range i.Status.Decisions[n:] {
		if d.Action != decisionEnqueued && d.Action != decisionReset {
			return false
		}
	}
	was.State, was.Reason, was.AheadChange, was.Builds = i.Status.State, i.Status.Reason, i.Status.AheadChange, i.Status.Builds
	was.Decisions = i.Status.Decisions
	return equality.Semantic.DeepEqual(was, i.Status)
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
