package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/gate"
)

// three is a load of which everything can be counted by hand: A, B and C enter
// together; B is bad. Each has one job of 10 minutes; B's fails after 5.
const three = `
{"change":1,"patchset":1,"enqueued":1000,"finished":1600,"result":"succeeded","merged":true,"builds":[{"job":"unit","result":"SUCCESS","voting":true,"s":600}]}
{"change":2,"patchset":1,"enqueued":1000,"finished":1600,"result":"failed","merged":false,"builds":[{"job":"unit","result":"FAILURE","voting":true,"s":300}]}
{"change":3,"patchset":1,"enqueued":1000,"finished":1600,"result":"succeeded","merged":true,"builds":[{"job":"unit","result":"SUCCESS","voting":true,"s":600}]}
`

func parsed(t *testing.T, text string) Workload {
	t.Helper()
	load, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return load
}

func options() Options { return Options{Window: DefaultWindow(), Batch: 20} }

func summary(r Result) string {
	return fmt.Sprintf("merged %d in %s; builds %d, %d discarded; %.2f node-hours, %.2f discarded; ejected %d falsely, %d rightly; peak %d; %v",
		r.Merged, span(r.MakespanSeconds), r.BuildsStarted, r.BuildsDiscarded, r.NodeHours, r.NodeHoursDiscarded, r.FalseEjections, r.TrueEjections, r.NodesPeak, r.Restarts)
}

