// Package changequeue runs the queue engine: it gathers a snapshot of one
// queue, asks internal/gate what to do, and does it.
//
//	facts   gather.go    ChangeQueue, its QueueItems, their BuildSets
//	decide  internal/gate (pure)
//	apply   adopt.go     structural actions become ChangeQueue.status, in one write
//	        outside.go   lookups and merges on the code host
//	        report.go    reports: occasion.go whom to tell, words.go and start.go what
//	        failures.go  how many failed in a row
//	        status.go    what people see of an item, and writing it
//	        fresh.go     reading it again
//
// One queue is one key is one lock: a queue is never planned twice at once.
// An outside effect is looked up before it is repeated, so the process may be
// killed anywhere.
package changequeue

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
)

// Hosts finds the driver of a connection.
type Hosts interface {
	Host(ctx context.Context, connection string) (drivers.Host, error)
}

// Tips tells where branches are now.
type Tips interface {
	Tip(ctx context.Context, project model.Project, branch string) (merger.Commit, error)
}

// Reconciler of ChangeQueues.
type Reconciler struct {
	client.Client
	// Live reads the API server itself; see written.
	Live     client.Reader
	Hosts    Hosts
	Tips     Tips
	Recorder record.EventRecorder
	// WebURL is where people reach Gozer's pages; empty when they cannot.
	WebURL string
	// Workers is how many queues are looked at at once: a code host that is slow to
	// merge or to be told keeps the queues that wait for it, and no others.
	Workers int
	Now     func() time.Time

	written written
	// people wait for what is only for them.
	people patch.Later

	mu sync.Mutex
	// asked remembers since when a host puts off a merge. It is lost with the
	// process, which only makes the patience start anew.
	asked map[string]time.Time
	// refused is what the host said about items whose report could not be
	// made. Asking anew would, until it answers, make those behind stand on
	// them again. It is lost with the process, which only makes it ask once more.
	refused map[refusedKey]gate.Host
}

// refusedKey is one state of one item.
type refusedKey struct {
	types.NamespacedName
	epoch int32
}

const (
	// retryHost is how soon a code host that could not be reached is asked again.
	retryHost = 2 * time.Second
	// retryMerge is how soon a host that said "later" is asked again.
	retryMerge = 500 * time.Millisecond
	// maxItems of a queue's status, and how soon it is seen whether there is room again.
	maxItems  = 2000
	retryFull = 5 * time.Second
	// mergePatience with a host that keeps saying "later".
	mergePatience = time.Minute
	// reportPatience with a host that cannot be told a result.
	reportPatience = 15 * time.Minute
	// maxRounds of planning in one reconcile. Each change that merges takes
	// three, so a queue whose head was slow may need several reconciles.
	maxRounds = 50
)

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("changequeue").
		For(&gozer.ChangeQueue{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Watches(&gozer.QueueItem{}, handler.EnqueueRequestsFromMapFunc(queueOfItem), builder.WithPredicates(itemMatters())).
		Watches(&gozer.BuildSet{}, handler.EnqueueRequestsFromMapFunc(queueOfBuildSet), builder.WithPredicates(buildSetMatters())).
		WithOptions(retry.Options(r.Workers)).
		Complete(r)
}

func queueOfItem(_ context.Context, obj client.Object) []reconcile.Request {
	i, ok := obj.(*gozer.QueueItem)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: i.Namespace, Name: i.Spec.Queue}}}
}

func queueOfBuildSet(_ context.Context, obj client.Object) []reconcile.Request {
	b, ok := obj.(*gozer.BuildSet)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Queue}}}
}

// itemMatters leaves out this controller's own writes.
func itemMatters() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*gozer.QueueItem)
		after, ok2 := e.ObjectNew.(*gozer.QueueItem)
		return ok1 && ok2 && (!maps.Equal(before.Annotations, after.Annotations) ||
			!before.DeletionTimestamp.Equal(after.DeletionTimestamp) || !equality.Semantic.DeepEqual(before.Status.Merge, after.Status.Merge))
	}}
}

func buildSetMatters() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return true },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*gozer.BuildSet)
			after, ok2 := e.ObjectNew.(*gozer.BuildSet)
			return ok1 && ok2 && !equality.Semantic.DeepEqual(before.Status, after.Status)
		},
	}
}

// Reconcile plans until nothing is left to do, or until something outside must be waited for.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s, err := r.gather(ctx, req.NamespacedName)
	if err != nil || s == nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if err := r.lookAfterPush(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	for round := 0; ; round++ {
		if round == maxRounds {
			s.again = time.Millisecond // no watch tells of our own writes
			break
		}
		snapshot := s.snapshot()
		actions := gate.Plan(snapshot)
		if len(actions) == 0 || s.stuckOn(actions) {
			break
		}
		s.adopt(gate.Apply(snapshot, actions), actions, r.Now())
		if err := r.outside(ctx, s, actions); err != nil {
			return ctrl.Result{}, err
		}
	}
	s.alternatives()
	s.noteExpedited(r.Now())
	r.reportStarts(ctx, s)
	s.describe()
	if err := r.flush(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	if s.finished() {
		return ctrl.Result{}, patch.Delete(ctx, r.Client, s.queue)
	}
	return ctrl.Result{RequeueAfter: s.again}, nil
}
