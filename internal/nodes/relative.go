package nodes

import (
	"cmp"
	"slices"
	"time"
)

// Standing is an item of a pipeline, as far as it says whose builds get nodes first.
type Standing struct {
	Name string
	// Projects of its changes.
	Projects []string
	Since    time.Time
}

// Relative says for each item of a pipeline how many items with one of its
// projects came before it (Zuul: relative priority). A project with many changes
// then waits for its own, and not those with few for it.
func Relative(items []Standing) map[string]int32 {
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b Standing) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name))
	})
	out := make(map[string]int32, len(sorted))
	before := map[string][]int{} // the items of each project, by their place in sorted
	for n, it := range sorted {
		projects := slices.Compact(slices.Sorted(slices.Values(it.Projects)))
		if len(projects) == 0 {
			continue
		}
		ahead := before[projects[0]]
		if len(projects) > 1 {
			ahead = union(projects, before)
		}
		out[it.Name] = quantised(len(ahead))
		for _, p := range projects {
			before[p] = append(before[p], n)
		}
	}
	return out
}

// union of the lists of some projects: an item that is in two of them counts once.
func union(projects []string, lists map[string][]int) []int {
	var all []int
	for _, p := range projects {
		all = append(all, lists[p]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// quantised is exact below 10, by tens below 100, by hundreds above: far back,
// the order is that of age, and those ahead who leave change nothing.
func quantised(n int) int32 {
	step := 100
	switch {
	case n < 10:
		step = 1
	case n < 100:
		step = 10
	}
	return int32(n / step * step) //nolint:gosec // a number of items
}
