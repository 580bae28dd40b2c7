package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/logarchive"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/token"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func failed() managerapi.BuildInfo {
	return managerapi.BuildInfo{Build: history.Build{
		Tenant: "acme", Name: "b", Attempt: 2, Pipeline: "gate", Project: "git.example.com/acme/web", Branch: "main", Change: 7, Patchset: "3f2c1d4e5f60718293a4",
		ChangeURL: "https://git.example.com/acme/web/pulls/7", Job: "unit", Voting: true, Result: "FAILURE", Reason: "ci/test.sh ended with 1",
		FirstFailure: "web_test.go:41: want 200, got 500", Started: start, Ended: start.Add(83 * time.Second), BuildSet: "s", Item: "i", Epoch: 1, TestedOn: []string{"acme/api#11", "acme/api#12"},
	}, Phase: "Done"}
}

// fixture is a manager and a web service before it.
type fixture struct {
	logs *logstore.Store
	kept *logarchive.Archive
	web  *httptest.Server
}

// newFixture serves one build as its manager knows it, or ErrNotFound.
func newFixture(t *testing.T, info managerapi.BuildInfo, liveErr error) fixture {
	t.Helper()
	logs, err := logstore.Open(filepath.Join(t.TempDir(), "logs"), logstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	past, err := history.Open(filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(logs.Close(), past.Close()) })
	key := token.NewKey()
	kept, err := logarchive.Open(t.Context(), "mem://", logarchive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	manager := httptest.NewServer(managerapi.New(managerapi.Options{
		Logs: logs, Archive: kept, History: past, Key: key, Log: logr.Discard(),
		Live: func(context.Context, string, string) (managerapi.BuildInfo, error) { return info, liveErr },
	}))
	t.Cleanup(manager.Close)
	return fixture{logs: logs, kept: kept, web: newWeb(t, manager.URL, key)}
}

func newWeb(t *testing.T, manager string, key token.Key) *httptest.Server {
	t.Helper()
	h, err := New(Options{
		Intake: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "webhook of ", r.PathValue("connection")) //nolint:errcheck // a test
		}),
		ManagerURL: manager, Key: key, Log: logr.Discard(), Origins: []string{"pages.example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func (f fixture) append(t *testing.T, text string, final bool) {
	t.Helper()
	k := logstore.Key{Namespace: "acme", Build: "b", Attempt: 2}
	info, err := f.logs.Stat(k)
	if err != nil && !errors.Is(err, logstore.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := f.logs.Append(k, info.Size, strings.NewReader(text), final); err != nil {
		t.Fatal(err)
	}
}

type answer struct {
	code   int
	header http.Header
	body   string
}

func do(t *testing.T, method, url string, header http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(data)}
}

func TestRoutes(t *testing.T) {
	f := newFixture(t, failed(), nil)
	f.append(t, "one\ntwo\n", true)
	for name, tc := range map[string]struct {
		method, path string
		code         int
		want         string
	}{
		"health":              {"GET", "/healthz", 200, "ok"},
		"webhook":             {"POST", "/api/connection/code/payload", 200, "webhook of code"},
		"webhook by GET":      {"GET", "/api/connection/code/payload", 405, ""},
		"log":                 {"GET", "/logs/acme/b/2", 200, "one\ntwo\n"},
		"log from an offset":  {"GET", "/logs/acme/b/2?offset=4", 200, "two\n"},
		"log beyond its end":  {"GET", "/logs/acme/b/2?offset=40", 416, "offset"},
		"newest log":          {"GET", "/logs/acme/b", 200, "one\ntwo\n"},
		"head of a log":       {"HEAD", "/logs/acme/b/2", 200, ""},
		"no such log":         {"GET", "/logs/acme/b/3", 404, "no such log"},
		"write a log":         {"POST", "/logs/acme/b/2?offset=8", 405, ""},
		"put a log":           {"PUT", "/logs/acme/b/2?offset=8", 405, ""},
		"delete a log":        {"DELETE", "/logs/acme/b/2", 405, ""},
		"history":             {"GET", "/api/builds?tenant=acme", 200, `{"builds":[]}`},
		"history, bad number": {"GET", "/api/builds?limit=x", 400, "limit must be a number"},
		"one build":           {"GET", "/api/builds/acme/b", 200, `"job":"unit"`},
		"page":                {"GET", "/t/acme/build/b", 200, "<h1>"},
		"metrics are inside":  {"GET", "/metrics", 404, ""},
		"anything else":       {"GET", "/x", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, tc.method, f.web.URL+tc.path, nil)
			if got.code != tc.code || !strings.Contains(got.body, tc.want) {
				t.Errorf("%d %s", got.code, got.body)
			}
		})
	}
}

