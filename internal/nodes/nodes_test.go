package nodes

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAssign(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	big := Pool{Name: "big", Labels: []string{"debian", "fedora"}, Max: 3}
	for name, tc := range map[string]struct {
		requests []Request
		pools    []Pool
		want     map[string]Decision
	}{
		"served": {
			[]Request{{Name: "a", Labels: []string{"debian", "fedora"}}}, []Pool{big},
			map[string]Decision{"a": {Pools: []string{"big", "big"}}},
		},
		"priority before age": {
			[]Request{{Name: "old", Labels: []string{"debian", "debian"}, Priority: 200, Since: at(1)}, {Name: "urgent", Labels: []string{"debian", "debian"}, Priority: 100, Since: at(2)}},
			[]Pool{big},
			map[string]Decision{"urgent": {Pools: []string{"big", "big"}}, "old": {Wait: "pool big has 2 of at most 3 nodes in use"}},
		},
		"relative priority before age, behind priority": {
			[]Request{
				{Name: "old", Labels: []string{"debian"}, Priority: 200, Relative: 2, Since: at(1)},
				{Name: "near", Labels: []string{"debian"}, Priority: 200, Relative: 1, Since: at(3)},
				{Name: "urgent", Labels: []string{"debian"}, Priority: 100, Relative: 9, Since: at(4)},
				{Name: "older", Labels: []string{"debian"}, Priority: 200, Relative: 1, Since: at(2)},
			},
			[]Pool{{Name: "p", Labels: []string{"debian"}, Max: 2}},
			map[string]Decision{
				"urgent": {Pools: []string{"p"}}, "older": {Pools: []string{"p"}},
				"near": {Wait: "pool p has 2 of at most 2 nodes in use"}, "old": {Wait: "pool p has 2 of at most 2 nodes in use"},
			},
		},
		"all or nothing, and no overtaking": {
			[]Request{{Name: "two", Labels: []string{"debian", "debian"}, Since: at(1)}, {Name: "one", Labels: []string{"debian"}, Since: at(2)}},
			[]Pool{{Name: "p", Labels: []string{"debian"}, Max: 2, Used: 1}},
			map[string]Decision{"two": {Wait: "pool p has 1 of at most 2 nodes in use"}, "one": {Wait: "pool p has 2 of at most 2 nodes in use"}},
		},
		"who has begun goes on, before those who may take what it lacks": {
			[]Request{{Name: "urgent", Labels: []string{"debian", "debian"}, Priority: 100, Since: at(1)}, {Name: "half", Labels: []string{"debian"}, Begun: true, Since: at(2)}},
			[]Pool{{Name: "p", Labels: []string{"debian"}, Max: 2, Used: 1}},
			map[string]Decision{"half": {Pools: []string{"p"}}, "urgent": {Wait: "pool p has 2 of at most 2 nodes in use"}},
		},
		"what is ready is taken": {
			[]Request{{Name: "a", Tenant: "acme", Labels: []string{"debian", "debian"}}},
			[]Pool{{Name: "p", Labels: []string{"debian"}, Max: 2, Idle: []Idle{
				{"other/w", "other", "debian", true}, {"acme/starts", "acme", "debian", false}, {"acme/w", "acme", "debian", true}}}},
			map[string]Decision{"a": {Wait: "warm nodes of pool p give way", GiveWay: []string{"acme/starts", "other/w"}}},
		},
		"two warm ones": {
			[]Request{{Name: "a", Tenant: "acme", Labels: []string{"debian", "debian"}}, {Name: "b", Tenant: "acme", Labels: []string{"debian"}}},
			[]Pool{{Name: "p", Labels: []string{"debian"}, Max: 3, Idle: []Idle{{"acme/1", "acme", "debian", true}, {"acme/2", "acme", "debian", true}}}},
			map[string]Decision{"a": {Pools: []string{"p", "p"}, Take: []string{"acme/1", "acme/2"}}, "b": {Pools: []string{"p"}}},
		},
		"idle ones give way only as far as needed": {
			[]Request{{Name: "a", Tenant: "acme", Labels: []string{"debian"}}},
			[]Pool{{Name: "p", Labels: []string{"debian"}, Max: 2, Used: 1, Idle: []Idle{{"x/1", "x", "debian", true}}}},
			map[string]Decision{"a": {Wait: "warm nodes of pool p give way", GiveWay: []string{"x/1"}}},
		},
		"a tenant's bound keeps only its own waiting": {
			[]Request{{Name: "a", Tenant: "acme", Labels: []string{"debian", "debian"}, Since: at(1)}, {Name: "b", Tenant: "acme", Labels: []string{"debian"}, Since: at(2)}, {Name: "c", Tenant: "other", Labels: []string{"debian"}, Since: at(3)}},
			[]Pool{{Name: "p", Labels: []string{"debian"}, MaxPerTenant: 2, Used: 1, UsedBy: map[string]int{"acme": 1}}},
			map[string]Decision{"a": {Wait: "the tenant has 1 of at most 2 nodes of pool p in use"}, "b": {Wait: "the tenant has 2 of at most 2 nodes of pool p in use"}, "c": {Pools: []string{"p"}}},
		},
		"more than a tenant can have": {
			[]Request{{Name: "a", Labels: []string{"debian", "debian"}}}, []Pool{{Name: "p", Labels: []string{"debian"}, MaxPerTenant: 1}},
			map[string]Decision{"a": {Fail: "it needs 2 nodes of pool p, which gives a tenant at most 1"}},
		},
		"unknown label": {
			[]Request{{Name: "a", Labels: []string{"debain"}}}, []Pool{big},
			map[string]Decision{"a": {Fail: `no pool provides the label "debain"; there are: debian, fedora`}},
		},
		"not for this tenant": {
			[]Request{{Name: "a", Tenant: "acme", Labels: []string{"gpu"}}}, []Pool{{Name: "p", Labels: []string{"gpu"}, AllowedTenants: []string{"other"}}},
			map[string]Decision{"a": {Fail: `no pool that provides the label "gpu" allows the tenant acme`}},
		},
		"more than there can be": {
			[]Request{{Name: "a", Labels: []string{"debian", "debian", "debian", "debian"}}}, []Pool{big},
			map[string]Decision{"a": {Fail: "it needs 4 nodes of pool big, which has at most 3"}},
		},
		"the first pool by name that may": {
			[]Request{{Name: "a", Tenant: "acme", Labels: []string{"debian"}}},
			[]Pool{{Name: "z", Labels: []string{"debian"}}, {Name: "b", Labels: []string{"debian"}}, {Name: "a", Labels: []string{"debian"}, AllowedTenants: []string{"other"}}},
			map[string]Decision{"a": {Pools: []string{"b"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, newOnes(Assign(tc.requests, tc.pools))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// newOnes leaves out that no idle node is taken.
func newOnes(all map[string]Decision) map[string]Decision {
	for name, d := range all {
		if !slices.ContainsFunc(d.Take, func(s string) bool { return s != "" }) {
			d.Take = nil
			all[name] = d
		}
	}
	return all
}
