package logstore

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/token"
)

type api struct {
	t   *testing.T
	url string
	key token.Key
	*Store
}

func serve(t *testing.T, mayRead func(*http.Request) bool) *api {
	t.Helper()
	s, _ := open(t, Options{MaxLogBytes: 100})
	key := token.NewKey()
	srv := httptest.NewServer((&Server{Store: s, Key: key, MayRead: mayRead}).Handler())
	t.Cleanup(srv.Close)
	return &api{t, srv.URL, key, s}
}

func anyone(*http.Request) bool { return true }

func (a *api) do(method, path, bearer, body string) (int, string, http.Header) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b)), resp.Header
}

func TestUpload(t *testing.T) {
	a := serve(t, anyone)
	tok := a.key.For(token.Log, "acme/b/1")
	const path = "/logs/acme/b/1"
	for _, step := range []struct {
		name, method, path, bearer, body string
		code                             int
		answer                           string
	}{
		{"no token", "POST", path + "?offset=0", "", "x", 401, ""},
		{"token of another attempt", "POST", path + "?offset=0", a.key.For(token.Log, "acme/b/2"), "x", 401, ""},
		{"token of another purpose", "POST", path + "?offset=0", a.key.For(token.Git, "acme/b/1"), "x", 401, ""},
		{"no offset", "POST", path, tok, "x", 400, ""},
		{"negative offset", "POST", path + "?offset=-1", tok, "x", 400, ""},
		{"hostile name", "POST", "/logs/acme/%2e%2e/1?offset=0", tok, "x", 400, ""},
		{"hostile name with a slash", "POST", "/logs/acme/a%2f..%2f..%2fb/1?offset=0", tok, "x", 400, ""},
		{"first", "POST", path + "?offset=0", tok, "ab", 200, `{"size":2}`},
		{"gap", "PUT", path + "?offset=5", tok, "x", 409, `{"size":2,"error":"the log is shorter than the offset"}`},
		{"overlap, PUT", "PUT", path + "?offset=1", tok, "bc", 200, `{"size":3}`},
		{"too large", "POST", path + "?offset=3", tok, strings.Repeat("x", 98), 413, `{"size":100,"error":"the log has reached its limit"}`},
		{"final", "POST", path + "?offset=100&final=true", tok, "", 200, `{"size":100}`},
		{"after final", "POST", path + "?offset=100", tok, "x", 410, `{"size":100,"error":"the log is final"}`},
	} {
		code, answer, _ := a.do(step.method, step.path, step.bearer, step.body)
		if code != step.code || step.answer != "" && answer != step.answer {
			t.Errorf("%s: %d %s; want %d %s", step.name, code, answer, step.code, step.answer)
		}
	}
}

func TestDownload(t *testing.T) {
	a := serve(t, anyone)
	for n, body := range map[int]string{1: "first", 2: "<script>second</script>"} {
		if _, err := a.Append(Key{"acme", "b", n}, 0, strings.NewReader(body), n == 1); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		path string
		code int
		body string
	}{
		"one attempt":     {"/logs/acme/b/1", 200, "first"},
		"newest attempt":  {"/logs/acme/b", 200, "<script>second</script>"},
		"from an offset":  {"/logs/acme/b/1?offset=2", 200, "rst"},
		"from the end":    {"/logs/acme/b/1?offset=5", 200, ""},
		"beyond the end":  {"/logs/acme/b/1?offset=6", 416, ""},
		"no number":       {"/logs/acme/b/1?offset=x", 416, ""},
		"follow, final":   {"/logs/acme/b/1?follow=true&offset=1", 200, "irst"},
		"no such attempt": {"/logs/acme/b/3", 404, ""},
		"no such build":   {"/logs/acme/c", 404, ""},
		"hostile":         {"/logs/acme/%2e%2e", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, body, h := a.do("GET", tc.path, "", "")
			if code != tc.code || tc.code == 200 && body != tc.body {
				t.Errorf("%d %q, want %d %q", code, body, tc.code, tc.body)
			}
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("headers %v", h)
			}
		})
	}
	_, _, h := a.do("GET", "/logs/acme/b", "", "")
	if h.Get(HeaderAttempt) != "2" || h.Get(HeaderFinal) != "false" {
		t.Errorf("headers %v", h)
	}
}

func TestWhoMayRead(t *testing.T) {
	for name, may := range map[string]func(*http.Request) bool{
		"nobody by default": nil,
		"refused":           func(*http.Request) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, may)
			if code, _, _ := a.do("GET", "/logs/acme/b/1", "", ""); code != http.StatusForbidden {
				t.Errorf("code %d", code)
			}
		})
	}
}

func TestFollowStreams(t *testing.T) {
	a := serve(t, anyone)
	write := func(offset int64, s string, final bool) {
		t.Helper()
		if _, err := a.Append(logA, offset, strings.NewReader(s), final); err != nil {
			t.Fatal(err)
		}
	}
	write(0, "one\n", false)
	resp, err := http.Get(a.url + "/logs/acme/build-a?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	expect := func(want string) {
		t.Helper()
		if got, err := r.ReadString('\n'); err != nil || got != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	expect("one\n")
	write(4, "two\n", false)
	expect("two\n")
	write(8, "three\n", true)
	expect("three\n")
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("after final: %v", err)
	}
}
