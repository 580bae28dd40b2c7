package executor

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/model"
)

// semaphoreServer answers with what is listed, the last again and again.
func (w *world) semaphoreServer(puts, gets []int) func() []string {
	var mu sync.Mutex
	var said []string
	next := func(from *[]int) int {
		status := (*from)[0]
		if len(*from) > 1 {
			*from = (*from)[1:]
		}
		return status
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		raw, _ := io.ReadAll(r.Body)
		said = append(said, strings.TrimSpace(r.Method+" "+string(raw)))
		if r.Method == http.MethodPut {
			rw.WriteHeader(next(&puts))
			return
		}
		switch status := next(&gets); status {
		case yes:
			_, _ = io.WriteString(rw, `{"held": true}`)
		case no:
			_, _ = io.WriteString(rw, `{"held": false}`)
		default:
			rw.WriteHeader(status)
		}
	}))
	w.t.Cleanup(srv.Close)
	w.spec.SemaphoresURL = srv.URL
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return said
	}
}

// TestPlaybookSemaphores: a playbook runs when the build has its semaphores, and
// they are given back at its end, however it ended; others need none.
func TestPlaybookSemaphores(t *testing.T) {
	t.Parallel()
	const ok, later, bad = http.StatusNoContent, http.StatusServiceUnavailable, http.StatusBadRequest
	for name, tc := range map[string]struct {
		puts, gets []int
		timeout    int64
		body       string
		said       []string
		result     model.BuildResult
		ran        bool
	}{
		"it has them":        {[]int{ok}, []int{yes}, 0, "true", []string{`PUT {"names":["a","b"]}`, "GET", `PUT {"names":[]}`}, model.Success, true},
		"it fails":           {[]int{ok}, []int{yes}, 0, "false", []string{`PUT {"names":["a","b"]}`, "GET", `PUT {"names":[]}`}, model.Failure, true},
		"it waits":           {[]int{later, ok}, []int{later, no, no, yes}, 0, "true", []string{`PUT {"names":["a","b"]}`, `PUT {"names":["a","b"]}`, "GET", "GET", "GET", "GET", `PUT {"names":[]}`}, model.Success, true},
		"it may not have it": {[]int{bad, ok}, []int{yes}, 0, "true", []string{`PUT {"names":["a","b"]}`, `PUT {"names":[]}`}, model.Retry, false},
		"time is up":         {[]int{ok}, []int{later}, 1, "true", nil, model.TimedOut, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			said := w.semaphoreServer(tc.puts, tc.gets)
			w.project(map[string]file{"pre.sh": script("echo before\n"), "run.sh": script("echo it runs\n" + tc.body + "\n")})
			w.spec.PreRun, w.spec.Run = w.playbooks("pre.sh"), w.playbooks("run.sh")
			w.spec.Run[0].Semaphores = []string{"a", "b"}
			w.spec.TimeoutSeconds = tc.timeout
			out, log := w.run()
			if out.Result != tc.result || strings.Contains(log, "it runs") != tc.ran || !strings.Contains(log, "Waiting for semaphores: a, b") {
				t.Errorf("%+v, the log:\n%s", out, log)
			}
			if diff := cmp.Diff(tc.said, said()); tc.said != nil && diff != "" {
				t.Errorf("said to the manager (-want +got):\n%s", diff)
			}
		})
	}
}
