// Package tenant keeps a tenant's configuration in force: it reads the heads
// of all its repositories, builds the layout, applies the pipelines of config
// projects, and tells what is wrong (Zuul: tenant, reconfiguration).
package tenant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/layout"
)

// Reconciler of Tenants.
type Reconciler struct {
	client.Client
	Loader *configsource.Loader
	// Namespace of the operator, where Connections are.
	Namespace string
	Now       func() time.Time
}

const (
	// resync finds what no webhook told.
	resync     = 10 * time.Minute
	retryAfter = 3 * time.Second
	maxErrors  = 100
	maxHeads   = 4096 // what the status can hold
)

// SetupWithManager registers the controller. A push to a branch, or a
// connection that changes, makes its tenants read their configuration anew.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	pushes := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			ev, ok := e.Object.(*gozer.TriggerEvent)
			return ok && ev.Spec.Event == "push"
		},
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	return ctrl.NewControllerManagedBy(mgr).Named("tenant").
		For(&gozer.Tenant{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&gozer.Pipeline{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&gozer.TriggerEvent{}, handler.EnqueueRequestsFromMapFunc(r.tenantsOfEvent), builder.WithPredicates(pushes)).
		Watches(&gozer.Connection{}, handler.EnqueueRequestsFromMapFunc(r.allTenants)).
		Watches(&gozer.Semaphore{}, handler.EnqueueRequestsFromMapFunc(r.tenantsOfSemaphore), builder.WithPredicates(r.semaphoreDefined())).
		WithOptions(retry.Options(1)).
		Complete(r)
}

func (r *Reconciler) tenantsOfEvent(ctx context.Context, obj client.Object) []reconcile.Request {
	e, ok := obj.(*gozer.TriggerEvent)
	if !ok {
		return nil
	}
	return Requests(ctx, r, func(t *gozer.Tenant) bool { return HasProject(t, e.Spec.Connection, e.Spec.Project) })
}

func (r *Reconciler) allTenants(ctx context.Context, obj client.Object) []reconcile.Request {
	return Requests(ctx, r, func(t *gozer.Tenant) bool {
		return slices.ContainsFunc(t.Spec.Sources, func(s gozer.TenantSource) bool { return s.Connection == obj.GetName() })
	})
}

// Requests asks for a reconcile of every tenant that is wanted.
func Requests(ctx context.Context, c client.Reader, want func(*gozer.Tenant) bool) []reconcile.Request {
	var list gozer.TenantList
	if err := c.List(ctx, &list); err != nil {
		logf.FromContext(ctx).Error(err, "Cannot list tenants")
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		if want(&list.Items[i]) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return out
}

// OfNamespace asks for a reconcile of the tenant that an object belongs to.
func OfNamespace(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		return Requests(ctx, c, func(t *gozer.Tenant) bool { return t.Namespace == obj.GetNamespace() })
	}
}

// Loaded lets a tenant through when another configuration is in force.
func Loaded() predicate.Predicate {
	digest := func(obj client.Object) string {
		if t, ok := obj.(*gozer.Tenant); ok && t.Status.Layout != nil {
			return t.Status.Layout.Digest
		}
		return ""
	}
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool { return digest(e.ObjectOld) != digest(e.ObjectNew) },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}

// HasProject says whether a tenant has a repository of a connection.
func HasProject(t *gozer.Tenant, connection, project string) bool {
	named := func(p gozer.TenantProject) bool { return p.Name == project }
	for _, s := range t.Spec.Sources {
		if s.Connection == connection && (slices.ContainsFunc(s.ConfigProjects, named) || slices.ContainsFunc(s.UntrustedProjects, named)) {
			return true
		}
	}
	return false
}

// Reconcile reads the configuration and puts it in force.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var t gozer.Tenant
	if err := r.Get(ctx, req.NamespacedName, &t); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if t.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	before := t.DeepCopy()
	result := ctrl.Result{RequeueAfter: resync}
	reason, message, ok := r.load(ctx, &t)
	if !ok {
		result.RequeueAfter = retryAfter
		logf.FromContext(ctx).Info("Configuration not read", "reason", reason, "message", message)
	}
	t.Status.ObservedGeneration = t.Generation
	patch.Condition(&t.Status.Conditions, t.Generation, gozer.ConditionReady, ok, reason, message, r.Now())
	_, err := patch.Status(ctx, r.Client, &t, before)
	return result, err
}

