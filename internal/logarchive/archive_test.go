package logarchive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
)

var attemptA = logstore.Key{Namespace: "acme", Build: "build-a", Attempt: 1}

func openArchive(t *testing.T, url string, o Options) *Archive {
	t.Helper()
	a, err := Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func openStore(t *testing.T) *logstore.Store {
	t.Helper()
	s, err := logstore.Open(filepath.Join(t.TempDir(), "live"), logstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func appendLog(t *testing.T, s *logstore.Store, k logstore.Key, text string, final bool) {
	t.Helper()
	if _, err := s.Append(k, 0, strings.NewReader(text), final); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, a *Archive, k logstore.Key, name, content string) {
	t.Helper()
	if err := a.Put(t.Context(), k, name, int64(len(content)), strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, a *Archive, k logstore.Key, name string, offset int64) string {
	t.Helper()
	r, err := a.Open(t.Context(), k, name, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, a *Archive, k logstore.Key) string {
	t.Helper()
	all, err := a.List(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range all {
		out = append(out, f.Name)
	}
	return strings.Join(out, " ")
}

func TestFiles(t *testing.T) {
	for name, url := range map[string]string{"memory": "mem://", "folder": "file://" + t.TempDir() + "/made/kept"} {
		t.Run(name, func(t *testing.T) {
			a := openArchive(t, url, Options{})
			put(t, a, attemptA, "dir/ü ?#%2e.txt", "0123456789")
			put(t, a, attemptA, "dir/ü ?#%2e.txt", "0123456789")
			put(t, a, attemptA, "empty", "")
			if got := content(t, a, attemptA, "dir/ü ?#%2e.txt", 4); got != "456789" {
				t.Errorf("from 4: %q", got)
			}
			f, err := a.Stat(t.Context(), attemptA, "dir/ü ?#%2e.txt")
			if err != nil || f.Size != 10 || f.Type != typeText || f.ETag == "" || f.Modified.IsZero() {
				t.Errorf("%+v, %v", f, err)
			}
			if got := names(t, a, attemptA); got != "dir/ü ?#%2e.txt empty" {
				t.Errorf("list: %q", got)
			}
			other := attemptA
			other.Attempt = 10
			put(t, a, other, "x", "x")
			if k, err := a.Latest(t.Context(), "acme", "build-a"); err != nil || k != other {
				t.Errorf("latest: %v, %v", k, err)
			}
			_, latest := a.Latest(t.Context(), "acme", "build")
			_, stat := a.Stat(t.Context(), attemptA, "none")
			_, open := a.Open(t.Context(), attemptA, "none", 0)
			if !errors.Is(latest, logstore.ErrNotFound) || !errors.Is(stat, logstore.ErrNotFound) || !errors.Is(open, logstore.ErrNotFound) {
				t.Errorf("%v, %v, %v", latest, stat, open)
			}
		})
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	for url, want := range map[string]string{
		"": "must be like", "/var/lib": "must be like", "s3://key:secret@bucket": "give credentials by", "file://": "must be like file:///",
		"file://host/x": "must be like file:///", "ftp://x": "ftp", "file:///tmp?prefix=x/": "name the folder itself", "file:///proc/nope": "mount a writable volume",
	} {
		a, err := Open(t.Context(), url, Options{})
		if err == nil {
			_ = a.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestBounds(t *testing.T) {
	ctx := t.Context()
	a := openArchive(t, "mem://", Options{})
	send := func(k logstore.Key, name string, size int64) error {
		return a.Put(ctx, k, name, size, bytes.NewReader(make([]byte, min(size, 10))))
	}
	if err := send(attemptA, "large", buildspec.MaxFileBytes+1); !errors.Is(err, logstore.ErrTooMuch) {
		t.Errorf("too large: %v", err)
	}
	for _, name := range []string{"", "../x", "a//b", "a\nb", buildspec.LogName, buildspec.LogName + "/x"} {
		if err := send(attemptA, name, 1); !errors.Is(err, buildspec.ErrFileName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	// What is counted is what was announced, also when it does not come.
	for i, want := range []error{io.ErrUnexpectedEOF, io.ErrUnexpectedEOF, logstore.ErrTooMuch} {
		if err := send(attemptA, fmt.Sprint("f", i), buildspec.MaxFileBytes); !errors.Is(err, want) {
			t.Errorf("file %d: %v, want %v", i, err, want)
		}
	}
	if got := names(t, a, attemptA); got != "" {
		t.Errorf("files that did not come as a whole are there: %s", got)
	}
	many := attemptA
	many.Attempt = 2
	for i := range buildspec.MaxFiles {
		put(t, a, many, fmt.Sprint("f", i), "x")
	}
	a.used.Clear() // as in another process
	if err := send(many, "more", 1); !errors.Is(err, logstore.ErrTooMuch) {
		t.Errorf("one more: %v", err)
	}
	if err := send(many, "f7", 2); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := send(many, "f7/x", 1); err == nil {
		t.Error("a file is a folder")
	}
}

func TestTypes(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n"
	for name, tc := range map[string]struct{ content, want string }{
		"log":         {"plain", typeText},
		"page.html":   {"<html><script>alert(1)</script>", typeText},
		"drawing.svg": {"<svg onload='alert(1)'/>", typeText},
		"x.js":        {"alert(1)", typeText},
		"colours":     {"\x1b[31mred\x1b[0m\r\n", typeText},
		"empty":       {"", typeText},
		"cut":         {strings.Repeat("a", sniffed-1) + "ü", typeText},
		"p.png":       {png, "image/png"},
		"p.PNG":       {png, "image/png"},
		"p.txt":       {png, typeData},
		"fake.png":    {"<html>", typeText},
		"other.jpg":   {png, typeData},
		"x.gz":        {"\x1f\x8b\x08\x00", typeData},
		"x.pdf":       {"%PDF-1.4\n\x00", typeData},
		"utf16.html":  {"\xff\xfe<\x00h\x00", typeData},
	} {
		b := []byte(tc.content)
		if got := typeOf(name, b[:min(len(b), sniffed)]); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	for stored, want := range map[string]string{typeText: typeText, "image/png": "image/png", "text/html": typeData, "image/svg+xml": typeData, "": typeData} {
		if got := safeType(stored); got != want {
			t.Errorf("%q is served as %s", stored, got)
		}
	}
}

func TestMove(t *testing.T) {
	dir := t.TempDir()
	a, s := openArchive(t, "file://"+dir, Options{}), openStore(t)
	running := logstore.Key{Namespace: "acme", Build: "running", Attempt: 1}
	appendLog(t, s, attemptA, "the log\n", true)
	appendLog(t, s, running, "not yet\n", false)
	// One that a process moved before it was killed: the log is in both.
	if err := a.write(t.Context(), attemptA, buildspec.LogName, 3, strings.NewReader("the")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.MoveAll(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if got := content(t, a, attemptA, buildspec.LogName, 0); got != "the log\n" {
		t.Errorf("moved: %q", got)
	}
	if _, err := s.Stat(attemptA); !errors.Is(err, logstore.ErrNotFound) {
		t.Errorf("it is still on the disk: %v", err)
	}
	if info, err := s.Stat(running); err != nil || info.Size != 8 {
		t.Errorf("the running one: %+v, %v", info, err)
	}
}

// TestMoveFails: as long as the bucket does not take it, a log stays where it is.
func TestMoveFails(t *testing.T) {
	a, s := openArchive(t, "mem://", Options{}), openStore(t)
	appendLog(t, s, attemptA, "the log\n", true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.MoveAll(ctx, s); err == nil {
		t.Fatal("no error")
	}
	if info, err := s.Stat(attemptA); err != nil || !info.Final {
		t.Errorf("%+v, %v", info, err)
	}
	if got := names(t, a, attemptA); got != "" {
		t.Errorf("a part is there: %s", got)
	}
}

// TestKeep: a log is moved when it ends, not with the next tick.
func TestKeep(t *testing.T) {
	a, s := openArchive(t, "mem://", Options{}), openStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Keep(ctx, s, time.Hour, t.Logf)
	}()
	appendLog(t, s, attemptA, "the log\n", true)
	follow := make(chan error, 1)
	go func() { // it ends with the log, or because it is gone
		follow <- s.Follow(ctx, attemptA, 0, io.Discard, func() error { return nil })
	}()
	<-follow
	for {
		if _, err := s.Stat(attemptA); errors.Is(err, logstore.ErrNotFound) {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("it is not moved")
		}
	}
	cancel()
	<-done
	if got := content(t, a, attemptA, buildspec.LogName, 0); got != "the log\n" {
		t.Errorf("moved: %q", got)
	}
}

func TestSweep(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	a := openArchive(t, "file://"+dir, Options{MaxAge: time.Hour, MaxTotalBytes: 25, Now: func() time.Time { return now }})
	age := func(k logstore.Key, by time.Duration) {
		put(t, a, k, "sub/x", "1234567890")
		if err := os.Chtimes(filepath.Join(dir, k.String(), "sub", "x"), now.Add(-by), now.Add(-by)); err != nil {
			t.Fatal(err)
		}
	}
	old := logstore.Key{Namespace: "other", Build: "old", Attempt: 3}
	second, third := attemptA, attemptA
	second.Attempt, third.Attempt = 2, 12
	age(old, 2*time.Hour)
	age(attemptA, 30*time.Minute)
	age(second, 20*time.Minute)
	age(third, 10*time.Minute)
	if err := os.WriteFile(filepath.Join(dir, "lost+found"), []byte("left alone"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := a.Sweep(t.Context())
	if diff := cmp.Diff(logstore.Swept{Removed: 2, RemovedBytes: 20, Kept: 20}, got); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
	if names(t, a, attemptA) != "" || names(t, a, second) != "sub/x" || names(t, a, third) != "sub/x" || names(t, a, old) != "" {
		t.Error("other attempts were removed than the old, and the oldest")
	}
	left, _ := filepath.Glob(dir + "/*")
	if diff := cmp.Diff([]string{dir + "/acme", dir + "/lost+found"}, left); diff != "" {
		t.Errorf("folders: %s", diff)
	}
	if got, err := a.Sweep(t.Context()); err != nil || got != (logstore.Swept{Kept: 20}) {
		t.Errorf("again: %+v, %v", got, err)
	}
}
