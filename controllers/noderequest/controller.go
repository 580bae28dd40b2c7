// Package noderequest gives builds their nodes: it assigns requests to pools,
// makes the Secret and the Pods of a request, tells when all are ready, and
// takes them away when the attempt is over (Nodepool: launcher).
package noderequest

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
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
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/nodes"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/token"
)

// RoleNode is the value of LabelRole of node Pods.
const RoleNode = "node"

// LabelPool names the pool that a node Pod counts for.
const LabelPool = "gozer.dev/pool"

// Reconciler of NodeRequests.
type Reconciler struct {
	client.Client
	// Namespace of the operator, where NodePools are.
	Namespace string
	// Image that the node agent is copied from.
	Image podspec.Image
	Key   token.Key
	// Relative serves the requests of one priority by where their items stand in
	// their pipelines, before age (Zuul: relative_priority).
	Relative bool
	Now      func() time.Time

	// starting are requests whose Pods start.
	starting patch.Later
	// promised are nodes whose Pods the cache does not show yet.
	promised promised
}

// tellStarting is how long Pods may take to start before people see that they do.
const tellStarting = time.Second

// SetupWithManager registers the controller. Requests are decided one at a
// time, so that two never take the same room; their Pods are made side by side.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("noderequest").
		For(&gozer.NodeRequest{}, builder.WithPredicates(stateMoved())).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(requestOfPod)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.waiting), builder.WithPredicates(nodeGone())).
		Watches(&gozer.Build{}, handler.EnqueueRequestsFromMapFunc(r.requestsOfBuild), builder.WithPredicates(attemptOver())).
		Watches(&gozer.NodePool{}, handler.EnqueueRequestsFromMapFunc(r.waiting)).
		WithOptions(retry.Options(workers)).
		Complete(r)
}

const workers = 4

func requestOfPod(_ context.Context, obj client.Object) []reconcile.Request {
	labels := obj.GetLabels()
	if labels[gozer.LabelRole] != RoleNode {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: obj.GetNamespace(), Name: labels[gozer.LabelNodeRequest]}}}
}

// nodeGone are node Pods that made room for others.
func nodeGone() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(e event.DeleteEvent) bool { return e.Object.GetLabels()[gozer.LabelRole] == RoleNode },
	}
}

// stateMoved lets the controller see its own writes: a Pod's event may come
// while the cache still shows the request as it was before its Pods were made.
func stateMoved() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*gozer.NodeRequest)
		after, ok2 := e.ObjectNew.(*gozer.NodeRequest)
		return ok1 && ok2 && before.Status.State != after.Status.State
	}}
}

func attemptOver() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*gozer.Build)
			after, ok2 := e.ObjectNew.(*gozer.Build)
			return ok1 && ok2 && (before.Status.Result != after.Status.Result || before.Status.Attempt != after.Status.Attempt)
		},
	}
}

func (r *Reconciler) requestsOfBuild(ctx context.Context, obj client.Object) []reconcile.Request {
	notReleased := func(n *gozer.NodeRequest) bool { return n.Status.State != gozer.NodesReleased }
	return r.requests(ctx, notReleased, client.InNamespace(obj.GetNamespace()), client.MatchingLabels{gozer.LabelBuild: obj.GetName()})
}

// waiting are the requests that may be served now that something changed.
func (r *Reconciler) waiting(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.requests(ctx, isWaiting)
}

// isWaiting says whether a request has not been given its nodes yet.
func isWaiting(n *gozer.NodeRequest) bool {
	return n.Status.State == "" || n.Status.State == gozer.NodesRequested
}

