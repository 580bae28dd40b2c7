package timer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func schedule(t testing.TB, text string) *Schedule {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func show(ticks []Tick) string {
	var out []string
	for _, t := range ticks {
		out = append(out, fmt.Sprintf("%s %s@%s %s", t.Timer.Pipeline, t.Branch.Project, t.Branch.Name, t.At.Format(time.TimeOnly)))
	}
	return strings.Join(out, "\n")
}

func TestPlan(t *testing.T) {
	main, stable := Branch{Project: "api", Name: "main"}, Branch{Project: "api", Name: "stable", Spread: 5}
	type due struct{ time, since string }
	for name, tc := range map[string]struct {
		now    string
		timers []due
		want   string
		next   string
	}{
		"nothing yet":         {"12:04:59", []due{{"5 * * * *", "12:00:00"}}, "", "12:05:00"},
		"at the moment":       {"12:05:00", []due{{"5 * * * *", "12:00:00"}}, "p0 api@main 12:05:00\np0 api@stable 12:05:00", "13:05:00"},
		"done with":           {"12:05:01", []due{{"5 * * * *", "12:05:00"}}, "", "13:05:00"},
		"a little late":       {"12:14:59", []due{{"5 * * * *", "11:05:00"}}, "p0 api@main 12:05:00\np0 api@stable 12:05:00", "13:05:00"},
		"too late":            {"12:15:00", []due{{"5 * * * *", "11:05:00"}}, "", "13:05:00"},
		"several missed":      {"12:05:30", []due{{"* * * * *", "12:00:00"}}, "p0 api@main 12:05:00\np0 api@stable 12:05:00", "12:06:00"},
		"the first is early":  {"12:05:00", []due{{"5 * * * * 0 9", "12:00:00"}}, "p0 api@main 12:05:00", "12:05:05"},
		"the second is late":  {"12:05:05", []due{{"5 * * * * 0 9", "12:05:00"}}, "p0 api@stable 12:05:05", "13:05:00"},
		"two pipelines":       {"12:05:05", []due{{"5 * * * * 3", "12:00:00"}, {"5 * * * *", "12:00:00"}}, "p1 api@main 12:05:00\np1 api@stable 12:05:00\np0 api@main 12:05:03\np0 api@stable 12:05:03", "13:05:00"},
		"the clock was ahead": {"12:05:00", []due{{"* * * * *", "12:20:00"}}, "", "12:06:00"},
	} {
		t.Run(name, func(t *testing.T) {
			day := "2026-11-21 "
			var timers []Timer
			for n, d := range tc.timers {
				timers = append(timers, Timer{Pipeline: fmt.Sprint("p", n), Time: d.time, Schedule: schedule(t, d.time), Since: at(t, day+d.since), Branches: []Branch{main, stable}})
			}
			ticks, next := Plan(at(t, day+tc.now), 10*time.Minute, timers)
			if diff := cmp.Diff(tc.want, show(ticks)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.next, next.Format(time.TimeOnly)); diff != "" {
				t.Errorf("next (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTimesThatMeet: what two times of a pipeline say at the same moment is one tick.
func TestTimesThatMeet(t *testing.T) {
	b := []Branch{{Project: "api", Name: "main"}}
	since := at(t, "2026-11-21 23:59:00")
	ticks, _ := Plan(since.Add(time.Minute), time.Hour, []Timer{
		{Pipeline: "p", Schedule: schedule(t, "0 0 * * *"), Since: since, Branches: b},
		{Pipeline: "p", Schedule: schedule(t, "0 * * * *"), Since: since, Branches: b},
	})
	if got := show(ticks); got != "p api@main 00:00:00" {
		t.Error(got)
	}
}

func TestNothingToPlan(t *testing.T) {
	now := at(t, "2026-11-21 23:59:00")
	if ticks, next := Plan(now, time.Hour, nil); len(ticks) > 0 || !next.IsZero() {
		t.Error(ticks, next)
	}
	// Nobody has jobs; whoever comes after midnight is not brought in for it.
	if ticks, next := Plan(now, time.Hour, []Timer{{Pipeline: "p", Schedule: schedule(t, "0 0 * * *")}}); len(ticks) > 0 || !next.Equal(now.Add(time.Minute)) {
		t.Error(ticks, next)
	}
}

// TestPlanNeverTwice looks at arbitrary moments: together they give every tick
// of every branch once, or the latest where several were missed; and looking at
// the moment that Plan names misses none.
func TestPlanNeverTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, err := Parse(rapid.SampledFrom([]string{"* * * * *", "*/7 * * * *", "* * * * * */13 40", "0 * * * * 30 600", "3,59 */2 * * *"}).Draw(rt, "time"))
		if err != nil {
			rt.Fatal(err)
		}
		var branches []Branch
		for n := range rapid.IntRange(1, 5).Draw(rt, "branches") {
			branches = append(branches, Branch{Project: "api", Name: fmt.Sprint(n), Spread: SpreadOf("acme", "api", fmt.Sprint(n))})
		}
		begin := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
		now, since := begin, begin
		got := map[string]int{}
		_, next := Plan(begin, 0, []Timer{{Pipeline: "p", Schedule: s, Since: begin, Branches: branches}})
		exact := rapid.Bool().Draw(rt, "at the named moments")
		for range 50 {
			if exact {
				now = next
			} else {
				now = now.Add(time.Duration(rapid.IntRange(1, 900).Draw(rt, "seconds")) * time.Second)
			}
			var ticks []Tick
			ticks, next = Plan(now, time.Hour, []Timer{{Pipeline: "p", Schedule: s, Since: since, Branches: branches}})
			if !next.After(now) {
				rt.Fatalf("at %v the next is %v", now, next)
			}
			for _, tick := range ticks {
				if !tick.At.After(since) || tick.At.After(now) {
					rt.Fatalf("%v is not in (%v, %v]", tick.At, since, now)
				}
				got[tick.Branch.Name+" "+tick.At.String()]++
			}
			since = now
		}
		for _, b := range branches {
			for m := s.Next(begin.Add(-s.delay(b))).Add(s.delay(b)); !m.After(now); m = s.Next(m.Add(-s.delay(b))).Add(s.delay(b)) {
				n := got[b.Name+" "+m.String()]
				if n > 1 || exact && n != 1 {
					rt.Fatalf("%s at %v: %d times", b.Name, m, n)
				}
				delete(got, b.Name+" "+m.String())
			}
		}
		if len(got) > 0 {
			rt.Fatalf("ticks that are none: %v", got)
		}
	})
}

// TestSpread: the place of a branch does not change, and branches are all over the jitter.
func TestSpread(t *testing.T) {
	s := schedule(t, "0 0 * * * 0 60")
	used := map[time.Duration]int{}
	for n := range 1000 {
		b := Branch{Spread: SpreadOf("acme", "git.example/acme/api", fmt.Sprint(n))}
		if d := s.delay(b); d < 0 || d > time.Minute {
			t.Fatal(d)
		}
		used[s.delay(b)]++
	}
	if len(used) != 61 {
		t.Errorf("%d of 61 seconds are used", len(used))
	}
	got := []time.Duration{}
	for _, b := range []string{"main", "stable"} {
		got = append(got, s.delay(Branch{Spread: SpreadOf("acme", "git.example/acme/api", b)}))
	}
	if diff := cmp.Diff([]time.Duration{21 * time.Second, 22 * time.Second}, got); diff != "" {
		t.Errorf("another version would spread branches otherwise, and run some twice (-want +got):\n%s", diff)
	}
	if SpreadOf("a", "b", "c") == SpreadOf("a", "b\" \"c", "") {
		t.Error("two branches share a place")
	}
}

// BenchmarkPlan plans 1,000 branches.
func BenchmarkPlan(b *testing.B) {
	for _, text := range []string{"0 2 * * *", "0 2 * * * 0 3600"} {
		b.Run(text, func(b *testing.B) {
			t := Timer{Pipeline: "periodic", Schedule: schedule(b, text), Since: at(b, "2026-11-21 01:00:00")}
			for n := range 1000 {
				t.Branches = append(t.Branches, Branch{Project: fmt.Sprint(n), Name: "main", Spread: SpreadOf("acme", fmt.Sprint(n), "main")})
			}
			for b.Loop() {
				Plan(at(b, "2026-11-21 02:00:00"), 10*time.Minute, []Timer{t})
			}
		})
	}
}
