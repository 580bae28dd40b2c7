package executor

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// manager plays the manager: it notes what it is told, and says what it is to
// whoever waits.
type manager struct {
	mu   sync.Mutex
	said []string
	// resume are its answers, one after the other; a number is a status.
	resume []int
	// heard is called with each of the requests.
	heard func(request string)
}

func (w *world) manager(m *manager) *manager {
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		token, _ := os.ReadFile(w.opts.LogTokenFile)
		if r.Header.Get("Authorization") != "Bearer "+string(token) {
			http.Error(rw, "no", http.StatusUnauthorized)
			return
		}
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			w.t.Error(err)
		}
		request := strings.TrimSpace(r.Method + " " + r.URL.String() + " " + strings.TrimSpace(string(raw)))
		m.said = append(m.said, request)
		if m.heard != nil {
			m.heard(request)
		}
		if r.Method == http.MethodPut {
			rw.WriteHeader(http.StatusNoContent)
			return
		}
		switch answer := m.resume[0]; answer {
		case yes:
			_, _ = io.WriteString(rw, `{"resume": true}`)
		case no:
			_, _ = io.WriteString(rw, `{"resume": false}`)
		default:
			rw.WriteHeader(answer)
		}
		if len(m.resume) > 1 {
			m.resume = m.resume[1:]
		}
	}))
	w.t.Cleanup(srv.Close)
	w.spec.ResultURL, w.spec.ProgressURL = srv.URL+"/results", srv.URL+"/progress"
	return m
}

const no, yes = 0, 1

func (m *manager) heardAll() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said
}

const pauses = `echo '{"data": {"port": 5000, "zuul": {"pause": true}}}' > "$GOZER_RESULTS"` + "\n"

// TestPause: what the jobs after this one need is there before they are let go,
// the manager may be away, and the end comes after them.
func TestPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager(&manager{resume: []int{http.StatusServiceUnavailable, no, no, yes}})
	w.project(map[string]file{
		"run.sh":  script(pauses),
		"post.sh": script(`echo the end; echo '{"data": {"zuul": {"warnings": ["slow"]}}}' > "$GOZER_RESULTS"` + "\n"),
	})
	w.spec.Run, w.spec.PostRun = w.playbooks("run.sh"), w.playbooks("post.sh")
	out, log := w.run()
	if diff := cmp.Diff(buildspec.Outcome{Result: model.Success, Returned: true}, out, ignoreLog); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	want := []string{
		`PUT /results {"data":{"port":5000,"zuul":{"pause":true}},"secret_data":{}}`,
		`PUT /progress {"paused":true}`, `GET /progress`, `GET /progress`, `GET /progress`, `GET /progress`,
		`PUT /results?final=true {"data":{"zuul":{"warnings":["slow"]}},"secret_data":{}}`,
	}
	if diff := cmp.Diff(want, m.heardAll()); diff != "" {
		t.Errorf("said to the manager (-want +got):\n%s", diff)
	}
	pause, resume, end := strings.Index(log, "Pausing"), strings.Index(log, "Resuming"), strings.Index(log, "the end")
	if pause < 0 || resume < pause || end < resume {
		t.Errorf("the log is\n%s", log)
	}
}

