package fakegithub

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// listener takes webhooks.
type listener struct {
	t      *testing.T
	s      *Server
	mu     sync.Mutex
	got    []string // "event action"
	guids  []string
	bad    int // of the signature
	big    int
	status int
}

const hookSecret = "hush"

func listen(t *testing.T, s *Server) *listener {
	l := &listener{t: t, s: s, status: 200}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		l.take(r.Header, body)
		w.WriteHeader(l.status)
	}))
	t.Cleanup(srv.Close)
	s.SetWebhook(srv.URL, hookSecret)
	return l
}

func (l *listener) take(h http.Header, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case h.Get("X-Hub-Signature-256") != "sha256="+Sign(body, hookSecret):
		l.bad++
		return
	case len(body) > 1<<20:
		l.big++
		return
	}
	var p struct {
		Action       string
		Installation *struct{ ID int64 }
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Installation == nil {
		l.t.Errorf("%v: %s", err, body)
	}
	event := h.Get("X-GitHub-Event")
	if err := l.s.spec.CheckWebhook(event, p.Action, body); err != nil {
		l.t.Errorf("%s %s: %v", event, p.Action, err)
	}
	for _, name := range []string{"X-GitHub-Delivery", "X-Hub-Signature", "X-GitHub-Hook-Installation-Target-ID", "X-GitHub-Hook-ID"} {
		if h.Get(name) == "" {
			l.t.Errorf("%s has no %s", event, name)
		}
	}
	if !strings.HasPrefix(h.Get("User-Agent"), "GitHub-Hookshot/") {
		l.t.Errorf("user agent %s", h.Get("User-Agent"))
	}
	l.got = append(l.got, strings.TrimSpace(event+" "+p.Action))
	l.guids = append(l.guids, h.Get("X-GitHub-Delivery"))
}

// events that came since the last look.
func (l *listener) events() []string {
	l.s.Settle()
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.got
	l.got, l.guids = nil, nil
	return out
}