func (r *Reconciler) requests(ctx context.Context, want func(*gozer.NodeRequest) bool, opts ...client.ListOption) []reconcile.Request {
	var list gozer.NodeRequestList
	if err := r.List(ctx, &list, opts...); err != nil {
		logf.FromContext(ctx).Error(err, "Cannot list node requests")
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

// scope is what is known of a request; gather fills it.
type scope struct {
	request *gozer.NodeRequest
	before  *gozer.NodeRequest
	// build that asks; nil when it is gone.
	build *gozer.Build
	pods  map[string]*corev1.Pod
	pools []gozer.NodePool
	// relative priority with which the request was decided about; decide fills it.
	relative int32
}

// Reconcile moves one request on.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s, err := r.gather(ctx, req)
	if err != nil || s == nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	result := ctrl.Result{}
	switch {
	case s.request.Status.State == gozer.NodesReleased:
		return result, nil
	case s.over():
		return result, r.release(ctx, s)
	case s.request.Status.State == gozer.NodesFailed:
	case isWaiting(s.request) && len(s.request.Spec.Nodes) == 0:
		if err = r.giveKeys(ctx, s); err == nil {
			result = r.follow(s)
		}
	case isWaiting(s.request) && !s.made():
		result, err = r.serve(ctx, s)
	default:
		result = r.follow(s)
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	if isWaiting(s.before) && s.request.Status.State == gozer.NodesPending {
		if wait := r.starting.Left(s.request, tellStarting, r.Now()); wait > 0 {
			return ctrl.Result{RequeueAfter: wait}, nil
		}
	}
	r.starting.Done(req.NamespacedName)
	_, err = patch.Status(ctx, r.Client, s.request, s.before)
	return result, client.IgnoreNotFound(err)
}

func (r *Reconciler) gather(ctx context.Context, req ctrl.Request) (*scope, error) {
	s := &scope{request: &gozer.NodeRequest{}, pods: map[string]*corev1.Pod{}}
	if err := r.Get(ctx, req.NamespacedName, s.request); err != nil {
		return nil, err
	}
	if s.request.DeletionTimestamp != nil {
		return nil, nil // its Pods have it as owner
	}
	s.before = s.request.DeepCopy()
	var b gozer.Build
	err := r.Get(ctx, client.ObjectKey{Namespace: req.Namespace, Name: s.request.Spec.Build}, &b)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	if err == nil {
		s.build = &b
	}
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(req.Namespace), client.MatchingLabels{gozer.LabelNodeRequest: req.Name}); err != nil {
		return nil, err
	}
	for i := range pods.Items {
		s.pods[pods.Items[i].Name] = &pods.Items[i]
	}
	var pools gozer.NodePoolList
	if err := r.List(ctx, &pools, client.InNamespace(r.Namespace)); err != nil {
		return nil, err
	}
	s.pools = pools.Items
	return s, nil
}

// made says whether all Pods of the request are there.
func (s *scope) made() bool {
	for n := range s.request.Spec.Nodes {
		if s.pods[naming.NodePod(s.request.Name, n)] == nil {
			return false
		}
	}
	return true
}

// over says whether nobody needs the nodes any more.
func (s *scope) over() bool {
	return s.build == nil || s.build.Status.Result != "" || s.build.Status.Attempt > s.request.Spec.Attempt
}

// serve assigns the request and makes its Pods, if there is room.
func (r *Reconciler) serve(ctx context.Context, s *scope) (ctrl.Result, error) {
	d, err := r.decide(ctx, s)
	if err != nil {
		return ctrl.Result{}, err
	}
	st := &s.request.Status
	defer s.noteRelative()
	switch {
	case d.Fail != "":
		r.fail(s, d.Fail)
		return ctrl.Result{}, nil
	case d.Wait != "":
		st.State, st.Message = gozer.NodesRequested, d.Wait
		return ctrl.Result{}, nil
	}
	if err := r.launch(ctx, s, d.Pools); err != nil {
		r.promised.take(client.ObjectKeyFromObject(s.request))
		if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
			// A quota, or a label that makes no valid Pod: say so and try again. No watch tells of a quota's room.
			st.State, st.Message = gozer.NodesRequested, convert.Cut(err.Error(), 1000)
			return ctrl.Result{RequeueAfter: retryLaunch}, nil
		}
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, nil
}

// noteRelative tells the relative priority with what is told anyway: it changes
// whenever a queue moves, and is worth no write of its own.
func (s *scope) noteRelative() {
	if st, was := &s.request.Status, s.before.Status; st.State != was.State || st.Message != was.Message {
		st.RelativePriority = s.relative
	}
}

func (r *Reconciler) fail(s *scope, message string) {
	s.request.Status.State, s.request.Status.Message = gozer.NodesFailed, convert.Cut(message, 1000)
	patch.Condition(&s.request.Status.Conditions, s.request.Generation, gozer.ConditionReady, false, "Failed", s.request.Status.Message, r.Now())
}

// decide asks internal/nodes about all requests that wait, for this one. Nodes
// that it gives are promised until their Pods can be seen.
func (r *Reconciler) decide(ctx context.Context, s *scope) (nodes.Decision, error) {
	r.promised.Lock()
	defer r.promised.Unlock()
	used, have, err := r.used(ctx)
	if err != nil {
		return nodes.Decision{}, err
	}
	var pools []nodes.Pool
	for _, p := range s.pools {
		pool := nodes.Pool{Name: p.Name, AllowedTenants: p.Spec.AllowedTenants, Used: used[p.Name]}
		if p.Spec.MaxNodes != nil {
			pool.Max = int(*p.Spec.MaxNodes)
		}
		for _, l := range p.Spec.Labels {
			pool.Labels = append(pool.Labels, l.Name)
		}
		pools = append(pools, pool)
	}
	var all gozer.NodeRequestList
	if err := r.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nodes.Decision{}, err
	}
	waiting := slices.DeleteFunc(all.Items, func(n gozer.NodeRequest) bool {
		return !isWaiting(&n) || have[client.ObjectKeyFromObject(&n)] >= len(n.Spec.Nodes)
	})
	mine := fullName(s.request)
	if !slices.ContainsFunc(waiting, func(n gozer.NodeRequest) bool { return fullName(&n) == mine }) {
		waiting = append(waiting, *s.request)
	}
	relative, err := r.relative(ctx, waiting)
	if err != nil {
		return nodes.Decision{}, err
	}
	requests := make([]nodes.Request, 0, len(waiting))
	for n := range waiting {
		q := requestOf(&waiting[n])
		q.Relative = relative[q.Name]
		requests = append(requests, q)
	}
	s.relative = relative[mine]
	d := nodes.Assign(requests, pools)[mine]
	if d.Fail == "" && d.Wait == "" {
		r.promised.give(client.ObjectKeyFromObject(s.request), d.Pools, r.Now())
	}
	return d, nil
}