// load reads everything; what was in force stays in force when it cannot.
func (r *Reconciler) load(ctx context.Context, t *gozer.Tenant) (reason, message string, ok bool) {
	if other, taken := r.elder(ctx, t); taken {
		return "NamespaceTaken", fmt.Sprintf("the namespace belongs to the tenant %s; a namespace has one tenant", other), false
	}
	for _, s := range t.Spec.Sources {
		var c gozer.Connection
		if err := r.Get(ctx, types.NamespacedName{Namespace: r.Namespace, Name: s.Connection}, &c); err != nil {
			return "ConnectionNotReady", err.Error(), false
		}
		if !hosts.Allows(&c, t.Namespace) {
			return "ConnectionNotReady", fmt.Sprintf("the connection %s does not allow the tenant %s; add it to spec.allowedTenants", c.Name, t.Namespace), false
		}
	}
	heads, err := r.Loader.Heads(ctx, t)
	if err != nil {
		return "LoadFailed", err.Error(), false
	}
	if len(heads) > maxHeads {
		return "LoadFailed", fmt.Sprintf("the repositories have %d branches; at most %d are possible: delete some, or move repositories into another tenant", len(heads), maxHeads), false
	}
	l, err := r.Loader.Layout(ctx, t, heads, nil)
	if err != nil {
		return "LoadFailed", err.Error(), false
	}
	unusable, err := r.applyPipelines(ctx, t, l.Layout)
	if err != nil {
		return "LoadFailed", err.Error(), false
	}
	semaphores, err := r.applySemaphores(ctx, t, l.Layout)
	if err != nil {
		return "LoadFailed", err.Error(), false
	}
	unknown, err := r.unknownSemaphores(ctx, t)
	if err != nil {
		return "LoadFailed", err.Error(), false
	}
	unusable = slices.Concat(unusable, semaphores, unknown)
	projects, pipelines, jobs := l.Counts()
	t.Status.Layout = &gozer.TenantLayout{Digest: l.Digest, Heads: heads, Projects: int32(projects), Pipelines: int32(pipelines), Jobs: int32(jobs)}
	r.tell(t, l.Errors(), append(unusable, withoutEffect(t)...))
	if n := t.Status.ErrorCount; n > 0 {
		return "LoadedWithErrors", fmt.Sprintf("%s, see status.errors; what they are about is left out, everything else is in force", convert.ErrorCount(int(n))), true
	}
	return "Loaded", "the configuration is in force", true
}

// maxErrorBytes bounds the errors in the status: an object has room for 1.5 MiB, and heads take most of it.
const maxErrorBytes = 128 << 10

// tell writes the errors into the status, as many as fit; errors before warnings.
func (r *Reconciler) tell(t *gozer.Tenant, errs []*layout.Error, unusable []gozer.ConfigError) {
	all := slices.Concat(unusable, convert.ConfigErrors(errs, maxErrors))
	slices.SortStableFunc(all, func(a, b gozer.ConfigError) int { return strings.Compare(a.Severity, b.Severity) })
	t.Status.Errors, t.Status.ErrorCount, t.Status.WarningCount = nil, 0, 0
	bytes := 0
	for _, e := range all {
		if bytes += len(e.Message); len(t.Status.Errors) < maxErrors && bytes <= maxErrorBytes {
			t.Status.Errors = append(t.Status.Errors, e)
		}
	}
	for _, e := range errs {
		if e.Severity == configlang.SeverityWarning {
			t.Status.WarningCount++
		} else {
			t.Status.ErrorCount++
		}
	}
	for _, e := range unusable {
		if e.Severity == "warning" {
			t.Status.WarningCount++
		} else {
			t.Status.ErrorCount++
		}
	}
}

// notYet tells what of a pipeline this version does not act on.
func notYet(pipeline, severity, what string) gozer.ConfigError {
	return gozer.ConfigError{Severity: severity, Message: convert.Cut(fmt.Sprintf("pipeline %s: %s", pipeline, what), 4000)}
}

// elder finds a tenant that had the namespace before.
func (r *Reconciler) elder(ctx context.Context, t *gozer.Tenant) (string, bool) {
	var list gozer.TenantList
	if err := r.List(ctx, &list, client.InNamespace(t.Namespace)); err != nil {
		return "", false
	}
	for _, o := range list.Items {
		older := o.CreationTimestamp.Before(&t.CreationTimestamp) || o.CreationTimestamp.Equal(&t.CreationTimestamp) && o.Name < t.Name
		if o.UID != t.UID && older {
			return o.Name, true
		}
	}
	return "", false
}

// applyPipelines makes the Pipelines that config projects define, and takes
// away those that they do not define any more. One that Kubernetes does not
// take is an error of that pipeline; the others are in force.
func (r *Reconciler) applyPipelines(ctx context.Context, t *gozer.Tenant, l *layout.Layout) (unusable []gozer.ConfigError, err error) {
	wanted := map[string]bool{}
	for _, p := range l.Pipelines() {
		spec, refused, left := convert.PipelineSpec(p)
		for _, what := range left {
			unusable = append(unusable, notYet(p.Name, "warning", what))
		}
		if refused != "" {
			unusable = append(unusable, notYet(p.Name, "error", refused))
			continue
		}
		wanted[p.Name] = true
		err := r.applyPipeline(ctx, t, p.Name, spec)
		switch {
		case apierrors.IsInvalid(err), errors.Is(err, errByHand):
			unusable = append(unusable, gozer.ConfigError{Severity: "error", Message: convert.Cut(fmt.Sprintf("pipeline %s: %v", p.Name, err), 4000)})
		case err != nil:
			return nil, fmt.Errorf("pipeline %s: %w", p.Name, err)
		}
	}
	var list gozer.PipelineList
	if err := r.List(ctx, &list, client.InNamespace(t.Namespace)); err != nil {
		return nil, err
	}
	for i := range list.Items {
		p := &list.Items[i]
		if wanted[p.Name] || !ownedBy(p, t) {
			continue
		}
		if err := patch.Delete(ctx, r.Client, p); err != nil {
			return nil, err
		}
	}
	return unusable, nil
}
