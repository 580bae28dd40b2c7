package changequeue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// scope is what one reconcile knows. gather fills it; adopt and outside change it.
type scope struct {
	queue       *gozer.ChangeQueue
	queueBefore *gozer.ChangeQueue
	pipeline    gozer.Pipeline
	tenant      string
	// items by name: all of the queue that still exist, also finished ones that others need.
	items map[string]*item
	// sets are the queue's buildsets by name.
	sets map[string]*gozer.BuildSet
	// order of the items in the queue, new ones last.
	order []string
	// expedited are urgent items that were given their place in this reconcile, with
	// where that is, in words.
	expedited map[string]string
	// hosts is what the code host said in this reconcile about items that are about to merge.
	hosts map[string]gate.Host
	// again is when to come back; 0 for not before something happens.
	again time.Duration
	// stored is when all was last written, or read; pressing tells that something was
	// decided since that others act on, or that must be known if this process dies.
	stored   time.Time
	pressing bool
	// waiting are items for which something outside failed in this reconcile.
	waiting map[string]bool
}

// item is a QueueItem with what belongs to it.
type item struct {
	*gozer.QueueItem
	before *gozer.QueueItem
	// buildSet of the present epoch; nil while there is none.
	buildSet *gozer.BuildSet
}

func (i *item) name() string { return convert.ChangeNames(i.Spec.Changes) }

// gather reads the queue; nil when it is gone.
func (r *Reconciler) gather(ctx context.Context, key types.NamespacedName) (*scope, error) {
	s := &scope{stored: r.Now(), queue: &gozer.ChangeQueue{}, items: map[string]*item{}, hosts: map[string]gate.Host{}, waiting: map[string]bool{}}
	var list gozer.QueueItemList
	if err := r.read(ctx, key, s.queue, &list); err != nil {
		return nil, err
	}
	if s.queue.DeletionTimestamp != nil {
		return nil, nil
	}
	s.queueBefore = s.queue.DeepCopy()
	s.tenant = key.Namespace
	if err := r.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: s.queue.Spec.Pipeline}, &s.pipeline); client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	if s.pipeline.Name == "" {
		// The pipeline was taken out of the configuration; what is in its queues is finished by its last rules.
		s.pipeline.Spec.Manager = s.queue.Spec.Manager
		s.pipeline.Name = s.queue.Spec.Pipeline
	}
	if err := r.recount(ctx, s); err != nil {
		return nil, err
	}
	for n := range list.Items {
		i := &list.Items[n]
		if i.DeletionTimestamp == nil {
			s.items[i.Name] = &item{QueueItem: i, before: i.DeepCopy()}
		}
	}
	if d := s.queue.Spec; d.Dynamic && !s.queue.Status.WindowSet && s.items[d.Item] == nil {
		// What it depends on is created first; without it, that would look like
		// something that nobody needs.
		return nil, nil
	}
	s.arrange()
	for _, e := range s.queue.Status.Items {
		s.tellPlace(e)
	}
	r.recallRefusals(s)
	if err := r.gatherBuildSets(ctx, s); err != nil {
		return nil, err
	}
	return s, r.expedite(ctx, s)
}

// arrange puts the items in the order of the status, new ones behind by the time of their event.
func (s *scope) arrange() {
	// An item that somebody deleted has no place any more, also when nothing else is to be done.
	s.queue.Status.Items = slices.DeleteFunc(s.queue.Status.Items, func(e gozer.QueueEntry) bool { return s.items[e.Item] == nil })
	s.queue.Status.Length = int32(len(s.queue.Status.Items))
	placed := map[string]bool{}
	for _, e := range s.queue.Status.Items {
		if s.items[e.Item] != nil {
			s.order = append(s.order, e.Item)
			placed[e.Item] = true
		}
	}
	var fresh []string
	for name, i := range s.items {
		if !placed[name] && i.Status.Result == "" {
			fresh = append(fresh, name)
		}
	}
	slices.SortFunc(fresh, func(a, b string) int {
		return cmp.Or(s.items[a].Spec.EnqueuedAt.Compare(s.items[b].Spec.EnqueuedAt.Time), cmp.Compare(a, b))
	})
	if room := max(0, maxItems-len(s.order)); len(fresh) > room {
		// Those that came last wait outside: a status that is too large would be refused for ever.
		fresh, s.again = fresh[:room], retryFull
	}
	s.order = append(s.order, fresh...)
	s.promote()
}

// promote brings the items to the front for which that was asked since it was
// last done, with what they need. Those whose fate is decided keep their place.
func (s *scope) promote() {
	var asked []string
	for _, name := range s.order {
		if want := s.items[name].Annotations[gozer.AnnotationPromote]; want != "" && want != s.entry(name).Promoted {
			asked = append(asked, name)
		}
	}
	if len(asked) == 0 {
		return
	}
	slices.SortStableFunc(asked, func(a, b string) int {
		return cmp.Compare(s.items[a].Annotations[gozer.AnnotationPromote], s.items[b].Annotations[gozer.AnnotationPromote])
	})
	var decided []string
	for _, name := range s.order {
		if i := s.items[name]; i.Status.Merged != nil || i.Status.Result != "" {
			decided = append(decided, name)
		}
	}
	needs := map[string][]string{}
	for name, i := range s.items {
		needs[name] = i.Spec.Needs
	}
	s.order = gate.Promote(s.order, append(decided, asked...), needs)
}

