package jobgraph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/model"
)

// graph reads "a=SUCCESS b:a c?:a,b* noop! d!~ e!^": name, "?" for non-voting, "!"
// for started, "~" for paused, "^" for failing, ":" and dependencies (soft ones
// with "*"), "=" and a result.
func graph(text string) []JobState {
	var out []JobState
	for field := range strings.FieldsSeq(text) {
		word, result, _ := strings.Cut(field, "=")
		word, deps, _ := strings.Cut(word, ":")
		j := JobState{Voting: true, Result: model.BuildResult(result)}
		j.Started = strings.Contains(word, "!")
		j.Voting = !strings.Contains(word, "?")
		j.Paused = strings.Contains(word, "~")
		if strings.Contains(word, "^") {
			j.Failing = "seen"
		}
		j.Name = strings.Trim(word, "!?~^")
		j.Noop = j.Name == "noop"
		for d := range strings.FieldsFuncSeq(deps, func(r rune) bool { return r == ',' }) {
			name, soft := strings.CutSuffix(d, "*")
			j.Dependencies = append(j.Dependencies, Dependency{Name: name, Soft: soft})
		}
		out = append(out, j)
	}
	return out
}

func show(p Progress) string {
	var words []string
	for _, j := range p.Jobs {
		w := j.Name
		if j.Started {
			w += "!"
		}
		if j.Resume {
			w += ">"
		}
		if j.Result != "" {
			w += "=" + string(j.Result)
		}
		words = append(words, w)
	}
	switch {
	case p.Success:
		words = append(words, "success")
	case p.Complete:
		words = append(words, "failure")
	case p.Failing:
		words = append(words, "failing")
	}
	words = append(words, fmt.Sprint(p.Done))
	if p.Reason != "" {
		words = append(words, "("+p.Reason+")")
	}
	return strings.Join(words, " ")
}

func TestAdvance(t *testing.T) {
	tests := map[string]struct{ jobs, want string }{
		"nothing":                            {"", "success 0"},
		"all at once":                        {"a b", "a! b! 0"},
		"a dependency is waited for":         {"a! b:a", "a! b 0"},
		"then it starts":                     {"a!=SUCCESS b:a", "a!=SUCCESS b! 1"},
		"a failed dependency":                {"a!=FAILURE b:a c:b", "a!=FAILURE b=SKIPPED c=SKIPPED failure 3 (job a: FAILURE)"},
		"as soon as one failed":              {"a! b!=FAILURE c:a,b", "a! b!=FAILURE c=SKIPPED failing 2 (job b: FAILURE)"},
		"a failed non-voting dependency":     {"a?!=FAILURE b:a c", "a!=FAILURE b=SKIPPED c! 2"},
		"soft: waits":                        {"a! b:a*", "a! b 0"},
		"soft: runs after a failure":         {"a?!=FAILURE b:a*", "a!=FAILURE b! 1"},
		"soft: runs after a skipped one":     {"a!=FAILURE b:a c:b*", "a!=FAILURE b=SKIPPED c! failing 2 (job a: FAILURE)"},
		"soft: not there":                    {"b:gone*", "b! 0"},
		"hard: not there":                    {"a b:gone", "a! b=SKIPPED 1"},
		"noop":                               {"noop", "noop=SUCCESS success 1"},
		"noop and what needs it":             {"b:noop noop", "b! noop=SUCCESS 1"},
		"non-voting failures do not count":   {"a?!=TIMED_OUT b!=SUCCESS", "a!=TIMED_OUT b!=SUCCESS success 2"},
		"all skipped":                        {"a=SKIPPED b=SKIPPED", "a=SKIPPED b=SKIPPED failure 2 (all jobs were skipped)"},
		"the first failure is the reason":    {"a!=NODE_FAILURE b!=FAILURE", "a!=NODE_FAILURE b!=FAILURE failure 2 (job a: NODE_FAILURE)"},
		"canceled fails":                     {"a!=CANCELED b!", "a!=CANCELED b! failing 1 (job a: CANCELED)"},
		"a cycle never starts":               {"a:b b:a", "a b 0"},
		"a result is kept without its start": {"a=SUCCESS b:a", "a=SUCCESS b! 1"},

		"paused: what depends on it starts":     {"a!~ b:a c:b", "a! b! c 0"},
		"paused: also softly":                   {"a!~ b:a*", "a! b! 0"},
		"paused: all that depend on it":         {"a!~ b!:a=SUCCESS c!:b", "a! b!=SUCCESS c! 1"},
		"paused: resumed when they are done":    {"a!~ b!:a=SUCCESS c!:b=FAILURE", "a!> b!=SUCCESS c!=FAILURE failing 2 (job c: FAILURE)"},
		"paused: nothing depends on it":         {"a!~ b", "a!> b! 0"},
		"paused: resumed when they are skipped": {"a!~ b:a,c c!=FAILURE", "a!> b=SKIPPED c!=FAILURE failing 2 (job c: FAILURE)"},
		"paused: what has started goes on":      {"a?!=RETRY_LIMIT b!:a c:a", "a!=RETRY_LIMIT b! c=SKIPPED 2"},
		"paused: and done":                      {"a!~=SUCCESS b!:a=SUCCESS", "a!=SUCCESS b!=SUCCESS success 2"},
		"failing counts before the end":         {"a!^ b", "a! b! failing 0 (job a is failing (seen))"},
		"failing without a vote does not":       {"a?!^ b", "a! b! 0"},
		"failing: others wait for the end":      {"a!^ b:a", "a! b failing 0 (job a is failing (seen))"},
		"failing: what it ends with counts":     {"a!^=FAILURE", "a!=FAILURE failure 1 (job a: FAILURE)"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := graph(tc.jobs)
			before := fmt.Sprint(in)
			p := Advance(in, false)
			if diff := cmp.Diff(tc.want, show(p)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if fmt.Sprint(in) != before {
				t.Error("Advance changed its input")
			}
		})
	}
}

