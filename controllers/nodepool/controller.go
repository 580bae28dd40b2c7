// Package nodepool keeps nodes warm: it makes node Pods before a build asks for
// them, replaces those that are too old or not what the pool says any more, and
// counts the nodes of each label (Nodepool: min-ready, max-ready-age).
//
// Which ones are made and dropped is internal/nodes' decision. A node that a
// request took is the noderequest controller's.
package nodepool

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/noderequest"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/nodes"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// Reconciler of NodePools.
type Reconciler struct {
	client.Client
	// Namespace of the operator, where NodePools are.
	Namespace string
	// Nodes makes them, and knows what is promised to requests.
	Nodes *noderequest.Reconciler
	Now   func() time.Time

	// counts are pools whose counts are not written yet.
	counts patch.Later
	// made are Pods that the cache may not show yet.
	made made
	// keyed are Pods whose Secret is there.
	keyed map[types.UID]bool
}

const (
	// tellCounts is how old the counts of a status may become: they change with every build.
	tellCounts = 5 * time.Second
	// lookAgain is how soon a pool is looked at that lacked room.
	lookAgain = 10 * time.Second
	// lookSoon is how soon the nodes of requests are counted.
	lookSoon = time.Second
	// cacheGrace is how long a Pod that was just made may be missing in the cache.
	cacheGrace = 10 * time.Second
)

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("nodepool").
		For(&gozer.NodePool{}).
		Watches(&corev1.Pod{}, r.ofPods()).
		Watches(&gozer.Tenant{}, handler.EnqueueRequestsFromMapFunc(r.all)).
		WithOptions(retry.Options(1)).
		Complete(r)
}

// ofPods looks at the pool of a node. For one that is a request's that has time: it
// only counts, and with many builds there are very many of them.
func (r *Reconciler) ofPods() handler.EventHandler {
	look := func(obj client.Object, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		labels := obj.GetLabels()
		if labels[gozer.LabelRole] != noderequest.RoleNode {
			return
		}
		pool := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: r.Namespace, Name: labels[gozer.LabelPool]}}
		if labels[gozer.LabelNodeRequest] == "" {
			queue.Add(pool)
			return
		}
		queue.AddAfter(pool, lookSoon)
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			look(e.Object, q)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			if taken(e) {
				q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: r.Namespace, Name: e.ObjectNew.GetLabels()[gozer.LabelPool]}})
				return
			}
			look(e.ObjectNew, q)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			look(e.Object, q)
		},
	}
}

// taken says that a warm node became a request's: another is to be made.
func taken(e event.UpdateEvent) bool {
	return e.ObjectOld.GetLabels()[gozer.LabelNodeRequest] == "" && e.ObjectNew.GetLabels()[gozer.LabelNodeRequest] != "" &&
		e.ObjectNew.GetLabels()[gozer.LabelRole] == noderequest.RoleNode
}

// all pools: another tenant may use them now.
func (r *Reconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	var list gozer.NodePoolList
	if err := r.List(ctx, &list, client.InNamespace(r.Namespace)); err != nil {
		logf.FromContext(ctx).Error(err, "Cannot list node pools")
		return nil
	}
	var out []reconcile.Request
	for _, p := range list.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&p)})
	}
	return out
}

// scope is what is known of a pool; gather fills it.
type scope struct {
	pool, before *gozer.NodePool
	pools        []gozer.NodePool
	// tenants by their namespaces.
	tenants map[string]*gozer.Tenant
	// pods of the pool, as the cache has them: they are not to be changed.
	pods []corev1.Pod
	// full says that warm nodes were wished for that there was no room for; reserve
	// fills it.
	full bool
}

// Reconcile keeps one pool as warm as it is to be.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s, err := r.gather(ctx, req)
	if err != nil || s == nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	plan := nodes.Keep(r.wishes(s), r.warm(s), time.Duration(s.pool.Spec.LaunchTimeout)*time.Second, r.Now())
	if err := r.drop(ctx, s, plan.Drop); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.repair(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.label(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	result := ctrl.Result{}
	if !plan.Next.IsZero() {
		result.RequeueAfter = max(time.Second, plan.Next.Sub(r.Now()))
	}
	fresh, err := r.reserve(ctx, s, plan.Make)
	if err != nil {
		return ctrl.Result{}, err
	}
	if s.full {
		result.RequeueAfter = lookAgain
	}
	r.count(s, len(plan.Make))
	wait, err := r.tell(ctx, s, len(fresh) > 0)
	if err != nil {
		r.Nodes.TakeBack(fresh)
	}
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: time.Second}, nil // the cache lags behind our own write
	case err != nil:
		return ctrl.Result{}, client.IgnoreNotFound(err)
	case wait > 0 && (result.RequeueAfter == 0 || wait < result.RequeueAfter):
		result.RequeueAfter = wait
	}
	return result, r.make(ctx, s, fresh)
}

