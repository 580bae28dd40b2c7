package logstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var logA = Key{Namespace: "acme", Build: "build-a", Attempt: 1}

func open(t *testing.T, o Options) (*Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "logs")
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, dir
}

func text(t *testing.T, s *Store, k Key) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Read(k, 0, &b); err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	return b.String()
}

func TestParseKey(t *testing.T) {
	for name, tc := range map[string]struct {
		ns, build, attempt string
		ok                 bool
	}{
		"good":                {"acme", "build-1a.x", "1", true},
		"first attempt is 0":  {"acme", "b", "0", true},
		"parent":              {"..", "b", "1", false},
		"dot":                 {".", "b", "1", false},
		"parent as build":     {"acme", "..", "1", false},
		"dots in build":       {"acme", "a..b", "1", false},
		"slash":               {"acme", "a/b", "1", false},
		"backslash":           {"acme", `a\b`, "1", false},
		"NUL":                 {"acme", "a\x00b", "1", false},
		"newline at the end":  {"acme", "a\n", "1", false},
		"upper case":          {"Acme", "b", "1", false},
		"empty":               {"", "", "", false},
		"negative attempt":    {"acme", "b", "-1", false},
		"attempt with zeros":  {"acme", "b", "01", false},
		"attempt with sign":   {"acme", "b", "+1", false},
		"attempt is too much": {"acme", "b", "12345678", false},
		"attempt is a file":   {"acme", "b", "1.log", false},
		"long namespace":      {strings.Repeat("a", 64), "b", "1", false},
		"long build":          {"acme", strings.Repeat("a", 254), "1", false},
		"not ASCII":           {"acme", "bú", "1", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseKey(tc.ns, tc.build, tc.attempt)
			if (err == nil) != tc.ok {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestAppend(t *testing.T) {
	type call struct {
		offset int64
		data   string
		final  bool
		size   int64
		err    error
	}
	for name, tc := range map[string]struct {
		calls []call
		want  string
		final bool
	}{
		"in order":            {[]call{{0, "ab", false, 2, nil}, {2, "cd", true, 4, nil}}, "abcd", true},
		"resend":              {[]call{{0, "ab", false, 2, nil}, {0, "ab", false, 2, nil}}, "ab", false},
		"overlapping resend":  {[]call{{0, "abc", false, 3, nil}, {1, "bcde", false, 5, nil}}, "abcde", false},
		"shorter resend":      {[]call{{0, "abc", false, 3, nil}, {0, "a", false, 3, nil}}, "abc", false},
		"gap":                 {[]call{{0, "ab", false, 2, nil}, {3, "d", false, 2, ErrGap}}, "ab", false},
		"gap at the start":    {[]call{{7, "x", false, 0, ErrGap}}, "", false},
		"negative":            {[]call{{-1, "x", false, 0, ErrGap}}, "", false},
		"final without bytes": {[]call{{0, "ab", false, 2, nil}, {2, "", true, 2, nil}}, "ab", true},
		"empty and final":     {[]call{{0, "", true, 0, nil}}, "", true},
		"final again":         {[]call{{0, "ab", true, 2, nil}, {0, "ab", true, 2, nil}}, "ab", true},
		"more after final":    {[]call{{0, "ab", true, 2, nil}, {2, "c", false, 2, ErrFinal}}, "ab", true},
		"up to the limit":     {[]call{{0, "0123456789", true, 10, nil}}, "0123456789", true},
		"over the limit":      {[]call{{0, "0123456789X", true, 10, ErrTooLarge}}, "0123456789", false},
		"gap does not finish": {[]call{{1, "", true, 0, ErrGap}}, "", false},
		"beyond limit resend": {[]call{{0, "0123456789", false, 10, nil}, {9, "9X", false, 10, ErrTooLarge}}, "0123456789", false},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, Options{MaxLogBytes: 10})
			for i, c := range tc.calls {
				size, err := s.Append(logA, c.offset, strings.NewReader(c.data), c.final)
				if size != c.size || !errors.Is(err, c.err) {
					t.Errorf("call %d: %d, %v; want %d, %v", i, size, err, c.size, c.err)
				}
			}
			info, _ := s.Stat(logA)
			if got := text(t, s, logA); got != tc.want || info.Final != tc.final {
				t.Errorf("got %q, final %v", got, info.Final)
			}
		})
	}
}

func TestAppendKeepsWhatCameBeforeTheConnectionBroke(t *testing.T) {
	s, dir := open(t, Options{})
	broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if size, err := s.Append(logA, 0, broken, true); err == nil || size != 4 {
		t.Fatalf("%d, %v", size, err)
	}
	again, err := Open(dir, Options{}) // as after a crash
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if info, err := again.Stat(logA); err != nil || info.Size != 4 || info.Final {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestConcurrentResends(t *testing.T) {
	s, _ := open(t, Options{})
	all := strings.Repeat("0123456789", 1000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for off := 0; off < len(all); off += 100 {
				for {
					_, err := s.Append(logA, int64(off), strings.NewReader(all[off:off+100]), false)
					if err == nil {
						break
					}
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := text(t, s, logA); got != all {
		t.Errorf("%d bytes, want %d", len(got), len(all))
	}
}

func TestLatest(t *testing.T) {
	s, _ := open(t, Options{})
	if _, err := s.Latest("acme", "build-a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("err = %v", err)
	}
	for _, n := range []int{1, 10, 9} {
		if _, err := s.Append(Key{"acme", "build-a", n}, 0, strings.NewReader("x"), true); err != nil {
			t.Fatal(err)
		}
	}
	if k, err := s.Latest("acme", "build-a"); err != nil || k.Attempt != 10 {
		t.Errorf("%v, %v", k, err)
	}
	if _, err := s.Latest("acme", "../other"); !errors.Is(err, ErrBadKey) {
		t.Errorf("err = %v", err)
	}
}

func TestFollowEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(s *Store, cancel context.CancelFunc)
		want error
	}{
		"final":           {func(s *Store, _ context.CancelFunc) { _, _ = s.Append(logA, 2, strings.NewReader("c"), true) }, nil},
		"finished":        {func(s *Store, _ context.CancelFunc) { _ = s.Finish(logA) }, nil},
		"reader left":     {func(_ *Store, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"swept meanwhile": {func(s *Store, _ context.CancelFunc) { _ = s.remove(logA) }, ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := s.Append(logA, 0, strings.NewReader("ab"), false); err != nil {
				t.Fatal(err)
			}
			flushed := make(chan struct{}, 10)
			done := make(chan error)
			go func() {
				done <- s.Follow(ctx, logA, 0, io.Discard, func() error { flushed <- struct{}{}; return nil })
			}()
			<-flushed
			tc.end(s, cancel)
			if err := <-done; !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
			if len(s.logs) != 0 {
				t.Errorf("locks left: %v", s.logs)
			}
		})
	}
}

func TestToRemove(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	log := func(build string, age time.Duration, size int64, final bool) Info {
		return Info{Key: Key{"ns", build, 1}, Size: size, Final: final, Modified: now.Add(-age)}
	}
	for name, tc := range map[string]struct {
		opts Options
		all  []Info
		want []string
	}{
		"no limits":     {Options{}, []Info{log("a", 1e6*time.Hour, 100, true)}, nil},
		"age":           {Options{MaxAge: time.Hour}, []Info{log("old", 2*time.Hour, 1, true), log("new", time.Minute, 1, true), log("lost", 2*time.Hour, 1, false)}, []string{"old", "lost"}},
		"size, oldest":  {Options{MaxTotalBytes: 10}, []Info{log("new", 1, 6, true), log("old", 3, 6, true), log("mid", 2, 4, true)}, []string{"old"}},
		"running last":  {Options{MaxTotalBytes: 10}, []Info{log("running", 9, 6, false), log("done", 1, 6, true)}, []string{"done"}},
		"both":          {Options{MaxTotalBytes: 10, MaxAge: time.Hour}, []Info{log("a", 2*time.Hour, 9, true), log("b", 2, 9, true)}, []string{"a"}},
		"within limits": {Options{MaxTotalBytes: 12}, []Info{log("a", 1, 6, true), log("b", 2, 6, true)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, i := range toRemove(tc.all, tc.opts, now) {
				got = append(got, i.Key.Build)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSweep(t *testing.T) {
	now := time.Now()
	s, dir := open(t, Options{MaxAge: time.Hour, Now: func() time.Time { return now }})
	for _, k := range []Key{logA, {"acme", "build-b", 1}, {"other", "build-c", 3}} {
		if _, err := s.Append(k, 0, strings.NewReader("12345"), true); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "lost+found"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Sweep(); err != nil || got != (Swept{Kept: 15}) {
		t.Errorf("%+v, %v", got, err)
	}
	now = now.Add(2 * time.Hour)
	if got, err := s.Sweep(); err != nil || got != (Swept{Removed: 3, RemovedBytes: 15}) {
		t.Errorf("%+v, %v", got, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "lost+found" {
		t.Errorf("left: %v, %v", entries, err)
	}
	if size, err := s.Append(logA, 0, strings.NewReader("anew"), false); err != nil || size != 4 {
		t.Errorf("after the sweep: %d, %v", size, err)
	}
}

// TestFinishOfALogThatGoes: a log that was moved away while Finish waited for it
// is not begun anew.
func TestFinishOfALogThatGoes(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Append(logA, 0, strings.NewReader("x"), true); err != nil {
		t.Fatal(err)
	}
	l := s.use(logA)
	defer s.release(logA, l)
	l.writing.Lock()
	done := make(chan error, 1)
	go func() { done <- s.Finish(logA) }()
	for waits := false; !waits; {
		s.mu.Lock()
		waits = l.users == 2
		s.mu.Unlock()
	}
	for _, suffix := range []string{logSuffix, finalSuffix} {
		if err := s.root.Remove(logA.path(suffix)); err != nil {
			t.Fatal(err)
		}
	}
	l.writing.Unlock()
	if err := <-done; !errors.Is(err, ErrNotFound) {
		t.Errorf("finish: %v", err)
	}
	if _, err := s.Stat(logA); !errors.Is(err, ErrNotFound) {
		t.Errorf("it is there again: %v", err)
	}
}
