package gate

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPromote(t *testing.T) {
	needs := map[string][]string{"d": {"b"}, "b": {"a"}}
	for name, tc := range map[string]struct{ order, first, want []string }{
		"to the front":             {[]string{"a", "b", "c"}, []string{"c"}, []string{"c", "a", "b"}},
		"in the order given":       {[]string{"a", "x", "c"}, []string{"c", "x"}, []string{"c", "x", "a"}},
		"with what it needs":       {[]string{"c", "a", "b", "d"}, []string{"d"}, []string{"a", "b", "d", "c"}},
		"nothing to do":            {[]string{"a", "b"}, []string{"a"}, []string{"a", "b"}},
		"one that is not there":    {[]string{"a", "b"}, []string{"x"}, []string{"a", "b"}},
		"needs that are not there": {[]string{"c", "d"}, []string{"d"}, []string{"d", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Promote(tc.order, tc.first, needs)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPromoteKeepsEverything: nobody is lost, nobody is ahead of what it needs.
func TestPromoteKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.SliceOfNDistinct(rapid.StringMatching("[a-h]"), 1, 8, rapid.ID).Draw(t, "order")
		needs := map[string][]string{}
		for i, id := range order[1:] {
			needs[id] = rapid.SliceOfN(rapid.SampledFrom(order[:i+1]), 0, 2).Draw(t, "needs")
		}
		got := Promote(order, rapid.SliceOf(rapid.SampledFrom(order)).Draw(t, "first"), needs)
		if diff := cmp.Diff(slices.Sorted(slices.Values(order)), slices.Sorted(slices.Values(got))); diff != "" {
			t.Fatal(diff)
		}
		for i, id := range got {
			for _, need := range needs[id] {
				if slices.Index(got, need) > i {
					t.Fatalf("%s is ahead of %s, which it needs: %v", id, need, got)
				}
			}
		}
	})
}
