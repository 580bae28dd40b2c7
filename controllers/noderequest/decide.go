package noderequest

import (
	"context"
	"errors"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/nodes"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// holder is who has a node Pod: one launch of a request, or nobody yet.
type holder struct{ namespace, request, launch, pod string }

func holderOf(q *gozer.NodeRequest) holder {
	return holder{namespace: q.Namespace, request: q.Name, launch: launchOf(q).String()}
}

// decide asks internal/nodes about all requests that wait, for this one. Nodes
// that it gives are promised until their Pods can be seen. The pools of what it
// decided are those of all nodes of the request, also of those that it has.
func (r *Reconciler) decide(ctx context.Context, s *scope) (nodes.Decision, error) {
	r.promised.Lock()
	defer r.promised.Unlock()
	r.promised.drop(s.request.Namespace, s.request.Name) // it asks anew for what it does not have
	taken, err := r.taken(ctx, s.pools)
	if err != nil {
		return nodes.Decision{}, err
	}
	if taken.holders[holderOf(s.request)].count() != len(s.nodes) {
		return nodes.Decision{}, errStale
	}
	s.unseen = taken.unseen
	requests, err := r.waitingWith(ctx, s, taken.holders)
	if err != nil {
		return nodes.Decision{}, err
	}
	d := nodes.Assign(requests, poolsOf(s.pools, taken))[fullName(s.request)]
	if d.Fail == "" && d.Wait == "" {
		d = s.withThoseThere(d)
		r.promised.give(holderOf(s.request), d.Pools, d.Take, r.Now())
	}
	return d, nil
}

// poolsOf are NodePools as far as decisions need them.
func poolsOf(list []gozer.NodePool, of taken) []nodes.Pool {
	var pools []nodes.Pool
	for _, p := range list {
		pool := Pool(p)
		pool.Used, pool.Leaving, pool.UsedBy, pool.Idle = of.pools[p.Name], of.leaving[p.Name], of.tenants[p.Name], of.idle[p.Name]
		pools = append(pools, pool)
	}
	return pools
}

// Pool is a NodePool as far as decisions need it, without its nodes.
func Pool(p gozer.NodePool) nodes.Pool {
	pool := nodes.Pool{Name: p.Name, AllowedTenants: p.Spec.AllowedTenants}
	if p.Spec.MaxNodes != nil {
		pool.Max = int(*p.Spec.MaxNodes)
	}
	if p.Spec.MaxNodesPerTenant != nil {
		pool.MaxPerTenant = int(*p.Spec.MaxNodesPerTenant)
	}
	for _, l := range p.Spec.Labels {
		pool.Labels = append(pool.Labels, l.Name)
	}
	return pool
}

// errStale is a cache that changed between two looks: another look is due.
var errStale = errors.New("the nodes of the request are not what they were a moment ago")

// waitingBut lists all requests that wait for nodes, but one.
func (r *Reconciler) waitingBut(ctx context.Context, but string, have map[holder]held) ([]gozer.NodeRequest, error) {
	var all gozer.NodeRequestList
	if err := r.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all.Items, func(n gozer.NodeRequest) bool {
		return fullName(&n) == but || !isWaiting(&n) || n.DeletionTimestamp != nil || have[holderOf(&n)].count() >= len(convert.NodesAskedFor(&n))
	}), nil
}

