// Package noderequest gives builds their nodes: it assigns requests to pools,
// makes the Secret and the Pods of a request, tells when all are ready, and
// takes them away when the attempt is over (Nodepool: launcher).
package noderequest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/hold"
	"github.com/gozer-dev/gozer/controllers/index"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/podspec"
	"github.com/gozer-dev/gozer/internal/token"
)

// RoleNode is the value of LabelRole of node Pods.
const RoleNode = "node"

// Reconciler of NodeRequests.
type Reconciler struct {
	client.Client
	// Namespace of the operator, where NodePools are.
	Namespace string
	// Image that the node agent is copied from.
	Image podspec.Image
	Key   token.Key
	// Holds keep the nodes of builds that failed; nil when none are kept.
	Holds *hold.Reconciler
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
		Watches(&gozer.NodePool{}, handler.EnqueueRequestsFromMapFunc(r.waiting), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(retry.Options(workers)).
		Complete(r)
}

const workers = 4

func requestOfPod(_ context.Context, obj client.Object) []reconcile.Request {
	labels := obj.GetLabels()
	if labels[gozer.LabelRole] != RoleNode || labels[gozer.LabelNodeRequest] == "" {
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
		return ok1 && ok2 && (before.Status.State != after.Status.State || launchOf(before) != launchOf(after))
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
	return r.requests(ctx, notReleased, client.InNamespace(obj.GetNamespace()), index.By(gozer.LabelBuild, obj.GetName()))
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
	if err := r.List(ctx, &list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
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
	// pods of the request, also of launches that are over; nodes are those of the
	// present launch, by their place among those asked for.
	pods  []corev1.Pod
	nodes map[int]*corev1.Pod
	pools []gozer.NodePool
	// relative priority with which the request was decided about; decide fills it.
	relative int32
	// unseen says that the decision counted nodes that were promised and that
	// nobody sees yet; decide fills it.
	unseen bool
}

// Reconcile moves one request on.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s, err := r.gather(ctx, req)
	if err != nil || s == nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	switch {
	case s.request.Status.State == gozer.NodesReleased:
		return r.leftOver(ctx, s)
	case s.over():
		if busy, err := r.cleansUp(ctx, s); err != nil || busy {
			return ctrl.Result{RequeueAfter: seeAgain}, err
		}
		err := r.release(ctx, s)
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: lookAgain}, nil // a Hold is not as the cache shows it
		}
		return ctrl.Result{}, err
	}
	if err := r.clear(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	result := ctrl.Result{}
	switch {
	case s.request.Status.State == gozer.NodesFailed:
	case isWaiting(s.request) && len(s.wanted()) == 0:
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
	_, err = patch.Status(ctx, r.Client, s.request, s.before, patch.Lock)
	if apierrors.IsConflict(err) {
		// The cache lags behind our own write, and a launch that is over must not begin again.
		return ctrl.Result{RequeueAfter: lookAgain}, nil
	}
	return result, client.IgnoreNotFound(err)
}

func (r *Reconciler) gather(ctx context.Context, req ctrl.Request) (*scope, error) {
	s := &scope{request: &gozer.NodeRequest{}}
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
	if err := r.List(ctx, &pods, client.InNamespace(req.Namespace), index.By(gozer.LabelNodeRequest, req.Name)); err != nil {
		return nil, err
	}
	s.pods, s.nodes = pods.Items, nodesOf(pods.Items, s.request)
	var pools gozer.NodePoolList
	if err := r.List(ctx, &pools, client.InNamespace(r.Namespace)); err != nil {
		return nil, err
	}
	s.pools = pools.Items
	return s, nil
}

// wanted are the nodes of the alternative that the request has come to.
func (s *scope) wanted() []gozer.NodeSpec { return convert.NodesAskedFor(s.request) }

// made says whether all Pods of the present launch are there.
func (s *scope) made() bool { return len(s.nodes) == len(s.wanted()) }

// over says whether nobody needs the nodes any more.
func (s *scope) over() bool {
	return s.build == nil || s.build.Status.Result != "" || s.build.Status.Attempt > s.request.Spec.Attempt
}

// serve assigns the request and makes its Pods, if there is room.
func (r *Reconciler) serve(ctx context.Context, s *scope) (ctrl.Result, error) {
	d, err := r.decide(ctx, s)
	if errors.Is(err, errStale) {
		return ctrl.Result{RequeueAfter: lookAgain}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	st := &s.request.Status
	defer s.noteRelative()
	switch {
	case d.Fail != "":
		r.impossible(s, d.Fail)
		return ctrl.Result{}, nil
	case d.Wait != "":
		st.State, st.Message = gozer.NodesRequested, d.Wait
		return s.whileWaiting(), r.giveWay(ctx, d.GiveWay)
	}
	if err := r.launch(ctx, s, d); err != nil {
		// What was promised stays so: some of its Pods may be there. It asks anew.
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return ctrl.Result{RequeueAfter: lookAgain}, nil // a warm node went, or is not as the cache shows it
		}
		if Refused(err) {
			// Say so and try again: no watch tells of a quota's room, which others may not need.
			r.promised.take(holderOf(s.request))
			st.State, st.Message = gozer.NodesRequested, convert.Cut(err.Error(), 1000)
			return ctrl.Result{RequeueAfter: retryLaunch}, nil
		}
		return ctrl.Result{}, err
	}
	return r.follow(s), nil
}

// Refused says that Kubernetes does not want a Pod: by a quota, or because a
// label makes no valid one.
func Refused(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) }

// whileWaiting says when a request that waits for room looks again by itself.
// The end of a Pod wakes it; that of a promise, whose Pod never came, does not.
func (s *scope) whileWaiting() ctrl.Result {
	if s.unseen {
		return ctrl.Result{RequeueAfter: cacheGrace + time.Second}
	}
	return ctrl.Result{}
}

// noteRelative tells the relative priority with what is told anyway: it changes
// whenever a queue moves, and is worth no write of its own.
func (s *scope) noteRelative() {
	if st, was := &s.request.Status, s.before.Status; st.State != was.State || st.Message != was.Message {
		st.RelativePriority = s.relative
	}
}

// follow watches the Pods become ready, and notices when one is lost.
func (r *Reconciler) follow(s *scope) ctrl.Result {
	st := &s.request.Status
	if isWaiting(s.request) && !r.launched(s) {
		return ctrl.Result{}
	}
	ready := true
	for n := range st.Nodes {
		state := r.state(s, n)
		switch {
		case state.Failed && st.State == gozer.NodesFulfilled:
			st.Lost, st.Message = true, convert.Cut(state.Message, 1000)
			return ctrl.Result{}
		case state.Failed:
			r.launchFailed(s, state.Message, state.Gone)
			return ctrl.Result{}
		case !state.Ready:
			ready = false
			if state.Message != "" {
				st.Message = convert.Cut(state.Message, 1000)
			}
		default:
			st.Nodes[n].Address = s.nodes[n].Status.PodIP
		}
	}
	if ready {
		st.State, st.Message = gozer.NodesFulfilled, ""
		patch.Condition(&st.Conditions, s.request.Generation, gozer.ConditionReady, true, "Fulfilled", "", r.Now())
		return ctrl.Result{}
	}
	left := r.launchTimeout(s) - s.sinceLaunch(r.Now())
	if left <= 0 {
		r.launchFailed(s, fmt.Sprintf("not ready within %s: %s", r.launchTimeout(s), st.Message), false)
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: left}
}

// state of a node, whose Pod may have gone.
func (r *Reconciler) state(s *scope, n int) podspec.NodeState {
	if pod := s.nodes[n]; pod != nil {
		return podspec.OfNode(pod)
	}
	if s.request.Status.State == gozer.NodesPending && s.sinceLaunch(r.Now()) < cacheGrace {
		return podspec.NodeState{}
	}
	return podspec.NodeState{Failed: true, Gone: true, Message: "node Pod " + s.request.Status.Nodes[n].Pod + " was deleted"}
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

// lookAgain is how soon a request is looked at again that the cache showed too old.
const lookAgain = 20 * time.Millisecond

func (r *Reconciler) launchTimeout(s *scope) time.Duration {
	longest := s.longest(func(p gozer.NodePoolSpec) int32 { return p.LaunchTimeout })
	if longest == 0 {
		longest = 300
	}
	return time.Duration(longest) * time.Second
}

// longest of what the pools say that may serve the request.
func (s *scope) longest(of func(gozer.NodePoolSpec) int32) int32 {
	most := int32(0)
	for _, p := range s.pools {
		for _, l := range p.Spec.Labels {
			if slices.ContainsFunc(s.wanted(), func(n gozer.NodeSpec) bool { return n.Label == l.Name }) {
				most = max(most, of(p.Spec))
			}
		}
	}
	return most
}