func TestFailFast(t *testing.T) {
	tests := map[string]struct{ jobs, want string }{
		"no failure":              {"a! b c:a", "a! b! c 0"},
		"the first failure":       {"a! b!=FAILURE c", "a!=CANCELED b!=FAILURE c=CANCELED failure 3 (job b: FAILURE)"},
		"a node failure":          {"a! b!=NODE_FAILURE", "a!=CANCELED b!=NODE_FAILURE failure 2 (job b: NODE_FAILURE)"},
		"attempts are used up":    {"a! b!=RETRY_LIMIT", "a!=CANCELED b!=RETRY_LIMIT failure 2 (job b: RETRY_LIMIT)"},
		"a retry":                 {"a! b!=RETRY", "a! b!=RETRY 1"},
		"a non-voting failure":    {"a! b?!=FAILURE c", "a! b!=FAILURE c! 1"},
		"non-voting ones as well": {"a?! b!=FAILURE c?", "a!=CANCELED b!=FAILURE c=CANCELED failure 3 (job b: FAILURE)"},
		"what needs the failed":   {"a! b!=FAILURE c:b d:c", "a!=CANCELED b!=FAILURE c=SKIPPED d=SKIPPED failure 4 (job b: FAILURE)"},
		"what was done stays":     {"a!=SUCCESS b!=TIMED_OUT c!", "a!=SUCCESS b!=TIMED_OUT c!=CANCELED failure 3 (job b: TIMED_OUT)"},
		"noop does not run":       {"b!=FAILURE noop", "b!=FAILURE noop=CANCELED failure 2 (job b: FAILURE)"},
		"failing stays":           {"a! b!^ c", "a!=CANCELED b! c=CANCELED failing 2 (job b is failing (seen))"},
		"settled":                 {"a!=CANCELED b!=FAILURE", "a!=CANCELED b!=FAILURE failure 2 (job b: FAILURE)"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := Advance(graph(tc.jobs), true)
			if diff := cmp.Diff(tc.want, show(p)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, j := range p.Jobs {
				if j.Result == model.Canceled && graph(tc.jobs)[0].Result != model.Canceled && j.Reason != "Canceled: job b failed, and the project asks for fail-fast" {
					t.Errorf("%s: %q", j.Name, j.Reason)
				}
			}
		})
	}
}

// TestAdvanceRequires: a job waits for what changes ahead provide, after the jobs
// that it depends on, and fails when that fails.
func TestAdvanceRequires(t *testing.T) {
	for name, tc := range map[string]struct {
		deps, waits, fails, want, reason string
	}{
		"it is there":            {"a=SUCCESS", "", "", "a=SUCCESS j! 1", ""},
		"it waits":               {"a=SUCCESS", "waits for x", "", "a=SUCCESS j 1", "waits for x"},
		"it waits for both":      {"a!", "waits for x", "", "a! j 0", ""},
		"it fails":               {"a=SUCCESS", "", "requires x", "a=SUCCESS j=FAILURE failure 2 (job j: FAILURE (requires x))", "requires x"},
		"not before it may run":  {"a!", "", "requires x", "a! j 0", ""},
		"what it depends on did": {"a=FAILURE", "", "requires x", "a=FAILURE j=SKIPPED failure 2 (job a: FAILURE)", "Skipped due to failed job a"},
	} {
		t.Run(name, func(t *testing.T) {
			jobs := graph(tc.deps + " j:a")
			jobs[1].Waits, jobs[1].Fails = tc.waits, tc.fails
			p := Advance(jobs, false)
			if got := show(p); got != tc.want || p.Jobs[1].Reason != tc.reason {
				t.Errorf("got %s, %q, want %s, %q", got, p.Jobs[1].Reason, tc.want, tc.reason)
			}
		})
	}
}

