package merger

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/token"
)

// mortal is a merger's process as far as others see it: once dead, it breaks
// every connection.
type mortal struct {
	http.Handler
	// left is how many requests it lives to take; the last one breaks, done or not.
	left atomic.Int64
	done bool
	dead atomic.Bool
}

func (m *mortal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !m.dead.Load() && m.left.Add(-1) == 0 {
		m.dead.Store(true)
		if m.done {
			m.Handler.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	if m.dead.Load() {
		panic(http.ErrAbortHandler)
	}
	m.Handler.ServeHTTP(w, r)
}

// replicas are mergers behind HTTP, and a router over them.
type replicas struct {
	t        *testing.T
	key      token.Key
	services []*Service
	mortals  []*mortal
	servers  []*origin
	names    []string
	clock    atomic.Int64
	*Router
}

// now is a clock that only the test moves.
func (c *replicas) now() time.Time { return time.Unix(c.clock.Load(), 0) }

func (c *replicas) later(d time.Duration) { c.clock.Add(int64(d / time.Second)) }

func startReplicas(t *testing.T, n int, r Remotes) *replicas {
	t.Helper()
	c := &replicas{t: t, key: token.NewKey()}
	var all []Replica
	var peers []*Client
	for range n {
		m := &mortal{}
		o := listen(t, c.key)
		o.serve(m)
		client := newClient(t, o.url, c.key)
		c.mortals, c.servers, c.names = append(c.mortals, m), append(c.servers, o), append(c.names, client.Name())
		all = append(all, Replica{Name: client.Name(), Merger: client})
		peer, err := NewClient(o.url, is(t, c.key, identity.Merger))
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, peer)
	}
	for _, m := range c.mortals {
		s, _ := newService(t, t.TempDir(), r)
		m.Handler = Handler(s, c.key, NewPeers(peers, c.now), slog.New(slog.DiscardHandler))
		c.services = append(c.services, s)
	}
	c.Router = NewRouter(all, c.now)
	return c
}

// of gives the number of the n-th choice of a project.
func (c *replicas) of(project string, n int) int {
	for i, name := range c.names {
		if c.ring.ranked(project)[n].name == name {
			return i
		}
	}
	c.t.Fatal("unknown replica")
	return 0
}

func (c *replicas) kill(i int) { c.mortals[i].dead.Store(true) }

// ways are all ways to a merger; they have nothing in common but the remotes.
func ways(t *testing.T, r Remotes) map[string]Merger {
	t.Helper()
	s, _ := newService(t, t.TempDir(), r)
	return map[string]Merger{"in-process": s, "remote": serve(t, r).client, "three replicas": startReplicas(t, 3, r)}
}

func TestEveryWayGivesTheSame(t *testing.T) {
	q := independent(t, 2)
	ctx := t.Context()
	all := ways(t, q.remotes())
	files := FilesRequest{Project: api, Branch: "main", Paths: []string{"README"}}
	for name, call := range map[string]func(Merger) (any, error){
		"prepare": func(m Merger) (any, error) {
			return m.Prepare(ctx, PrepareRequest{Scope: "acme/bs", Request: q.request()})
		},
		"branches":   func(m Merger) (any, error) { return m.Branches(ctx, api) },
		"refs":       func(m Merger) (any, error) { return m.Refs(ctx, api) },
		"containing": func(m Merger) (any, error) { return m.Containing(ctx, api, q.base) },
		"tip":        func(m Merger) (any, error) { return m.Tip(ctx, api, "main") },
		"files":      func(m Merger) (any, error) { return m.Files(ctx, files) },
		"release":    func(m Merger) (any, error) { return nil, m.Release(ctx, "acme/bs") },
	} {
		t.Run(name, func(t *testing.T) {
			want, err := call(all["in-process"])
			if err != nil {
				t.Fatal(err)
			}
			for way, m := range all {
				got, err := call(m)
				if err != nil {
					t.Fatalf("%s: %v", way, err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s: %s", way, d)
				}
			}
		})
	}
}
