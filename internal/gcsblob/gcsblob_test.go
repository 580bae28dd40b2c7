package gcsblob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// fakeGCS has the parts of the API that are used.
type fakeGCS struct {
	mu      sync.Mutex
	objects map[string][]byte
	types   map[string]string
}

func (f *fakeGCS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Path == "/upload/storage/v1/b/bucket/o" {
		f.upload(w, r)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	const all = "/storage/v1/b/bucket/o"
	if r.URL.Path == all {
		f.list(w, r)
		return
	}
	key := strings.TrimPrefix(r.URL.Path, all+"/")
	data, ok := f.objects[key]
	switch {
	case !ok:
		http.Error(w, "no such object", http.StatusNotFound)
	case r.Method == http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Query().Get("alt") == "media":
		w.Header().Set("Content-Type", f.types[key])
		http.ServeContent(w, r, "", time.Unix(1000, 0), bytes.NewReader(data))
	default:
		_ = json.NewEncoder(w).Encode(f.resource(key))
	}
}

func (f *fakeGCS) resource(key string) resource {
	return resource{Name: key, Size: int64(len(f.objects[key])), ContentType: f.types[key], ETag: "CJ+", Updated: time.Unix(1000, 0)}
}

func (f *fakeGCS) upload(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	key := r.URL.Query().Get("name")
	f.mu.Lock()
	defer f.mu.Unlock()
	_, exists := f.objects[key]
	switch {
	case err != nil: // a body that breaks off makes no object
	case strings.HasPrefix(key, "forbidden"):
		http.Error(w, "no", http.StatusForbidden)
	case exists && r.URL.Query().Get("ifGenerationMatch") == "0":
		http.Error(w, "it exists", http.StatusPreconditionFailed)
	default:
		f.objects[key], f.types[key] = data, r.Header.Get("Content-Type")
		_ = json.NewEncoder(w).Encode(f.resource(key))
	}
}

// list has pages of two.
func (f *fakeGCS) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var items []resource
	var prefixes []string
	next, n := "", 0
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		rest, ok := strings.CutPrefix(key, q.Get("prefix"))
		if !ok || key <= q.Get("pageToken") {
			continue
		}
		if n == 2 {
			next = q.Get("pageToken")
			break
		}
		n++
		q.Set("pageToken", key)
		if i := strings.Index(rest, q.Get("delimiter")); q.Get("delimiter") != "" && i >= 0 {
			prefixes = append(prefixes, q.Get("prefix")+rest[:i+1])
			continue
		}
		items = append(items, f.resource(key))
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "prefixes": slices.Compact(prefixes), "nextPageToken": next})
}

func open(t *testing.T) (*blob.Bucket, *fakeGCS) {
	t.Helper()
	f := &fakeGCS{objects: map[string][]byte{}, types: map[string]string{}}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	t.Setenv(emulator, srv.URL)
	b, err := blob.OpenBucket(t.Context(), "gs://bucket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b, f
}

func TestObjects(t *testing.T) {
	b, f := open(t)
	ctx := t.Context()
	const key = "acme/b/1/dir with space/ü?#%.log"
	if err := b.WriteAll(ctx, key, []byte("0123456789"), &blob.WriterOptions{ContentType: "text/plain; charset=utf-8"}); err != nil {
		t.Fatal(err)
	}
	if string(f.objects[key]) != "0123456789" {
		t.Errorf("stored: %q", f.objects)
	}
	a, err := b.Attributes(ctx, key)
	if err != nil || a.Size != 10 || a.ContentType != "text/plain; charset=utf-8" || a.ETag != "CJ+" || !a.ModTime.Equal(time.Unix(1000, 0)) {
		t.Errorf("%+v, %v", a, err)
	}
	for _, tc := range []struct {
		offset, length int64
		want           string
	}{{0, -1, "0123456789"}, {4, -1, "456789"}, {2, 3, "234"}, {0, 0, ""}} {
		r, err := b.NewRangeReader(ctx, key, tc.offset, tc.length, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if string(got) != tc.want || err != nil || r.Size() != 10 {
			t.Errorf("%+v: %q of %d, %v", tc, got, r.Size(), err)
		}
		_ = r.Close()
	}
	if err := b.Delete(ctx, key); err != nil || len(f.objects) != 0 {
		t.Errorf("%v, %q", err, f.objects)
	}
}

func TestErrors(t *testing.T) {
	b, _ := open(t)
	ctx := t.Context()
	if err := b.WriteAll(ctx, "there", nil, nil); err != nil {
		t.Fatal(err)
	}
	_, attributes := b.Attributes(ctx, "none")
	_, read := b.NewReader(ctx, "none", nil)
	for name, tc := range map[string]struct {
		err  error
		want gcerrors.ErrorCode
	}{
		"attributes": {attributes, gcerrors.NotFound},
		"read":       {read, gcerrors.NotFound},
		"delete":     {b.Delete(ctx, "none"), gcerrors.NotFound},
		"forbidden":  {b.WriteAll(ctx, "forbidden", []byte("x"), nil), gcerrors.PermissionDenied},
		"exists":     {b.WriteAll(ctx, "there", []byte("x"), &blob.WriterOptions{IfNotExist: true}), gcerrors.FailedPrecondition},
		"copy":       {b.Copy(ctx, "a", "there", nil), gcerrors.Unimplemented},
	} {
		if got := gcerrors.Code(tc.err); got != tc.want {
			t.Errorf("%s: %v (%v), want %v", name, got, tc.err, tc.want)
		}
	}
}

func TestList(t *testing.T) {
	b, _ := open(t)
	for _, key := range []string{"a/1/x", "a/1/y", "a/2/x", "a/3", "b/1/x"} {
		if err := b.WriteAll(t.Context(), key, []byte(key), nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		opts blob.ListOptions
		want string
	}{
		"all":       {blob.ListOptions{}, "a/1/x a/1/y a/2/x a/3 b/1/x"},
		"prefix":    {blob.ListOptions{Prefix: "a/1/"}, "a/1/x a/1/y"},
		"delimiter": {blob.ListOptions{Prefix: "a/", Delimiter: "/"}, "a/1/ a/2/ a/3"},
	} {
		var got []string
		for it := b.List(&tc.opts); ; {
			o, err := it.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, o.Key)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestGivenUp: what was given up is not there, not even in part.
func TestGivenUp(t *testing.T) {
	b, f := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := b.NewWriter(ctx, "half", &blob.WriterOptions{ContentType: "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, strings.Repeat("x", 1<<20))
	cancel()
	if err := w.Close(); err == nil {
		t.Error("closed without an error")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.objects) != 0 {
		t.Errorf("there is an object of %d bytes", len(f.objects["half"]))
	}
}

func TestURLs(t *testing.T) {
	t.Setenv(emulator, "127.0.0.1:1")
	for u, ok := range map[string]bool{"gs://b": true, "gs://b/": true, "gs://": false, "gs://b/path": false, "gs://b?access_id=x": false} {
		_, err := blob.OpenBucket(t.Context(), u)
		if (err == nil) != ok {
			t.Errorf("%s: %v", u, err)
		}
	}
}

// TestServersThatDoNotAnswer: nothing is waited for without an end.
func TestServersThatDoNotAnswer(t *testing.T) {
	if tr := transport(); tr.DialContext == nil || tr.TLSHandshakeTimeout == 0 || tr.ResponseHeaderTimeout == 0 {
		t.Errorf("%+v", tr)
	}
}
