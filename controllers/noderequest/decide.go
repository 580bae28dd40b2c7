package noderequest

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/nodes"
)

// holder is who has a node Pod: one launch of a request.
type holder struct{ namespace, request, launch string }

func holderOf(q *gozer.NodeRequest) holder {
	return holder{q.Namespace, q.Name, launchOf(q).String()}
}

// decide asks internal/nodes about all requests that wait, for this one. Nodes
// that it gives are promised until their Pods can be seen. The pools of what it
// decided are those of all nodes of the request, also of those that it has.
func (r *Reconciler) decide(ctx context.Context, s *scope) (nodes.Decision, error) {
	r.promised.Lock()
	defer r.promised.Unlock()
	delete(r.promised.given, holderOf(s.request)) // it asks anew for what it does not have
	used, have, err := r.used(ctx)
	if err != nil {
		return nodes.Decision{}, err
	}
	requests, err := r.waitingWith(ctx, s, have)
	if err != nil {
		return nodes.Decision{}, err
	}
	d := nodes.Assign(requests, poolsOf(s.pools, used))[fullName(s.request)]
	if d.Fail == "" && d.Wait == "" {
		d.Pools = s.poolsOfAll(d.Pools)
		r.promised.give(holderOf(s.request), d.Pools, r.Now())
	}
	return d, nil
}

func poolsOf(list []gozer.NodePool, used map[string]int) []nodes.Pool {
	var pools []nodes.Pool
	for _, p := range list {
		pool := nodes.Pool{Name: p.Name, AllowedTenants: p.Spec.AllowedTenants, Used: used[p.Name]}
		if p.Spec.MaxNodes != nil {
			pool.Max = int(*p.Spec.MaxNodes)
		}
		for _, l := range p.Spec.Labels {
			pool.Labels = append(pool.Labels, l.Name)
		}
		pools = append(pools, pool)
	}
	return pools
}

// waitingWith lists all requests that wait for nodes, and this one.
func (r *Reconciler) waitingWith(ctx context.Context, s *scope, have map[holder]int) ([]nodes.Request, error) {
	var all gozer.NodeRequestList
	if err := r.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	mine := fullName(s.request)
	waiting := slices.DeleteFunc(all.Items, func(n gozer.NodeRequest) bool {
		return fullName(&n) == mine || !isWaiting(&n) || have[holderOf(&n)] >= len(convert.NodesAskedFor(&n))
	})
	waiting = append(waiting, *s.request)
	relative, err := r.relative(ctx, waiting)
	if err != nil {
		return nil, err
	}
	s.relative = relative[mine]
	requests := make([]nodes.Request, 0, len(waiting))
	for n := range waiting {
		q := requestOf(&waiting[n], have[holderOf(&waiting[n])])
		q.Relative = relative[q.Name]
		requests = append(requests, q)
	}
	last := &requests[len(requests)-1]
	last.Labels, last.Begun = s.missing(), len(s.nodes) > 0
	return requests, nil
}

// requestOf a request that has some of its nodes already: the first ones, for
// they are made in order.
func requestOf(n *gozer.NodeRequest, have int) nodes.Request {
	q := nodes.Request{Name: fullName(n), Tenant: n.Namespace, Priority: n.Spec.Priority, Since: n.CreationTimestamp.Time, Begun: have > 0}
	q.Labels = labels(convert.NodesAskedFor(n)[have:])
	return q
}

// missing are the labels of the nodes that were not made yet.
func (s *scope) missing() []string {
	var out []string
	for n, node := range s.wanted() {
		if s.nodes[n] == nil {
			out = append(out, node.Label)
		}
	}
	return out
}

// poolsOfAll adds to the pools of what is missing those of the Pods that are there.
func (s *scope) poolsOfAll(missing []string) []string {
	var out []string
	for n := range s.wanted() {
		if pod := s.nodes[n]; pod != nil {
			out = append(out, pod.Labels[LabelPool])
			continue
		}
		out, missing = append(out, missing[0]), missing[1:]
	}
	return out
}

// used counts the node Pods of each pool, and of each request, also of those
// that are about to be made.
func (r *Reconciler) used(ctx context.Context) (pools map[string]int, holders map[holder]int, err error) {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.MatchingLabels{gozer.LabelRole: RoleNode}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, err
	}
	pools, holders = map[string]int{}, map[holder]int{}
	for n := range pods.Items {
		p := &pods.Items[n]
		pools[p.Labels[LabelPool]]++
		holders[holder{p.Namespace, p.Labels[gozer.LabelNodeRequest], p.Labels[gozer.LabelLaunch]}]++
	}
	r.promised.count(pools, holders, r.Now())
	return pools, holders, nil
}