func requestOf(n *gozer.NodeRequest) nodes.Request {
	q := nodes.Request{Name: fullName(n), Tenant: n.Namespace, Priority: n.Spec.Priority, Since: n.CreationTimestamp.Time}
	for _, x := range n.Spec.Nodes {
		q.Labels = append(q.Labels, x.Label)
	}
	return q
}

// used counts the node Pods of each pool, and of each request, also of those
// that are about to be made.
func (r *Reconciler) used(ctx context.Context) (pools map[string]int, requests map[types.NamespacedName]int, err error) {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.MatchingLabels{gozer.LabelRole: RoleNode}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, err
	}
	pools, requests = map[string]int{}, map[types.NamespacedName]int{}
	for n := range pods.Items {
		p := &pods.Items[n]
		pools[p.Labels[LabelPool]]++
		requests[types.NamespacedName{Namespace: p.Namespace, Name: p.Labels[gozer.LabelNodeRequest]}]++
	}
	r.promised.count(pools, requests, r.Now())
	return pools, requests, nil
}

// follow watches the Pods become ready, and notices when one is lost.
func (r *Reconciler) follow(s *scope) ctrl.Result {
	st := &s.request.Status
	if isWaiting(s.request) && !r.launched(s) {
		return ctrl.Result{}
	}
	ready := true
	for n := range st.Nodes {
		node := &st.Nodes[n]
		pod := s.pods[node.Pod]
		state := podspec.NodeState{Failed: true, Gone: true, Message: "node Pod " + node.Pod + " was deleted"}
		if pod != nil {
			state = podspec.OfNode(pod)
		} else if st.State == gozer.NodesPending && s.sinceLaunch(r.Now()) < cacheGrace {
			state = podspec.NodeState{}
		}
		switch {
		case state.Failed && st.State == gozer.NodesFulfilled:
			st.Lost, st.Message = true, convert.Cut(state.Message, 1000)
			return ctrl.Result{}
		case state.Failed:
			st.Lost = state.Gone
			r.fail(s, state.Message)
			return ctrl.Result{}
		case !state.Ready:
			ready = false
			if state.Message != "" {
				st.Message = convert.Cut(state.Message, 1000)
			}
		default:
			node.Address = pod.Status.PodIP
		}
	}
	if ready {
		st.State, st.Message = gozer.NodesFulfilled, ""
		patch.Condition(&st.Conditions, s.request.Generation, gozer.ConditionReady, true, "Fulfilled", "", r.Now())
		return ctrl.Result{}
	}
	left := r.launchTimeout(s) - s.sinceLaunch(r.Now())
	if left <= 0 {
		r.fail(s, fmt.Sprintf("not ready within %s: %s", r.launchTimeout(s), st.Message))
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: left}
}

// sinceLaunch is how long ago the Pods were made. The request itself may have waited long for room.
func (s *scope) sinceLaunch(now time.Time) time.Duration {
	if s.request.Status.LaunchedAt == nil {
		return 0
	}
	return now.Sub(s.request.Status.LaunchedAt.Time)
}

// retryLaunch is how soon Pods that Kubernetes refused are tried again.
const retryLaunch = 10 * time.Second

// cacheGrace is how long a Pod that was just created may be missing in the cache.
const cacheGrace = 10 * time.Second

func (r *Reconciler) launchTimeout(s *scope) time.Duration {
	longest := int32(0)
	for _, p := range s.pools {
		for _, l := range p.Spec.Labels {
			if slices.ContainsFunc(s.request.Spec.Nodes, func(n gozer.NodeSpec) bool { return n.Label == l.Name }) {
				longest = max(longest, p.Spec.LaunchTimeout)
			}
		}
	}
	if longest == 0 {
		longest = 300
	}
	return time.Duration(longest) * time.Second
}