func TestPoliciesByHand(t *testing.T) {
	for name, want := range map[string]string{
		// C is reset when B fails after 5 minutes, and takes 10 again.
		"zuul":       "merged 2 in 15m00s; builds 4, 1 discarded; 0.50 node-hours, 0.08 discarded; ejected 0 falsely, 1 rightly; peak 3; map[a change ahead failed:1]",
		"optimistic": "merged 2 in 15m00s; builds 4, 1 discarded; 0.50 node-hours, 0.08 discarded; ejected 0 falsely, 1 rightly; peak 3; map[a change ahead failed:1]",
		"serial":     "merged 2 in 25m00s; builds 3, 0 discarded; 0.42 node-hours, 0.00 discarded; ejected 0 falsely, 1 rightly; peak 1; map[]",
		// A alone, as it came first; then B and C together for 10 minutes, then B for 5 and C for 10.
		"batch": "merged 2 in 35m00s; builds 4, 1 discarded; 0.58 node-hours, 0.17 discarded; ejected 0 falsely, 1 rightly; peak 1; map[a batch failed and is halved:1]",
		// A alone and, beside it, A and B: the batch fails with A's success. Then B alone and B and C: ...
		"tide":   "merged 2 in 25m00s; builds 5, 2 discarded; 0.67 node-hours, 0.25 discarded; ejected 0 falsely, 1 rightly; peak 2; map[a batch failed:1 a change of the batch failed alone:1]",
		"oracle": "merged 2 in 10m00s; builds 3, 0 discarded; 0.42 node-hours, 0.00 discarded; ejected 0 falsely, 1 rightly; peak 3; map[]",
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, summary(Simulate(parsed(t, three), name, options()))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// flaky is a good change whose first two passes failed with other jobs each.
const flaky = `
{"change":1,"patchset":1,"enqueued":1000,"finished":1600,"result":"failed","merged":true,"builds":[{"job":"unit","result":"FAILURE","voting":true,"s":600},{"job":"docs","result":"SUCCESS","voting":true,"s":60}]}
{"change":1,"patchset":1,"enqueued":2800,"finished":3400,"result":"failed","merged":true,"builds":[{"job":"unit","result":"SUCCESS","voting":true,"s":600},{"job":"docs","result":"TIMED_OUT","voting":true,"s":60}]}
{"change":1,"patchset":1,"enqueued":4600,"finished":5200,"result":"succeeded","merged":true,"builds":[{"job":"unit","result":"SUCCESS","voting":true,"s":600},{"job":"docs","result":"SUCCESS","voting":true}]}
`

func TestReplayOfAFlakyChange(t *testing.T) {
	load := parsed(t, flaky)
	if load.Back != 20*time.Minute {
		t.Errorf("it comes back after %v", load.Back)
	}
	for name, tc := range map[string]struct {
		retry int
		want  string
	}{
		// 10 minutes, back after 20, 10 minutes, back after 20, 10 minutes.
		"none": {0, "merged 1 in 1h10m; builds 6, 0 discarded; 0.55 node-hours, 0.00 discarded; ejected 2 falsely, 0 rightly; peak 2; map[]"},
		// The unit job is run again, and passes as it did in the second pass.
		"one": {1, "merged 1 in 20m00s; builds 3, 0 discarded; 0.35 node-hours, 0.00 discarded; ejected 0 falsely, 0 rightly; peak 2; map[a failed build is run again:1]"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Retry = tc.retry
			if diff := cmp.Diff(tc.want, summary(Simulate(load, "zuul", o))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// rescued is a flaky change with a good one behind it that runs the same job.
const rescued = `
{"change":1,"patchset":1,"enqueued":1000,"finished":1300,"result":"failed","merged":true,"builds":[{"job":"unit","result":"FAILURE","voting":true,"s":300}]}
{"change":1,"patchset":1,"enqueued":2500,"finished":3100,"result":"succeeded","merged":true,"builds":[{"job":"unit","result":"SUCCESS","voting":true,"s":600}]}
{"change":2,"patchset":1,"enqueued":1000,"finished":1600,"result":"succeeded","merged":true,"builds":[{"job":"unit","result":"SUCCESS","voting":true,"s":600}]}
`

func TestRescue(t *testing.T) {
	for name, tc := range map[string]struct {
		load, policy, want string
		rescued            int
	}{
		// The second starts anew after 5 minutes; the first comes back after 25 and takes 10.
		"without": {rescued, "zuul", "merged 2 in 35m00s; builds 4, 1 discarded; 0.50 node-hours, 0.08 discarded; ejected 1 falsely, 0 rightly; peak 2; map[a change ahead failed:1]", 0},
		// The second passes after 10 minutes, on top of the first.
		"with": {rescued, "zuul+rescue", "merged 2 in 10m00s; builds 2, 0 discarded; 0.25 node-hours, 0.00 discarded; ejected 0 falsely, 0 rightly; peak 2; map[]", 1},
		// B is bad: what C finds out after 10 minutes on top of it is that unit is broken.
		"bad": {three, "zuul+rescue", "merged 2 in 20m00s; builds 4, 1 discarded; 0.58 node-hours, 0.17 discarded; ejected 0 falsely, 1 rightly; peak 3; map[a change ahead failed:1]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			plain, o, ok := Variant(tc.policy, options())
			got := Simulate(parsed(t, tc.load), plain, o)
			if diff := cmp.Diff(tc.want, summary(got)); diff != "" || got.Rescued != tc.rescued || !ok {
				t.Errorf("%d rescued, %v, %s", got.Rescued, ok, diff)
			}
		})
	}
}

// TestBothOutcomes: B fails after 5 minutes, and again after 10. C, on A alone,
// then begins, or is halfway.
func TestBothOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		nodes int
		want  string
	}{
		"zuul+retry": {0, "merged 2 in 20m00s; builds 5, 1 discarded; 0.67 node-hours, 0.17 discarded; ejected 0 falsely, 1 rightly; peak 3; map[a change ahead failed:1 a failed build is run again:1]"},
		"zuul+both":  {0, "merged 2 in 15m00s; builds 5, 1 discarded; 0.67 node-hours, 0.17 discarded; ejected 0 falsely, 1 rightly; peak 4; map[a change ahead failed:1 a failed build is run again:1]"},
		// No node is idle: it begins when the others are done.
		"zuul+both ": {3, "merged 2 in 20m00s; builds 5, 1 discarded; 0.67 node-hours, 0.17 discarded; ejected 0 falsely, 1 rightly; peak 3; map[a change ahead failed:1 a failed build is run again:1]"},
	} {
		t.Run(name, func(t *testing.T) {
			plain, o, ok := Variant(strings.TrimSpace(name), options())
			o.Nodes = c.nodes
			if diff := cmp.Diff(c.want, summary(Simulate(parsed(t, three), plain, o))); diff != "" || !ok {
				t.Errorf("%v %s", ok, diff)
			}
		})
	}
}

// TestExpedite: what is urgent waits less, and nobody's build is run again for it.
func TestExpedite(t *testing.T) {
	text := ""
	for n := range 30 {
		text += fmt.Sprintf(`{"change":%d,"patchset":1,"enqueued":%d,"finished":9000,"result":"succeeded","merged":true,"builds":[{"job":"unit","result":"SUCCESS","voting":true,"s":600}]}`+"\n", n+1, 1000+n)
	}
	load := parsed(t, text).Urgent(0.1, 3)
	o := options()
	o.Window = gate.Window{Size: 5, Floor: 5, Ceiling: 5, IncreaseLinear: true, IncreaseBy: 1, DecreaseBy: 2}
	plain := Simulate(load, "zuul", o)
	_, o, _ = Variant("zuul+expedite", o)
	passing := Simulate(load, "zuul", o)
	if plain.Urgent == nil || passing.Urgent == nil || passing.Urgent.P95 >= plain.Urgent.P95 || passing.BuildsStarted != 30 || len(passing.Restarts) != 0 {
		t.Errorf("without: %+v %s\nwith: %+v %s", plain.Urgent, summary(plain), passing.Urgent, summary(passing))
	}
}

func TestVariants(t *testing.T) {
	for name, want := range map[string]bool{"zuul": true, "serial+retry": true, "zuul+retry+rescue": true, "optimistic+rescue": true, "zuul+both": true, "batch+both": false,
		"serial+rescue": false, "zuul+": false, "zuul+magic": false, "zuul+retry+": false} {
		if _, _, ok := Variant(name, Options{}); ok != want {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

func TestNodesAreShared(t *testing.T) {
	o := options()
	o.Nodes = 1
	got := Simulate(parsed(t, three), "zuul", o)
	want := "merged 2 in 25m00s; builds 3, 0 discarded; 0.42 node-hours, 0.00 discarded; ejected 0 falsely, 1 rightly; peak 1; map[a change ahead failed:1]"
	if diff := cmp.Diff(want, summary(got)); diff != "" {
		t.Error(diff)
	}
}

func TestTracesThatAreWrong(t *testing.T) {
	good := `{"change":1,"patchset":1,"enqueued":1000,"finished":1600,"result":"succeeded","merged":true,"builds":[]}`
	for name, tc := range map[string]struct{ text, want string }{
		"empty":         {" \n\n", "the trace is empty"},
		"not JSON":      {good + "\nhello\n", "line 2 is no pass"},
		"a list":        {"[]", "line 1 is no pass"},
		"no change":     {`{"result":"failed"}`, "line 1: change 0, patchset 0"},
		"no time":       {`{"change":1,"patchset":1,"result":"failed"}`, "line 1: `enqueued` is 0"},
		"other result":  {`{"change":1,"patchset":1,"enqueued":5,"result":"maybe"}`, "must be succeeded or failed"},
		"negative time": {`{"change":1,"patchset":1,"enqueued":5,"result":"failed","builds":[{"job":"a","s":-1}]}`, "job a ran for -1 seconds"},
		"no job":        {`{"change":1,"patchset":1,"enqueued":5,"result":"failed","builds":[{"s":1}]}`, "a build has no `job`"},
		"a huge line":   {strings.Repeat(" ", maxLine+1) + good, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// TestOddTraces are played to their end all the same.
func TestOddTraces(t *testing.T) {
	for name, text := range map[string]string{
		"no builds":               `{"change":1,"patchset":1,"enqueued":5,"result":"failed","merged":false,"builds":[]}`,
		"no builds and merged":    `{"change":1,"patchset":1,"enqueued":5,"result":"failed","merged":true}`,
		"failed without failure":  `{"change":1,"patchset":1,"enqueued":5,"result":"failed","builds":[{"job":"a","result":"SUCCESS","voting":true}]}`,
		"only non-voting":         `{"change":1,"patchset":1,"enqueued":5,"result":"failed","builds":[{"job":"a","result":"FAILURE","voting":false,"s":5}]}`,
		"succeeded, never merged": `{"change":1,"patchset":1,"enqueued":5,"result":"succeeded","merged":false,"builds":[{"job":"a","result":"FAILURE","voting":false,"s":5}]}`,
		"a job twice":             `{"change":1,"patchset":1,"enqueued":5,"result":"failed","builds":[{"job":"a","result":"FAILURE"},{"job":"a","result":"SUCCESS"}]}`,
		"other fields":            `{"change":1,"patchset":1,"enqueued":5,"x":[],"result":"succeeded","builds":[{"job":"a","result":"SUCCESS","s":0,"y":1}]}`,
		"finished before":         `{"change":1,"patchset":1,"enqueued":50,"finished":5,"result":"failed","merged":true,"builds":[{"job":"a","result":"FAILURE"}]}`,
	} {
		for _, policy := range Names() {
			t.Run(name+"/"+policy, func(t *testing.T) {
				load := parsed(t, text)
				got := Simulate(load, policy, options())
				if f := load.Facts(); got.Merged != f.Good || got.TrueEjections != f.Bad {
					t.Errorf("%+v: %s", f, summary(got))
				}
			})
		}
	}
}

// TestEveryPolicy: whatever comes, all good changes merge, no bad one does, the
// nodes suffice, what is discarded was started, and the oracle discards nothing.
func TestEveryPolicy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Synthetic{N: rapid.IntRange(1, 40).Draw(t, "n"), Rate: rapid.Float64Range(0.1, 500).Draw(t, "rate"),
			Bad: rapid.Float64Range(0, 0.6).Draw(t, "bad"), Flake: rapid.Float64Range(0, 0.6).Draw(t, "flake"),
			Jobs: []SyntheticJob{{"a", time.Minute}, {"b", 10 * time.Minute}}, Back: time.Duration(rapid.IntRange(0, 3600).Draw(t, "back")) * time.Second}
		load := s.Workload(rapid.Uint64().Draw(t, "seed")).Urgent(0.2, 5)
		o := options()
		o.Window.Size = rapid.IntRange(0, 5).Draw(t, "window")
		o.Nodes, o.Retry, o.Batch = rapid.IntRange(0, 4).Draw(t, "nodes"), rapid.IntRange(0, 3).Draw(t, "retry"), rapid.IntRange(1, 6).Draw(t, "batch")
		f := load.Facts()
		for _, name := range append(Names(), "zuul+rescue", "optimistic+retry+rescue", "zuul+expedite", "zuul+rescue+expedite") {
			plain, with, _ := Variant(name, o)
			r := Simulate(load, plain, with)
			switch {
			case r.Merged != f.Good || r.TrueEjections != f.Bad:
				t.Fatalf("%s: %s of %+v", name, summary(r), f)
			case o.Nodes > 0 && r.NodesPeak > o.Nodes:
				t.Fatalf("%s: %d nodes of %d", name, r.NodesPeak, o.Nodes)
			case r.BuildsDiscarded > r.BuildsStarted || r.NodeHoursDiscarded > r.NodeHours+0.001:
				t.Fatalf("%s: %s", name, summary(r))
			case name == "oracle" && (r.BuildsDiscarded > 0 || r.FalseEjections > 0):
				t.Fatalf("the oracle: %s", summary(r))
			}
		}
		if diff := cmp.Diff(Simulate(load, "zuul", o), Simulate(load, "zuul", o)); diff != "" {
			t.Fatalf("twice the same differs:\n%s", diff)
		}
	})
}

// TestRecordedTrace plays the years that were recorded. That a failed build is
// run again once takes nine of ten false ejections away, and costs less.
func TestRecordedTrace(t *testing.T) {
	shared := os.Getenv("GOZER_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	file, err := os.Open(filepath.Join(shared, "traces/gate-2014-2020.jsonl"))
	if err != nil {
		t.Fatalf("%v; GOZER_SHARED says where the recorded data is", err)
	}
	defer file.Close()
	load, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	plain := Simulate(load, "zuul", options())
	o := options()
	o.Retry = 1
	retried := Simulate(load, "zuul", o)
	if f := load.Facts(); plain.Merged != f.Good || retried.Merged != f.Good {
		t.Errorf("%d and %d merged of %+v", plain.Merged, retried.Merged, f)
	}
	_, o, _ = Variant("zuul+retry+rescue", options())
	if both := Simulate(load, "zuul", o); both.Rescued == 0 || both.FalseEjections >= retried.FalseEjections {
		t.Errorf("rescued as well: %s", summary(both))
	}
	if 10*retried.FalseEjections > plain.FalseEjections || retried.NodeHours > 1.05*plain.NodeHours {
		t.Errorf("without: %s\nwith: %s", summary(plain), summary(retried))
	}
}

func TestSyntheticThatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"n":                "is not of the form key=value",
		"n=0":              "a number from 1 to 1000000",
		"rate=fast":        "changes an hour",
		"rate=NaN":         "changes an hour",
		"p_fail=1":         "a share from 0 to 0.99",
		"p_flake=NaN":      "a share from 0 to 0.99",
		"jobs=0":           "1 to 1000",
		"jobs=unit":        "jobs with durations",
		"back=soon":        "a duration is needed",
		"color=red,n=5":    `"color" is not known; the keys are n, rate`,
		"jobs=unit:10m+:5": "jobs with durations",
	} {
		if _, err := ParseSynthetic(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	s, err := ParseSynthetic("n=7, rate=60/h,jobs=unit:10m+lint:90s,p_fail=0.5")
	if err != nil || s.N != 7 || s.Rate != 60 || len(s.Jobs) != 2 || s.Jobs[1].Takes != 90*time.Second || s.Bad != 0.5 {
		t.Errorf("%+v, %v", s, err)
	}
}
