//go:build !race

package oracle

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/confview"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/offline"
	"github.com/gozer-dev/gozer/internal/testkit/corpus"
)

// recording is one tenant that was recorded.
type recording struct {
	file, tenant, connections, branchFile string
	roots, branches                       []string
}

func recordings() map[string]recording {
	out := map[string]recording{
		"openstack": {"corpus/openstack/project-config/zuul/main.yaml", "openstack", "opendev.conf", "", []string{"corpus", "corpus/standins"}, []string{"master", "stable/2024.1"}},
		"openstack-branches": {"corpus/openstack/project-config/zuul/main.yaml", "openstack", "opendev.conf", "corpus/branches/branches.json",
			[]string{"corpus", "corpus/branches", "corpus/standins"}, []string{"master", "stable/2025.1", "stable/2026.1"}},
	}
	for _, t := range []string{"ansible", "ansible-legacy"} {
		out[t] = recording{"corpus/standins/ansible-main.yaml", t, "ansible.conf", "", []string{"corpus", "corpus/standins"}, []string{"master"}}
	}
	for _, t := range []string{"otc", "otc-gl", "acme-aws", "acme-gitlab", "gerrit"} {
		out[t] = recording{"corpus/standins/small-main.yaml", t, "small.conf", "", []string{"corpus", "corpus/standins"}, []string{"master"}}
	}
	return out
}

func (r recording) load(t *testing.T, dir string) *layout.Layout {
	t.Helper()
	o := offline.Options{TenantFile: filepath.Join(dir, r.file), Connections: filepath.Join(dir, "corpus/standins", r.connections)}
	if r.branchFile != "" {
		o.Branches = filepath.Join(dir, r.branchFile)
	}
	for _, root := range r.roots {
		o.Roots = append(o.Roots, filepath.Join(dir, root))
	}
	s, err := offline.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Load(r.tenant)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestErrors compares the errors of each tenant by place, kind and object. The
// texts differ: ours say what to do.
func TestRecordedErrors(t *testing.T) {
	dir := corpus.Dir(t)
	for name, r := range recordings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			count := map[string]int{}
			total := 0
			for line := range lines(t, filepath.Join(dir, "oracle", name, "errors.jsonl")) {
				var want confview.ErrorRecord
				decode(t, line, &want)
				count[place(want)]++
				total++
			}
			for _, got := range confview.Errors(r.load(t, dir).Errors()) {
				count[place(got)]--
			}
			for what, n := range count {
				if n != 0 {
					t.Errorf("told by Zuul %+d times more often than by Gozer: %s", n, what)
				}
			}
			t.Logf("%d errors compared", total)
		})
	}
}

func place(r confview.ErrorRecord) string {
	raw, _ := json.Marshal([]any{r.Project, r.Branch, r.Path, r.Line, r.Severity, r.Name, r.Stanza, r.Item, r.Attr})
	return string(raw)
}

// TestJobs compares the frozen jobs of every project, pipeline and branch.
func TestRecordedJobs(t *testing.T) {
	dir := corpus.Dir(t)
	for name, r := range recordings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := r.freeze(t, dir)
			records, jobs := 0, 0
			for line := range lines(t, filepath.Join(dir, "oracle", name, "jobs.jsonl")) {
				var want map[string]any
				decode(t, line, &want)
				key := fmt.Sprintf("%v %v %v", want["project"], want["pipeline"], want["branch"])
				records++
				list, _ := want["jobs"].([]any)
				jobs += len(list)
				if why := differs(want, got[key]); why != "" && !t.Failed() {
					t.Errorf("%s: %s", key, why)
				}
				delete(got, key)
			}
			for key := range got {
				t.Errorf("Zuul has no record of %s", key)
				break
			}
			t.Logf("%d records with %d jobs compared", records, jobs)
		})
	}
}

// freeze gives the records as JSON values, by project, pipeline and branch.
func (r recording) freeze(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	l := r.load(t, dir)
	cache := &jobgraph.Cache{}
	out := map[string]map[string]any{}
	for _, p := range l.Projects {
		for _, pl := range l.Pipelines() {
			for _, b := range r.branches {
				record, ok := confview.Jobs(l, cache, p, pl, b, nil)
				if !ok {
					continue
				}
				raw, err := json.Marshal(record)
				if err != nil {
					t.Fatal(err)
				}
				var v map[string]any
				decode(t, raw, &v)
				out[fmt.Sprintf("%s %s %s", record.Project, record.Pipeline, record.Branch)] = v
			}
		}
	}
	return out
}

// differs says in which field two records differ; empty if they are equal.
func differs(want, got map[string]any) string {
	switch {
	case got == nil:
		return "Gozer has no record"
	case (want["error"] == nil) != (got["error"] == nil):
		return fmt.Sprintf("the error is %v, want %v", got["error"], want["error"])
	}
	return unequal("jobs", want["jobs"], got["jobs"])
}

// internalKeys are put by Zuul into variables that look like an object of its
// language; they are no part of the configuration.
var internalKeys = []string{"_source_context", "_start_mark"}

// unequal names the first field that differs. What is missing is the same as what is empty.
func unequal(at string, want, got any) string {
	if isEmpty(want) && isEmpty(got) {
		return ""
	}
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for k, v := range w {
			if slices.Contains(internalKeys, k) {
				continue
			}
			if why := unequal(at+"."+k, v, g[k]); why != "" {
				return why
			}
		}
		for k, v := range g {
			if _, known := w[k]; !known && !isEmpty(v) {
				return fmt.Sprintf("%s.%s is %v, want nothing", at, k, v)
			}
		}
		return ""
	case []any:
		g, _ := got.([]any)
		if len(w) != len(g) {
			return fmt.Sprintf("%s has %d entries, want %d", at, len(g), len(w))
		}
		for i := range w {
			if why := unequal(fmt.Sprintf("%s[%d]", at, i), w[i], g[i]); why != "" {
				return why
			}
		}
		return ""
	}
	if want != got {
		return fmt.Sprintf("%s is %v, want %v", at, got, want)
	}
	return ""
}

func isEmpty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case bool:
		return !x
	case string:
		return x == ""
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}

func decode(t *testing.T, line []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(line, to); err != nil {
		t.Fatalf("%v in %.200s", err, line)
	}
}

// lines of a file, which may be compressed.
func lines(t *testing.T, path string) func(func([]byte) bool) {
	t.Helper()
	f, err := os.Open(path)
	var r io.Reader = f
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = os.Open(path + ".gz"); err == nil {
			r, err = gzip.NewReader(f)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return func(yield func([]byte) bool) {
		s := bufio.NewScanner(r)
		s.Buffer(nil, 64<<20)
		for s.Scan() {
			if line := s.Bytes(); strings.TrimSpace(string(line)) != "" && !yield(line) {
				return
			}
		}
		if err := s.Err(); err != nil {
			t.Error(err)
		}
	}
}
