// Package nodes decides which request for nodes is served by which pool, and
// which has to wait (Nodepool: request handling).
//
// Requests are served by priority, then by how far back their items stand, where
// that counts, then by age; a request gets all its nodes
// or none, so two requests never hold half each. It takes idle nodes of its tenant
// before new ones are made; all others give way where there is no room. A request that waits for room
// keeps younger ones of the same pool waiting too, or it would starve.
package nodes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Pool is a NodePool as far as the decision needs it.
type Pool struct {
	Name string
	// Labels that the pool provides.
	Labels []string
	// AllowedTenants is empty for all.
	AllowedTenants []string
	// Max nodes at once; 0 for no bound. Used counts those that exist and that
	// nobody may take.
	Max, Used int
	// Leaving nodes are being deleted: they still take room, but it is coming.
	Leaving int
	// MaxPerTenant nodes of one tenant's builds; 0 for no bound. UsedBy counts them.
	MaxPerTenant int
	UsedBy       map[string]int
	// Idle nodes wait for a build; they exist besides those that are used.
	Idle []Idle
}

// Idle is a node that was made before a build needs it.
type Idle struct {
	// Name is unique over all tenants.
	Name          string
	Tenant, Label string
	// Ready can be taken; others start, or are to be replaced.
	Ready bool
}

// Request is a NodeRequest that has no nodes yet.
type Request struct {
	// Name is unique over all tenants.
	Name   string
	Tenant string
	// Labels wanted, one for each node that it does not have.
	Labels []string
	// Begun: it has some of its nodes, because a manager died. It is served first,
	// or it and another would hold half each for ever.
	Begun    bool
	Priority int32
	// Relative orders requests of one priority, where it is used: see Relative.
	Relative int32
	Since    time.Time
}

// Decision about one request.
type Decision struct {
	// Pools that serve the labels, in their order; nil when the request waits or fails.
	Pools []string
	// Take names the idle node for each label; "" where a new one is to be made.
	Take []string
	// GiveWay are idle nodes that go, for they have the room that the request waits for.
	GiveWay []string
	// Wait says what it waits for.
	Wait string
	// Fail says why it can never be served.
	Fail string
}

// Assign decides about all waiting requests.
func Assign(requests []Request, pools []Pool) map[string]Decision {
	return assignAll(requests, ownCopy(pools))
}

// Room is how many nodes of a pool can be made for nobody in particular: what
// requests take now or wait for is theirs. It is negative where there is no bound.
func Room(requests []Request, pools []Pool, name string) int {
	pools = ownCopy(pools)
	assignAll(requests, pools)
	for _, p := range pools {
		if p.Name == name && p.Max > 0 {
			return max(0, p.Max-p.Used-p.Leaving-len(p.Idle))
		}
	}
	return -1
}

// ownCopy of the pools, by name. Idle nodes are in order, so that a decision that
// is made again takes the same ones.
func ownCopy(pools []Pool) []Pool {
	pools = slices.SortedFunc(slices.Values(pools), func(a, b Pool) int { return cmp.Compare(a.Name, b.Name) })
	for i := range pools {
		pools[i].UsedBy = maps.Clone(pools[i].UsedBy)
		pools[i].Idle = slices.SortedFunc(slices.Values(pools[i].Idle), func(a, b Idle) int { return cmp.Compare(a.Name, b.Name) })
	}
	return pools
}

// assignAll serves the requests in their order, from the pools' room.
func assignAll(requests []Request, pools []Pool) map[string]Decision {
	sorted := slices.Clone(requests)
	slices.SortFunc(sorted, func(a, b Request) int {
		return cmp.Or(first(!a.Begun)-first(!b.Begun), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Relative, b.Relative), a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name))
	})
	out := make(map[string]Decision, len(sorted))
	for _, r := range sorted {
		out[r.Name] = assign(r, pools)
	}
	return out
}

// assign serves one request and takes its nodes from the pools' room.
func assign(r Request, pools []Pool) Decision {
	var d Decision
	from := map[int][]string{} // the idle nodes, or "", that each pool gives
	for _, label := range r.Labels {
		i := serving(pools, label, r.Tenant)
		if i < 0 {
			return Decision{Fail: noPool(label, r.Tenant, pools)}
		}
		idle := pools[i].idle(label, r.Tenant, from[i])
		from[i] = append(from[i], idle)
		d.Pools, d.Take = append(d.Pools, pools[i].Name), append(d.Take, idle)
	}
	places := sortedKeys(from)
	for _, i := range places {
		if fail := pools[i].never(len(from[i])); fail != "" {
			return Decision{Fail: fail}
		}
	}
	for _, i := range places {
		if wait := pools[i].tenantWaits(r.Tenant, len(from[i])); wait.Wait != "" {
			return wait
		}
	}
	for _, i := range places {
		if wait := pools[i].roomFor(from[i]); wait.Wait != "" {
			return wait
		}
	}
	for _, i := range places {
		pools[i].take(r.Tenant, from[i])
	}
	return d
}

