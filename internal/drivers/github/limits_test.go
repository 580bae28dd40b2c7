package github

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
)

func limited(t *testing.T, err error) *LimitedError {
	t.Helper()
	var l *LimitedError
	if !errors.As(err, &l) {
		t.Fatalf("%v, want a limit", err)
	}
	var slow interface{ Timeout() bool }
	if !errors.As(err, &slow) || !slow.Timeout() {
		t.Errorf("%v keeps what others wait for from them", err)
	}
	return l
}

// TestPrimaryLimit: nothing is sent until GitHub answers again.
func TestPrimaryLimit(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.open("A")
		w.change(t, pr)
		heal := w.Fault(fakegithub.Fault{Primary: true})
		_, err := w.client.Change(t.Context(), w.project, 1)
		l := limited(t, err)
		if !l.Until.After(w.clock.now()) || !strings.Contains(err.Error(), "until") {
			t.Errorf("%v", err)
		}
		heal()
		w.requests()
		for range 10 {
			_, err := w.client.Change(t.Context(), w.project, 1)
			limited(t, err)
		}
		if n := w.requests(); total(n) != 0 {
			t.Errorf("sent all the same: %v", n)
		}
		w.clock.pass(l.Until.Sub(w.clock.now()) + time.Second)
		w.change(t, pr)
	})
}

// TestSecondaryLimit: all of the installation waits for as long as GitHub says.
func TestSecondaryLimit(t *testing.T) {
	for _, code := range []int{http.StatusForbidden, http.StatusTooManyRequests} {
		w := newWorld(t, ways[0])
		c := w.change(t, w.open("A"))
		w.Fault(fakegithub.Fault{Times: 1, Secondary: code, RetryAfter: 90 * time.Second})
		err := w.client.SetStatus(t.Context(), c, drivers.Status{Context: "x", State: "success"})
		l := limited(t, err)
		if wait := l.Until.Sub(w.clock.now()); wait < 80*time.Second || wait > 91*time.Second {
			t.Errorf("waits %s", wait)
		}
		w.requests()
		limited(t, w.client.Merge(t.Context(), c, "merge", ""))
		if n := w.requests(); total(n) != 0 {
			t.Errorf("sent all the same: %v", n)
		}
		h, err := w.client.Health(t.Context())
		if err != nil || !h.Blocked.Equal(l.Until) {
			t.Errorf("%+v %v", h, err)
		}
		w.clock.pass(91 * time.Second)
		if err := w.client.SetStatus(t.Context(), c, drivers.Status{Context: "x", State: "success"}); err != nil {
			t.Error(err)
		}
	}
}

// TestPriorities: what can wait leaves the last requests of an hour to merging.
func TestPriorities(t *testing.T) {
	for remaining, want := range map[int]map[priority]bool{
		5000: {forPolling: true, forReading: true, forReporting: true, forMerging: true},
		1000: {forPolling: false, forReading: true, forReporting: true, forMerging: true},
		100:  {forPolling: false, forReading: false, forReporting: true, forMerging: true},
		50:   {forPolling: false, forReading: false, forReporting: false, forMerging: true},
		1:    {forMerging: true},
		0:    {},
	} {
		now := time.Now()
		l := &limits{now: func() time.Time { return now }, buckets: map[string]bucket{"core": {limit: 5000, remaining: remaining, reset: now.Add(time.Hour)}}}
		for _, p := range []priority{forPolling, forReading, forReporting, forMerging} {
			if err := l.ask("core", p); (err == nil) != want[p] {
				t.Errorf("%d remaining, priority %d: %v", remaining, p, err)
			}
		}
		if err := l.ask("search", forPolling); err != nil {
			t.Errorf("another limit: %v", err)
		}
	}
}

// TestOrder: of those that wait for a place, merging comes first and polling last.
func TestOrder(t *testing.T) {
	s := newSlots(1)
	if err := s.take(t.Context(), forReading); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []priority
	var all sync.WaitGroup
	for n, p := range []priority{forPolling, forReading, forMerging, forReporting} {
		all.Go(func() {
			if err := s.take(t.Context(), p); err != nil {
				t.Error(err)
			}
			mu.Lock()
			order = append(order, p)
			mu.Unlock()
			s.give()
		})
		s.await(n + 1)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.take(gone, forMerging); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
	s.give()
	all.Wait()
	if want := []priority{forMerging, forReporting, forReading, forPolling}; len(order) != 4 || [4]priority(order) != [4]priority(want) {
		t.Errorf("%v", order)
	}
	if s.free != 1 {
		t.Errorf("%d free", s.free)
	}
}

// await so many that wait.
func (s *slots) await(n int) {
	for {
		s.mu.Lock()
		waiting := 0
		for _, w := range s.waiting {
			waiting += len(w)
		}
		s.mu.Unlock()
		if waiting >= n {
			return
		}
	}
}

// TestConditionalPage: a page of pull requests, which is large, is not sent again either.
func TestConditionalPage(t *testing.T) {
	page := strings.Repeat(`{"url":"https://api.github.com/repos/acme/api/pulls/1"},`, 40_000)
	unchanged := 0
	l := &limits{now: time.Now}
	send := l.around(roundTrip(func(r *http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"1"`}}, Body: io.NopCloser(strings.NewReader(page)), Request: r}
		if r.Header.Get("If-None-Match") == `"1"` {
			unchanged++
			resp.StatusCode, resp.Body = http.StatusNotModified, http.NoBody
		}
		return resp, nil
	}))
	for range 3 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.github.com/repos/acme/api/pulls", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := send.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if string(got) != page || resp.StatusCode != http.StatusOK || errors.Join(err, resp.Body.Close()) != nil {
			t.Fatalf("%d: %d bytes, %v", resp.StatusCode, len(got), err)
		}
	}
	if unchanged != 2 {
		t.Errorf("%d of 2 cost nothing", unchanged)
	}
}

// TestConditional: what did not change costs nothing.
func TestConditional(t *testing.T) {
	w := newWorld(t, ways[2])
	w.open("A")
	since := w.clock.now().Add(time.Hour)
	projects := []model.Project{w.project}
	if _, _, err := w.poll(t, projects, since); err != nil {
		t.Fatal(err)
	}
	w.ForgetRequests()
	for range 5 {
		events, _, err := w.poll(t, projects, since)
		if err != nil || len(events) != 0 {
			t.Fatal(events, err)
		}
	}
	asked, unchanged := 0, 0
	for _, n := range w.Requests() {
		asked += n
	}
	for _, n := range w.Unchanged() {
		unchanged += n
	}
	if unchanged != 10 || asked > unchanged {
		t.Errorf("%d asked and %d unchanged: %v %v", asked, unchanged, w.Requests(), w.Unchanged())
	}
}