// TestPathTricks: nothing but a name of Kubernetes reaches the manager.
func TestPathTricks(t *testing.T) {
	asked := make(chan string, 100)
	manager := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.String() }))
	t.Cleanup(manager.Close)
	web := newWeb(t, manager.URL, token.NewKey())
	for _, path := range []string{
		"/logs/..%2f..%2fmetrics/x", "/logs/acme/..%2f..%2f..%2fmetrics", "/logs/acme/b/..", "/logs/../metrics", "/logs/acme/b/1%2f..%2f..", "/logs/acme/%2e%2e/1",
		"/logs/acme/b/1%3foffset=0", "/logs/acme/b%00/1", "/logs/acme/b%0d%0aX:%20y/1", "/logs/ACME/b/1", "/logs/acme/b/-1", "/logs/acme/b/01", "/logs//b/1",
		"/logs/acme/b/1/..%2f2", "/logs/acme/b/1/a%2f%2e%2e%2fb", "/logs/acme/b/1/%2fetc", "/logs/acme/b/1/a%5cb", "/logs/acme/b/1/a%00", "/logs/acme/b/1/a%0d%0aX:%20y", "/logs/acme/b/01/x", "/logs/acme/b/1/x/", "/logs/acme@evil.example.com/b/1", "/t/acme/build/..%2f..%2fx", "/t/acme/build/%2e%2e", "/t/a%2fb/build/x", "/api/builds/acme/..%2f..%2fmetrics",
		"/api/builds/acme/x%3fa=b", "/logs/acme/a..b/1",
	} {
		if got := do(t, "GET", web.URL+path, nil); got.code/100 != 4 && got.code/100 != 3 {
			t.Errorf("%s: %d", path, got.code)
		}
		select {
		case u := <-asked:
			t.Errorf("%s reached the manager as %s", path, u)
		default:
		}
	}
}

// TestManagerSeesOnlyTheService: its token, no credential of the visitor, no header that is not meant for it.
func TestManagerSeesOnlyTheService(t *testing.T) {
	key := token.NewKey()
	seen := make(chan *http.Request, 1)
	manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
	}))
	t.Cleanup(manager.Close)
	web := newWeb(t, manager.URL, key)
	got := do(t, "GET", web.URL+"/logs/acme/b/1?offset=3&token=x&offset=4", http.Header{
		"Authorization": {"Bearer visitor"}, "Cookie": {"session=1"}, "X-Forwarded-For": {"10.0.0.1"}, "Connection": {"Upgrade, X-Secret"}, "Upgrade": {"websocket"},
		"X-Secret": {"1"}, "Te": {"trailers"}, "Proxy-Authorization": {"Basic eA=="},
	})
	var r *http.Request
	select {
	case r = <-seen:
	default:
		t.Fatalf("the manager is not asked: %d %s", got.code, got.body)
	}
	if r.Header.Get("Authorization") != "Bearer "+key.For(token.Internal, "manager") {
		t.Error("the manager does not see the service's token")
	}
	for _, name := range []string{"Cookie", "X-Forwarded-For", "Connection", "Upgrade", "X-Secret", "Te", "Proxy-Authorization"} {
		if r.Header.Get(name) != "" {
			t.Errorf("the manager sees %s: %s", name, r.Header.Get(name))
		}
	}
	if r.URL.String() != "/logs/acme/b/1?offset=3&offset=4" {
		t.Errorf("the manager is asked for %s", r.URL)
	}
	if got.code != 200 || got.header.Get("Set-Cookie") != "" || got.header.Get("X-Hop") != "" {
		t.Errorf("the visitor sees %d %v", got.code, got.header)
	}
}

func TestFollow(t *testing.T) {
	f := newFixture(t, failed(), nil)
	f.append(t, "one\n", false)
	req, err := http.NewRequestWithContext(t.Context(), "GET", f.web.URL+"/logs/acme/b/2?follow=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	if resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox") || resp.Header.Get("X-Accel-Buffering") != "no" {
		t.Errorf("headers: %v", resp.Header)
	}
	lines := bufio.NewReader(resp.Body)
	// Each line arrives before the next is written: nothing waits in a buffer.
	for i, next := range []string{"two\n", "three\n", ""} {
		want := []string{"one\n", "two\n", "three\n"}[i]
		if got, err := lines.ReadString('\n'); got != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
		f.append(t, next, next == "")
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("at the end: %q, %v", rest, err)
	}
}

