package nodes

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRelative(t *testing.T) {
	item := func(name string, at int, projects ...string) Standing {
		return Standing{Name: name, Since: time.Unix(int64(at), 0), Projects: projects}
	}
	for name, tc := range map[string]struct {
		items []Standing
		want  map[string]int32
	}{
		"none": {nil, map[string]int32{}},
		"each project counts its own": {
			[]Standing{item("a1", 1, "a"), item("a2", 2, "a"), item("b1", 3, "b"), item("a3", 4, "a")},
			map[string]int32{"a1": 0, "a2": 1, "b1": 0, "a3": 2},
		},
		"by age, whatever the order of the list": {
			[]Standing{item("late", 9, "a"), item("early", 1, "a")},
			map[string]int32{"early": 0, "late": 1},
		},
		"a cycle counts once, for each of its projects": {
			[]Standing{item("ab", 1, "a", "b"), item("a", 2, "a"), item("b", 3, "b"), item("again", 4, "a", "b")},
			map[string]int32{"ab": 0, "a": 1, "b": 1, "again": 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Relative(tc.items)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRelativeFarBack(t *testing.T) {
	var items []Standing
	for n := range 350 {
		items = append(items, Standing{Name: fmt.Sprint(n), Since: time.Unix(int64(n), 0), Projects: []string{"a"}})
	}
	got := Relative(items)
	for n, want := range map[int]int32{0: 0, 9: 9, 10: 10, 19: 10, 20: 20, 99: 90, 100: 100, 199: 100, 200: 200, 349: 300} {
		if got[fmt.Sprint(n)] != want {
			t.Errorf("the item behind %d others has %d, want %d", n, got[fmt.Sprint(n)], want)
		}
	}
}
