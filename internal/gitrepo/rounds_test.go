package gitrepo

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
)

// gate stands before a host: it lets nothing through until it is opened, and
// counts how often git began to speak to the host.
type gate struct {
	open    chan struct{}
	came    chan struct{}
	started atomic.Int64
}

// newGate holds answers back when they have been made, or else the questions.
func newGate(h *gitrepotest.Host, answers bool) *gate {
	g := &gate{open: make(chan struct{}), came: make(chan struct{}, 100)}
	h.Between(func(host http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				g.started.Add(1)
			}
			rec := httptest.NewRecorder()
			if answers {
				host.ServeHTTP(rec, r)
			}
			select {
			case g.came <- struct{}{}:
			default:
			}
			select {
			case <-g.open:
			case <-r.Context().Done():
				return
			}
			if !answers {
				host.ServeHTTP(rec, r)
			}
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
		})
	})
	return g
}

// until waits for what other goroutines are about to do.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Context().Err() != nil {
			t.Fatal("it does not happen")
		}
		runtime.Gosched()
	}
}

// waiters counts who waits for the round that has not begun.
func (rs *rounds[T]) waiters() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	n := 0
	for _, r := range rs.open {
		n += r.left
	}
	return n
}

func TestOneFetchForAllWhoWait(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	base := r.Commit("base", map[string]string{"a": "1"})
	var wants []Want
	for _, ref := range []string{"refs/pull/1/head", "refs/pull/2/head", "refs/pull/3/head"} {
		wants = append(wants, Want{Commit: r.Change(ref, base, ref, map[string]string{"b": ref}), Ref: ref})
	}
	m := newMirror(t, Options{})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	g := newGate(host, false)
	errs := make([]error, len(wants)+2)
	var fetches atomic.Int64
	var wg sync.WaitGroup
	ask := func(i int, w Want) {
		wg.Go(func() {
			var fetched bool
			if fetched, errs[i] = m.Fetch(t.Context(), remote, []Want{w}); fetched {
				fetches.Add(1)
			}
		})
	}
	ask(0, Want{Commit: base, Ref: "refs/heads/main"})
	<-g.came
	for i, w := range wants {
		ask(i+1, w)
	}
	ask(len(wants)+1, Want{Commit: gone, Ref: "refs/pull/2/head"})
	until(t, func() bool { return m.fetches.waiters() == len(wants)+1 })
	close(g.open)
	wg.Wait()
	var missing *MissingError
	if err := errs[len(wants)+1]; !errors.As(err, &missing) || len(missing.What) != 1 {
		t.Errorf("who wants what is gone gets %v", err)
	}
	if err := errors.Join(errs[:len(wants)+1]...); err != nil {
		t.Errorf("the others: %v", err)
	}
	// The first; the second for all; and one by id for what is gone.
	if got := []int64{g.started.Load(), fetches.Load()}; !cmp.Equal(got, []int64{3, 2}) {
		t.Errorf("talks and fetches: %v", got)
	}
}

func TestWhatGitRefusesFailsOnlyWhoWantsIt(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	base := r.Commit("base", map[string]string{"a": "1"})
	good := r.Change("refs/pull/1/head", base, "good", map[string]string{"b": "1"})
	bad := hostileCommit(t, r, "refs/pull/2/head", ".git")
	m := newMirror(t, Options{})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	g := newGate(host, false)
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i, w := range []Want{{Commit: base, Ref: "refs/heads/main"}, {Commit: good, Ref: "refs/pull/1/head"}, {Commit: bad, Ref: "refs/pull/2/head"}} {
		wg.Go(func() { _, errs[i] = m.Fetch(t.Context(), remote, []Want{w}) })
		if i == 0 {
			<-g.came
		}
	}
	until(t, func() bool { return m.fetches.waiters() == 2 })
	close(g.open)
	wg.Wait()
	var refused *InvalidError
	if err := errors.Join(errs[:2]...); err != nil || !errors.As(errs[2], &refused) || !strings.Contains(errs[2].Error(), bad) {
		t.Fatalf("good: %v; bad: %v", err, errs[2])
	}
	asked := host.Requests.Load()
	if _, err := m.Fetch(t.Context(), remote, []Want{{Commit: bad, Ref: "refs/pull/2/head"}}); !errors.As(err, &refused) || host.Requests.Load() != asked {
		t.Errorf("once more: %v, %d requests", err, host.Requests.Load()-asked)
	}
}

// An answer that was under way when somebody asked may be older than the
// question, and is not given.
func TestListingsAreNotOlderThanTheirQuestion(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	before := r.Commit("before", nil)
	m := newMirror(t, Options{})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	g := newGate(host, true)
	heads := make([]string, 6)
	var wg sync.WaitGroup
	ask := func(i int) {
		wg.Go(func() {
			b, err := m.ListRemoteBranches(t.Context(), remote)
			if err != nil {
				t.Error(err)
			}
			heads[i] = b.Heads["main"]
			b.Heads["main"] = "spoilt" // an answer is the asker's own
		})
	}
	// Protocol version 2 asks twice: the second answer has the refs.
	ask(0)
	<-g.came
	g.open <- struct{}{}
	<-g.came
	now := r.Commit("now", nil)
	for i := range 5 {
		ask(i + 1)
	}
	until(t, func() bool { return m.listings.waiters() == 5 })
	close(g.open)
	wg.Wait()
	if d := cmp.Diff([]string{before, now, now, now, now, now}, heads); d != "" {
		t.Error(d)
	}
	if n := g.started.Load(); n != 2 {
		t.Errorf("the host was asked %d times", n)
	}
}

func TestWhoGivesUpLeavesTheOthersAlone(t *testing.T) {
	host := gitrepotest.NewHost(t, "", "")
	r := gitrepotest.New(t)
	head := r.Commit("one", nil)
	m := newMirror(t, Options{})
	remote := Remote{URL: host.Add(t, "acme/api", r)}
	want := []Want{{Commit: head, Ref: "refs/heads/main"}}
	g := newGate(host, false)
	errs := make(chan error, 1)
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		_, err := m.Fetch(ctx, remote, want)
		errs <- err
	}()
	<-g.came
	patient := make(chan error, 1)
	go func() {
		_, err := m.Fetch(t.Context(), remote, want)
		patient <- err
	}()
	until(t, func() bool { return m.fetches.waiters() == 1 })
	giveUp()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	// Nobody waits for the first fetch: it is stopped, though the host does not answer.
	<-g.came
	close(g.open)
	if err := <-patient; err != nil {
		t.Errorf("who did not: %v", err)
	}
}