// TestFollowerThatLeaves: the manager's side ends as well.
func TestFollowerThatLeaves(t *testing.T) {
	followed, left := make(chan struct{}), make(chan struct{})
	manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(logstore.HeaderAttempt, "1")
		switch {
		case r.Method == http.MethodHead:
			w.Header().Set("Content-Length", "4")
			return
		case r.URL.Query().Get("follow") != "true":
			fmt.Fprintln(w, "one") //nolint:errcheck // a test
			return
		}
		_ = http.NewResponseController(w).Flush()
		close(followed)
		<-r.Context().Done()
		close(left)
	}))
	t.Cleanup(manager.Close)
	web := newWeb(t, manager.URL, token.NewKey())
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", web.URL+"/logs/acme/b/1?follow=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	<-followed
	cancel()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("the manager goes on")
	}
}

func TestManagerThatDoesNotAnswer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	wrongKey := httptest.NewServer(managerapi.New(managerapi.Options{Key: token.NewKey(), Log: logr.Discard()}))
	t.Cleanup(wrongKey.Close)
	answers := func(code int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://evil.example.com/")
			http.Error(w, "stack trace", code)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	for name, url := range map[string]string{"gone": gone.URL, "another key": wrongKey.URL, "fails": answers(500), "redirects": answers(302), "forbids": answers(403)} {
		t.Run(name, func(t *testing.T) {
			web := newWeb(t, url, token.NewKey())
			for _, path := range []string{"/logs/acme/b/1", "/api/builds", "/t/acme/build/b"} {
				got := do(t, "GET", web.URL+path, nil)
				if got.code != http.StatusBadGateway || got.body != unreachable+"\n" || got.header.Get("Location") != "" {
					t.Errorf("%s: %d %s %v", path, got.code, got.body, got.header)
				}
			}
		})
	}
}

