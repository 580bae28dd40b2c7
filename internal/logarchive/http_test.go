package logarchive

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/token"
)

// fixture is a server of both stores.
type fixture struct {
	t     *testing.T
	url   string
	store *logstore.Store
	kept  *Archive
	write string
}

func serve(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, store: openStore(t), kept: openArchive(t, "mem://", Options{})}
	key := token.NewKey()
	f.write = key.For(token.Log, attemptA.String())
	srv := httptest.NewServer((&logstore.Server{Store: f.store, Archive: f.kept, Key: key, MayRead: func(r *http.Request) bool { return r.Header.Get("X-Nobody") == "" }}).Handler())
	t.Cleanup(srv.Close)
	f.url = srv.URL
	return f
}

func (f *fixture) do(method, path, body string, header ...string) (int, string, http.Header) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

const pathA = "/logs/acme/build-a/1"

func TestPutAndGet(t *testing.T) {
	f := serve(t)
	mine := []string{"Authorization", "Bearer " + f.write}
	for _, step := range []struct {
		name, method, path, body string
		header                   []string
		code                     int
		answer                   string
	}{
		{"no token", "PUT", pathA + "/x", "x", nil, 401, ""},
		{"another attempt's", "PUT", "/logs/acme/build-a/2/x", "x", mine, 401, ""},
		{"no name", "PUT", pathA + "/", "x", mine, 400, ""},
		{"out of the folder", "PUT", pathA + "/%2e%2e/x", "x", mine, 400, ""},
		{"out by a slash", "PUT", pathA + "/a%2f..%2f..%2fx", "x", mine, 400, ""},
		{"the log", "PUT", pathA + "/job-output.txt", "x", mine, 400, "that is the log's"},
		{"a file", "PUT", pathA + "/dir/a%20b.txt", "0123456789", mine, 204, ""},
		{"again", "PUT", pathA + "/dir/a%20b.txt", "0123456789", mine, 204, ""},
		{"read", "GET", pathA + "/dir/a%20b.txt", "", nil, 200, "0123456789"},
		{"read by nobody", "GET", pathA + "/dir/a%20b.txt", "", []string{"X-Nobody", "1"}, 403, ""},
		{"list by nobody", "GET", pathA + "/", "", []string{"X-Nobody", "1"}, 403, ""},
		{"a range", "GET", pathA + "/dir/a%20b.txt", "", []string{"Range", "bytes=2-4"}, 206, "234"},
		{"the end", "GET", pathA + "/dir/a%20b.txt", "", []string{"Range", "bytes=-3"}, 206, "789"},
		{"no such range", "GET", pathA + "/dir/a%20b.txt", "", []string{"Range", "bytes=20-"}, 416, ""},
		{"many ranges are all of it", "GET", pathA + "/dir/a%20b.txt", "", []string{"Range", "bytes=0-1,3-4"}, 200, "0123456789"},
		{"no such file", "GET", pathA + "/dir/none", "", nil, 404, "no such file"},
		{"a folder", "GET", pathA + "/dir", "", nil, 404, "no such file"},
		{"nothing of it", "GET", "/logs/acme/build-a/7/", "", nil, 404, ""},
		{"log", "POST", pathA + "?offset=0&final=true", "the log\n", mine, 200, ""},
		{"a file afterwards", "PUT", pathA + "/late", "x", mine, 410, ""},
	} {
		code, answer, _ := f.do(step.method, step.path, step.body, step.header...)
		if code != step.code || !strings.Contains(answer, step.answer) {
			t.Errorf("%s: %d %s; want %d %s", step.name, code, answer, step.code, step.answer)
		}
	}
}

func TestHeadersOfFiles(t *testing.T) {
	f := serve(t)
	for name, tc := range map[string]struct{ content, kind, disposition string }{
		"page.html": {"<script>alert(1)</script>", typeText, ""},
		"x.svg":     {"<svg/>", typeText, ""},
		"p.png":     {"\x89PNG\r\n\x1a\n", "image/png", ""},
		"core":      {"\x7fELF\x00", typeData, "attachment"},
	} {
		put(t, f.kept, attemptA, name, tc.content)
		code, _, h := f.do("GET", pathA+"/"+name, "")
		if code != 200 || h.Get("Content-Type") != tc.kind || h.Get("Content-Disposition") != tc.disposition || h.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("ETag") == "" {
			t.Errorf("%s: %d %v", name, code, h)
		}
		if code, body, _ := f.do("GET", pathA+"/"+name, "", "If-None-Match", h.Get("ETag")); code != 304 || body != "" {
			t.Errorf("%s, known: %d %s", name, code, body)
		}
	}
}