// waitingWith lists all requests that wait for nodes, and this one.
func (r *Reconciler) waitingWith(ctx context.Context, s *scope, have map[holder]held) ([]nodes.Request, error) {
	mine := fullName(s.request)
	waiting, err := r.waitingBut(ctx, mine, have)
	if err != nil {
		return nil, err
	}
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

// requestOf a request that has some of its nodes already.
func requestOf(n *gozer.NodeRequest, have held) nodes.Request {
	q := nodes.Request{Name: fullName(n), Tenant: n.Namespace, Priority: n.Spec.Priority, Since: n.CreationTimestamp.Time, Begun: have.count() > 0}
	for place, node := range convert.NodesAskedFor(n) {
		if !have.places[place] {
			q.Labels = append(q.Labels, node.Label)
		}
	}
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

// withThoseThere adds the Pods that are there to what was decided about those
// that are missing.
func (s *scope) withThoseThere(missing nodes.Decision) nodes.Decision {
	var all nodes.Decision
	next := 0
	for n := range s.wanted() {
		if pod := s.nodes[n]; pod != nil {
			all.Pools, all.Take = append(all.Pools, pod.Labels[gozer.LabelPool]), append(all.Take, "")
			continue
		}
		all.Pools, all.Take = append(all.Pools, missing.Pools[next]), append(all.Take, missing.Take[next])
		next++
	}
	return all
}

// taken counts node Pods, also those that are about to be made.
type taken struct {
	// pools by name: those that nobody may take; and of them those of tenants' requests.
	pools   map[string]int
	tenants map[string]map[string]int
	// leaving are those of pools that are being deleted; they count as nothing else
	// of the pool, and still as the tenant's.
	leaving map[string]int
	holders map[holder]held
	// idle nodes of pools.
	idle map[string][]nodes.Idle
	// unseen says that some were promised and cannot be seen.
	unseen bool
}

func newTaken() taken {
	return taken{pools: map[string]int{}, tenants: map[string]map[string]int{}, leaving: map[string]int{}, holders: map[holder]held{}, idle: map[string][]nodes.Idle{}}
}

// held is what a holder has: nodes of pools, in places among those asked for.
type held struct {
	pools  map[string]int
	places map[int]bool
}

func (h held) count() int { return len(h.places) }

// hold notes that somebody has a node of a pool.
func (t *taken) hold(of holder, pool string, place int) {
	h, ok := t.holders[of]
	if !ok {
		h = held{map[string]int{}, map[int]bool{}}
		t.holders[of] = h
	}
	h.pools[pool]++
	h.places[place] = true
}

// count a node of a pool for a holder.
func (t *taken) count(pool string, h holder, n int) {
	t.pools[pool] += n
	t.countFor(pool, h, n)
}

// countFor counts nodes of a pool as those of a holder's tenant.
func (t *taken) countFor(pool string, h holder, n int) {
	if t.tenants[pool] == nil {
		t.tenants[pool] = map[string]int{}
	}
	if h.request != "" {
		t.tenants[pool][h.namespace] += n
	}
}

func (r *Reconciler) taken(ctx context.Context, pools []gozer.NodePool) (taken, error) {
	t := newTaken()
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.MatchingLabels{gozer.LabelRole: RoleNode}, client.UnsafeDisableDeepCopy); err != nil {
		return t, err
	}
	templates := templatesOf(pools, r.Image)
	for n := range pods.Items {
		p := &pods.Items[n]
		h, pool := holderOfPod(p), p.Labels[gozer.LabelPool]
		place, err := strconv.Atoi(p.Labels[gozer.LabelNode])
		if err != nil {
			place = 0 // a warm one holds itself
		}
		t.hold(h, pool, place)
		label := templates[p.Labels[gozer.LabelTemplate]]
		switch {
		case p.DeletionTimestamp != nil:
			t.leaving[pool]++
			t.countFor(pool, h, 1)
		case h.request != "":
			t.count(pool, h, 1)
		case !r.promised.hasTaken(fullName(p), r.Now()):
			t.idle[pool] = append(t.idle[pool], nodes.Idle{Name: fullName(p), Tenant: p.Namespace, Label: label, Ready: label != "" && podspec.OfNode(p).Ready})
		}
	}
	r.promised.count(&t, r.Now())
	return t, nil
}

// holderOfPod is the launch that a Pod belongs to; a warm one holds itself.
func holderOfPod(p *corev1.Pod) holder {
	if request := p.Labels[gozer.LabelNodeRequest]; request != "" {
		return holder{namespace: p.Namespace, request: request, launch: p.Labels[gozer.LabelLaunch]}
	}
	return holder{namespace: p.Namespace, pod: p.Name}
}
