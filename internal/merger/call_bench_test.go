package merger

import (
	"log/slog"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/token"
)

// BenchmarkCall asks for a state that is known: what is measured is how the
// merger is reached. Remote is over loopback with mutual TLS, on a connection
// that is kept; three replicas are behind a router.
func BenchmarkCall(b *testing.B) {
	q := benchQueue(b, api, 2_000, 20)
	hosts := q.remotes()
	s, _ := newService(b, b.TempDir(), hosts)
	o := listen(b, token.NewKey())
	o.serve(Handler(s, o.key, nil, slog.New(slog.DiscardHandler)))
	client := newClient(b, o.url, o.key)
	for _, way := range []struct {
		name string
		m    Merger
	}{
		{"in-process", s},
		{"remote", client},
		{"router", NewRouter([]Replica{{client.Name(), client}, {"a", client}, {"b", client}}, time.Now)},
	} {
		b.Run(way.name, func(b *testing.B) {
			prepare(b, way.m, "", q.request())
			for b.Loop() {
				prepare(b, way.m, "", q.request())
			}
		})
	}
}

// BenchmarkEmptyCall asks for nothing: what is left is the way there and back.
func BenchmarkEmptyCall(b *testing.B) {
	o := listen(b, token.NewKey())
	s, _ := newService(b, b.TempDir(), remotes{})
	o.serve(Handler(s, o.key, nil, slog.New(slog.DiscardHandler)))
	client := newClient(b, o.url, o.key)
	for b.Loop() {
		prepare(b, client, "", mergeplan.Request{})
	}
}

// BenchmarkConnect is what the first call to a replica costs on top.
func BenchmarkConnect(b *testing.B) {
	o := listen(b, token.NewKey())
	s, _ := newService(b, b.TempDir(), remotes{})
	o.serve(Handler(s, o.key, nil, slog.New(slog.DiscardHandler)))
	for b.Loop() {
		prepare(b, newClient(b, o.url, o.key), "", mergeplan.Request{})
	}
}
