//go:build emulator

package github

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/model"
)

// hookSecret is the connection's.
const hookSecret = "the secret of the webhooks"

// heardHook is one webhook, and what the receiver made of it.
type heardHook struct {
	// by whom: the App, or another who has the URL.
	by, kind, action, project string
	headers                   http.Header
	code                      int
	answer                    string
	events                    []model.TriggerEvent
}

// receiver takes webhooks in as the manager does, and keeps what came of them.
type receiver struct {
	server *httptest.Server

	mu    sync.Mutex
	heard []heardHook
}

var _ intake.Connections = (*receiver)(nil)

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/connection/{connection}/payload", r.take)
	r.server = httptest.NewServer(mux)
	t.Cleanup(r.server.Close)
	return r
}

// hookURL is where somebody sends webhooks to.
func (r *receiver) hookURL(by string) string {
	return r.server.URL + "/api/connection/github/payload?by=" + url.QueryEscape(by)
}

// Decoder is the driver's.
func (r *receiver) Decoder(context.Context, string) (drivers.Decoder, []byte, error) {
	return Webhooks{Own: appSlug + botSuffix, App: fmt.Sprint(appID)}, []byte(hookSecret), nil
}

// Save keeps an event for the webhook that is taken in.
func (h *heardHook) Save(_ context.Context, e model.TriggerEvent, _ string) error {
	h.events = append(h.events, e)
	return nil
}

func (r *receiver) take(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var of struct {
		Action     string
		Repository struct {
			FullName string `json:"full_name"`
		}
	}
	// What is no JSON is the handler's to refuse.
	_ = json.Unmarshal(body, &of)
	h := heardHook{by: q.URL.Query().Get("by"), kind: q.Header.Get("X-GitHub-Event"), action: of.Action, project: of.Repository.FullName, headers: q.Header.Clone()}
	q.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	(&intake.Handler{Connections: r, Store: &h, Log: logr.Discard(), Now: time.Now}).ServeHTTP(answer, q)
	h.code, h.answer = answer.Code, answer.Body.String()
	r.mu.Lock()
	r.heard = append(r.heard, h)
	r.mu.Unlock()
	w.WriteHeader(h.code)
	_, _ = io.WriteString(w, h.answer)
}

// hear waits for a webhook, which is told of once.
func (r *receiver) hear(t *testing.T, by, project, kind, action string) heardHook {
	t.Helper()
	var out heardHook
	eventually(t, fmt.Sprintf("%s tells of %s %s in %s", by, kind, action, project), func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		var others []string
		for n, h := range r.heard {
			if h.by == by && h.project == project && h.kind == kind && h.action == action {
				out, r.heard = h, append(r.heard[:n:n], r.heard[n+1:]...)
				return nil
			}
			others = append(others, strings.Join([]string{h.by, h.kind, h.action, h.project}, " "))
		}
		return fmt.Errorf("the receiver heard only %q", others)
	})
	return out
}

// webhooks: what the App is told is signed, verifies, and is the event that it should be.
func (w *emulated) webhooks(t *testing.T) {
	const repo = "acme/hooks"
	number, head := w.open(t, repo, "A")
	on := model.TriggerEvent{Connection: "github", Project: repo, Event: "pull_request", Number: number, Patchset: head, Branch: "main", Account: "ann"}
	heard := func(kind, action string, change func(e *model.TriggerEvent)) {
		t.Helper()
		want := on
		change(&want)
		h := w.hear(t, "App", repo, kind, action)
		if len(h.headers.Get(signature256)) != len("sha256=")+64 || h.headers.Get(signature1) != "" {
			t.Errorf("%s %s is signed by %q", kind, action, h.headers.Get(signature256))
		}
		if h.code != http.StatusOK || len(h.events) != 1 || !strings.HasPrefix(h.answer, "stored: ev-") {
			t.Fatalf("%s %s: %d %s", kind, action, h.code, h.answer)
		}
		if diff := cmp.Diff(want, h.events[0], cmpopts.IgnoreFields(model.TriggerEvent{}, "Name", "ReceivedAt")); diff != "" {
			t.Errorf("%s %s: (-want +got)\n%s", kind, action, diff)
		}
	}
	heard("pull_request", "opened", func(e *model.TriggerEvent) { e.Action = "opened" })

	pull := fmt.Sprintf("/repos/%s/pulls/%d", repo, number)
	id := w.review(t, "bob", repo, number, "APPROVE")
	heard("pull_request_review", "submitted", func(e *model.TriggerEvent) {
		e.Event, e.Action, e.State, e.Account, e.Comment = "pull_request_review", "submitted", "approved", "bob", "so bob says"
	})
	w.do(t, "bob", http.MethodPut, fmt.Sprintf("%s/reviews/%d/dismissals", pull, id), map[string]any{"message": "never mind"}, nil)
	heard("pull_request_review", "dismissed", func(e *model.TriggerEvent) {
		e.Event, e.Action, e.State, e.Account, e.Comment = "pull_request_review", "dismissed", "dismissed", "bob", "never mind"
	})

	w.do(t, "carol", http.MethodPost, pull+"/comments", map[string]any{"body": "recheck", "path": "A", "line": 1}, nil)
	heard("pull_request_review_comment", "created", func(e *model.TriggerEvent) { e.Action, e.Comment, e.Account = "comment", "recheck", "carol" })
	// The emulator does not say of a comment's issue that it is a pull request, as
	// GitHub does: it is one on an issue then, and those trigger nothing.
	w.do(t, "carol", http.MethodPost, fmt.Sprintf("/repos/%s/issues/%d/comments", repo, number), map[string]any{"body": "recheck"}, nil)
	if h := w.hear(t, "App", repo, "issue_comment", "created"); h.code != http.StatusOK || h.answer != "ignored: it is not a new comment on a pull request\n" {
		t.Errorf("a comment: %d %s", h.code, h.answer)
	}

	w.hearChecks(t, repo, number, head)
	w.do(t, "ann", http.MethodPatch, pull, map[string]any{"state": "closed"}, nil)
	heard("pull_request", "closed", func(e *model.TriggerEvent) { e.Action = "closed" })
}

