// Package connection keeps a Connection's status: whether its credentials are
// accepted, and where the code host must send its webhooks.
package connection

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/drivers"
)

// Hosts finds the driver of a connection.
type Hosts interface {
	Host(ctx context.Context, connection string) (drivers.Host, error)
}

// Reconciler of Connections.
type Reconciler struct {
	client.Client
	Hosts Hosts
	Now   func() time.Time
}

const (
	checkEvery = 5 * time.Minute
	retryAfter = 15 * time.Second
)

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("connection").
		For(&gozer.Connection{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(retry.Options(1)).
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
	account, version, err := r.ask(ctx, c.Name)
	if err != nil {
		patch.Condition(&c.Status.Conditions, c.Generation, gozer.ConditionReady, false, "NotReachable", err.Error(), r.Now())
		result.RequeueAfter = retryAfter
	} else {
		c.Status.Account, c.Status.Version = account, version
		patch.Condition(&c.Status.Conditions, c.Generation, gozer.ConditionReady, true, "Accepted", "the host accepts the credentials of "+account, r.Now())
	}
	_, err = patch.Status(ctx, r.Client, &c, before)
	return result, err
}

func (r *Reconciler) ask(ctx context.Context, name string) (account, version string, err error) {
	h, err := r.Hosts.Host(ctx, name)
	if err != nil {
		return "", "", err
	}
	return h.Whoami(ctx)
}
