package logfollow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/token"
)

var logA = logstore.Key{Namespace: "acme", Build: "b", Attempt: 1}

// manager serves a store; it can be away, and counts who follows.
type manager struct {
	t      testing.TB
	store  *logstore.Store
	hub    *Hub
	follow atomic.Int64
	away   atomic.Bool
	// breakAll ends the answers that are open.
	mu   sync.Mutex
	ctx  context.Context
	stop context.CancelFunc
}

func newManager(t testing.TB) *manager {
	t.Helper()
	store, err := logstore.Open(filepath.Join(t.TempDir(), "logs"), logstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{t: t, store: store}
	m.ctx, m.stop = context.WithCancel(context.Background())
	h := (&logstore.Server{Store: store, Key: token.NewKey(), MayRead: func(*http.Request) bool { return true }}).Handler()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.away.Load() {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		m.mu.Lock()
		ctx, end := context.WithCancel(r.Context())
		defer end()
		defer context.AfterFunc(m.ctx, end)()
		m.mu.Unlock()
		if r.URL.Query().Get("follow") == "true" {
			m.follow.Add(1)
		}
		h.ServeHTTP(w, r.WithContext(ctx))
	}))
	transport := &http.Transport{}
	m.hub = &Hub{Source: &Source{URL: srv.URL, Transport: transport}, Pause: time.Millisecond}
	t.Cleanup(func() {
		m.breakOff()
		srv.Close()
		transport.CloseIdleConnections()
		_ = store.Close()
	})
	return m
}

func (m *manager) breakOff() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop()
	m.ctx, m.stop = context.WithCancel(context.Background())
}

func (m *manager) append(text string, final bool) {
	m.t.Helper()
	info, _ := m.store.Stat(logA)
	if _, err := m.store.Append(logA, info.Size, strings.NewReader(text), final); err != nil {
		m.t.Fatal(err)
	}
}

// follower collects what it is given.
type follower struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	some *sync.Cond
	done chan error
}

func (m *manager) start(ctx context.Context, offset int64) *follower {
	f := &follower{done: make(chan error, 1)}
	f.some = sync.NewCond(&f.mu)
	begun := make(chan struct{})
	go func() {
		f.done <- m.hub.Follow(ctx, Path(logstore.Key{Namespace: "acme", Build: "b", Attempt: -1}), offset, func(State) { close(begun) }, func(b []byte) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.buf.Write(b)
			f.some.Broadcast()
			return nil
		})
	}()
	<-begun
	return f
}

// has waits until the follower has so much.
func (f *follower) has(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.buf.Len() < n {
		f.some.Wait()
	}
}

// TestManyFollowers: each has all of the log from where it began, and the
// manager is followed once.
func TestManyFollowers(t *testing.T) {
	m := newManager(t)
	want := strings.Repeat("before\n", 1000)
	m.append(want, false)
	var all []*follower
	for i := range 50 {
		all = append(all, m.start(t.Context(), int64(i)))
	}
	all[0].has(len(want))
	for i := range 200 {
		line := fmt.Sprintf("line %d\n", i)
		m.append(line, i == 199)
		want += line
	}
	for i, f := range all {
		if err := <-f.done; err != nil || f.buf.String() != want[i:] {
			t.Fatalf("follower %d: %v, %d of %d bytes", i, err, f.buf.Len(), len(want)-i)
		}
	}
	if n := m.follow.Load(); n != 1 {
		t.Errorf("the manager was followed %d times", n)
	}
	if len(m.hub.feeds) != 0 || m.hub.followers != 0 {
		t.Errorf("left: %d feeds, %d followers", len(m.hub.feeds), m.hub.followers)
	}
}

// TestSlowFollower: one that does not read misses nothing, and holds up nobody.
func TestSlowFollower(t *testing.T) {
	m := newManager(t)
	m.append("begin\n", false)
	held, release := make(chan struct{}), make(chan struct{})
	var slow bytes.Buffer
	done := make(chan error, 1)
	go func() {
		done <- m.hub.Follow(t.Context(), Path(logA), 0, nil, func(b []byte) error {
			if slow.Len() == 0 {
				close(held)
				<-release
			}
			slow.Write(b)
			return nil
		})
	}()
	<-held
	quick := m.start(t.Context(), 0)
	want := "begin\n"
	for range 40 { // far more than is remembered
		part := strings.Repeat("0123456789abcde\n", ringSize/10/16)
		m.append(part, false)
		want += part
	}
	quick.has(len(want))
	close(release)
	m.append("end\n", true)
	if err := <-done; err != nil || slow.String() != want+"end\n" {
		t.Errorf("%v, %d of %d bytes", err, slow.Len(), len(want)+4)
	}
	if err := <-quick.done; err != nil {
		t.Error(err)
	}
}

// TestManagerRestarts: followers notice nothing.
func TestManagerRestarts(t *testing.T) {
	m := newManager(t)
	m.append("one\n", false)
	f := m.start(t.Context(), 0)
	f.has(4)
	m.away.Store(true)
	m.breakOff()
	m.append("two\n", false)
	m.away.Store(false)
	f.has(8)
	m.append("three\n", true)
	if err := <-f.done; err != nil || f.buf.String() != "one\ntwo\nthree\n" {
		t.Errorf("%v, %q", err, f.buf.String())
	}
}

