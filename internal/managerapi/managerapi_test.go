package managerapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/token"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func build(name, result string) history.Build {
	return history.Build{Tenant: "acme", Name: name, Attempt: 1, Pipeline: "gate", Project: "git.example.com/acme/api", Change: 12, Job: "unit",
		Result: result, Started: start, Ended: start.Add(time.Minute), Item: "i", BuildSet: "s", Epoch: 1}
}

type fixture struct {
	key    token.Key
	logs   *logstore.Store
	past   *history.Store
	server *httptest.Server
}

func newFixture(t *testing.T, change func(*Options)) fixture {
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
	o := Options{Logs: logs, History: past, Key: token.NewKey(), Log: logr.Discard()}
	if change != nil {
		change(&o)
	}
	server := httptest.NewServer(New(o))
	t.Cleanup(server.Close)
	return fixture{key: o.Key, logs: logs, past: past, server: server}
}

// do sends a request with the internal token, or another.
func (f fixture) do(t *testing.T, method, path, bearer, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func (f fixture) internal() string { return f.key.For(token.Internal, Role) }

func TestWhoMayWhat(t *testing.T) {
	f := newFixture(t, nil)
	if err := f.past.RecordBuild(t.Context(), build("b", "SUCCESS")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.logs.Append(logstore.Key{Namespace: "acme", Build: "b", Attempt: 1}, 0, strings.NewReader("hello\n"), false); err != nil {
		t.Fatal(err)
	}
	mine := f.key.For(token.Log, "acme/b/1")
	others := map[string]string{
		"none": "", "garbage": "x", "another role's": f.key.For(token.Internal, "merger"), "another installation's": token.NewKey().For(token.Internal, Role),
		"another build's": f.key.For(token.Log, "acme/b/2"), "a git token": f.key.For(token.Git, Role),
	}
	for name, tc := range map[string]struct {
		method, path, good string
		want               int
		bad                int
	}{
		"read a log":       {"GET", "/logs/acme/b/1", f.internal(), 200, 403},
		"read the newest":  {"GET", "/logs/acme/b", f.internal(), 200, 403},
		"write a log":      {"POST", "/logs/acme/b/1?offset=6", mine, 200, 401},
		"put a log":        {"PUT", "/logs/acme/b/1?offset=6", mine, 200, 401},
		"list builds":      {"GET", "/api/builds", f.internal(), 200, 401},
		"read a build":     {"GET", "/api/builds/acme/b", f.internal(), 200, 401},
		"no such build":    {"GET", "/api/builds/acme/c", f.internal(), 404, 401},
		"wrong parameters": {"GET", "/api/builds?limit=x", f.internal(), 400, 401},
	} {
		t.Run(name, func(t *testing.T) {
			for whose, bearer := range others {
				if got, body := f.do(t, tc.method, tc.path, bearer, ""); got != tc.bad {
					t.Errorf("with the token of %s: %d %s, want %d", whose, got, body, tc.bad)
				}
			}
			if got, body := f.do(t, tc.method, tc.path, tc.good, ""); got != tc.want {
				t.Errorf("with its token: %d %s, want %d", got, body, tc.want)
			}
		})
	}
	if got, _ := f.do(t, "POST", "/logs/acme/b/1?offset=6", f.internal(), "x"); got != http.StatusUnauthorized {
		t.Errorf("the internal token writes a log: %d", got)
	}
	if got, _ := f.do(t, "GET", "/logs/acme/b/1", mine, ""); got != http.StatusForbidden {
		t.Errorf("a build reads a log: %d", got)
	}
	if got, body := f.do(t, "GET", "/healthz", "", ""); got != 200 || body != "ok\n" {
		t.Errorf("healthz: %d %s", got, body)
	}
}

func TestListBuilds(t *testing.T) {
	f := newFixture(t, nil)
	if got, body := f.do(t, "GET", "/api/builds", f.internal(), ""); got != 200 || body != "{\"builds\":[]}\n" {
		t.Errorf("no builds: %d %s", got, body)
	}
	want := []history.Build{build("b", "FAILURE"), build("a", "SUCCESS")}
	want[0].Ended = start.Add(time.Hour)
	for _, b := range want {
		if err := f.past.RecordBuild(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string][]history.Build{
		"": want, "?result=failure": want[:1], "?tenant=acme&pipeline=gate&project=acme/api&change=12&job=unit": want,
		"?since=2026-03-01T12:30:00Z": want[:1], "?limit=1": want[:1], "?tenant=other": {},
	} {
		code, body := f.do(t, "GET", "/api/builds"+query, f.internal(), "")
		var got Builds
		if err := json.Unmarshal([]byte(body), &got); err != nil || code != 200 {
			t.Fatalf("%s: %d %v", query, code, err)
		}
		if diff := cmp.Diff(want, got.Builds); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

func TestWrongParametersSayWhatIsRight(t *testing.T) {
	f := newFixture(t, nil)
	for query, want := range map[string]string{
		"?limit=0": "from 1 to 1000", "?change=-1": "change must be a number", "?since=yesterday": "2006-01-02T15:04:05Z", "?tennant=acme": "there are tenant, pipeline",
	} {
		if code, body := f.do(t, "GET", "/api/builds"+query, f.internal(), ""); code != 400 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}

func TestBuildIsFoundWhereItIs(t *testing.T) {
	live := BuildInfo{Build: build("b", ""), Phase: "Running"}
	broken := errors.New("etcd is away")
	for name, tc := range map[string]struct {
		past []history.Build
		live BuildInfo
		err  error
		code int
		want BuildInfo
	}{
		"history":              {past: []history.Build{build("b", "FAILURE")}, live: live, code: 200, want: BuildInfo{Build: build("b", "FAILURE"), Phase: "Done"}},
		"live":                 {live: live, code: 200, want: live},
		"live, after retry":    {past: []history.Build{build("b", "RETRY")}, live: live, code: 200, want: live},
		"only a retry":         {past: []history.Build{build("b", "RETRY")}, err: ErrNotFound, code: 200, want: BuildInfo{Build: build("b", "RETRY")}},
		"nowhere":              {err: fmt.Errorf("build: %w", ErrNotFound), code: 404},
		"live cannot be asked": {err: broken, code: 503},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(o *Options) {
				o.Live = func(_ context.Context, namespace, build string) (BuildInfo, error) {
					if namespace != "acme" || build != "b" {
						t.Errorf("asked for %s/%s", namespace, build)
					}
					return tc.live, tc.err
				}
			})
			for _, b := range tc.past {
				if err := f.past.RecordBuild(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			code, body := f.do(t, "GET", "/api/builds/acme/b", f.internal(), "")
			if code != tc.code {
				t.Fatalf("%d %s", code, body)
			}
			if strings.Contains(body, "etcd") {
				t.Errorf("the inside shows: %s", body)
			}
			if code != 200 {
				return
			}
			var got BuildInfo
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
