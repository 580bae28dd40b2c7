// Package pipeline turns events into queue items.
//
// It takes the events that a tenant has not dealt with, oldest first, and asks
// for each: is the change still what the event was about, which pipelines want
// it, does it fulfil their requirements, what must be ahead of it (Zuul:
// scheduler events, pipeline manager's addChange). What was made of an event,
// and why, is written on the event.
//
// It also takes changes out: a new patchset or a closed change leaves its
// queues by an annotation on the item, on which the changequeue controller acts.
package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientretry "k8s.io/client-go/util/retry"
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
	"github.com/gozer-dev/gozer/controllers/tenant"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/drivers"
)

// Hosts finds the driver of a connection.
type Hosts interface {
	Host(ctx context.Context, connection string) (drivers.Host, error)
}

// Reconciler deals with the events of one tenant at a time.
type Reconciler struct {
	client.Client
	// Live reads the API server itself: whether a change is in a queue already
	// must not be answered by a cache that lags.
	Live   client.Reader
	Hosts  Hosts
	Loader *configsource.Loader
	// Namespace of the operator, where events are.
	Namespace string
	// Workers is how many tenants are looked at at once: a slow code host keeps the
	// tenants that use it waiting, and no others.
	Workers int
	Now     func() time.Time

	mu sync.Mutex
	// asked remembers since when a host does not know whether it would merge what
	// an event brings. It is lost with the process, which only asks for longer.
	asked map[string]time.Time
}

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	created := predicate.Funcs{
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	return ctrl.NewControllerManagedBy(mgr).Named("pipeline").
		For(&gozer.Tenant{}, builder.WithPredicates(tenant.Loaded())).
		Watches(&gozer.TriggerEvent{}, handler.EnqueueRequestsFromMapFunc(r.tenantsOf), builder.WithPredicates(created)).
		Watches(&gozer.Pipeline{}, handler.EnqueueRequestsFromMapFunc(tenant.OfNamespace(r)), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(retry.Options(r.Workers)).
		Complete(r)
}

func (r *Reconciler) tenantsOf(ctx context.Context, obj client.Object) []reconcile.Request {
	e, ok := obj.(*gozer.TriggerEvent)
	if !ok {
		return nil
	}
	return tenant.Requests(ctx, r, func(t *gozer.Tenant) bool { return concerns(e, t) })
}

// concerns says whether the tenant has to deal with the event.
func concerns(e *gozer.TriggerEvent, t *gozer.Tenant) bool {
	return tenant.HasProject(t, e.Spec.Connection, e.Spec.Project) && (e.Spec.Tenant == "" || e.Spec.Tenant == t.Namespace)
}

// DealtWith says whether the tenant has dealt with the event.
func DealtWith(e *gozer.TriggerEvent, tenantNamespace string) bool {
	return slices.ContainsFunc(e.Status.Tenants, func(o gozer.EventOutcome) bool { return o.Tenant == tenantNamespace })
}

// Reconcile deals with all events that wait for the tenant.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var t gozer.Tenant
	if err := r.Get(ctx, req.NamespacedName, &t); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if t.DeletionTimestamp != nil || t.Status.Layout == nil {
		return ctrl.Result{}, nil
	}
	if err := r.markPipelines(ctx, &t); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.dropRemoved(ctx, &t); err != nil {
		return ctrl.Result{}, err
	}
	events, err := r.events(ctx, &t)
	if err != nil {
		return ctrl.Result{}, err
	}
	events, dealt := waiting(events, t.Namespace)
	if len(events) == 0 {
		return ctrl.Result{}, nil
	}
	s, err := r.gather(ctx, &t)
	if err != nil {
		return ctrl.Result{}, err
	}
	for i := range dealt {
		s.remember(&dealt[i], outcomesOf(&dealt[i], t.Namespace))
	}
	return r.dealAll(ctx, s, events)
}

// dealAll deals with events in their order.
func (r *Reconciler) dealAll(ctx context.Context, s *scope, events []gozer.TriggerEvent) (ctrl.Result, error) {
	// What was made of events is written while the next is dealt with: whatever
	// is not written is dealt with again, and makes the same.
	var written errgroup.Group
	written.SetLimit(writers)
	var failed []error
	result := ctrl.Result{}
	away := map[string]bool{}
	for i := range events {
		if away[events[i].Spec.Connection] {
			continue
		}
		outcome, err := r.deal(ctx, s, &events[i])
		if err == nil {
			s.remember(&events[i], outcome.Pipelines)
			r.forget(s, events[i].Name)
			if awaits(outcome.Pipelines) {
				// The next event may settle it.
				if err := r.write(ctx, &events[i], outcome); err != nil {
					failed = append(failed, err)
				}
				continue
			}
			written.Go(func() error { return r.write(ctx, &events[i], outcome) })
			continue
		}
		if isWait(err) && !isSearch(err) {
			result.RequeueAfter = askAgain
			continue
		}
		failed = append(failed, fmt.Errorf("event %s: %w", events[i].Name, err))
		if timedOut(err) {
			// Each more of its events would keep those of all other hosts waiting.
			away[events[i].Spec.Connection] = true
			continue
		}
		if r.Now().Sub(events[i].Spec.ReceivedAt.Time) < patience && !isSearch(err) {
			break
		}
	}
	return result, errors.Join(append(failed, written.Wait())...)
}

