package nodes

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeep(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	wish := Wish{Tenant: "acme", Label: "debian", Template: "t", Ready: 2, MaxAge: time.Hour}
	node := func(name string, age time.Duration, change func(*Warm)) Warm {
		w := Warm{Name: name, Tenant: "acme", Label: "debian", Template: "t", Made: noon.Add(-age), Ready: true}
		if change != nil {
			change(&w)
		}
		return w
	}
	starting := func(w *Warm) { w.Ready = false }
	for name, tc := range map[string]struct {
		have []Warm
		want Warmth
	}{
		"none":           {nil, Warmth{Make: []Wish{wish, wish}}},
		"one":            {[]Warm{node("a", 0, nil)}, Warmth{Make: []Wish{wish}, Next: noon.Add(time.Hour)}},
		"all":            {[]Warm{node("a", 0, nil), node("b", time.Minute, starting)}, Warmth{Next: noon.Add(4 * time.Minute)}},
		"too old":        {[]Warm{node("a", time.Hour, nil), node("b", 0, nil)}, Warmth{Make: []Wish{wish}, Drop: []string{"a"}, Next: noon.Add(time.Hour)}},
		"does not start": {[]Warm{node("a", 5*time.Minute, starting), node("b", 0, nil)}, Warmth{Make: []Wish{wish}, Drop: []string{"a"}, Next: noon.Add(55 * time.Minute)}},
		"another template, another label, another tenant": {
			[]Warm{node("a", 0, func(w *Warm) { w.Template = "old" }), node("b", 0, func(w *Warm) { w.Label = "" }), node("c", 0, func(w *Warm) { w.Tenant = "gone" })},
			Warmth{Make: []Wish{wish, wish}, Drop: []string{"a", "b", "c"}},
		},
		"too many: the youngest goes, and first one that starts": {
			[]Warm{node("s", 2*time.Minute, starting), node("a", 3*time.Minute, nil), node("b", time.Minute, nil), node("c", 2*time.Minute, nil)},
			Warmth{Drop: []string{"b", "s"}, Next: noon.Add(57 * time.Minute)},
		},
		"one that leaves does not count": {[]Warm{node("a", 0, func(w *Warm) { w.Leaving = true })}, Warmth{Make: []Wish{wish, wish}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Keep([]Wish{wish}, tc.have, 5*time.Minute, noon)); diff != "" {
				t.Error(diff)
			}
		})
	}
	wish.Ready, wish.Most = 1, 2
	have := []Warm{node("c", time.Minute, nil), node("a", 3*time.Minute, nil), node("b", 2*time.Minute, nil)}
	if diff := cmp.Diff(Warmth{Drop: []string{"c"}, Next: noon.Add(57 * time.Minute)}, Keep([]Wish{wish}, have, 5*time.Minute, noon)); diff != "" {
		t.Errorf("more than are made may wait, and no more than that: %s", diff)
	}
	wish.Ready, wish.Most = 0, 1
	if diff := cmp.Diff(Warmth{Drop: []string{"b", "c"}, Next: noon.Add(57 * time.Minute)}, Keep([]Wish{wish}, have, 5*time.Minute, noon)); diff != "" {
		t.Errorf("none is made, and one may wait: %s", diff)
	}
}
