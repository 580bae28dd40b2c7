package tenantfile

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the expected outcome in testdata")

const line = "----\n"

// golden compares what is below the line of dashes in every file of a folder
// with what do makes of what is above it.
func golden(t *testing.T, pattern string, do func(input string) string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no files %s: %v", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(raw), line)
			got := do(input)
			if *update {
				if err := os.WriteFile(file, []byte(input+line+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the outcome changed (-want +got); -update accepts it:\n%s", diff)
			}
		})
	}
}

func TestParse(t *testing.T) {
	golden(t, "testdata/parse/*.txt", func(input string) string {
		f, errs := Parse([]byte(input))
		return dump(t, f) + list(errs)
	})
}

func TestParseConnections(t *testing.T) {
	golden(t, "testdata/connections/*.txt", func(input string) string {
		found, errs := ParseConnections([]byte(input))
		var b strings.Builder
		for _, c := range found {
			fmt.Fprintf(&b, "%d: %s: driver %s, host %q, URL %q\n", c.Line, c.Name, c.Driver, c.Hostname, c.URL)
		}
		return b.String() + list(errs)
	})
}

// list of errors; what is wrong with a regular expression is another package's word.
func list(errs []Error) string {
	var b strings.Builder
	for _, e := range errs {
		text, _, _ := strings.Cut(e.Error(), "is not a regular expression:")
		fmt.Fprintln(&b, "error:", text)
	}
	return b.String()
}

// dump writes what is not a default, so that goldens show what matters.
func dump(t *testing.T, f *File) string {
	t.Helper()
	if f == nil {
		return "no file\n"
	}
	raw, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]any{"MaxNodesPerJob": 5.0, "MaxJobTimeout": 10800.0, "DefaultParent": "base"}
	prune(v, defaults, false)
	out, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// prune drops what was not given and what is a default.
func prune(v any, defaults map[string]any, trusted bool) {
	// The lists that a project is in say whether it is trusted; its own keys have no lists of projects.
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			_, isText := value.(string)
			if value == nil || isText && value == "" || value == false && v["Sources"] != nil || defaults[key] != nil && defaults[key] == value {
				delete(v, key)
				continue
			}
			prune(value, defaults, key == "ConfigProjects")
			if key == "Include" && reflect.DeepEqual(value, anys(DefaultClasses(trusted))) {
				delete(v, key)
			}
		}
	case []any:
		for _, value := range v {
			prune(value, defaults, trusted)
		}
	}
}

func anys(list []string) []any {
	out := []any{}
	for _, s := range list {
		out = append(out, s)
	}
	return out
}
