package gate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/model"
)

var update = flag.Bool("update", false, "rewrite the expected outcome in testdata")

// TestScripts plays the stories in testdata/*.txt: commands, and behind each
// "----" what the gate did. Rewrite them with -update and review the diff.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(raw))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(raw), got); diff != "" {
				t.Errorf("the story changed (-want +got); -update accepts it:\n%s", diff)
			}
		})
	}
}

// play runs a story and returns it with the outcomes that it has now.
func play(t *testing.T, story string) string {
	t.Helper()
	w := newWorld(true, Window{Size: 20, Floor: 3, IncreaseLinear: true, IncreaseBy: 1, DecreaseBy: 2})
	var out strings.Builder
	for _, block := range strings.Split(strings.TrimSpace(story), "\n\n") {
		commands, _, _ := strings.Cut(block, "\n----")
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(commands + "\n----\n")
		w.log = nil
		for _, line := range strings.Split(commands, "\n") {
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			command(t, w, strings.Fields(line))
		}
		w.settle()
		for _, l := range w.log {
			out.WriteString(l + "\n")
		}
		for _, l := range strings.Split(strings.TrimSpace(w.String()), "\n") {
			out.WriteString("  " + l + "\n")
		}
		fmt.Fprintf(&out, "  branch: %s; builds: %d; window: %d\n", strings.Join(w.branch, " "), w.builds, w.q.Window.Size)
		if w.problem != "" {
			t.Errorf("after %q: %s", commands, w.problem)
		}
	}
	return out.String()
}

func command(t *testing.T, w *world, words []string) {
	t.Helper()
	args := words[1:]
	switch words[0] {
	case "independent":
		w.q.Merges, w.q.Window = false, Window{}
	case "serial", "supercedent":
		w.q.Merges, w.q.Alone, w.q.Newest = false, true, words[0] == "supercedent"
		w.q.Window = Window{Size: 1}
	case "rescue":
		w.q.Rescue = true
	case "jobs": // jobs A unit lint: what A runs
		w.jobs[args[0]] = args[1:]
	case "flake": // flake A unit: it fails for A, and not for those behind it
		w.flakes[args[0]] = args[1:]
	case "window":
		n, err := strconv.Atoi(args[0])
		if err != nil {
			t.Fatal(err)
		}
		w.q.Window.Size = n
	case "bad": // bad A B: a state that has all of these fails
		earlier := w.bad
		w.bad = func(state []string) bool {
			for _, a := range args {
				if !slices.Contains(state, a) {
					return earlier(state)
				}
			}
			return true
		}
	case "enqueue":
		for _, id := range args {
			w.enqueue(id)
		}
	case "needs": // needs D A: D is enqueued and depends on A
		w.enqueue(args[0], args[1:]...)
	case "nonlive":
		w.q.Items = append(w.q.Items, Item{ID: args[0], Name: args[0]})
	case "prepare":
		w.settle()
		for _, id := range args {
			if !w.prepare(id) {
				t.Fatalf("%s cannot be prepared:\n%s", id, w)
			}
		}
	case "finish":
		for _, id := range args {
			if !w.finish(id) {
				t.Fatalf("%s has no jobs to finish:\n%s", id, w)
			}
			w.settle()
		}
	case "leave":
		w.item(args[0]).Leave = strings.Join(args[1:], " ")
	case "lose":
		w.item(args[0]).Lost = strings.Join(args[1:], " ")
	case "vanish":
		w.q.Items = slices.DeleteFunc(w.q.Items, func(it Item) bool { return it.ID == args[0] })
	case "refuse":
		w.refuse[args[0]] = true
	case "push":
		w.push()
	default:
		t.Fatalf("unknown command %q", words[0])
	}
}

// TestWindowThatDoubles stays a window, however many changes merge.
func TestWindowThatDoubles(t *testing.T) {
	w := Window{Size: 20, Floor: 3, IncreaseBy: 2, DecreaseBy: 2}
	for range 100 {
		w = w.grown()
	}
	if int32(w.Size) <= 0 {
		t.Errorf("size %d does not fit into a status", w.Size)
	}
}

// TestCancelledIsNotDone: what cancelled jobs would have said is not known.
func TestCancelledIsNotDone(t *testing.T) {
	q := Queue{Merges: true, Items: []Item{{ID: "a", Name: "a", Live: true,
		Place: Place{Epoch: 1, Active: true}, Facts: Facts{Prepared: true, Jobs: 1, Canceled: true}}}}
	actions := Plan(q)
	if len(actions) != 1 || actions[0].Kind != Reset || actions[0].Place.Epoch != 2 || !actions[0].Place.Active {
		t.Errorf("plan: %v", actions)
	}
}

// TestNeedThatIsNotLiveAndFails: nobody reports it, so what needs it is reported.
func TestNeedThatIsNotLiveAndFails(t *testing.T) {
	q := Queue{Items: []Item{
		{ID: "a", Name: "a", Place: Place{Epoch: 1, Active: true}, Facts: Facts{Prepared: true, Problem: model.ItemMergeConflict, Reason: "README conflicts"}},
		{ID: "d", Name: "d", Live: true, Needs: []string{"a"}, Place: Place{Epoch: 1, Ahead: "a", AheadEpoch: 1, Active: true}},
	}}
	for range 2 { // and again, when it is halted already
		actions := Plan(q)
		last := actions[len(actions)-1]
		if last.Kind != Report || last.Item != "d" || last.Result != model.ItemFailure || last.Why != "it needs a: a failed: README conflicts" {
			t.Errorf("plan: %v", actions)
		}
		q = Apply(q, actions)
	}
}
