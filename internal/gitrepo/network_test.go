package gitrepo

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/model"
)

// clock stands still until it is moved.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.nanos.Load()) }
func (c *clock) move(d time.Duration) { c.nanos.Add(int64(d)) }

func mirrorOf(t *testing.T, s *Store, name string) *Mirror {
	t.Helper()
	m, err := s.EnsureMirror(t.Context(), model.Project{Connection: "forge", Hostname: "forge.example", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Fetches leave room for questions, and all together keep to the limit.
func TestFewGitProcessesAskOneHost(t *testing.T) {
	const perHost = 4
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	head := r.Commit("one", map[string]string{"a": "1"})
	m := newMirror(t, Options{PerHost: perHost})
	g := newGate(host, false)
	var wg sync.WaitGroup
	for i := range 6 {
		name := fmt.Sprintf("acme/p%d", i)
		p, remote := mirrorOf(t, m.store, name), Remote{URL: host.Add(t, name, r)}
		wg.Go(func() {
			if _, err := p.Fetch(t.Context(), remote, []Want{{Commit: head, Ref: "refs/heads/main"}}); err != nil {
				t.Error(err)
			}
		})
	}
	for range perHost - 1 {
		<-g.came
	}
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	wg.Go(func() {
		if _, err := m.ListRemoteBranches(t.Context(), remote); err != nil {
			t.Error(err)
		}
	})
	<-g.came // the question gets through
	if n := g.started.Load(); n != perHost {
		t.Errorf("%d at once", n)
	}
	close(g.open)
	wg.Wait()
	if n := g.started.Load(); n != 7 {
		t.Errorf("%d in all", n)
	}
}

func TestFailingHostsAreLeftAlone(t *testing.T) {
	status := func(code int) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		}
	}
	cut := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
	for name, tc := range map[string]struct {
		between func(http.Handler) http.Handler
		denied  bool
	}{
		"500":             {status(500), false},
		"too many":        {status(429), false},
		"cut off":         {cut, false},
		"not to be found": {status(404), true},
		"forbidden":       {status(403), true},
	} {
		t.Run(name, func(t *testing.T) {
			host := gitrepotest.NewHost(t, "", "")
			r := gitrepotest.New(t)
			r.Commit("one", nil)
			c := newClock()
			m := newMirror(t, Options{Now: c.now})
			remote := Remote{URL: host.Add(t, "acme/api", r)}
			var asked atomic.Int64
			host.Between(func(h http.Handler) http.Handler {
				broken := tc.between(h)
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					broken.ServeHTTP(w, r)
				})
			})
			var last time.Duration
			for n := range 8 {
				before := asked.Load()
				_, err := m.ListRemoteBranches(t.Context(), remote)
				if err == nil || asked.Load() == before || Denied(err) != tc.denied {
					t.Fatalf("%d: %v, denied = %v", n, err, Denied(err))
				}
				before = asked.Load()
				var paused *PausedError
				_, err = m.ListRemoteBranches(t.Context(), remote)
				if !errors.As(err, &paused) || asked.Load() != before || Denied(err) != tc.denied {
					t.Fatalf("%d: it was asked again at once: %v", n, err)
				}
				least, most := min(firstPause<<n, maxPause)/2, min(firstPause<<n, maxPause)
				if paused.For < least || paused.For > most || !strings.Contains(err.Error(), remote.URL+" is not asked again for ") {
					t.Errorf("%d: %v", n, err)
				}
				if m.store.BackingOff() != 1 {
					t.Error("it is not counted")
				}
				last = paused.For
				c.move(last)
			}
			host.Between(func(h http.Handler) http.Handler { return h })
			if _, err := m.ListRemoteBranches(t.Context(), remote); err != nil || m.store.BackingOff() != 0 {
				t.Errorf("when it is well again, after %s: %v", last, err)
			}
			if _, err := m.ListRemoteBranches(t.Context(), remote); err != nil {
				t.Error(err)
			}
		})
	}
}

// A host that cannot be reached is left alone as a whole; what is one
// repository's fault, or the credentials', holds up no other.
func TestWhatAPauseIsFor(t *testing.T) {
	host := gitrepotest.NewHost(t, "bot", "right")
	r := gitrepotest.New(t)
	r.Commit("one", nil)
	m := newMirror(t, Options{Now: newClock().now})
	other := mirrorOf(t, m.store, "acme/other")
	url := host.Add(t, "acme/api", r)
	list := func(m *Mirror, r Remote) (paused bool, err error) {
		_, err = m.ListRemoteBranches(t.Context(), r)
		var p *PausedError
		return errors.As(err, &p), err
	}
	dead := "http://127.0.0.1:1/"
	for _, step := range []struct {
		name   string
		m      *Mirror
		remote Remote
		paused bool
		ok     bool
	}{
		{"wrong password", m, Remote{url, "bot", "wrong"}, false, false},
		{"the same again", m, Remote{url, "bot", "wrong"}, true, false},
		{"the secret was mended", m, Remote{url, "bot", "right"}, false, true},
		{"another repository", other, Remote{host.URL + "/acme/nothing", "bot", "right"}, false, false},
		{"the first again", m, Remote{url, "bot", "right"}, false, true},
		{"nobody listens", m, Remote{URL: dead + "a"}, false, false},
		{"another repository there", other, Remote{URL: dead + "b"}, true, false},
	} {
		if paused, err := list(step.m, step.remote); paused != step.paused || (err == nil) != step.ok {
			t.Errorf("%s: paused = %v, %v", step.name, paused, err)
		}
	}
}

func TestManyFailuresAtOnceAreOne(t *testing.T) {
	c := newClock()
	n := newNetwork(8, c.now)
	r := Remote{URL: "https://forge.example/acme/api"}
	bad := &CommandError{Op: "fetch", Stderr: "fatal: unable to access 'x': The requested URL returned error: 503"}
	var turns []func(error)
	for range 6 {
		done, err := n.turn(t.Context(), r, true)
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, done)
	}
	c.move(time.Second)
	for _, done := range turns {
		done(bad)
	}
	var p *PausedError
	if _, err := n.turn(t.Context(), r, true); !errors.As(err, &p) || p.For > firstPause {
		t.Errorf("%v", err)
	}
}
