package modelcheck

import (
	"flag"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/gate"
)

var exhaustive = flag.Bool("exhaustive", false, "search the large worlds: minutes, and gigabytes of memory")

var window = gate.Window{Size: 2, Floor: 1, Ceiling: 3, IncreaseLinear: true, IncreaseBy: 1, DecreaseBy: 2}

// wide lets everybody in.
var wide = gate.Window{}

func one(p int, needs ...int) Item { return Item{Projects: []int{p}, Needs: needs} }

func cycle() Item { return Item{Projects: []int{0, 1}} }

// four items: one that another needs, a cycle, and one that may conflict with the first.
func four() []Item { return []Item{one(0), one(1, 0), cycle(), one(0)} }

// small worlds are searched by every run of the tests.
func small() []World {
	return []World{
		{Name: "one of everything", Items: []Item{one(0), cycle()}, Jobs: 1, Window: window,
			Failures: 1, Pushes: 1, Leaves: 1, Refusals: 1},
		{Name: "death and refusal", Items: []Item{one(0), cycle()}, Jobs: 1, Window: window,
			Failures: 1, Refusals: 1, Crashes: 2},
		{Name: "need that fails", Items: []Item{one(0), one(1, 0)}, Jobs: 2, Window: window,
			Failures: 2, Leaves: 1, Crashes: 1},
		{Name: "conflict", Items: []Item{one(0), one(0), one(1)}, Jobs: 1, Conflict: [2]int{0, 1}, InOrder: true, Window: window,
			Failures: 1},
		{Name: "rescue", Items: []Item{one(0), one(0), one(1)}, Jobs: 1, InOrder: true, Window: wide, Rescue: true,
			Failures: 2, Refusals: 1},
		{Name: "rescue and death", Items: []Item{one(0), one(1, 0)}, Jobs: 1, Window: window, Rescue: true,
			Failures: 1, Leaves: 1, Refusals: 1, Pushes: 1, Crashes: 1},
	}
}

// large worlds are searched by `make model-check`.
func large() []World {
	return []World{
		{Name: "two items, all at once, two jobs", Items: []Item{one(0), cycle()}, Jobs: 2, Window: window,
			Failures: 1, Pushes: 1, Leaves: 1, Refusals: 1, Crashes: 1},
		{Name: "three items, all at once", Items: []Item{one(0), cycle(), one(1, 0)}, Jobs: 1, Window: window,
			Failures: 1, Pushes: 1, Leaves: 1, Refusals: 1, Crashes: 1},
		{Name: "four items, failures and a departure", Items: four(), Jobs: 2, Conflict: [2]int{0, 3}, InOrder: true, Window: window,
			Failures: 2, Leaves: 1},
		{Name: "four items, failures and a death", Items: four(), Jobs: 1, Conflict: [2]int{0, 3}, Window: wide,
			Failures: 2, Crashes: 1},
		{Name: "four items, one of everything", Items: four(), Jobs: 1, InOrder: true, Window: window,
			Failures: 1, Pushes: 1, Refusals: 1, Crashes: 1},
		{Name: "rescue of three items, two jobs", Items: []Item{one(0), cycle(), one(1, 0)}, Jobs: 2, InOrder: true, Window: window, Rescue: true,
			Failures: 3, Leaves: 1, Refusals: 1},
		{Name: "rescue of three items, and death", Items: []Item{one(0), cycle(), one(0)}, Jobs: 1, InOrder: true, Window: wide, Rescue: true,
			Failures: 2, Leaves: 1, Refusals: 1, Crashes: 1},
		{Name: "rescue of four items", Items: four(), Jobs: 1, Conflict: [2]int{0, 3}, InOrder: true, Window: wide, Rescue: true,
			Failures: 2, Pushes: 1, Crashes: 1},
	}
}

func TestWorlds(t *testing.T) {
	worlds := small()
	if *exhaustive {
		worlds = append(worlds, large()...)
	}
	// The states of a layer live shortly, and are most of the memory.
	defer debug.SetGCPercent(debug.SetGCPercent(30))
	total := 0
	for _, w := range worlds {
		t.Run(strings.ReplaceAll(w.Name, " ", "-"), func(t *testing.T) {
			start := time.Now()
			out := Check(w, Gate(), runtime.GOMAXPROCS(0), 0)
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			t.Logf("%v in %v, %d MiB from the system", out, time.Since(start).Round(time.Millisecond), mem.Sys>>20)
			total += out.States
			if out.Violation != nil {
				t.Errorf("%v\n%s", out.Violation, strings.Join(out.Story, "\n"))
			}
		})
	}
	t.Logf("%d distinct states in %d worlds", total, len(worlds))
}
