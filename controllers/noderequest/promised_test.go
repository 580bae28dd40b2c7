package noderequest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPromised: the room of a request counts as taken until its Pods can be
// counted themselves, pool by pool.
func TestPromised(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	a, b := holder{namespace: "acme", request: "a"}, holder{namespace: "acme", request: "b"}
	type pod struct {
		of    holder
		pool  string
		place int
	}
	for name, c := range map[string]struct {
		visible  []pod
		after    time.Duration
		pools    map[string]int
		requests map[holder]int
	}{
		"none to be seen": {nil, 0, map[string]int{"x": 2, "y": 2}, map[holder]int{a: 3, b: 1}},
		"one of three":    {[]pod{{a, "x", 0}}, 0, map[string]int{"x": 1, "y": 2}, map[holder]int{a: 3, b: 1}},
		// A warm node that was taken is there before those that are made.
		"the last of three": {[]pod{{a, "y", 2}}, 0, map[string]int{"x": 2, "y": 1}, map[holder]int{a: 3, b: 1}},
		"all of one":        {[]pod{{a, "x", 0}, {a, "x", 1}, {a, "y", 2}}, 0, map[string]int{"y": 1}, map[holder]int{a: 3, b: 1}},
		"never made":        {nil, time.Minute, map[string]int{}, map[holder]int{}},
	} {
		t.Run(name, func(t *testing.T) {
			var p promised
			p.give(a, []string{"x", "x", "y"}, []string{"", "warm"}, noon)
			p.give(b, []string{"y"}, nil, noon)
			seen := newTaken()
			for _, v := range c.visible {
				seen.hold(v.of, v.pool, v.place)
			}
			p.count(&seen, noon.Add(c.after))
			requests := map[holder]int{}
			for of, h := range seen.holders {
				requests[of] = h.count()
			}
			if diff := cmp.Diff(c.pools, seen.pools) + cmp.Diff(c.requests, requests, cmp.AllowUnexported(holder{})); diff != "" {
				t.Error(diff)
			}
			if want := len(c.pools) > 0; seen.unseen != want {
				t.Errorf("unseen %v, want %v", seen.unseen, want)
			}
		})
	}
}

// TestPromisesEnd: what was promised is taken back, or ends with the request,
// whichever of its launches it was for.
func TestPromisesEnd(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	a := holder{namespace: "acme", request: "a", launch: "a0l0"}
	second, other := a, a
	second.launch, other.namespace = "a0l1", "other"
	for name, tc := range map[string]struct {
		end  func(*promised)
		want int
	}{
		"all stand":      {func(*promised) {}, 3},
		"one taken back": {func(p *promised) { p.take(a) }, 2},
		"a request over": {func(p *promised) { p.forget("acme", "a") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var p promised
			for _, of := range []holder{a, second, other} {
				p.give(of, []string{"x"}, nil, noon)
			}
			p.give(holder{namespace: "acme", pod: "warm"}, []string{"y"}, nil, noon)
			tc.end(&p)
			seen := newTaken()
			p.count(&seen, noon)
			if diff := cmp.Diff(map[string]int{"x": tc.want, "y": 1}, seen.pools); diff != "" {
				t.Error(diff)
			}
		})
	}
}