// TestPauseEnds: a paused build that is stopped says nothing about the change; one
// that the manager does not know cannot pause.
func TestPauseEnds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer int
		stop   bool
		want   buildspec.Outcome
	}{
		"stopped":       {no, true, buildspec.Outcome{Result: model.Retry, Reason: stoppedReason}},
		"not known":     {http.StatusNotFound, false, buildspec.Outcome{Result: model.BuildError, Reason: "the build could not pause: the manager does not take it: 404 Not Found:", Returned: true}},
		"not permitted": {http.StatusUnauthorized, false, buildspec.Outcome{Result: model.BuildError, Reason: "the build could not pause: the manager does not take it: 401 Unauthorized:", Returned: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			w.manager(&manager{resume: []int{tc.answer}, heard: func(request string) {
				if tc.stop && strings.HasPrefix(request, "GET ") {
					stop()
				}
			}})
			w.project(map[string]file{"run.sh": script(pauses)})
			w.spec.Run = w.playbooks("run.sh")
			out, _ := w.runWith(ctx)
			if diff := cmp.Diff(tc.want, out, ignoreLog); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// told lets playbooks go on when the manager has heard that the build fails.
func (w *world) told() (m *manager, file string) {
	file = filepath.Join(w.dir, "told")
	return w.manager(&manager{heard: func(request string) {
		if strings.Contains(request, "failing") {
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				w.t.Error(err)
			}
		}
	}}), file
}

// TestFailureOutput: a line of the output fails the build, and is told at once.
func TestFailureOutput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, told := w.told()
	w.spec.FailureOutput = []string{"nothing", `FATAL: \w+`}
	w.project(map[string]file{
		"pre.sh": script("echo FATAL: before\n"),
		"run.sh": script("echo 'not FATAL: here'; echo FATAL: disk; while [ ! -e " + told + " ]; do sleep 0.02; done; echo went on\n"),
	})
	w.spec.PreRun, w.spec.Run = w.playbooks("pre.sh"), w.playbooks("run.sh")
	out, log := w.run()
	why := `a line of the output of node-1 matches the failure-output "FATAL: \\w+"`
	if diff := cmp.Diff(buildspec.Outcome{Result: model.Failure, Reason: why}, out, ignoreLog); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`PUT /progress {"failing":"a line of the output of node-1 matches the failure-output \"FATAL: \\\\w+\""}`}, m.heardAll()); diff != "" {
		t.Errorf("said to the manager (-want +got):\n%s", diff)
	}
	wants(t, log, []string{`node-1 | Early failure in job, matched regex "FATAL: \w+"`, "went on"}, nil)
}

// TestTaskFailsEarly: the first task that fails the build is told, not one that is
// rescued or ignored.
func TestTaskFailsEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withAnsible()
	m, told := w.told()
	w.project(map[string]file{
		"pre.yaml": text(`
- hosts: localhost
  gather_facts: false
  tasks:
    - block: [fail: {msg: rescued}]
      rescue: [debug: {msg: saved}]
    - fail: {msg: ignored}
      ignore_errors: true
`),
		"run.yaml": text(`
- hosts: localhost
  gather_facts: false
  tasks:
    - block: [fail: {msg: rescued}]
      rescue: [debug: {msg: saved}]
    - fail: {msg: ignored}
      ignore_errors: true
- hosts: all,localhost
  gather_facts: false
  strategy: free
  tasks:
    - fail: {msg: "no space"}
      when: inventory_hostname == "localhost"
    - shell: while [ ! -e ` + told + ` ]; do sleep 0.02; done; echo went on
`)})
	w.spec.PreRun, w.spec.Run = w.playbooks("pre.yaml"), w.playbooks("run.yaml")
	out, log := w.run()
	if out.Result != model.Failure {
		t.Errorf("outcome %+v", out)
	}
	if diff := cmp.Diff([]string{`PUT /progress {"failing":"a task of run failed on localhost: no space"}`}, m.heardAll()); diff != "" {
		t.Errorf("said to the manager (-want +got):\n%s", diff)
	}
	wants(t, log, []string{"saved", "node-1 | went on"}, nil)
}

// TestOutputOfCommandsIsWatched: with Ansible, each line that a command puts out.
func TestOutputOfCommandsIsWatched(t *testing.T) {
	t.Parallel()
	for name, task := range map[string]string{
		"as it comes": "shell: echo FATAL",
		"at the end":  "shell: echo FATAL\n      loop: [1]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.withAnsible()
			w.spec.FailureOutput = []string{"FATAL"}
			w.project(map[string]file{"run.yaml": text("- hosts: all\n  gather_facts: false\n  tasks:\n    - " + task + "\n")})
			w.spec.Run = w.playbooks("run.yaml")
			out, log := w.run()
			if out.Result != model.Failure {
				t.Errorf("outcome %+v\n%s", out, log)
			}
			wants(t, log, []string{`node-1 | Early failure in job, matched regex "FATAL"`}, nil)
		})
	}
}