// hearChecks: a check that Gozer makes is told of. GitHub names the App and the pull
// requests; the emulator does not, so that what would be Gozer's own is anybody's
// here, and is of a commit only.
func (w *emulated) hearChecks(t *testing.T, repo string, number int64, head string) {
	t.Helper()
	c := w.app(t)
	ch := w.change(t, c, repo, number)
	k := drivers.Check{Name: "acme/check", State: "in_progress", ID: "item-1"}
	if err := c.SetCheck(t.Context(), ch, k); err != nil {
		t.Fatal(err)
	}
	if h := w.hear(t, "App", repo, "check_run", "created"); h.code != http.StatusOK || h.answer != "ignored: the action created of a check\n" {
		t.Errorf("a check that begins: %d %s", h.code, h.answer)
	}
	k.State = "success"
	if err := c.SetCheck(t.Context(), ch, k); err != nil {
		t.Fatal(err)
	}
	want := model.TriggerEvent{Connection: "github", Project: repo, Event: "check_run", Action: "completed", Patchset: head, Check: ":acme/check:success", Account: appSlug + botSuffix}
	same := func(h heardHook) {
		t.Helper()
		if diff := cmp.Diff([]model.TriggerEvent{want}, h.events, cmpopts.IgnoreFields(model.TriggerEvent{}, "Name", "ReceivedAt")); diff != "" || h.code != http.StatusOK {
			t.Errorf("check_run %s: %d %s(-want +got)\n%s", h.action, h.code, h.answer, diff)
		}
	}
	same(w.hear(t, "App", repo, "check_run", "completed"))
	w.do(t, "bob", http.MethodPost, fmt.Sprintf("/repos/%s/check-runs/%d/rerequest", repo, w.checks(t, repo, head)[0].ID), nil, nil)
	want.Action, want.Check, want.Account = "rerequested", ":acme/check:queued", "bob"
	same(w.hear(t, "App", repo, "check_run", "rerequested"))
}

// forged: whoever has the URL and not the secret is refused, and is told why.
func (w *emulated) forged(t *testing.T) {
	const repo = "umbrella/web"
	for by, config := range map[string]map[string]any{
		"another secret": {"url": w.hookURL("another secret"), "content_type": "json", "secret": "guessed"},
		"no secret":      {"url": w.hookURL("no secret"), "content_type": "json"},
	} {
		w.do(t, "bob", http.MethodPost, "/repos/"+repo+"/hooks", map[string]any{"name": by, "events": []string{"pull_request"}, "config": config}, nil)
	}
	w.open(t, repo, "A")
	for by, words := range map[string]string{"another secret": "the signature does not match", "no secret": "is not signed"} {
		h := w.hear(t, by, repo, "pull_request", "opened")
		if h.code != http.StatusUnauthorized || !strings.Contains(h.answer, words) || len(h.events) != 0 {
			t.Errorf("%s: %d %s%v; want a 401 that says %q", by, h.code, h.answer, h.events, words)
		}
	}
	if h := w.hear(t, "App", repo, "pull_request", "opened"); h.code != http.StatusOK || len(h.events) != 1 {
		t.Errorf("beside them, the App's own: %d %s", h.code, h.answer)
	}
}