// Serving says which pool serves a label for a tenant: the first by name that may.
func Serving(pools []Pool, label, tenant string) string {
	pools = slices.SortedFunc(slices.Values(pools), func(a, b Pool) int { return cmp.Compare(a.Name, b.Name) })
	if i := serving(pools, label, tenant); i >= 0 {
		return pools[i].Name
	}
	return ""
}

func serving(pools []Pool, label, tenant string) int {
	return slices.IndexFunc(pools, func(p Pool) bool { return p.serves(label, tenant) })
}

// idle is a node that can be taken besides those that were.
func (p Pool) idle(label, tenant string, taken []string) string {
	i := slices.IndexFunc(p.Idle, func(x Idle) bool {
		return x.Ready && x.Label == label && x.Tenant == tenant && !slices.Contains(taken, x.Name)
	})
	if i < 0 {
		return ""
	}
	return p.Idle[i].Name
}

// never says why the pool can never give so many nodes.
func (p Pool) never(n int) string {
	switch {
	case p.Max > 0 && n > p.Max:
		return fmt.Sprintf("it needs %d nodes of pool %s, which has at most %d", n, p.Name, p.Max)
	case p.MaxPerTenant > 0 && n > p.MaxPerTenant:
		return fmt.Sprintf("it needs %d nodes of pool %s, which gives a tenant at most %d", n, p.Name, p.MaxPerTenant)
	}
	return ""
}

// tenantWaits says whether the tenant has too many nodes of the pool already.
// Only its own younger requests wait with it.
func (p *Pool) tenantWaits(tenant string, n int) Decision {
	used := p.UsedBy[tenant]
	if p.MaxPerTenant == 0 || used+n <= p.MaxPerTenant {
		return Decision{}
	}
	p.useBy(tenant, p.MaxPerTenant-used)
	return Decision{Wait: fmt.Sprintf("the tenant has %d of at most %d nodes of pool %s in use", used, p.MaxPerTenant, p.Name)}
}

// roomFor says whether the request has to wait for room, and which idle nodes
// give way. Nobody younger may take what it waits for.
func (p *Pool) roomFor(nodes []string) Decision {
	if p.Max == 0 {
		return Decision{}
	}
	others := slices.DeleteFunc(slices.Clone(p.Idle), func(x Idle) bool { return slices.Contains(nodes, x.Name) })
	over := p.Used + p.Leaving + len(nodes) + len(others) - p.Max
	if over <= 0 {
		return Decision{}
	}
	d := Decision{Wait: fmt.Sprintf("pool %s has %d of at most %d nodes in use", p.Name, p.Used+p.Leaving, p.Max)}
	// Those that start go before those that can be of use, and none goes for room
	// that others are about to leave.
	slices.SortStableFunc(others, func(a, b Idle) int { return first(a.Ready) - first(b.Ready) })
	for _, x := range others[:min(max(0, over-p.Leaving), len(others))] {
		d.GiveWay = append(d.GiveWay, x.Name)
	}
	if len(d.GiveWay) > 0 {
		d.Wait = fmt.Sprintf("warm nodes of pool %s give way", p.Name)
	}
	p.Used, p.Idle = p.Max, nil
	return d
}

// first puts what is true behind what is not.
func first(later bool) int {
	if later {
		return 1
	}
	return 0
}

func (p *Pool) take(tenant string, nodes []string) {
	p.Used += len(nodes)
	p.useBy(tenant, len(nodes))
	p.Idle = slices.DeleteFunc(p.Idle, func(x Idle) bool { return slices.Contains(nodes, x.Name) })
}

func (p *Pool) useBy(tenant string, n int) {
	if p.UsedBy == nil {
		p.UsedBy = map[string]int{}
	}
	p.UsedBy[tenant] += n
}

func sortedKeys(m map[int][]string) []int {
	var out []int
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (p Pool) serves(label, tenant string) bool {
	return slices.Contains(p.Labels, label) && (len(p.AllowedTenants) == 0 || slices.Contains(p.AllowedTenants, tenant))
}

func noPool(label, tenant string, pools []Pool) string {
	var known []string
	for _, p := range pools {
		for _, l := range p.Labels {
			if slices.Contains(p.Labels, label) {
				return fmt.Sprintf("no pool that provides the label %q allows the tenant %s", label, tenant)
			}
			if p.serves(l, tenant) {
				known = append(known, l)
			}
		}
	}
	slices.Sort(known)
	return fmt.Sprintf("no pool provides the label %q; there are: %s", label, strings.Join(slices.Compact(known), ", "))
}