// TestLogThatMoves: wherever the log is, it is the same log.
func TestLogThatMoves(t *testing.T) {
	f := serve(t)
	appendLog(t, f.store, attemptA, "0123456789", true)
	put(t, f.kept, attemptA, "other", "x")
	for _, where := range []string{"in the store", "in the archive"} {
		for path, want := range map[string]string{
			pathA: "0123456789", pathA + "?offset=7": "789", pathA + "?follow=true&offset=3": "3456789", "/logs/acme/build-a": "0123456789", pathA + "/job-output.txt": "0123456789",
		} {
			code, body, h := f.do("GET", path, "")
			if code != 200 || body != want || !strings.HasSuffix(path, ".txt") && (h.Get(logstore.HeaderAttempt) != "1" || h.Get(logstore.HeaderFinal) != "true") {
				t.Errorf("%s, %s: %d %q %v", where, path, code, body, h)
			}
		}
		if code, body, _ := f.do("GET", pathA+"/job-output.txt", "", "Range", "bytes=1-2"); code != 206 || body != "12" {
			t.Errorf("%s, a range: %d %q", where, code, body)
		}
		for _, path := range []string{pathA + "/", "/logs/acme/build-a/"} {
			_, body, _ := f.do("GET", path, "")
			var got logstore.Files
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			want := logstore.Files{Attempt: 1, Final: true, Files: []logstore.File{{Name: buildspec.LogName, Size: 10}, {Name: "other", Size: 1}}}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(logstore.File{}, "Modified")); diff != "" {
				t.Errorf("%s, %s: %s", where, path, diff)
			}
		}
		if err := f.kept.MoveAll(t.Context(), f.store); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.store.Stat(attemptA); err == nil {
		t.Error("the log was not moved")
	}
}

// TestAppendToWhatWasMoved: an executor that did not hear of the end sends it
// again; nobody writes anything else.
func TestAppendToWhatWasMoved(t *testing.T) {
	f := serve(t)
	appendLog(t, f.store, attemptA, "0123456789", true)
	if err := f.kept.MoveAll(t.Context(), f.store); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		query, body string
		code        int
		answer      string
	}{
		{"?offset=5&final=true", "56789", 200, `{"size":10}`},
		{"?offset=10&final=true", "", 200, `{"size":10}`},
		{"?offset=5", "56789X", 410, `{"size":10,"error":"the log is final"}`},
		{"?offset=0", "another log, and longer", 410, `{"size":10,"error":"the log is final"}`},
	} {
		code, answer, _ := f.do("POST", pathA+step.query, step.body, "Authorization", "Bearer "+f.write)
		if code != step.code || strings.TrimSpace(answer) != step.answer {
			t.Errorf("%s: %d %s", step.query, code, answer)
		}
	}
	if got := content(t, f.kept, attemptA, buildspec.LogName, 0); got != "0123456789" {
		t.Errorf("the log is %q", got)
	}
}

// brokenArchive cannot be asked.
type brokenArchive struct{ logstore.Archive }

func (brokenArchive) Stat(context.Context, logstore.Key, string) (logstore.File, error) {
	return logstore.File{}, io.ErrUnexpectedEOF
}

// TestLogWithoutTheBucket: a build is not held up by a bucket that is away.
func TestLogWithoutTheBucket(t *testing.T) {
	f := serve(t)
	key := token.NewKey()
	srv := httptest.NewServer((&logstore.Server{Store: f.store, Archive: brokenArchive{f.kept}, Key: key}).Handler())
	defer srv.Close()
	f.url = srv.URL
	if code, answer, _ := f.do("POST", pathA+"?offset=0", "x", "Authorization", "Bearer "+key.For(token.Log, attemptA.String())); code != 200 {
		t.Errorf("%d %s", code, answer)
	}
}

// silentArchive does not answer.
type silentArchive struct{ logstore.Archive }

func (silentArchive) Stat(ctx context.Context, _ logstore.Key, _ string) (logstore.File, error) {
	<-ctx.Done()
	return logstore.File{}, ctx.Err()
}

// TestLogWithASilentBucket: nor by one that never answers.
func TestLogWithASilentBucket(t *testing.T) {
	f := serve(t)
	key := token.NewKey()
	srv := httptest.NewServer((&logstore.Server{Store: f.store, Archive: silentArchive{f.kept}, ArchiveTime: time.Millisecond, Key: key}).Handler())
	defer srv.Close()
	f.url = srv.URL
	if code, answer, _ := f.do("POST", pathA+"?offset=0", "x", "Authorization", "Bearer "+key.For(token.Log, attemptA.String())); code != 200 {
		t.Errorf("%d %s", code, answer)
	}
}
