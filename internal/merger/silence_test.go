package merger

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/token"
)

// wire is a network to a merger that can be cut without a word, as when its
// machine loses power: connections stay, and nothing comes any more.
type wire struct {
	cut atomic.Bool
	// beats tells of what the client sends, as long as somebody listens.
	beats chan struct{}
}

func (w *wire) lay(t *testing.T, to string) (addr string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	pass := func(dst, src net.Conn, said func()) {
		buf := make([]byte, 32<<10)
		for {
			n, err := src.Read(buf)
			if err != nil {
				dst.Close()
				return
			}
			said()
			if !w.cut.Load() {
				_, _ = dst.Write(buf[:n])
			}
		}
	}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			go pass(far, near, func() {
				select {
				case w.beats <- struct{}{}:
				default:
				}
			})
			go pass(near, far, func() {})
		}
	}()
	return l.Addr().String()
}

// A replica that falls silent while it works is taken for gone, although it
// may work for long; one that works for long and lives is waited for.
func TestSilenceIsNotPatience(t *testing.T) {
	q := independent(t, 1)
	key := token.NewKey()
	lines := map[string]*wire{"one": {beats: make(chan struct{})}, "two": {beats: make(chan struct{})}}
	var all []Replica
	asked := make(chan string, 10)
	release := make(chan struct{})
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		s, _ := newService(t, t.TempDir(), q.remotes())
		o := listen(t, key)
		h := Handler(s, key, nil, slog.New(slog.DiscardHandler))
		o.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			asked <- name
			<-release
			h.ServeHTTP(w, r)
		}))
		c := newClient(t, "https://"+lines[name].lay(t, strings.TrimPrefix(o.url, "https://")), key)
		c.http.Transport = transport(is(t, key, identity.Manager), 200*time.Millisecond, 200*time.Millisecond)
		all = append(all, Replica{Name: name, Merger: c})
	}
	r := NewRouter(all, time.Now)
	s, _ := newService(t, t.TempDir(), q.remotes())
	want := prepare(t, s, "", q.request())
	done := make(chan struct{})
	go func() {
		defer close(done)
		got, err := r.Prepare(t.Context(), PrepareRequest{Request: q.request()})
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v: %s", err, d)
		}
	}()
	first := <-asked
	for range 5 { // it is asked whether it lives, and does
		<-lines[first].beats
	}
	if len(asked) > 0 {
		t.Errorf("%s was asked while %s worked", <-asked, first)
	}
	lines[first].cut.Store(true)
	if second := <-asked; second == first {
		t.Errorf("%s was asked again", first)
	}
	close(release)
	<-done
}