func (r *Reconciler) gather(ctx context.Context, req ctrl.Request) (*scope, error) {
	s := &scope{pool: &gozer.NodePool{}, tenants: map[string]*gozer.Tenant{}}
	if err := r.Get(ctx, req.NamespacedName, s.pool); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, r.dropAll(ctx, req.Name)
		}
		return nil, err
	}
	if s.pool.DeletionTimestamp != nil {
		return nil, r.dropAll(ctx, req.Name)
	}
	s.before = s.pool.DeepCopy()
	var pools gozer.NodePoolList
	if err := r.List(ctx, &pools, client.InNamespace(r.Namespace)); err != nil {
		return nil, err
	}
	s.pools = pools.Items
	var tenants gozer.TenantList
	if err := r.List(ctx, &tenants); err != nil {
		return nil, err
	}
	for i := range tenants.Items {
		if t := &tenants.Items[i]; t.DeletionTimestamp == nil {
			s.tenants[t.Namespace] = t
		}
	}
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.MatchingLabels{gozer.LabelRole: noderequest.RoleNode, gozer.LabelPool: s.pool.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	s.pods = pods.Items
	return s, nil
}

// wishes of the pool: its labels, for each tenant whom it serves with them.
func (r *Reconciler) wishes(s *scope) []nodes.Wish {
	var pools []nodes.Pool
	for _, p := range s.pools {
		pools = append(pools, noderequest.Pool(p))
	}
	var out []nodes.Wish
	for _, l := range s.pool.Spec.Labels {
		most := l.MinReady
		if l.MaxReady != nil {
			most = *l.MaxReady
		}
		if l.MinReady == 0 && most == 0 {
			continue
		}
		for _, namespace := range sorted(s.tenants) {
			if nodes.Serving(pools, l.Name, namespace) != s.pool.Name {
				continue
			}
			out = append(out, nodes.Wish{Tenant: namespace, Label: l.Name, Template: noderequest.Template(*s.pool, l, r.Nodes.Image),
				Ready: int(l.MinReady), Most: int(most), MaxAge: time.Duration(l.MaxAge) * time.Second})
		}
	}
	return out
}

// warm nodes of the pool, also those that the cache does not show yet.
func (r *Reconciler) warm(s *scope) []nodes.Warm {
	labels := map[string]string{}
	for _, l := range s.pool.Spec.Labels {
		labels[noderequest.Template(*s.pool, l, r.Nodes.Image)] = l.Name
	}
	seen := map[types.NamespacedName]bool{}
	var out []nodes.Warm
	for i := range s.pods {
		p := &s.pods[i]
		seen[client.ObjectKeyFromObject(p)] = true
		if p.Labels[gozer.LabelNodeRequest] != "" {
			continue
		}
		state := podspec.OfNode(p)
		template := p.Labels[gozer.LabelTemplate]
		out = append(out, nodes.Warm{Name: client.ObjectKeyFromObject(p).String(), Tenant: p.Namespace, Label: labels[template], Template: template,
			Made: p.CreationTimestamp.Time, Ready: state.Ready, Leaving: p.DeletionTimestamp != nil})
	}
	return append(out, r.made.unseen(s.pool.Name, seen, r.Now())...)
}

// made remembers Pods until the cache shows them: they would be made again.
// Another process begins with a cache that shows all.
type made struct {
	sync.Mutex
	pods map[types.NamespacedName]madePod
}

type madePod struct {
	pool string
	nodes.Warm
}

func (m *made) unseen(pool string, seen map[types.NamespacedName]bool, now time.Time) []nodes.Warm {
	m.Lock()
	defer m.Unlock()
	var out []nodes.Warm
	for key, p := range m.pods {
		switch {
		case p.pool != pool:
		case seen[key], now.Sub(p.Made) > cacheGrace:
			delete(m.pods, key)
		default:
			out = append(out, p.Warm)
		}
	}
	return out
}

func (m *made) add(key types.NamespacedName, p madePod) {
	m.Lock()
	defer m.Unlock()
	if m.pods == nil {
		m.pods = map[types.NamespacedName]madePod{}
	}
	m.pods[key] = p
}

// tenantOwner of a warm node: a tenant's go with it.
func tenantOwner(t *gozer.Tenant) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: gozer.GroupVersion.String(), Kind: "Tenant", Name: t.Name, UID: t.UID}
}
