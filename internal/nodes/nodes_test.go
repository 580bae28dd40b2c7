package nodes

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
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
		"room that others leave is waited for, and nobody gives way for it again": {
			[]Request{{Name: "a", Tenant: "acme", Labels: []string{"debian"}}},
			[]Pool{{Name: "p", Labels: []string{"debian"}, Max: 2, Leaving: 1, Idle: []Idle{{"other/w", "other", "debian", true}}}},
			map[string]Decision{"a": {Wait: "pool p has 1 of at most 2 nodes in use"}},
		},
		"only what lacks besides gives way": {
			[]Request{{Name: "a", Tenant: "acme", Labels: []string{"debian", "debian"}}},
			[]Pool{{Name: "p", Labels: []string{"debian"}, Max: 3, Leaving: 1, Idle: []Idle{{"other/x", "other", "debian", true}, {"other/w", "other", "debian", true}}}},
			map[string]Decision{"a": {Wait: "warm nodes of pool p give way", GiveWay: []string{"other/w"}}},
		},
		"the first by name is taken, however they are listed": {
			[]Request{{Name: "a", Tenant: "acme", Labels: []string{"debian"}}},
			[]Pool{{Name: "p", Labels: []string{"debian"}, Idle: []Idle{{"acme/x", "acme", "debian", true}, {"acme/w", "acme", "debian", true}}}},
			map[string]Decision{"a": {Pools: []string{"p"}, Take: []string{"acme/w"}}},
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

// TestRoom: warm nodes are made of what no request takes or waits for.
func TestRoom(t *testing.T) {
	one := []Request{{Name: "a", Tenant: "acme", Labels: []string{"debian"}}}
	pool := func(change func(*Pool)) []Pool {
		p := Pool{Name: "p", Labels: []string{"debian"}, Max: 4}
		if change != nil {
			change(&p)
		}
		return []Pool{p, {Name: "q", Labels: []string{"fedora"}, Max: 1, Used: 1}}
	}
	for name, tc := range map[string]struct {
		requests []Request
		pools    []Pool
		want     int
	}{
		"no bound":                   {one, pool(func(p *Pool) { p.Max = 0 }), -1},
		"nobody asks":                {nil, pool(func(p *Pool) { p.Used, p.Leaving = 1, 1 }), 2},
		"idle ones take room":        {nil, pool(func(p *Pool) { p.Idle = []Idle{{Name: "w"}} }), 3},
		"somebody takes some of it":  {one, pool(nil), 3},
		"somebody waits for it":      {one, pool(func(p *Pool) { p.Used = 4 }), 0},
		"waits for room elsewhere":   {[]Request{{Name: "a", Labels: []string{"fedora"}}}, pool(nil), 4},
		"waits for its tenant's own": {one, pool(func(p *Pool) { p.Used, p.MaxPerTenant, p.UsedBy = 1, 1, map[string]int{"acme": 1} }), 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Room(tc.requests, tc.pools, "p"); got != tc.want {
				t.Errorf("room for %d, want %d", got, tc.want)
			}
		})
	}
}

// TestGivingWayIsDoneOnce: when what gives way is being deleted, nothing else
// gives way for the same requests; and there never are more nodes than may be.
func TestGivingWayIsDoneOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Pool{Name: "p", Labels: []string{"a", "b"}, Max: rapid.IntRange(1, 6).Draw(t, "max"),
			Used: rapid.IntRange(0, 3).Draw(t, "used"), Leaving: rapid.IntRange(0, 2).Draw(t, "leaving")}
		for n := range rapid.IntRange(0, max(0, p.Max-p.Used-p.Leaving)).Draw(t, "idle") {
			p.Idle = append(p.Idle, Idle{Name: fmt.Sprint("w", n), Tenant: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "tenant"),
				Label: rapid.SampledFrom(p.Labels).Draw(t, "label"), Ready: rapid.Bool().Draw(t, "ready")})
		}
		var requests []Request
		for n := range rapid.IntRange(1, 4).Draw(t, "requests") {
			requests = append(requests, Request{Name: fmt.Sprint("r", n), Tenant: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "tenant"),
				Labels: rapid.SliceOfN(rapid.SampledFrom(p.Labels), 1, 3).Draw(t, "labels")})
		}
		made := 0
		for _, d := range Assign(requests, []Pool{p}) {
			for _, take := range d.Take {
				if take == "" {
					made++
				}
			}
			p.Leaving += len(d.GiveWay)
			p.Idle = slices.DeleteFunc(p.Idle, func(x Idle) bool { return slices.Contains(d.GiveWay, x.Name) })
		}
		if all := p.Used + p.Leaving + len(p.Idle) + made; made > 0 && all > p.Max {
			t.Fatalf("%d nodes of at most %d", all, p.Max)
		}
		if made > 0 {
			return // what was made is not among the facts of the second look
		}
		for name, d := range Assign(requests, []Pool{p}) {
			if len(d.GiveWay) > 0 {
				t.Fatalf("%v give way to %s, too", d.GiveWay, name)
			}
		}
	})
}