// timedOut says that a code host did not answer in time.
func timedOut(err error) bool {
	var slow interface{ Timeout() bool }
	return errors.As(err, &slow) && slow.Timeout()
}

// writers of outcomes at once.
const writers = 4

// patience with an event that cannot be dealt with now: for so long younger
// ones keep behind it. One that never can, for example about a repository that
// the host denies, must not stop all others.
const patience = time.Minute

// events of the tenant, oldest first.
func (r *Reconciler) events(ctx context.Context, t *gozer.Tenant) ([]gozer.TriggerEvent, error) {
	var list gozer.TriggerEventList
	if err := r.List(ctx, &list, client.InNamespace(r.Namespace)); err != nil {
		return nil, err
	}
	events := slices.DeleteFunc(list.Items, func(e gozer.TriggerEvent) bool { return e.DeletionTimestamp != nil || !concerns(&e, t) })
	slices.SortFunc(events, func(a, b gozer.TriggerEvent) int {
		return cmp.Or(a.Spec.ReceivedAt.Compare(b.Spec.ReceivedAt.Time), cmp.Compare(a.Name, b.Name))
	})
	return events, nil
}

// waiting are the events that the tenant has not dealt with; dealt are the others.
func waiting(events []gozer.TriggerEvent, tenant string) (left, dealt []gozer.TriggerEvent) {
	for _, e := range events {
		if DealtWith(&e, tenant) {
			dealt = append(dealt, e)
		} else {
			left = append(left, e)
		}
	}
	return left, dealt
}

// outcomesOf is what a tenant made of an event.
func outcomesOf(e *gozer.TriggerEvent, tenant string) []gozer.PipelineOutcome {
	for _, o := range e.Status.Tenants {
		if o.Tenant == tenant {
			return o.Pipelines
		}
	}
	return nil
}

// deal decides about one event, and says what was made of it.
func (r *Reconciler) deal(ctx context.Context, s *scope, e *gozer.TriggerEvent) (gozer.EventOutcome, error) {
	pipelines, err := r.outcomes(ctx, s, e)
	return gozer.EventOutcome{Tenant: s.tenant.Namespace, Pipelines: pipelines[:min(len(pipelines), 20)]}, err
}

// write notes on an event what was made of it.
func (r *Reconciler) write(ctx context.Context, e *gozer.TriggerEvent, outcome gozer.EventOutcome) error {
	before := e.DeepCopy()
	e.Status.Tenants = append(e.Status.Tenants, outcome)
	_, err := patch.Status(ctx, r.Client, e, before, patch.Lock)
	if apierrors.IsConflict(err) {
		// The cache lagged behind another tenant's write, or our own, or another tenant
		// writes right now: look again.
		err = clientretry.RetryOnConflict(clientretry.DefaultBackoff, func() error { return r.writeAgain(ctx, e, outcome) })
	}
	return client.IgnoreNotFound(err)
}

func (r *Reconciler) writeAgain(ctx context.Context, e *gozer.TriggerEvent, outcome gozer.EventOutcome) error {
	var now gozer.TriggerEvent
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(e), &now); err != nil {
		return err
	}
	if DealtWith(&now, outcome.Tenant) {
		return nil
	}
	before := now.DeepCopy()
	now.Status.Tenants = append(now.Status.Tenants, outcome)
	_, err := patch.Status(ctx, r.Client, &now, before, patch.Lock)
	return err
}

// markPipelines tells that pipelines are in force.
func (r *Reconciler) markPipelines(ctx context.Context, t *gozer.Tenant) error {
	var list gozer.PipelineList
	if err := r.List(ctx, &list, client.InNamespace(t.Namespace)); err != nil {
		return err
	}
	for i := range list.Items {
		p := &list.Items[i]
		if p.Status.ObservedGeneration == p.Generation {
			continue
		}
		before := p.DeepCopy()
		p.Status.ObservedGeneration = p.Generation
		reason, message, ok := r.inForce(ctx, p)
		patch.Condition(&p.Status.Conditions, p.Generation, gozer.ConditionReady, ok, reason, message, r.Now())
		if _, err := patch.Status(ctx, r.Client, p, before, patch.Lock); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

func microTime(t time.Time) metav1.MicroTime { return metav1.NewMicroTime(t) }
