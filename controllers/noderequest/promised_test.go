package noderequest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPromised: the room of a request counts as taken until its Pods can be
// counted themselves.
func TestPromised(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	a, b := holder{request: "a"}, holder{request: "b"}
	for name, c := range map[string]struct {
		visible  map[holder]int
		after    time.Duration
		pools    map[string]int
		requests map[holder]int
	}{
		"none to be seen": {nil, 0, map[string]int{"x": 2, "y": 2}, map[holder]int{a: 3, b: 1}},
		"one of three":    {map[holder]int{a: 1}, 0, map[string]int{"x": 1, "y": 2}, map[holder]int{a: 3, b: 1}},
		"all of one":      {map[holder]int{a: 3}, 0, map[string]int{"y": 1}, map[holder]int{a: 3, b: 1}},
		"never made":      {nil, time.Minute, map[string]int{}, map[holder]int{}},
	} {
		t.Run(name, func(t *testing.T) {
			var p promised
			p.give(a, []string{"x", "x", "y"}, []string{"", "warm"}, noon)
			p.give(b, []string{"y"}, nil, noon)
			pools, requests := map[string]int{}, map[holder]int{}
			for request, n := range c.visible {
				requests[request] = n
			}
			p.count(&taken{pools: pools, tenants: map[string]map[string]int{}, holders: requests}, noon.Add(c.after))
			if diff := cmp.Diff(c.pools, pools) + cmp.Diff(c.requests, requests, cmp.AllowUnexported(holder{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	var p promised
	p.give(a, []string{"x"}, nil, noon)
	p.take(a)
	pools := map[string]int{}
	if p.count(&taken{pools: pools, holders: map[holder]int{}}, noon); len(pools) != 0 {
		t.Errorf("taken back, and counted: %v", pools)
	}
}
