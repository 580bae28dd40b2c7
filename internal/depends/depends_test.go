package depends

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/model"
)

func TestLines(t *testing.T) {
	for name, tc := range map[string]struct {
		message string
		want    []string
	}{
		"none":               {"Fix it\n\nIt depends-on nothing.", nil},
		"one":                {"Fix it\n\nDepends-On: https://git/acme/api/pulls/1\n", []string{"https://git/acme/api/pulls/1"}},
		"several, any case":  {"depends-on: https://a/1\nDEPENDS-ON:https://a/2", []string{"https://a/1", "https://a/2"}},
		"carriage returns":   {"Depends-On: https://a/1\r\nmore\r\n", []string{"https://a/1"}},
		"the same one twice": {"Depends-On: https://a/1\nDepends-On: https://a/1", []string{"https://a/1"}},
		"not at the start":   {"> Depends-On: https://a/1", nil},
		"empty":              {"Depends-On:   ", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Lines(tc.message)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	key := func(n int64) model.ChangeKey { return model.ChangeKey{Project: "git/p", Number: n} }
	graph := func(edges map[int64][]int64, merged ...int64) Graph {
		g := Graph{}
		for n, needs := range edges {
			c := Change{Change: model.Change{Project: model.Project{Hostname: "git", Name: "p"}, Number: n, URL: string(rune('a' + n))}}
			for _, m := range needs {
				c.Needs = append(c.Needs, key(m))
			}
			for _, m := range merged {
				c.Merged = c.Merged || m == n
			}
			g[key(n)] = c
		}
		return g
	}
	for name, tc := range map[string]struct {
		graph Graph
		max   int
		want  []int64
		err   string
	}{
		"alone":             {graph(map[int64][]int64{1: nil}), -1, []int64{1}, ""},
		"a chain":           {graph(map[int64][]int64{1: {2}, 2: {3}, 3: nil}), -1, []int64{3, 2, 1}, ""},
		"a diamond":         {graph(map[int64][]int64{1: {2, 3}, 2: {4}, 3: {4}, 4: nil}), -1, []int64{4, 2, 3, 1}, ""},
		"merged ones":       {graph(map[int64][]int64{1: {2}, 2: {3}, 3: nil}, 2), -1, []int64{1}, ""},
		"a cycle":           {graph(map[int64][]int64{1: {2}, 2: {1}}), -1, []int64{-2, 2, 1}, ""},
		"a cycle of three":  {graph(map[int64][]int64{1: {2}, 2: {3}, 3: {1}}), -1, []int64{-3, 3, 2, 1}, ""},
		"it needs a cycle":  {graph(map[int64][]int64{1: {2}, 2: {3}, 3: {2}}), -1, []int64{-2, 3, 2, 1}, ""},
		"its cycle needs":   {graph(map[int64][]int64{1: {2}, 2: {1, 3}, 3: nil}), -1, []int64{3, -2, 2, 1}, ""},
		"two cycles in one": {graph(map[int64][]int64{1: {2, 3}, 2: {1}, 3: {1}}), -1, []int64{-3, 2, 3, 1}, ""},
		"merged of a cycle": {graph(map[int64][]int64{1: {2}, 2: {1}}, 2), -1, []int64{1}, ""},
		"it needs itself":   {graph(map[int64][]int64{1: {1}}), -1, []int64{1}, ""},
		"too many":          {graph(map[int64][]int64{1: {2}, 2: {3}, 3: nil}), 1, nil, "it depends on 2 changes; the tenant allows 1"},
		"zero is a bound":   {graph(map[int64][]int64{1: {2}, 2: nil}), 0, nil, "it depends on 1 changes; the tenant allows 0"},
		"unknown neighbour": {graph(map[int64][]int64{1: {9}}), -1, []int64{1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Order(tc.graph, key(1), tc.max)
			if text := errText(err); text != tc.err {
				t.Fatalf("error %q, want %q", text, tc.err)
			}
			var numbers []int64
			for _, group := range got {
				if len(group) > 1 {
					numbers = append(numbers, -int64(len(group))) // a cycle of so many
				}
				for _, c := range group {
					numbers = append(numbers, c.Number)
				}
			}
			if diff := cmp.Diff(tc.want, numbers); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
