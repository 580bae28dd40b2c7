// Package nodes decides which request for nodes is served by which pool, and
// which has to wait (Nodepool: request handling).
//
// Requests are served by priority, then by how far back their items stand, where
// that counts, then by age; a request gets all its nodes
// or none, so two requests never hold half each. A request that waits for room
// keeps younger ones of the same pool waiting too, or it would starve.
package nodes

import (
	"cmp"
	"fmt"
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
	// Max nodes at once; 0 for no bound. Used counts those that exist.
	Max, Used int
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
	// Wait says what it waits for.
	Wait string
	// Fail says why it can never be served.
	Fail string
}

// Assign decides about all waiting requests.
func Assign(requests []Request, pools []Pool) map[string]Decision {
	pools = slices.Clone(pools)
	slices.SortFunc(pools, func(a, b Pool) int { return cmp.Compare(a.Name, b.Name) })
	sorted := slices.Clone(requests)
	slices.SortFunc(sorted, func(a, b Request) int {
		return cmp.Or(begun(b)-begun(a), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Relative, b.Relative), a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name))
	})
	out := make(map[string]Decision, len(sorted))
	for _, r := range sorted {
		out[r.Name] = assign(r, pools)
	}
	return out
}

func begun(r Request) int {
	if r.Begun {
		return 1
	}
	return 0
}

// assign serves one request and takes its nodes from the pools' room.
func assign(r Request, pools []Pool) Decision {
	var d Decision
	take := map[int]int{}
	for _, label := range r.Labels {
		i := slices.IndexFunc(pools, func(p Pool) bool { return p.serves(label, r.Tenant) })
		if i < 0 {
			return Decision{Fail: noPool(label, r.Tenant, pools)}
		}
		take[i]++
		d.Pools = append(d.Pools, pools[i].Name)
	}
	for i, n := range take {
		if p := pools[i]; p.Max > 0 && n > p.Max {
			return Decision{Fail: fmt.Sprintf("it needs %d nodes of pool %s, which has at most %d", n, p.Name, p.Max)}
		}
	}
	for _, i := range sortedKeys(take) {
		if p := pools[i]; p.Max > 0 && p.Used+take[i] > p.Max {
			d = Decision{Wait: fmt.Sprintf("pool %s has %d of at most %d nodes in use", p.Name, p.Used, p.Max)}
			// Nobody younger may take what this one waits for.
			pools[i].Used = p.Max
			return d
		}
	}
	for i, n := range take {
		pools[i].Used += n
	}
	return d
}

func sortedKeys(m map[int]int) []int {
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