func TestFollowEnds(t *testing.T) {
	m := newManager(t)
	ctx, cancel := context.WithCancel(t.Context())
	nothing := func([]byte) error { return nil }
	if err := m.hub.Follow(ctx, Path(logA), 0, nil, nothing); !errors.Is(err, ErrNotFound) {
		t.Errorf("no log: %v", err)
	}
	m.append("one\n", false)
	for _, offset := range []int64{-1, 5} {
		if err := m.hub.Follow(ctx, Path(logA), offset, nil, nothing); !errors.Is(err, ErrOffset) {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
	if err := m.hub.Follow(ctx, Path(logA), 0, nil, func([]byte) error { return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a writer that fails: %v", err)
	}
	m.hub.MaxFollowers = 1
	f := m.start(ctx, 0)
	if err := m.hub.Follow(ctx, Path(logA), 0, nil, nothing); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	cancel()
	if err := <-f.done; !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	m.hub.MaxFollowers = 0
	f = m.start(t.Context(), 0)
	f.has(4)
	if err := m.store.Remove(logA); err != nil {
		t.Fatal(err)
	}
	if err := <-f.done; !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

// TestFeedGrows: it takes the room that it needs, and has the same bytes then.
func TestFeedGrows(t *testing.T) {
	f := newFeed(firstRing-10, nil, func() {})
	all := make([]byte, firstRing-10, 3*ringSize)
	for n := 1; len(all) < 2*ringSize; n = min(2*n+1, ringSize/3) {
		part := make([]byte, n)
		for i := range part {
			part[i] = byte(len(all)+i) ^ byte((len(all)+i)>>8)
		}
		if err := f.write(part); err != nil {
			t.Fatal(err)
		}
		all = append(all, part...)
		if used := f.end - f.base; f.end != int64(len(all)) || f.size() > max(firstRing, 2*used) || f.size() > ringSize {
			t.Fatalf("end %d of %d, a ring of %d for %d bytes", f.end, len(all), f.size(), used)
		}
		got := make([]byte, f.end-f.base)
		if n := f.copy(f.base, got); n != len(got) || !bytes.Equal(got, all[f.base:]) {
			t.Fatalf("from %d to %d: other bytes", f.base, f.end)
		}
	}
	if f.end-f.base != ringSize {
		t.Errorf("%d bytes are remembered", f.end-f.base)
	}
}

// TestTooManyLogs: each costs memory, whoever follows.
func TestTooManyLogs(t *testing.T) {
	m := newManager(t)
	m.append("one\n", false)
	m.hub.MaxFeeds = 1
	ctx, cancel := context.WithCancel(t.Context())
	first, second := m.start(ctx, 0), m.start(ctx, 0)
	other := logstore.Key{Namespace: "acme", Build: "other", Attempt: 1}
	if _, err := m.store.Append(other, 0, strings.NewReader("x"), false); err != nil {
		t.Fatal(err)
	}
	begun := false
	err := m.hub.Follow(ctx, Path(other), 0, func(State) { begun = true }, func([]byte) error { return nil })
	if !errors.Is(err, ErrFull) || begun {
		t.Errorf("another log: %v, begun: %v", err, begun)
	}
	cancel()
	<-first.done
	<-second.done
}

// TestFeedsTogether: where there is no room left a feed remembers less, and
// gives back what it took.
func TestFeedsTogether(t *testing.T) {
	var room atomic.Int64
	room.Store(ringSize)
	first, second := newFeed(0, &room, func() {}), newFeed(0, &room, func() {})
	for _, f := range []*feed{first, second} {
		if err := f.write(make([]byte, ringSize)); err != nil {
			t.Fatal(err)
		}
	}
	if first.size() != ringSize || second.size() != firstRing || second.end-second.base != firstRing {
		t.Errorf("rings of %d and %d", first.size(), second.size())
	}
	first.letGo()
	first.letGo()
	if room.Load() != ringSize {
		t.Errorf("%d bytes are left", room.Load())
	}
	if err := second.write(make([]byte, ringSize)); err != nil || second.size() != ringSize {
		t.Errorf("a ring of %d, %v", second.size(), err)
	}
	second.letGo()
	if room.Load() != ringSize {
		t.Errorf("%d bytes are left in the end", room.Load())
	}
	m := newManager(t)
	m.hub.MaxRings = 1 // each reads from the manager what it has missed
	m.append("begin\n", false)
	f := m.start(t.Context(), 0)
	want := strings.Repeat("0123456789abcde\n", ringSize/16)
	m.append(want, true)
	if err := <-f.done; err != nil || f.buf.String() != "begin\n"+want {
		t.Errorf("%v, %d bytes", err, f.buf.Len())
	}
	if m.hub.room.Load() != 1 {
		t.Errorf("the hub has %d bytes left", m.hub.room.Load())
	}
}