func TestManagerURL(t *testing.T) {
	for _, bad := range []string{"", "gozer-manager:8080", "ftp://x", "http://", "://"} {
		if _, err := New(Options{ManagerURL: bad, Intake: http.NotFoundHandler()}); err == nil || !strings.Contains(err.Error(), "http://gozer-manager:8080") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPage(t *testing.T) {
	running := failed()
	running.Result, running.Reason, running.FirstFailure, running.Ended, running.Phase = "", "", "", time.Time{}, "Running"
	waiting := running
	waiting.Attempt, waiting.Started, waiting.Phase = 0, time.Time{}, "Waiting"
	skipped := waiting
	skipped.Result, skipped.Reason, skipped.Phase = "SKIPPED", "build failed, on which it depends", "Done"
	quiet := failed()
	quiet.Voting = false
	for name, tc := range map[string]struct {
		info         managerapi.BuildInfo
		log          string
		want, refuse []string
	}{
		"failed": {failed(), "one\ntwo\n", []string{
			`<title>FAILURE: unit of git.example.com/acme/web#7</title>`, `<span class="bad">FAILURE</span>`, `<a href="https://git.example.com/acme/web/pulls/7">`,
			"ci/test.sh ended with 1", "web_test.go:41: want 200, got 500", "2026-03-01 12:00:00 UTC", "1m23s", `href="../../../logs/acme/b/2"`, "one\ntwo</pre>",
			"<code>3f2c1d4e5</code>", "acme/api#11, acme/api#12", `lang="en"`,
		}, []string{"follow=true", "last lines", "<script", "non-voting"}},
		"running":        {running, "one\n", []string{`<span class="open">running</span>`, "logs/acme/b/2?follow=true", `data-path="../../../logs/acme/b/2" data-stream="../../../api/tenant/acme/console-stream" data-build="b" data-offset="4"`, "one\n</pre>"}, []string{"Ended", "Reason", "First failure"}},
		"running no log": {running, "", []string{"There is no log", `data-offset="0"`}, nil},
		"waiting":        {waiting, "", []string{"waiting", "It has not begun."}, []string{"Started", "Attempt", "whole log"}},
		"skipped":        {skipped, "", []string{"SKIPPED", "This build did not run."}, []string{"whole log"}},
		"non-voting":     {quiet, "x\n", []string{"(non-voting)"}, nil},
		"long log":       {failed(), strings.Repeat("line\n", 100_000) + "the end\n", []string{"its last lines", "the end</pre>"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, tc.info, nil)
			if tc.log != "" {
				f.append(t, tc.log, true)
			}
			got := do(t, "GET", f.web.URL+"/t/acme/build/b", nil)
			if got.code != 200 {
				t.Fatalf("%d %s", got.code, got.body)
			}
			for _, w := range tc.want {
				if !strings.Contains(got.body, w) {
					t.Errorf("%q is missing in\n%s", w, got.body)
				}
			}
			for _, w := range tc.refuse {
				if strings.Contains(got.body, w) {
					t.Errorf("%q is in\n%s", w, got.body)
				}
			}
			if n := strings.Count(got.body, "line\n"); n > tailLines {
				t.Errorf("%d lines of the log", n)
			}
		})
	}
}

func TestNoSuchPage(t *testing.T) {
	f := newFixture(t, managerapi.BuildInfo{}, managerapi.ErrNotFound)
	if got := do(t, "GET", f.web.URL+"/t/acme/build/b", nil); got.code != 404 || !strings.Contains(got.body, "no such build") {
		t.Errorf("%d %s", got.code, got.body)
	}
}

// TestPageOfHostileBuild: what a build says is text and nothing else.
func TestPageOfHostileBuild(t *testing.T) {
	const evil = `</pre></code></title><script>alert(1)</script><img src=x onerror=alert(1)>"'{{.Key}}`
	info := failed()
	info.Job, info.Reason, info.FirstFailure, info.Pipeline, info.Project, info.Branch, info.Patchset, info.TestedOn = evil, evil, evil, evil, evil, evil, evil, []string{evil}
	info.Result, info.LogURL, info.ChangeURL, info.Tenant, info.Name = evil, "javascript:alert(1)", "javascript:alert(1)", evil, evil
	f := newFixture(t, info, nil)
	f.append(t, evil+"\n\x1b[31mred\x1b[0m\x1b]8;;https://evil.example.com\x07link\x1b]8;;\x07\x00\x9b\xff\u202egnp.exe\n10%\r20%\rdone\r\n", true)
	got := do(t, "GET", f.web.URL+"/t/acme/build/b", nil)
	if got.code != 200 {
		t.Fatalf("%d %s", got.code, got.body)
	}
	for _, w := range []string{"<script", "<img", "javascript:", "\x1b", "\x00", "\u202e", "\xff"} {
		if strings.Contains(got.body, w) {
			t.Errorf("%q is in\n%s", w, got.body)
		}
	}
	if n := strings.Count(got.body, "</pre>"); n != 1 {
		t.Errorf("%d ends of the log", n)
	}
	if !strings.Contains(got.body, "\nredlink\uFFFD") || !strings.Contains(got.body, "\ndone</pre>") {
		t.Errorf("the log is not readable:\n%s", got.body)
	}
}

// TestPolicy: the page's one style is allowed by its hash, and nothing else is.
func TestPolicy(t *testing.T) {
	f := newFixture(t, failed(), nil)
	got := do(t, "GET", f.web.URL+"/t/acme/build/b", nil)
	csp := got.header.Get("Content-Security-Policy")
	m := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(got.body)
	if len(m) < 2 || !strings.Contains(csp, "'sha256-"+hash(m[1])+"'") {
		t.Errorf("the style that is sent is not the one that %q allows", csp)
	}
	running := failed()
	running.Result = ""
	f = newFixture(t, running, nil)
	f.append(t, "one\n", false)
	m = regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindStringSubmatch(do(t, "GET", f.web.URL+"/t/acme/build/b", nil).body)
	if len(m) < 2 || !strings.Contains(csp, "script-src 'sha256-"+hash(m[1])+"';") {
		t.Errorf("the script that is sent is not the one that %q allows", csp)
	}
	if !strings.HasPrefix(csp, "default-src 'none'; ") || strings.Contains(csp, "unsafe") || strings.Contains(got.body, " style=") {
		t.Errorf("policy %q", csp)
	}
	if !strings.Contains(got.body, "prefers-color-scheme: dark") {
		t.Error("there is no dark mode")
	}
	if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", got.header)
	}
}

func TestBuildJSONIsTheManagers(t *testing.T) {
	f := newFixture(t, failed(), nil)
	var got managerapi.BuildInfo
	if err := json.Unmarshal([]byte(do(t, "GET", f.web.URL+"/api/builds/acme/b", nil).body), &got); err != nil || got.Job != "unit" || got.Phase != "Done" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTail(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		cut  bool
		want tail
	}{
		"short":           {"a\nb\n", false, tail{Text: "a\nb"}},
		"no last newline": {"a\nb", false, tail{Text: "a\nb"}},
		"from within":     {"rest of a line\nb\n", true, tail{Text: "b", Cut: true}},
		"one long line":   {"rest of a line", true, tail{Text: "rest of a line", Cut: true}},
		"too many lines":  {strings.Repeat("x\n", tailLines+1), false, tail{Text: strings.TrimSuffix(strings.Repeat("x\n", tailLines), "\n"), Cut: true}},
		"empty":           {"\n\n", false, tail{Text: "\n", Missing: "The log is empty."}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tailOf(tc.text, tc.cut); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}