// gatherBuildSets finds what tests the items. Nobody here changes a buildset, and
// those behind many changes are large: they are not copied.
func (r *Reconciler) gatherBuildSets(ctx context.Context, s *scope) error {
	var list gozer.BuildSetList
	err := r.List(ctx, &list, client.InNamespace(s.tenant), client.MatchingLabels{gozer.LabelQueue: s.queue.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return err
	}
	s.sets = make(map[string]*gozer.BuildSet, len(list.Items))
	for n := range list.Items {
		s.sets[list.Items[n].Name] = &list.Items[n]
	}
	for _, name := range s.order {
		if i := s.items[name]; i.Status.Merge != nil {
			i.buildSet = s.sets[i.Status.Merge.BuildSet]
		}
	}
	return nil
}

// entry of an item in the queue's status; the zero value when it has none yet.
func (s *scope) entry(name string) gozer.QueueEntry {
	for _, e := range s.queue.Status.Items {
		if e.Item == name {
			return e
		}
	}
	return gozer.QueueEntry{Item: name}
}

// snapshot is the queue as the engine sees it.
func (s *scope) snapshot() gate.Queue {
	q := gate.Queue{
		Merges: s.queue.Spec.Manager == gozer.ManagerDependent,
		Alone:  s.queue.Spec.Manager == gozer.ManagerSerial || s.queue.Spec.Manager == gozer.ManagerSupercedent,
		Newest: s.queue.Spec.Manager == gozer.ManagerSupercedent,
		Rescue: s.pipeline.Spec.Rescue,
		Window: convert.Window(s.pipeline.Spec, s.queue.Status.Window, s.queue.Status.WindowSet),
	}
	entries := make(map[string]gozer.QueueEntry, len(s.queue.Status.Items))
	for _, e := range s.queue.Status.Items {
		entries[e.Item] = e
	}
	inQueue := map[string]bool{}
	for _, name := range s.order {
		inQueue[name] = true
	}
	for _, name := range s.order {
		i := s.items[name]
		e := entries[name]
		g := gate.Item{
			ID: name, Name: i.name(), Live: i.Spec.Live, Leave: i.Annotations[gozer.AnnotationDequeue], Lost: i.Annotations[gozer.AnnotationLost],
			Place: gate.Place{Epoch: int(e.Epoch), Ahead: e.Ahead, AheadEpoch: int(e.AheadEpoch), Active: e.Active, Halted: e.Halted,
				Rescuer: e.Rescuer, GivenUp: e.GivenUp, Why: e.Why},
			Facts: i.facts(e.Epoch), Host: s.hosts[name],
		}
		if q.Merges && g.Facts.Prepared && g.Facts.Problem == model.ItemUndecided && g.Facts.Jobs == 0 {
			// What was not tested is not merged, and nothing is tested on it.
			g.Facts.Problem, g.Facts.Reason = model.ItemNoJobs, "no job of the project runs for it in this pipeline"
		}
		if q.Rescue && q.Merges {
			g.Facts.Votes, g.Facts.Holds = i.votes(e.Epoch)
			// A job that is known to fail has no vote yet: whether one behind may pass
			// it in this one's stead is not known either.
			g.Facts.Failing = g.Facts.Failing && (g.Facts.Complete || slices.ContainsFunc(g.Facts.Votes, func(v gate.Vote) bool { return v.Verdict == gate.Failed }))
		}
		if i.Status.Merged != nil {
			g.Host = gate.Host{Known: true, Merged: true}
		}
		if i.Status.Reported != nil {
			g.Reported = model.ItemResult(i.Status.Result)
		}
		for _, need := range i.Spec.Needs {
			switch {
			case inQueue[need]:
				g.Needs = append(g.Needs, need)
			case !s.satisfied(need):
				g.NeedGone = s.needName(need)
			}
		}
		q.Items = append(q.Items, g)
	}
	return q
}

// satisfied says whether a needed item that left the queue was merged.
func (s *scope) satisfied(name string) bool {
	i := s.items[name]
	return i != nil && i.Status.Merged != nil
}

func (s *scope) needName(name string) string {
	if i := s.items[name]; i != nil {
		return i.name()
	}
	return fmt.Sprintf("a change (item %s) that was deleted", name)
}

// facts about the item's state of an epoch.
func (i *item) facts(epoch int32) gate.Facts {
	m := i.Status.Merge
	if m == nil || m.Epoch != epoch || epoch == 0 {
		return gate.Facts{}
	}
	f := gate.Facts{Prepared: true, Problem: model.ItemResult(m.Problem), Reason: m.Message, Jobs: int(m.Jobs)}
	if b := i.buildSet; b != nil && b.Spec.Epoch == epoch {
		f.Failing, f.Retrying, f.Canceled = b.Status.Failing, b.Status.Retrying, b.Status.Canceled
		// That of a cancelled buildset says nothing: it must not pass for a success.
		f.Complete = b.Status.Result != "" && !f.Canceled
		if f.Failing {
			f.Reason = b.Status.Reason
		}
	}
	return f
}

// finished says whether a queue that was made for one change has done its work.
func (s *scope) finished() bool {
	// Its item may have gone before: the event was dealt with again after a crash.
	done := s.queue.Status.WindowSet || s.items[s.queue.Spec.Item] != nil
	return s.queue.Spec.Dynamic && done && len(s.order) == 0
}

// stuckOn says whether all that is left to do waits for something outside.
func (s *scope) stuckOn(actions []gate.Action) bool {
	for _, a := range actions {
		if !a.Kind.Outside() || !s.waiting[a.Item] {
			return false
		}
	}
	return true
}
