package returned

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, text string) Results {
	t.Helper()
	r, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAdd(t *testing.T) {
	r := parse(t, `{"data": {"a": {"x": 1, "y": [1]}, "zuul": {"log_url": "one", "pause": true, "warnings": ["w1"], "artifacts": [{"name": "a", "url": "u"}],
		"file_comments": {"f": [1], "g": [2]}}}, "secret_data": {"s": 1}}`)
	r.Add(parse(t, `{"data": {"a": {"y": [2], "z": 12345678901234567890}, "zuul": {"log_url": "two", "warnings": ["w2"], "artifacts": [{"name": "b", "url": "v"}],
		"file_comments": {"f": [3]}}}, "secret_data": {"t": 2}}`))
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"data":{"a":{"x":1,"y":[2],"z":12345678901234567890},"zuul":{"artifacts":[{"name":"a","url":"u"},{"name":"b","url":"v"}],` +
		`"file_comments":{"f":[1,3],"g":[2]},"log_url":"two","pause":true,"warnings":["w1","w2"]}},"secret_data":{"s":1,"t":2}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"a": r.Data["a"]}, Vars(r.Data)); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestSummary(t *testing.T) {
	long := strings.Repeat("x", 5000)
	got := parse(t, `{"data": {"zuul": {"child_jobs": ["one", 2, "`+long+`"], "log_url": "https://logs/1", "warnings": ["careful", {"no": "text"}],
		"artifacts": [{"name": "image", "url": "docker://x", "metadata": {"type": "container"}}, {"name": "no url"}, {"name": "docs", "url": "docs/x.html"}, "text"]}}}`).Summary()
	if n := len((*got.ChildJobs)[1]); n > maxText {
		t.Errorf("a name has %d bytes", n)
	}
	*got.ChildJobs = (*got.ChildJobs)[:1]
	want := Summary{ChildJobs: &[]string{"one"}, LogURL: "https://logs/1", Warnings: []string{"careful"},
		Artifacts: []Artifact{{Name: "image", URL: "docker://x", Metadata: json.RawMessage(`{"type":"container"}`)}, {Name: "docs", URL: "https://logs/1/docs/x.html"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s := parse(t, `{"data": {"zuul": {"child_jobs": []}}}`).Summary(); s.ChildJobs == nil || len(*s.ChildJobs) != 0 {
		t.Error("an empty list is not the same as none")
	}
	if s := parse(t, `{"data": {"zuul": "text"}}`).Summary(); s.ChildJobs != nil {
		t.Error("no list restricts")
	}
}

// TestFileComments: what has another form than it should is left out.
func TestFileComments(t *testing.T) {
	r := parse(t, `{"data": {"zuul": {"file_comments": {
		"b.py": [{"line": 3, "message": "unused", "level": "warning"}, {"message": "whole file"}, {"line": -1, "message": "odd", "level": "loud"}, {"line": 1}, "text"],
		"a.py": [{"message": "a range", "range": {"start_line": 7, "end_line": 9}, "level": "error"}],
		"": [{"message": "nowhere"}], "c.py": "no list"}}}}`)
	want := []FileComment{
		{Path: "a.py", Line: 7, Level: "error", Message: "a range"},
		{Path: "b.py", Line: 3, Level: "warning", Message: "unused"}, {Path: "b.py", Message: "whole file"}, {Path: "b.py", Message: "odd"},
	}
	if diff := cmp.Diff(want, r.Summary().FileComments); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSummaryIsBounded: all annotations of an object have 256 KiB.
func TestSummaryIsBounded(t *testing.T) {
	var warnings, artifacts []any
	for range 200 {
		warnings = append(warnings, strings.Repeat("<", maxText))
		artifacts = append(artifacts, map[string]any{"name": "<", "url": strings.Repeat("&", maxText), "metadata": "x"})
	}
	s := Results{Data: map[string]any{"zuul": map[string]any{"child_jobs": []any{"a"}, "warnings": warnings, "artifacts": artifacts}}}.Summary()
	raw, err := json.Marshal(s)
	if err != nil || len(raw) > maxSummary || len(s.Warnings) == 0 || s.ChildJobs == nil {
		t.Errorf("%d bytes, %d warnings, %v", len(raw), len(s.Warnings), err)
	}
}

// TestJSON: what may be handed over can be sent.
func TestJSON(t *testing.T) {
	r := Results{Data: map[string]any{"a": strings.Repeat("<", MaxBytes-100)}}
	raw, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(raw); err != nil {
		t.Error(err)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{"no JSON": "data", "a list": "[]", "too much": `{"data": {"a": "` + strings.Repeat("x", MaxBytes) + `"}}`, "data is no object": `{"data": 1}`} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestSet(t *testing.T) {
	into := map[string]any{}
	for _, kv := range [][2]string{{"version", "1.2.3"}, {"zuul.log_url", "https://x"}, {"zuul.child_jobs", `["a"]`}, {"n", "12"}, {"t", "12 apples"}, {"a.b.c", "true"}} {
		if err := Set(into, kv[0], kv[1]); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{"version": "1.2.3", "zuul": map[string]any{"log_url": "https://x", "child_jobs": []any{"a"}}, "n": json.Number("12"), "t": "12 apples",
		"a": map[string]any{"b": map[string]any{"c": true}}}
	if diff := cmp.Diff(want, into); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, key := range []string{"", ".", "a.", ".a"} {
		if Set(into, key, "1") == nil {
			t.Errorf("the key %q was taken", key)
		}
	}
}

// The link stands in comments on the code host.
func TestLogURL(t *testing.T) {
	for given, want := range map[string]string{
		"https://logs.example/1/?a=b#c":          "https://logs.example/1/?a=b#c",
		"http://logs.example/a b":                "http://logs.example/a%20b",
		"https://logs.example/x) [y](z":          "https://logs.example/x%29%20%5By%5D%28z",
		"javascript:alert(1)":                    "",
		"//logs.example":                         "",
		"https://user:pw@logs.example":           "",
		"logs/1":                                 "",
		"https://x/" + strings.Repeat("x", 2000): "",
	} {
		r := Results{Data: map[string]any{"zuul": map[string]any{"log_url": given}}}
		if got := r.Summary().LogURL; got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}
