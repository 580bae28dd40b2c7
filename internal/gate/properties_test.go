package gate

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestProperties plays random lives of a queue: arrivals, dependencies,
// results, pushes by hand, refusals, departures and vanished objects, in any
// order. After every step the world checks that the gate is safe, minimal,
// level-based and live; at the end everything must have left the queue.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(true, Window{
			Size: rapid.IntRange(0, 5).Draw(t, "window"), Floor: rapid.IntRange(1, 3).Draw(t, "floor"),
			IncreaseLinear: rapid.Bool().Draw(t, "linear"), IncreaseBy: 1, DecreaseBy: 2,
		})
		w.q.Rescue = rapid.Bool().Draw(t, "rescue")
		culprits := map[string][]string{}
		w.bad = func(state []string) bool {
			in := " " + strings.Join(state, " ") + " "
			for id, with := range culprits {
				if strings.Contains(in, " "+id+" ") && (len(with) == 0 || strings.Contains(in, " "+with[0]+" ")) {
					return true
				}
			}
			return false
		}
		n := 0
		pick := func() string {
			if len(w.q.Items) == 0 {
				return ""
			}
			return w.q.Items[rapid.IntRange(0, len(w.q.Items)-1).Draw(t, "which")].ID
		}
		actions := map[string]func(){
			"enqueue": func() {
				n++
				id := fmt.Sprintf("c%d", n)
				switch rapid.IntRange(0, 5).Draw(t, "kind") {
				case 0:
					culprits[id] = nil
				case 1:
					if with := pick(); with != "" {
						culprits[id] = []string{with}
					}
				case 2:
					w.refuse[id] = true
				}
				if rapid.IntRange(0, 2).Draw(t, "two jobs") == 0 {
					w.jobs[id] = []string{"lint", "unit"}
				}
				if rapid.IntRange(0, 2).Draw(t, "flake") == 0 {
					w.flakes[id] = []string{rapid.SampledFrom([]string{"lint", "unit"}).Draw(t, "flaky job")}
				}
				var needs []string
				if it := w.item(pick()); it != nil && it.Reported == "" && rapid.IntRange(0, 2).Draw(t, "needs") == 0 {
					needs = []string{it.ID}
				}
				w.enqueue(id, needs...)
			},
			"prepare": func() { w.prepare(pick()) },
			"finish":  func() { w.finish(pick()) },
			// A reconcile asks the code host anew, and may die after any round.
			"reconcile": func() {
				w.forget()
				for range rapid.IntRange(1, 8).Draw(t, "rounds") {
					w.step()
				}
			},
			"push": func() {
				if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
					w.push()
				}
			},
			"urgent": func() {
				if id := pick(); id != "" {
					w.expedite(id)
				}
			},
			"leave": func() {
				if it := w.item(pick()); it != nil && rapid.IntRange(0, 3).Draw(t, "really") == 0 {
					it.Leave = "dequeued by hand"
				}
			},
		}
		names := []string{"enqueue", "prepare", "finish", "reconcile", "push", "leave", "urgent"}
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			actions[rapid.SampledFrom(names).Draw(t, "event")]()
			if w.problem != "" {
				t.Fatal(w.problem)
			}
		}
		drain(t, w)
	})
}

// drain lets all jobs end and asserts that the queue runs empty.
func drain(t *rapid.T, w *world) {
	for rounds := 0; len(w.q.Items) > 0; rounds++ {
		w.settle()
		for _, it := range append([]Item(nil), w.q.Items...) {
			w.prepare(it.ID)
			w.finish(it.ID)
		}
		if w.problem != "" {
			t.Fatal(w.problem)
		}
		if rounds > 200 {
			t.Fatalf("stuck with all jobs done:\n%s%v", w, Plan(w.q))
		}
	}
	w.settle()
	if w.problem != "" {
		t.Fatal(w.problem)
	}
}

// TestPlanIsDeterministic: the same snapshot gives the same plan.
func TestPlanIsDeterministic(t *testing.T) {
	q := longQueue(50)
	first := fmt.Sprint(Plan(q))
	for range 20 {
		if got := fmt.Sprint(Plan(q)); got != first {
			t.Fatalf("two plans of one snapshot:\n%s\n%s", first, got)
		}
	}
}

// longQueue is a settled queue of n items whose tenth has just failed.
func longQueue(n int) Queue {
	q := Queue{Merges: true, Window: Window{Size: 0}}
	for i := range n {
		it := Item{ID: fmt.Sprintf("i%d", i), Name: fmt.Sprintf("p#%d", i), Live: true}
		it.Epoch, it.Active = 1, true
		if i > 0 {
			it.Ahead, it.AheadEpoch = fmt.Sprintf("i%d", i-1), 1
			it.Needs = []string{fmt.Sprintf("i%d", i/2)}
		}
		it.Facts = Facts{Prepared: true, Jobs: 1, Failing: i == 10}
		q.Items = append(q.Items, it)
	}
	return q
}

// rescuingQueue is the same, and every tenth has failed in a job that the one behind it runs.
func rescuingQueue(n int) Queue {
	q := longQueue(n)
	q.Rescue = true
	for i := range q.Items {
		f := &q.Items[i].Facts
		f.Votes = []Vote{{Job: "unit", Verdict: Pending}}
		if f.Failing = i%10 == 0; f.Failing {
			f.Votes[0].Verdict = Failed
		}
	}
	return q
}

// TestPlanIsLinear compares the work for n and 8n items by allocations, which
// do not depend on how busy the machine is.
func TestPlanIsLinear(t *testing.T) {
	for name, queue := range map[string]func(n int) Queue{"plain": longQueue, "rescue": rescuingQueue} {
		allocs := func(n int) float64 {
			q := queue(n)
			return testing.AllocsPerRun(3, func() { Plan(q) })
		}
		small, large := allocs(1000), allocs(8000)
		if large > 10*small {
			t.Errorf("%s: plan of 8000 items allocates %.0f times, of 1000 items %.0f times", name, large, small)
		}
	}
}

// BenchmarkPlan is one plan over all items of a settled queue whose tenth failed.
func BenchmarkPlan(b *testing.B) {
	for name, queue := range map[string]func(n int) Queue{"": longQueue, "/rescue": rescuingQueue} {
		for _, n := range []int{1000, 10000} {
			b.Run(fmt.Sprintf("items=%d%s", n, name), func(b *testing.B) {
				q := queue(n)
				b.ReportAllocs()
				for b.Loop() {
					Plan(q)
				}
			})
		}
	}
}
