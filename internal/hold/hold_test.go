package hold

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/model"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestChoose(t *testing.T) {
	request := func(name string, change func(*Request)) Request {
		r := Request{Name: name, Project: "git.example.com/acme/api", Job: "unit", Left: 1, Since: noon.Add(-time.Hour)}
		if change != nil {
			change(&r)
		}
		return r
	}
	build := Build{Project: model.Project{Hostname: "git.example.com", Name: "acme/api"}, Job: "unit", Change: 12, Ref: "refs/pull/12/head", Result: model.Failure}
	job, change := request("job", nil), request("change", func(r *Request) { r.Change = 12 })
	ref := request("ref", func(r *Request) { r.Ref = "refs/pull/1[0-9]/" })
	for name, tc := range map[string]struct {
		requests []Request
		change   func(*Build)
		want     string
	}{
		"none":                      {nil, nil, ""},
		"by job":                    {[]Request{job}, nil, "job"},
		"without the host":          {[]Request{request("short", func(r *Request) { r.Project = "acme/api" })}, nil, "short"},
		"another host":              {[]Request{request("x", func(r *Request) { r.Project = "example.com/acme/api" })}, nil, ""},
		"another job":               {[]Request{request("x", func(r *Request) { r.Job = "lint" })}, nil, ""},
		"change before job":         {[]Request{job, change}, nil, "change"},
		"ref before change":         {[]Request{job, change, ref}, nil, "ref"},
		"ref of another":            {[]Request{ref}, func(b *Build) { b.Ref = "refs/pull/2/head" }, ""},
		"a ref has a beginning":     {[]Request{request("x", func(r *Request) { r.Ref = "pull/12" })}, nil, ""},
		"another change":            {[]Request{change}, func(b *Build) { b.Change = 13 }, ""},
		"a branch":                  {[]Request{change, request("main", func(r *Request) { r.Ref = "refs/heads/main$" })}, func(b *Build) { b.Change, b.Ref = 0, "refs/heads/main" }, "main"},
		"used up, the next one":     {[]Request{job, request("x", func(r *Request) { r.Change, r.Left = 12, 0 })}, nil, "job"},
		"its time is over":          {[]Request{request("x", func(r *Request) { r.Until = noon })}, nil, ""},
		"its time is not over":      {[]Request{request("x", func(r *Request) { r.Until = noon.Add(1) })}, nil, "x"},
		"a bad pattern is for none": {[]Request{request("x", func(r *Request) { r.Ref = "(" })}, nil, ""},
		"the older":                 {[]Request{request("a", func(r *Request) { r.Since = noon }), request("b", nil)}, nil, "b"},
		"success":                   {[]Request{job}, func(b *Build) { b.Result = model.Success }, ""},
		"cancelled":                 {[]Request{job}, func(b *Build) { b.Result = model.Canceled }, ""},
		"no nodes":                  {[]Request{job}, func(b *Build) { b.Result = model.NodeFailure }, ""},
		"retries used up":           {[]Request{job}, func(b *Build) { b.Result = model.RetryLimit }, "job"},
		"too long":                  {[]Request{job}, func(b *Build) { b.Result = model.TimedOut }, "job"},
		"afterwards":                {[]Request{job}, func(b *Build) { b.Result = model.PostFailure }, "job"},
	} {
		t.Run(name, func(t *testing.T) {
			b := build
			if tc.change != nil {
				tc.change(&b)
			}
			if got := Choose(tc.requests, b, noon); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	if Check("refs/heads/.*") != "" || Check("(") == "" {
		t.Error("patterns are told apart wrongly")
	}
}

func TestDeadline(t *testing.T) {
	for name, tc := range map[string]struct {
		has, want int64
	}{
		"none yet":  {0, 3600},
		"a longer":  {9000, 3600},
		"a shorter": {60, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Deadline(noon.Add(-30*time.Minute), noon.Add(30*time.Minute), tc.has); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
	for has, want := range map[int64]time.Duration{0: time.Hour, 60: 0, 90 * 60: 30 * time.Minute, 9000 * 60: time.Hour} {
		if got := Left(noon.Add(-time.Hour), noon, has, time.Hour); got != want {
			t.Errorf("with a deadline of %d s %v are left, want %v", has, got, want)
		}
	}
}

func TestTend(t *testing.T) {
	made := noon.Add(-time.Hour)
	kept := func(build string, since, till time.Duration, nodes ...string) Kept {
		return Kept{Build: build, Since: noon.Add(since), Till: noon.Add(till), Nodes: nodes}
	}
	for name, tc := range map[string]struct {
		held Held
		want Plan
	}{
		"waits":            {Held{Count: 1, Made: made}, Plan{Standing: Waiting}},
		"waits for a time": {Held{Count: 1, Made: made, Until: noon.Add(time.Hour)}, Plan{Standing: Waiting, Next: noon.Add(time.Hour)}},
		"a bad pattern":    {Held{Count: 1, Made: made, Wrong: "why"}, Plan{Standing: Invalid, Message: "why"}},
		"keeps, and waits for another": {
			Held{Count: 2, Made: made, Kept: []Kept{kept("b", -2*time.Minute, time.Hour, "x", "y")}, There: map[string]bool{"x": false, "y": true}},
			Plan{Standing: Waiting, Nodes: [][]string{{"x", "y"}}, Next: noon.Add(time.Hour)},
		},
		"what was just noted may not be seen": {
			Held{Count: 2, Made: made, Kept: []Kept{kept("b", -time.Second, time.Hour, "x")}},
			Plan{Standing: Waiting, Nodes: [][]string{{"x"}}, Next: noon.Add(59 * time.Second)},
		},
		"time is over": {
			Held{Count: 1, Made: made, Kept: []Kept{kept("b", -time.Hour, 0, "x", "y", "z")}, There: map[string]bool{"x": false, "y": true}},
			Plan{Standing: Done, Message: "it has all the builds that it is for: 1", Nodes: [][]string{{"x", "y"}}, Drop: []string{"x"}},
		},
		"all gone: it is remembered for a day": {
			Held{Count: 1, Made: made, Kept: []Kept{kept("b", -time.Hour, -time.Minute, "x")}},
			Plan{Standing: Done, Message: "it has all the builds that it is for: 1", Nodes: [][]string{nil}, Next: noon.Add(24*time.Hour - time.Minute)},
		},
		"and then it goes": {
			Held{Count: 1, Made: made.Add(-96 * time.Hour), Kept: []Kept{kept("b", -72*time.Hour, -48*time.Hour, "x")}},
			Plan{Standing: Done, Message: "it has all the builds that it is for: 1", Nodes: [][]string{nil}, Remove: true},
		},
		"its own time is over": {
			Held{Count: 1, Made: made, Until: noon.Add(-time.Minute)},
			Plan{Standing: Expired, Message: "its own time is over: no further builds count", Next: noon.Add(24*time.Hour - time.Minute)},
		},
		"what it keeps stays until its time": {
			Held{Count: 2, Made: made, Until: noon.Add(-48 * time.Hour), Kept: []Kept{kept("b", -50*time.Hour, time.Hour, "x")}, There: map[string]bool{"x": false}},
			Plan{Standing: Expired, Message: "its own time is over: no further builds count", Nodes: [][]string{{"x"}}, Next: noon.Add(time.Hour)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Tend(tc.held, noon)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNodesGoInTheEnd: whatever is kept is dropped when its time comes, not
// before, and once; and a plan is looked at again when something is due.
func TestNodesGoInTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Held{Count: rapid.IntRange(1, 4).Draw(t, "count"), Made: noon, There: map[string]bool{}}
		for b := range rapid.IntRange(0, h.Count).Draw(t, "builds") {
			k := Kept{Build: fmt.Sprint("b", b), Since: noon, Till: noon.Add(time.Duration(rapid.IntRange(60, 100000).Draw(t, "till")) * time.Second)}
			for n := range rapid.IntRange(1, 3).Draw(t, "nodes") {
				k.Nodes = append(k.Nodes, fmt.Sprint(k.Build, "-", n))
				h.There[k.Nodes[n]] = false
			}
			h.Kept = append(h.Kept, k)
		}
		if rapid.Bool().Draw(t, "until") {
			h.Until = noon.Add(time.Duration(rapid.IntRange(1, 200000).Draw(t, "of its own")) * time.Second)
		}
		now := noon
		for range 100 {
			p := Tend(h, now)
			for _, k := range h.Kept {
				for _, n := range k.Nodes {
					leaves, there := h.There[n]
					if slices.Contains(p.Drop, n) != (there && !leaves && !now.Before(k.Till)) {
						t.Fatalf("%s: dropped %v at %v of %v", n, p.Drop, now, k.Till)
					}
				}
			}
			for _, n := range p.Drop {
				delete(h.There, n)
			}
			if p.Remove {
				if len(h.There) > 0 {
					t.Fatalf("removed with %v", h.There)
				}
				return
			}
			if len(p.Drop) > 0 {
				continue
			}
			if p.Next.IsZero() {
				break
			}
			if !p.Next.After(now) {
				t.Fatalf("due at %v, and it is %v", p.Next, now)
			}
			now = p.Next
		}
		if len(h.There) > 0 || len(h.Kept) == h.Count {
			t.Fatalf("it ends with %v", h.There)
		}
	})
}
