package scenario

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// randomConfig has a queue of three projects in which cycles are allowed, and
// one of them is checked as well.
const randomConfig = `config <<EOF
- queue: {name: integrated, allow-circular-dependencies: true}
- project: {name: api, queue: integrated, gate: {jobs: [unit, lint]}}
- project: {name: web, queue: integrated, gate: {jobs: [unit]}}
- project: {name: lib, gate: {jobs: [unit]}}
- project: {name: app, queue: integrated, check: {jobs: [unit]}, gate: {jobs: [unit, both: {dependencies: [unit], required-projects: [web]}]}}
- job: {name: both, run: ci/both.sh}
EOF
`

func init() {
	if err := flag.Set("rapid.checks", randomStories); err != nil {
		panic(err)
	}
}

// writer makes up a story.
type writer struct {
	t       *rapid.T
	text    strings.Builder
	changes []string
	// crashes allows the process to die.
	crashes bool
	// settled says that everything comes to rest after every command.
	settled bool
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

func (w *writer) one(of ...string) string { return rapid.SampledFrom(of).Draw(w.t, "one") }

func (w *writer) chance(n int) bool { return rapid.IntRange(1, n).Draw(w.t, "chance") == 1 }

func (w *writer) change() string { return w.one(w.changes...) }

// with is when a job fails: on states that have a change. Whether one that merged
// is in a state still is a matter of time.
func (w *writer) with() string {
	if w.settled {
		return "on"
	}
	return "with"
}

// open makes a change, which may need others.
func (w *writer) open() {
	name := fmt.Sprintf("%s#%d", w.one("api", "web", "app", "lib"), len(w.changes)+1)
	needs := ""
	if len(w.changes) > 0 && w.chance(3) {
		needs = " needs=" + w.change()
		if w.chance(3) {
			needs += "," + w.change()
		}
	}
	config := ""
	if w.chance(8) {
		config = fmt.Sprintf(" <<EOF\n- job: {name: fresh%d, run: ci/fresh.sh}\nEOF", len(w.changes))
	}
	w.changes = append(w.changes, name)
	w.line("open %s%s%s", name, needs, config)
	if w.chance(5) {
		w.line("fail unit %s %s", w.with(), name)
	}
	if !w.chance(4) {
		if w.settled {
			// What can only fail may have done so before the gate takes it out of check, or not.
			w.line("settle")
		}
		w.line("approve %s", name)
	}
}

// command adds something that somebody does.
func (w *writer) command() {
	if len(w.changes) == 0 || len(w.changes) < 9 && w.chance(3) {
		w.open()
		return
	}
	switch w.one("approve", "approve", "release", "release", "release", "rule", "patchset", "close", "edit", "push", "host", "person", "crash", "config", "nodes") {
	case "approve":
		w.line("approve %s", w.change())
	case "release":
		if w.chance(4) {
			w.line("release maybe=1")
		} else {
			w.line("release %s %s maybe=1", w.one("unit", "lint", "both"), w.change())
		}
	case "rule":
		w.line(w.one("fail unit on %s", "fail unit "+w.with()+" %s "+w.change(), "retry unit times=1 on %s", "flaky unit times=1 on %s", "flaky both times=2 on %s", "pass unit on %s", "result lint NODE_FAILURE on %s"), w.change())
	case "patchset":
		w.line("push-patchset %s", w.change())
	case "close":
		w.line(w.one("close %s maybe=1", "reopen %s maybe=1", "draft %s"), w.change())
	case "edit":
		w.line("edit %s needs=%s", w.change(), w.change())
	case "push":
		w.line("push %s main", w.one("api", "web", "app"))
	case "host":
		w.line(w.one("refuse %s no", "accept %s", "conflict %s "+w.change(), "merge %s maybe=1"), w.change())
	case "person":
		w.line(w.one("dequeue gate %s maybe=1", "enqueue gate %s", "enqueue gate %s urgent=1", "comment %s recheck"), w.change())
	case "crash":
		if w.crashes {
			w.line("%s", w.one("crash", fmt.Sprintf("crash after=%d", rapid.IntRange(1, 20).Draw(w.t, "writes"))))
		}
	case "config":
		w.line("file config main zuul.d/4.yaml <<EOF\n- job: {name: other, run: ci/%d.sh}\nEOF", rapid.IntRange(1, 9).Draw(w.t, "version"))
	case "nodes":
		if w.settled {
			return // which builds run when some must wait is a matter of time
		}
		w.line("nodes %d", rapid.IntRange(0, 4).Draw(w.t, "nodes"))
	}
}

// options of the pipelines beyond Zuul's: builds that fail may be run again, and
// those that see the same may be kept.
func (w *writer) options() {
	text := ""
	if w.chance(2) {
		text += fmt.Sprintf("    retry-failed: %d\n", rapid.IntRange(1, 2).Draw(w.t, "times"))
	}
	if w.chance(2) {
		text += "    reuse-results: true\n"
	}
	pipelines := strings.ReplaceAll(defaultPipelines, "    trigger:\n", text+"    trigger:\n")
	own := ""
	if w.chance(2) {
		own += "    rescue: true\n"
	}
	if w.chance(2) {
		own += "    expedite: true\n    window: 3\n"
	}
	pipelines = strings.Replace(pipelines, "manager: dependent\n", "manager: dependent\n"+own, 1)
	if pipelines != defaultPipelines {
		w.line("pipelines <<EOF%sEOF", pipelines)
	}
}

// write makes up a story.
func write(t *rapid.T, crashes, settled bool) string {
	w := &writer{t: t, crashes: crashes, settled: settled}
	config := randomConfig
	if !settled && w.chance(2) {
		config = strings.NewReplacer("[unit, lint]", "[unit: {semaphores: [few]}, lint: {semaphores: [few, one]}]",
			"lib, gate: {jobs: [unit]", "lib, gate: {jobs: [unit: {semaphores: [{name: one, resources-first: true}]}]",
			"- project: {name: web", "- semaphore: {name: few, max: 2}\n- project: {name: web").Replace(config)
	}
	w.text.WriteString(config)
	if !settled {
		w.options() // whether a second attempt ends before a reset, who is behind a change that fails, and who has started or has a semaphore, is a matter of time
	}
	w.line("hold")
	for range rapid.IntRange(1, 40).Draw(t, "length") {
		w.command()
		if settled || w.chance(3) {
			w.line("settle")
		}
	}
	w.line("nodes 0\nunhold\n----")
	return w.text.String()
}

// TestRandomStories plays random stories in random orders, with processes that
// die at random writes: the invariants hold, and everything leaves its queue. A
// story that fails is printed: it can be put into testdata.
func TestRandomStories(t *testing.T) {
	parsed := newConfigs().parsed
	rapid.Check(t, func(t *rapid.T) {
		text := write(t, true, false)
		s, err := parse(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		_, w, err := s.play(&configs{parsed: parsed, made: map[string]*config{}}, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 2)))
		if err != nil {
			t.Fatalf("%v\nthe story:\n%s", err, text)
		}
		for _, i := range w.unfinished() {
			t.Fatalf("%s never left %s: %s\nthe story:\n%s", i.title(), i.pipeline, w.itemText(w.store.queues[i.queue], i), text)
		}
	})
}

// TestRandomStoriesEndTheSame: when everything comes to rest after each thing
// that somebody does, the order of the controllers' turns does not matter.
func TestRandomStoriesEndTheSame(t *testing.T) {
	parsed := newConfigs().parsed
	rapid.Check(t, func(t *rapid.T) {
		text := write(t, false, true)
		s, err := parse(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		shared := &configs{parsed: parsed, made: map[string]*config{}}
		_, one, err := s.play(shared, nil)
		if err != nil {
			t.Fatalf("in the default order: %v\nthe story:\n%s", err, text)
		}
		_, other, err := s.play(shared, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 3)))
		if err != nil {
			t.Fatalf("%v\nthe story:\n%s", err, text)
		}
		if diff := cmp.Diff(strings.Split(one.end(), "\n"), strings.Split(other.end(), "\n")); diff != "" {
			t.Fatalf("the ends differ (-default +random):\n%s\nthe story:\n%s", diff, text)
		}
	})
}