func TestAdvanceProperties(t *testing.T) {
	results := []model.BuildResult{"", "", model.Success, model.Failure, model.Skipped, model.TimedOut}
	rapid.Check(t, func(t *rapid.T) {
		var jobs []JobState
		for i := range rapid.IntRange(0, 8).Draw(t, "jobs") {
			j := JobState{Name: fmt.Sprint("j", i), Voting: rapid.Bool().Draw(t, "voting"), Result: rapid.SampledFrom(results).Draw(t, "result")}
			j.Started = j.Result != "" && j.Result != model.Skipped
			if j.Result == "" {
				j.Started, j.Paused = rapid.Bool().Draw(t, "started"), rapid.Bool().Draw(t, "paused")
				if j.Started {
					j.Failing = rapid.SampledFrom([]string{"", "", "seen"}).Draw(t, "failing")
				}
			}
			for k := range i {
				if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
					j.Dependencies = append(j.Dependencies, Dependency{Name: fmt.Sprint("j", k), Soft: rapid.Bool().Draw(t, "soft")})
				}
			}
			jobs = append(jobs, j)
		}
		failFast := rapid.Bool().Draw(t, "fail-fast")
		p := Advance(jobs, failFast)
		if diff := cmp.Diff(p, Advance(p.Jobs, failFast)); diff != "" {
			t.Fatalf("not settled (-first +second):\n%s", diff)
		}
		byName := map[string]JobState{}
		decided := 0
		for i, j := range p.Jobs {
			byName[j.Name] = j
			if j.Result != "" {
				decided++
			}
			if was := jobs[i]; was.Result != "" && was.Result != j.Result || was.Started && !j.Started {
				t.Fatalf("%s: a decision was taken back: %v -> %v", j.Name, was, j)
			}
		}
		if p.Complete != (decided == len(jobs)) || p.Done != decided {
			t.Fatalf("complete %v, done %d, but %d of %d jobs have a result", p.Complete, p.Done, decided, len(jobs))
		}
		if failFast && p.Failing {
			checkStopped(t, jobs, p)
			return
		}
		checkStarts(t, jobs, p, byName)
	})
}

// checkStopped checks that nothing runs on, and that what was cancelled is not
// taken for the failure.
func checkStopped(t *rapid.T, before []JobState, p Progress) {
	if p.Success {
		t.Fatalf("jobs that failed are a success: %v", p.Jobs)
	}
	for i, j := range p.Jobs {
		if j.Result == "" && j.Failing == "" {
			t.Fatalf("jobs run on after a failure: %v", p.Jobs)
		}
		if j.Started && !before[i].Started {
			t.Fatalf("%s was started after a failure: %v", j.Name, p.Jobs)
		}
	}
	if strings.Contains(p.Reason, string(model.Canceled)) {
		t.Fatalf("the reason is %q", p.Reason)
	}
}

// checkStarts checks that what was started now has its dependencies, and that
// nothing that could start was left out.
func checkStarts(t *rapid.T, before []JobState, p Progress, byName map[string]JobState) {
	for i, j := range p.Jobs {
		if j.Resume != (j.Paused && j.Result == "" && !awaited(p.Jobs, j.Name)) {
			t.Fatalf("%s is resumed at the wrong time: %v", j.Name, p.Jobs)
		}
		ready, failed := true, false
		for _, d := range j.Dependencies {
			r := byName[d.Name].Result
			ready = ready && (r != "" || byName[d.Name].Paused)
			failed = failed || !d.Soft && r != "" && r != model.Success
		}
		startedNow := j.Started && !before[i].Started
		switch {
		case startedNow && (!ready || failed):
			t.Fatalf("%s was started too early: %v", j.Name, p.Jobs)
		case !j.Started && j.Result == "" && (ready || failed):
			t.Fatalf("%s was left behind: %v", j.Name, p.Jobs)
		}
	}
}
