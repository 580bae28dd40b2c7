package merger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ringOf(n int) *ring[int] {
	r := &ring[int]{now: time.Now}
	for i := range n {
		r.add(fmt.Sprintf("gozer-merger-%d.gozer-merger-peers.gozer-system.svc", i), i)
	}
	return r
}

func (r *ring[T]) without(name string) *ring[T] {
	return &ring[T]{now: r.now, members: slices.DeleteFunc(slices.Clone(r.members), func(m *member[T]) bool { return m.name == name })}
}

func names(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("forge.example/team%d/project-%d", i%17, i))
	}
	return all
}

func TestProjectsAreSpread(t *testing.T) {
	const projects = 6000
	for _, replicas := range []int{2, 3, 5, 10} {
		r := ringOf(replicas)
		// How many projects have a replica as their n-th choice.
		count := make([][]int, replicas)
		for i := range count {
			count[i] = make([]int, replicas)
		}
		for _, p := range names(projects) {
			for n, m := range r.ranked(p) {
				count[n][m.to]++
			}
		}
		even := projects / replicas
		for n := range count {
			for i, c := range count[n] {
				if c < even*8/10 || c > even*12/10 {
					t.Errorf("%d replicas: replica %d is choice %d of %d projects; even is %d", replicas, i, n, c, even)
				}
			}
		}
	}
}

func TestWithoutAReplicaOnlyItsProjectsMove(t *testing.T) {
	r := ringOf(4)
	gone := r.members[2].name
	less := r.without(gone)
	moved := map[string]int{}
	for _, p := range names(2000) {
		before, after := r.ranked(p), less.ranked(p)
		stays := slices.DeleteFunc(slices.Clone(before), func(m *member[int]) bool { return m.name == gone })
		if !slices.Equal(stays, after) {
			t.Fatalf("%s: the order of the others changed", p)
		}
		if before[0].name == gone {
			moved[after[0].name]++
		}
	}
	if len(moved) != 3 {
		t.Errorf("its projects went to %v, not to all others", moved)
	}
}

// The order is the same in every version: managers and mergers are not replaced at once.
func TestOrderIsPinned(t *testing.T) {
	r := ringOf(3)
	got := map[string][]int{}
	for _, p := range []string{"forge.example/acme/api", "forge.example/acme/web", "git.example/one"} {
		for _, m := range r.ranked(p) {
			got[p] = append(got[p], m.to)
		}
	}
	want := map[string][]int{"forge.example/acme/api": {1, 2, 0}, "forge.example/acme/web": {2, 0, 1}, "git.example/one": {0, 2, 1}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	slices.Reverse(r.members)
	for p, order := range want {
		if m := r.ranked(p)[0]; m.to != order[0] {
			t.Errorf("%s: the order in which replicas are listed matters", p)
		}
	}
}

func TestWhoDoesNotAnswerIsLeftOut(t *testing.T) {
	now := time.Unix(1000, 0)
	r := ringOf(3)
	r.now = func() time.Time { return now }
	const p = "forge.example/acme/api"
	asked := func(limit int) []string {
		var got []string
		for m := range r.order(p) {
			if got = append(got, m.name); len(got) == limit {
				break
			}
		}
		return got
	}
	var order []string
	for _, m := range r.ranked(p) {
		order = append(order, m.name)
	}
	check := func(what string, limit int, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, asked(limit)); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	check("all answer", 3, order...)
	r.ranked(p)[0].note(now, false)
	check("the first is left out", 3, order[1], order[2], order[0])
	now = now.Add(leaveOut)
	check("one request tries it", 1, order[0])
	check("others go past it meanwhile", 1, order[1])
	r.ranked(p)[0].note(now, true)
	check("it answered", 1, order[0])
	for _, m := range r.ranked(p) {
		m.note(now, false)
	}
	check("when all are left out, all are asked", 3, order...)
}
