package semaphore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/semaphore"
)

// keys of "a b".
func keys(text string) []semaphore.Key {
	var out []semaphore.Key
	for _, name := range strings.Fields(text) {
		out = append(out, semaphore.Key{Scope: "acme", Name: name})
	}
	return out
}

// waits is a build at a place.
func waits(name, needs string, precedence, position, minute int) semaphore.Build {
	return semaphore.Build{Name: name, Needs: keys(needs), Place: semaphore.Place{
		Precedence: precedence, Position: position, Since: time.Date(2026, 1, 1, 12, minute, 0, 0, time.UTC)}}
}

func holds(name, needs string) semaphore.Build {
	return semaphore.Build{Name: name, Needs: keys(needs), Holds: true}
}

func TestDecide(t *testing.T) {
	for name, tc := range map[string]struct {
		// now is "a max 1: x y"; want "a: x y, waiting z".
		now    []string
		builds []semaphore.Build
		want   []string
	}{
		"nobody":                                    {[]string{"a 1"}, nil, []string{"a:"}},
		"one":                                       {[]string{"a 1"}, []semaphore.Build{waits("x", "a", 2, 0, 1)}, []string{"a: x"}},
		"age decides":                               {[]string{"a 1"}, []semaphore.Build{waits("x", "a", 2, 0, 2), waits("y", "a", 2, 0, 1)}, []string{"a: y waiting x"}},
		"the queue decides before age":              {[]string{"a 1"}, []semaphore.Build{waits("x", "a", 2, 0, 2), waits("y", "a", 2, 1, 1)}, []string{"a: x waiting y"}},
		"precedence decides before the queue":       {[]string{"a 1"}, []semaphore.Build{waits("x", "a", 1, 5, 2), waits("y", "a", 2, 0, 1)}, []string{"a: x waiting y"}},
		"who has it keeps it":                       {[]string{"a 1 y"}, []semaphore.Build{waits("x", "a", 1, 0, 1), waits("y", "a", 2, 0, 2)}, []string{"a: y waiting x"}},
		"who is gone has nothing":                   {[]string{"a 1 y"}, []semaphore.Build{waits("x", "a", 1, 0, 1)}, []string{"a: x"}},
		"who does not need it has nothing":          {[]string{"a 1 y", "b 1"}, []semaphore.Build{waits("y", "b", 1, 0, 1)}, []string{"a:", "b: y"}},
		"room for two":                              {[]string{"a 2 y"}, []semaphore.Build{holds("y", "a"), waits("x", "a", 1, 0, 1), waits("z", "a", 1, 0, 2)}, []string{"a: y x waiting z"}},
		"a smaller maximum takes nothing":           {[]string{"a 1 x y"}, []semaphore.Build{holds("x", "a"), holds("y", "a"), waits("z", "a", 1, 0, 1)}, []string{"a: x y waiting z"}},
		"below the smaller maximum":                 {[]string{"a 1 x y"}, []semaphore.Build{waits("z", "a", 1, 0, 1)}, []string{"a: z"}},
		"no room at all":                            {[]string{"a 0"}, []semaphore.Build{waits("z", "a", 1, 0, 1)}, []string{"a: waiting z"}},
		"who went on holds it":                      {[]string{"a 1"}, []semaphore.Build{waits("x", "a", 1, 0, 1), holds("y", "a")}, []string{"a: y waiting x"}},
		"all or nothing":                            {[]string{"a 1", "b 1 y"}, []semaphore.Build{holds("y", "b"), waits("x", "a b", 1, 0, 1)}, []string{"a: waiting x", "b: y waiting x"}},
		"nobody passes one that waits":              {[]string{"a 1", "b 1 y"}, []semaphore.Build{holds("y", "b"), waits("x", "a b", 1, 0, 1), waits("z", "a", 1, 0, 2)}, []string{"a: waiting x z", "b: y waiting x"}},
		"others go on":                              {[]string{"a 1", "b 1 y"}, []semaphore.Build{holds("y", "b"), waits("x", "b", 1, 0, 1), waits("z", "a", 1, 0, 2)}, []string{"a: z", "b: y waiting x"}},
		"what has no room is in nobody's way":       {[]string{"a 1", "b 0"}, []semaphore.Build{waits("x", "a b", 1, 0, 1), waits("z", "a", 1, 0, 2)}, []string{"a: z waiting x", "b: waiting x"}},
		"what is not there is in nobody's way":      {[]string{"a 1"}, []semaphore.Build{waits("x", "a b", 1, 0, 1), waits("z", "a", 1, 0, 2)}, []string{"a: z waiting x"}},
		"who has some is completed before others":   {[]string{"a 1 x", "b 1"}, []semaphore.Build{waits("x", "a b", 3, 0, 1), waits("z", "b", 1, 0, 2)}, []string{"a: x", "b: x waiting z"}},
		"one with some does not wait for another's": {[]string{"a 1 x", "b 1 y", "c 1", "d 1"}, []semaphore.Build{waits("x", "a b c", 1, 0, 1), waits("y", "b c", 1, 0, 2)}, []string{"a: x", "b: y waiting x", "c: y waiting x", "d:"}},
		"twice the same":                            {[]string{"a 2"}, []semaphore.Build{waits("x", "a a", 1, 0, 1), waits("y", "a", 1, 0, 2)}, []string{"a: x y"}},
	} {
		t.Run(name, func(t *testing.T) {
			now := map[semaphore.Key]semaphore.Semaphore{}
			for _, line := range tc.now {
				words := strings.Fields(line)
				var s semaphore.Semaphore
				fmt.Sscan(words[1], &s.Max)
				s.Holders = words[2:]
				now[keys(words[0])[0]] = s
			}
			if diff := cmp.Diff(tc.want, told(semaphore.Decide(now, tc.builds))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// told shows a decision: "a: x y waiting z".
func told(decided map[semaphore.Key]semaphore.Decision) []string {
	var out []string
	for k, d := range decided {
		line := strings.Join(append([]string{k.Name + ":"}, d.Holders...), " ")
		if len(d.Waiting) > 0 {
			line += " waiting " + strings.Join(d.Waiting, " ")
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// TestScopes: what has the same name elsewhere is another one.
func TestScopes(t *testing.T) {
	ours, theirs := semaphore.Key{Scope: "acme", Name: "a"}, semaphore.Key{Scope: "other", Name: "a"}
	got := semaphore.Decide(map[semaphore.Key]semaphore.Semaphore{ours: {Max: 1}, theirs: {Max: 1}}, []semaphore.Build{
		{Name: "x", Needs: []semaphore.Key{ours}}, {Name: "y", Needs: []semaphore.Key{theirs}}})
	want := map[semaphore.Key]semaphore.Decision{ours: {Holders: []string{"x"}}, theirs: {Holders: []string{"y"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
