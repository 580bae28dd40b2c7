package logarchive

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/logstore"
)

// fakeS3 is a server that speaks enough of S3, of the older kind: it knows no
// checksums that come behind an object.
type fakeS3 struct {
	mu      sync.Mutex
	objects map[string][]byte
	types   map[string]string
	// locked cannot be deleted.
	locked string
}

type s3List struct {
	XMLName  xml.Name   `xml:"ListBucketResult"`
	Contents []s3Object `xml:"Contents"`
	Prefixes []s3Prefix `xml:"CommonPrefixes"`
}

type s3Object struct {
	Key, LastModified string
	Size              int
}

type s3Prefix struct{ Prefix string }

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	key, found := strings.CutPrefix(r.URL.Path, "/bucket/")
	data, exists := f.objects[key]
	switch {
	case r.Header.Get("Authorization") == "" || r.Header.Get("X-Amz-Trailer") != "":
		http.Error(w, "not signed, or too new", http.StatusForbidden)
	case !found || key == "":
		f.list(w, r)
	case r.Method == http.MethodPut:
		f.objects[key], f.types[key] = body, r.Header.Get("Content-Type")
	case !exists:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<Error><Code>NoSuchKey</Code></Error>`)
	case r.Method == http.MethodDelete && key == f.locked:
		http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
	case r.Method == http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", f.types[key])
		w.Header().Set("ETag", `"abc"`)
		http.ServeContent(w, r, "", time.Unix(1000, 0), bytes.NewReader(data))
	}
}

func (f *fakeS3) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var out s3List
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		rest, ok := strings.CutPrefix(key, q.Get("prefix"))
		if !ok {
			continue
		}
		if first, _, cut := strings.Cut(rest, "/"); cut && q.Get("delimiter") != "" {
			out.Prefixes = append(out.Prefixes, s3Prefix{q.Get("prefix") + first + "/"})
			continue
		}
		out.Contents = append(out.Contents, s3Object{key, "2026-03-01T12:00:00Z", len(f.objects[key])})
	}
	out.Prefixes = slices.Compact(out.Prefixes)
	_ = xml.NewEncoder(w).Encode(out)
}

// TestSweepGoesOn: a log that cannot be deleted is told of, and keeps no others.
func TestSweepGoesOn(t *testing.T) {
	f := &fakeS3{objects: map[string][]byte{}, types: map[string]string{}, locked: "acme/build-a/1/x"}
	srv := httptest.NewServer(f)
	defer srv.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	a := openArchive(t, "s3://bucket?region=us-east-1&use_path_style=true&request_checksum_calculation=when_required&endpoint="+srv.URL, Options{MaxAge: time.Hour})
	second := attemptA
	second.Attempt = 2
	put(t, a, attemptA, "x", "123")
	put(t, a, second, "x", "12345")
	got, err := a.Sweep(t.Context())
	if err == nil || !strings.Contains(err.Error(), attemptA.String()) || got != (logstore.Swept{Removed: 1, RemovedBytes: 5, Kept: 3}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestS3: credentials come from the environment, and a server that is not
// Amazon's and not new will do.
func TestS3(t *testing.T) {
	f := &fakeS3{objects: map[string][]byte{}, types: map[string]string{}}
	srv := httptest.NewServer(f)
	defer srv.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	a := openArchive(t, "s3://bucket?region=us-east-1&use_path_style=true&request_checksum_calculation=when_required&prefix=part/&endpoint="+srv.URL, Options{})
	s := openStore(t)
	appendLog(t, s, attemptA, "the log\n", true)
	if err := a.MoveAll(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	put(t, a, attemptA, "sub/a b.txt", "0123456789")
	if got := string(f.objects["part/acme/build-a/1/job-output.txt"]); got != "the log\n" {
		t.Errorf("%q", f.objects)
	}
	if got := content(t, a, attemptA, "sub/a b.txt", 7); got != "789" {
		t.Errorf("from 7: %q", got)
	}
	if st, err := a.Stat(t.Context(), attemptA, "sub/a b.txt"); err != nil || st.Type != typeText || st.Size != 10 || st.ETag == "" {
		t.Errorf("%+v, %v", st, err)
	}
	if k, err := a.Latest(t.Context(), "acme", "build-a"); err != nil || k != attemptA {
		t.Errorf("%v, %v", k, err)
	}
	a.opts.MaxAge = time.Hour
	if got, err := a.Sweep(t.Context()); err != nil || got != (logstore.Swept{Removed: 1, RemovedBytes: 18}) || len(f.objects) != 0 {
		t.Errorf("%+v, %v, %q", got, err, f.objects)
	}
}
