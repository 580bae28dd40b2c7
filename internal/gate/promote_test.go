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

func TestExpedite(t *testing.T) {
	needs := map[string][]string{"u": {"d"}, "d": {"c"}}
	for name, tc := range map[string]struct {
		order, stays []string
		urgent       string
		want         []string
	}{
		"behind the last that stays":   {[]string{"a", "b", "c", "x"}, []string{"a"}, "x", []string{"a", "x", "b", "c"}},
		"nobody stays":                 {[]string{"a", "x"}, nil, "x", []string{"x", "a"}},
		"all stay":                     {[]string{"a", "b", "x"}, []string{"a", "b"}, "x", []string{"a", "b", "x"}},
		"one that waits between stays": {[]string{"a", "b", "c", "x"}, []string{"a", "c"}, "x", []string{"a", "b", "c", "x"}},
		"with what it needs":           {[]string{"a", "b", "c", "d", "u"}, []string{"a"}, "u", []string{"a", "c", "d", "u", "b"}},
		"it is further ahead":          {[]string{"x", "a", "b"}, []string{"b"}, "x", []string{"x", "a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Expedite(tc.order, tc.urgent, func(id string) bool { return slices.Contains(tc.stays, id) }, needs)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNoUrgency(t *testing.T) {
	for want, r := range map[string]Rules{
		"": {Pipeline: "gate", Manager: Dependent, Expedite: true},
		"there are no urgent changes in gate: it does not say `expedite: true`":                                                  {Pipeline: "gate", Manager: Dependent},
		"there are no urgent changes in check: it is independent, and only in a dependent pipeline changes wait for one another": {Pipeline: "check", Manager: Independent, Expedite: true},
	} {
		if got := r.NoUrgency(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestExpediteMovesNobodyWhoStays: who is ahead of them is the same, nobody is
// lost, and nobody is ahead of what it needs.
func TestExpediteMovesNobodyWhoStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.SliceOfNDistinct(rapid.StringMatching("[a-h]"), 1, 8, rapid.ID).Draw(t, "order")
		needs := map[string][]string{}
		for i, id := range order[1:] {
			needs[id] = rapid.SliceOfN(rapid.SampledFrom(order[:i+1]), 0, 2).Draw(t, "needs")
		}
		stays := rapid.SliceOf(rapid.SampledFrom(order)).Draw(t, "stays")
		urgent := rapid.SampledFrom(order).Draw(t, "urgent")
		got := Expedite(order, urgent, func(id string) bool { return slices.Contains(stays, id) }, needs)
		for _, id := range stays {
			n := slices.Index(order, id)
			if id != urgent && slices.Index(got, id) != n {
				t.Fatalf("%s is moved: %v to %v", id, order, got)
			}
			if id != urgent && slices.Index(got, urgent) < n && slices.Index(order, urgent) > n {
				t.Fatalf("%s passed %s: %v to %v", urgent, id, order, got)
			}
		}
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
