package statusview

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/statusview/statusviewtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s changed (-want +got); -update accepts it:\n%s", file, diff)
	}
}

func story() Facts {
	s := statusviewtest.Story()
	return Facts{Tenant: "acme", Now: statusviewtest.Now, Queues: s.Queues, Items: s.Items, BuildSets: s.BuildSets, Builds: s.Builds, NodeRequests: s.NodeRequests}
}

func TestText(t *testing.T) {
	all := New(story(), "")
	golden(t, "status.txt", all.Text(Style{}))
	golden(t, "status_color.txt", all.Text(Style{Color: true}))
	golden(t, "status_narrow.txt", all.Text(Style{Width: 80}))
	golden(t, "status_gate.txt", New(story(), "gate").Text(Style{}))
	golden(t, "status_no_times.txt", all.Text(Style{NoTimes: true}))
	golden(t, "status_none.txt", New(Facts{Tenant: "acme", Now: statusviewtest.Now}, "").Text(Style{}))
}

func TestJSON(t *testing.T) {
	raw, err := json.MarshalIndent(New(story(), "gate"), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "status.json", string(raw)+"\n")
}

// Without times, a picture changes only when something other than time did.
func TestNoTimesIsStable(t *testing.T) {
	later := story()
	later.Now = later.Now.Add(90 * time.Second)
	if diff := cmp.Diff(New(story(), "").Text(Style{NoTimes: true}), New(later, "").Text(Style{NoTimes: true})); diff != "" {
		t.Errorf("(-now +later):\n%s", diff)
	}
}

func TestExplain(t *testing.T) {
	f := story()
	refusals := Refusals(statusviewtest.Events(), "acme", gozer.ChangeRef{Project: gozer.ProjectRef{Name: "acme/web"}, Number: 8})
	for _, i := range f.Items {
		c := i.Spec.Changes[0]
		golden(t, "explain_"+i.Name+".txt", Explain(f, i.Name, Refusals(statusviewtest.Events(), "acme", c), Style{}))
	}
	golden(t, "explain_refused.txt", ExplainRefusals("acme/web#8", "acme", refusals, statusviewtest.Now, Style{}))
	if got := Explain(f, "nobody", nil, Style{}); got != "" {
		t.Errorf("an item that is not there: %q", got)
	}
}

// TestExplainWhatAnotherPipelineRefused: who asks about a change that was checked
// wants to know why the gate has not taken it.
func TestExplainWhatAnotherPipelineRefused(t *testing.T) {
	at := func(minute int) metav1.MicroTime {
		return metav1.NewMicroTime(time.Date(2026, 1, 1, 10, minute, 0, 0, time.UTC))
	}
	item := func(pipeline string, minute int) gozer.QueueItem {
		change := gozer.ChangeRef{Project: gozer.ProjectRef{Connection: "hub", Name: "acme/api"}, Number: 7}
		return gozer.QueueItem{ObjectMeta: metav1.ObjectMeta{Name: pipeline}, Spec: gozer.QueueItemSpec{
			Pipeline: pipeline, Changes: []gozer.ChangeRef{change}, EnqueuedAt: at(minute)}}
	}
	refusals := []Refusal{{Time: at(5).Time, Pipeline: "gate", Event: "pull_request_review submitted", Message: "the required check license has not succeeded"}}
	const want = "gate did not take it on pull_request_review submitted: the required check license has not succeeded"
	for name, tc := range map[string]struct {
		items []gozer.QueueItem
		told  bool
	}{
		"only checked":            {[]gozer.QueueItem{item("check", 1)}, true},
		"was in the gate before":  {[]gozer.QueueItem{item("check", 1), item("gate", 2)}, true},
		"is in the gate by now":   {[]gozer.QueueItem{item("check", 1), item("gate", 6)}, false},
		"another is, which needs": {[]gozer.QueueItem{item("check", 1), func() gozer.QueueItem { i := item("gate", 6); i.Spec.Changes[0].Number = 8; return i }()}, true},
	} {
		got := Explain(Facts{Items: tc.items, Now: at(9).Time}, "check", refusals, Style{})
		if strings.Contains(got, want) != tc.told {
			t.Errorf("%s: told is to be %t:\n%s", name, tc.told, got)
		}
	}
}

// Text of strangers cannot draw on the terminal.
func TestHostileText(t *testing.T) {
	const evil = "\x1b[2J\x1b]0;title\a\u202eflip\r\nline\x9b31m"
	f := story()
	raw, err := yaml.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	quoted, _ := json.Marshal(evil)
	inside := strings.Trim(string(quoted), `"`)
	asJSON, err := yaml.YAMLToJSON(raw)
	if err != nil {
		t.Fatal(err)
	}
	text := string(asJSON)
	for _, word := range []string{"wait for it", "unit", "main", "FAILURE: ", "acme/api", "web_test.go"} {
		text = strings.ReplaceAll(text, word, word+inside)
	}
	var bad Facts
	if err := json.Unmarshal([]byte(text), &bad); err != nil {
		t.Fatal(err)
	}
	out := New(bad, "").Text(Style{})
	for _, i := range bad.Items {
		out += Explain(bad, i.Name, Refusals(statusviewtest.Events(), "acme", gozer.ChangeRef{Project: gozer.ProjectRef{Name: "acme/web"}, Number: 8}), Style{})
	}
	for _, r := range []string{"\x1b", "\a", "\u202e", "\r", "\u009b", "\x9b"} {
		if strings.Contains(out, r) {
			t.Errorf("%q came through", r)
		}
	}
	if !strings.Contains(out, "flip line") {
		t.Error("the text is gone altogether")
	}
}

// Objects that are half written, or gone, do not break the picture.
func TestIncomplete(*testing.T) {
	f := story()
	for _, drop := range []func(*Facts){
		func(f *Facts) { f.Items = f.Items[:2] },
		func(f *Facts) { f.BuildSets = nil },
		func(f *Facts) { f.Builds = nil },
		func(f *Facts) { f.Queues = nil },
		func(f *Facts) {
			f.Queues = []gozer.ChangeQueue{{Status: gozer.ChangeQueueStatus{Items: []gozer.QueueEntry{{Item: "x", Ahead: "y"}, {Item: "y", Ahead: "x"}}}}}
			f.Items = []gozer.QueueItem{{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, {ObjectMeta: metav1.ObjectMeta{Name: "y"}}}
		},
	} {
		g := f
		drop(&g)
		_ = New(g, "").Text(Style{Color: true})
		for _, i := range f.Items {
			_ = Explain(g, i.Name, nil, Style{})
		}
	}
}

func TestShort(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a/b#1": "a/b#1", "a/b#1 a/b#2 c/d#3 a/b#4": "a/b#1 #2 c/d#3 a/b#4",
		"a#1 a#2 a#3 a#4 a#5 a#6 a#7": "a#1 #2 … a#7 (7 changes)",
	} {
		if got := short(strings.Fields(in)); got != want {
			t.Errorf("short(%q) = %q, want %q", in, got, want)
		}
	}
}
