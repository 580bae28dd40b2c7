// Package connection keeps a Connection's status: whether its credentials are
// accepted, how the host treats us, and where it must send its webhooks. It also
// takes in what the host knows of and no webhook told.
package connection

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/history"
)

// Hosts finds the driver of a connection.
type Hosts interface {
	Host(ctx context.Context, connection string) (drivers.Host, error)
}

// History of builds, which is kept longer than what they belonged to.
type History interface {
	Builds(ctx context.Context, f history.Filter) ([]history.Build, error)
}

// Reconciler of Connections.
type Reconciler struct {
	client.Client
	Hosts   Hosts
	History History
	// Namespace of the operator, where events are.
	Namespace string
	Now       func() time.Time
}

const (
	checkEvery = 5 * time.Minute
	retryAfter = 15 * time.Second
	// workers, for a poll of one connection may take long.
	workers = 4
)

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("connection").
		For(&gozer.Connection{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(retry.Options(workers)).
		Complete(r)
}

// Reconcile asks the host who we are.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var c gozer.Connection
	if err := r.Get(ctx, req.NamespacedName, &c); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := c.DeepCopy()
	result := ctrl.Result{RequeueAfter: checkEvery}
	c.Status.WebhookPath = "/api/connection/" + c.Name + "/payload"
	host, account, version, err := r.ask(ctx, c.Name)
	switch {
	case errors.Is(err, drivers.ErrLimited) && c.Status.Account != "":
		patch.Condition(&c.Status.Conditions, c.Generation, gozer.ConditionReady, true, "Limited", err.Error(), r.Now())
		result.RequeueAfter = retryAfter
	case err != nil:
		patch.Condition(&c.Status.Conditions, c.Generation, gozer.ConditionReady, false, "NotReachable", err.Error(), r.Now())
		result.RequeueAfter = retryAfter
	default:
		c.Status.Account, c.Status.Version = account, version
		patch.Condition(&c.Status.Conditions, c.Generation, gozer.ConditionReady, true, "Accepted", "the host accepts the credentials of "+account, r.Now())
	}
	if host != nil {
		if err == nil {
			result.RequeueAfter = min(result.RequeueAfter, pollInterval(&c))
			err = r.catchUp(ctx, &c, host)
		}
		// A host that wants no requests at all says until when there.
		r.health(ctx, &c, host, err)
	}
	if err := r.lastEvent(ctx, &c); err != nil {
		return ctrl.Result{}, err
	}
	_, err = patch.Status(ctx, r.Client, &c, before)
	return result, err
}

// maxError bounds what is stored of an error.
const maxError = 1000

func (r *Reconciler) ask(ctx context.Context, name string) (host drivers.Host, account, version string, err error) {
	host, err = r.Hosts.Host(ctx, name)
	if err != nil {
		return nil, "", "", err
	}
	account, version, err = host.Whoami(ctx)
	return host, account, version, err
}

// health tells how the host treats us, where it says, and what went wrong last.
func (r *Reconciler) health(ctx context.Context, c *gozer.Connection, host drivers.Host, last error) {
	if healthy, ok := host.(drivers.Healthy); ok {
		h, err := healthy.Health(ctx)
		if err == nil {
			c.Status.MissingPermissions = nil
			for n, p := range h.MissingPermissions {
				if n < maxPermissions {
					c.Status.MissingPermissions = append(c.Status.MissingPermissions, convert.Cut(p, maxPermission))
				}
			}
		}
		s := &c.Status
		s.RateLimit = nil
		if h.Limit > 0 {
			s.RateLimit = &gozer.ConnectionRateLimit{Remaining: int64(h.Remaining), Limit: int64(h.Limit), Reset: stamp(h.Reset)}
		}
		s.BlockedUntil = stamp(h.Blocked)
		s.LastError, s.LastErrorTime = convert.Cut(h.LastError, maxError), stamp(h.LastErrorAt)
		last = errors.Join(last, err)
	}
	if last != nil {
		c.Status.LastError, c.Status.LastErrorTime = convert.Cut(last.Error(), maxError), stamp(r.Now())
	}
}

// lastEvent notes when a webhook came last.
func (r *Reconciler) lastEvent(ctx context.Context, c *gozer.Connection) error {
	var events gozer.TriggerEventList
	if err := r.List(ctx, &events, client.InNamespace(r.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range events.Items {
		e := &events.Items[i].Spec
		if last := c.Status.LastEvent; e.Connection == c.Name && e.Delivery != "" && (last == nil || last.Time.Before(e.ReceivedAt.Time)) {
			c.Status.LastEvent = stamp(e.ReceivedAt.Time)
		}
	}
	return nil
}

const (
	maxPermissions = 64
	maxPermission  = 255
)

// stamp of a time; nil for none.
func stamp(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.Truncate(time.Second)}
}