// Everything that people do is told; every payload is checked where it arrives,
// and where it was made.
func TestWebhooksTellEverything(t *testing.T) {
	s, r, p, _ := start(t)
	l := listen(t, s)
	var review *Review
	check := p.Check("gozer", "lint", "failure")
	l.events()
	for i, step := range []struct {
		do   func()
		want string
	}{
		{func() { r.Open(Opening{Files: map[string]string{"b": "b\n"}}) }, "create, push, check_suite requested, pull_request opened"},
		{func() { p.Push("more", map[string]string{"c": "c\n"}) }, "push, check_suite requested, pull_request synchronize"},
		{func() { p.ForcePush("again", map[string]string{"d": "d\n"}) }, "push, check_suite requested, pull_request synchronize"},
		{func() { review = p.Review("bob", "APPROVED", "") }, "pull_request_review submitted"},
		{func() { p.Dismiss("ada", review) }, "pull_request_review dismissed"},
		{func() { p.Comment("eve", "recheck") }, "issue_comment created"},
		{func() { p.Label("bob", "gate") }, "pull_request labeled"},
		{func() { p.Unlabel("bob", "gate") }, "pull_request unlabeled"},
		{func() { p.Edit("ann", "New", "text") }, "pull_request edited"},
		{func() { p.Retarget("ann", "topic-2") }, "pull_request edited"},
		{func() { p.Retarget("ann", "main") }, "pull_request edited"},
		{func() { p.SetDraft("ann", true) }, "pull_request converted_to_draft"},
		{func() { p.SetDraft("ann", false) }, "pull_request ready_for_review"},
		{func() { p.Close("ann") }, "pull_request closed"},
		{func() { p.Reopen("ann") }, "pull_request reopened"},
		{func() { p.Status("ci", "test", "success") }, "status"},
		{func() { p.Check("ci", "unit", "failure") }, "check_run created, check_run completed, check_suite completed"},
		{func() { r.Rerun("bob", check.ID) }, "check_run rerequested"},
		{func() { r.Action("bob", check.ID, "fix") }, "check_run requested_action"},
		{func() { r.Protect("main", Protection{Contexts: []string{"test"}}) }, "branch_protection_rule created"},
		{func() { r.Protect("main", Protection{}) }, "branch_protection_rule edited"},
		{func() { r.Unprotect("main") }, "branch_protection_rule deleted"},
		{func() { r.CreateBranch("ada", "stable", "main") }, "create, push"},
		{func() { r.DeleteBranch("ada", "stable") }, "delete, push"},
		{func() { p.Merge("ada", "merge") }, "pull_request closed, push"},
		{func() { s.Install("other", nil).Uninstall() }, "installation created, installation deleted"},
		{func() { s.installations[0].Select("acme/none") }, "installation_repositories removed"},
		{func() { s.installations[0].Select("acme/api") }, "installation_repositories added"},
	} {
		step.do()
		if got := strings.Join(l.events(), ", "); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

func TestWebhooksGoWrong(t *testing.T) {
	s, _, p, _ := start(t)
	l := listen(t, s)
	s.DropWebhooks(1)
	p.Comment("eve", "lost")
	s.DuplicateWebhooks(1)
	p.Label("bob", "twice")
	s.Settle()
	if len(l.guids) != 2 || l.guids[0] != l.guids[1] {
		t.Errorf("guids %v", l.guids)
	}
	if got := l.events(); !slices.Equal(got, []string{"pull_request labeled", "pull_request labeled"}) {
		t.Error(got)
	}
	s.HoldWebhooks()
	p.Comment("eve", "first")
	p.Label("bob", "second")
	if got := l.events(); len(got) != 0 {
		t.Error(got)
	}
	before := len(asApp(t, s).get("/app/hook/deliveries").is(200).list())
	s.ReleaseWebhooks(slices.Reverse[[]*Delivery])
	s.Settle()
	if after := asApp(t, s).get("/app/hook/deliveries").is(200).list(); len(after) != before+2 || after[0]["event"] != "issue_comment" {
		t.Errorf("%d, then %v", before, after)
	}
	if got := l.events(); !slices.Equal(got, []string{"pull_request labeled", "issue_comment created"}) {
		t.Error(got)
	}
	s.ForgeWebhook("push", []byte(`{}`))
	s.OversizeWebhook("push", 2<<20)
	l.events()
	if l.bad != 1 || l.big != 1 {
		t.Errorf("%d forged, %d large", l.bad, l.big)
	}
}

func TestDeliveriesAreListedAndRepeated(t *testing.T) {
	s, _, p, _ := start(t)
	l := listen(t, s)
	app := asApp(t, s)
	s.DropWebhooks(1)
	p.Comment("eve", "lost")
	l.status = 503
	p.Comment("eve", "refused")
	s.Settle()
	l.status = 200
	for i := range 3 {
		p.Comment("eve", fmt.Sprint(i))
	}
	l.events()
	var ids, states []string
	path := "/app/hook/deliveries?per_page=2"
	for path != "" {
		a := app.get(path).is(200)
		for _, d := range a.list() {
			ids, states = append(ids, fmt.Sprintf("%.0f", d["id"])), append(states, fmt.Sprint(d["status_code"]))
		}
		path = next(a.header, s.URL)
	}
	if strings.Join(states, " ") != "200 200 200 503 502" {
		t.Errorf("states %v", states)
	}
	lost := app.get("/app/hook/deliveries/"+ids[4]).is(200, "lost", "X-GitHub-Event").object()
	app.do("POST", "/app/hook/deliveries/"+ids[4]+"/attempts", nil).is(202)
	s.Settle()
	if len(l.guids) != 1 || l.guids[0] != lost["guid"] {
		t.Errorf("redelivered %v, want %v", l.guids, lost["guid"])
	}
	app.get("/app/hook/deliveries?per_page=1").is(200, `"redelivery":true`)
	app.get("/app/hook/deliveries/1").is(404)
}

func TestWebhooksWithoutAnApp(t *testing.T) {
	s := New(t)
	r := s.CreateRepo("acme/api", map[string]string{"a": "a\n"})
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("X-GitHub-Event")) }))
	t.Cleanup(srv.Close)
	s.AddWebhook("acme", srv.URL, hookSecret)
	r.Push("ada", "main", "more", map[string]string{"b": "b\n"})
	s.Settle()
	if !slices.Equal(got, []string{"push"}) {
		t.Error(got)
	}
}

// The App is told only what it may know.
func TestWebhooksNeedPermissions(t *testing.T) {
	s := New(t)
	r := s.CreateRepo("acme/api", map[string]string{"a": "a\n"})
	s.Install("acme", map[string]string{"contents": "read"})
	l := listen(t, s)
	r.Open(Opening{Files: map[string]string{"b": "b\n"}})
	if got := l.events(); !slices.Equal(got, []string{"create", "push"}) {
		t.Error(got)
	}
}
