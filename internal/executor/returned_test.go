package executor

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// takeResults is a manager that is away for the first requests.
func (w *world) takeResults(away int) func() string {
	w.t.Helper()
	var mu sync.Mutex
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if away--; away >= 0 {
			http.Error(rw, "starting", http.StatusServiceUnavailable)
			return
		}
		token, _ := os.ReadFile(w.opts.LogTokenFile)
		if r.Method != http.MethodPut || r.Header.Get("Authorization") != "Bearer "+string(token) {
			http.Error(rw, "no", http.StatusUnauthorized)
			return
		}
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			w.t.Error(err)
		}
		got = string(raw)
		rw.WriteHeader(http.StatusNoContent)
	}))
	w.t.Cleanup(srv.Close)
	w.spec.ResultURL = srv.URL + "/results"
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

// TestReturn: playbooks and scripts of one job hand over one result, and jobs
// after it have it as variables, of which secret ones are not shown.
func TestReturn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withAnsible()
	got := w.takeResults(3)
	w.project(map[string]file{
		"pre.yaml": text(`
- hosts: all
  gather_facts: false
  tasks:
    - zuul_return:
        data: {tag: "{{ version }}", nested: {a: 1}, zuul: {warnings: [first], artifacts: [{name: image, url: "docker://x"}]}}
        secret_data: {token: geheim-4711}
    - zuul_return: {data: {nested: {b: 2}, zuul: {warnings: [second]}}}
    - debug: {msg: "from the parent {{ color }}, {{ size }}, {{ passed | length }}"}
    - shell: echo {{ passed }}
`),
		"run.sh": script(`cat > "$GOZER_RESULTS" <<'EOF'
{"data": {"nested": {"c": 3}, "zuul": {"warnings": ["third"]}}}
EOF
`),
	})
	parents := filepath.Join(w.dir, "parents")
	if err := os.Mkdir(parents, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"0000.json": `{"data": {"color": "red", "size": "small", "version": "old", "zuul": {"log_url": "x"}}, "secret_data": {"passed": "word-word-word"}}`,
		"0001.json": `{"data": {"color": "blue"}}`,
	} {
		if err := os.WriteFile(filepath.Join(parents, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.opts.ParentsDir = parents
	w.spec.Vars = map[string]any{"version": "1.2"}
	w.spec.PreRun, w.spec.Run = w.playbooks("pre.yaml"), w.playbooks("run.sh")
	out, log := w.run()
	if diff := cmp.Diff(buildspec.Outcome{Result: model.Success, Returned: true}, out, ignoreLog); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	wants(t, log, []string{"from the parent blue, small, 14", "node-1 | ***"}, []string{"word-word-word", "geheim-4711"})
	want := `{"data":{"nested":{"a":1,"b":2,"c":3},"tag":"1.2","zuul":{"artifacts":[{"name":"image","url":"docker://x"}],"warnings":["first","second","third"]}},"secret_data":{"token":"geheim-4711"}}`
	if diff := cmp.Diff(normal(t, want), normal(t, got())); diff != "" {
		t.Errorf("handed over (-want +got):\n%s", diff)
	}
}

func normal(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// What a node has in the file is from strangers.
func TestReturnedNonsense(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"no JSON": `echo nonsense`, "endless": `head -c 3000000 /dev/zero`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			got := w.takeResults(0)
			w.project(map[string]file{"run.sh": script(content + ` > "$GOZER_RESULTS"` + "\n")})
			w.spec.Run = w.playbooks("run.sh")
			out, _ := w.run()
			if out.Result != model.BuildError || out.Returned || got() != "" {
				t.Errorf("outcome %+v, handed over %q", out, got())
			}
		})
	}
}

// TestReturnedAreNotDelivered: jobs after it lack what a job returned, so a success
// is tried again; a failure stays one.
func TestReturnedAreNotDelivered(t *testing.T) {
	t.Parallel()
	for end, want := range map[string]model.BuildResult{"true": model.Retry, "false": model.Failure} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			got := w.takeResults(1 << 30)
			w.opts.LogGiveUp = 300 * time.Millisecond
			w.project(map[string]file{"run.sh": script(`echo '{"data": {"a": 1}}' > "$GOZER_RESULTS"; ` + end + "\n")})
			w.spec.Run = w.playbooks("run.sh")
			out, log := w.run()
			if out.Result != want || out.Returned || got() != "" {
				t.Errorf("outcome %+v, handed over %q", out, got())
			}
			wants(t, log, []string{"What the job returned was not delivered"}, nil)
		})
	}
}

// TestIncludeVars: files count more than what parents returned, later ones more
// than earlier ones, and what the job says most.
func TestIncludeVars(t *testing.T) {
	t.Parallel()
	vars := map[string]file{
		"run.sh": script(`cat "$ZUUL_VARS_FILE"` + "\n"),
		"a.yaml": text("{a: file, b: file, deep: {x: 1, y: 1}, large: 12345678901234567890}\n"), "b.yaml": text("b: later\ndeep: {y: 2}\n"),
		"list.yaml": text("[1]\n"), "broken.yaml": text("a: [\n"), "link.yaml": {link: "/etc/hostname"}, "empty.yaml": text(""),
	}
	for name, tc := range map[string]struct {
		files []string
		want  model.BuildResult
		says  string
	}{
		"in order":          {[]string{"a.yaml", "missing.yaml", "empty.yaml", "b.yaml"}, model.Success, ""},
		"required":          {[]string{"missing.yaml!"}, model.BuildError, "Required vars file missing.yaml not found"},
		"a list":            {[]string{"list.yaml"}, model.BuildError, "not a mapping"},
		"broken":            {[]string{"broken.yaml"}, model.BuildError, "no YAML"},
		"out of repository": {[]string{"link.yaml"}, model.BuildError, "link.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.project(vars)
			w.spec.Run = w.playbooks("run.sh")
			c := w.spec.Projects[0]
			for _, f := range tc.files {
				path, required := strings.CutSuffix(f, "!")
				w.spec.IncludeVars = append(w.spec.IncludeVars, buildspec.IncludeVars{Path: path, Project: c.Project, Branch: c.Branch, Commit: c.Commit, Required: required})
			}
			w.spec.Vars = map[string]any{"a": "job"}
			out, log := w.run()
			if out.Result != tc.want || !strings.Contains(out.Reason, tc.says) {
				t.Errorf("outcome %+v, want %s: %s", out, tc.want, tc.says)
			}
			if tc.want == model.Success {
				wants(t, log, []string{`"a": "job"`, `"b": "later"`, `"x": 1`, `"y": 2`, `"large": 12345678901234567890`}, nil)
			}
		})
	}
}
