package drivers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// quiet is a host by what it does; its clock is the test's.
type quiet struct {
	mu    sync.Mutex
	now   time.Time
	takes time.Duration
	err   error
	asked int
}

func (q *quiet) RoundTrip(*http.Request) (*http.Response, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked++
	q.now = q.now.Add(q.takes)
	if q.err != nil {
		return nil, q.err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func (q *quiet) clock() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.now
}

func (q *quiet) set(takes time.Duration, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.takes, q.err = takes, err
}

func (q *quiet) pass(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now = q.now.Add(d)
}

func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://code.example.com/api", io.NopCloser(strings.NewReader("x")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestImpatient(t *testing.T) {
	q := &quiet{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	host := Impatient(q, q.clock)
	ask := func(want bool) error {
		t.Helper()
		before := q.asked
		resp, err := host.RoundTrip(request(t))
		if resp != nil {
			_ = resp.Body.Close()
		}
		if asked := q.asked > before; asked != want {
			t.Errorf("asked: %v, want %v (%v)", asked, want, err)
		}
		return err
	}
	q.set(time.Second, context.DeadlineExceeded)
	_ = ask(true) // the caller was in a hurry: it says nothing
	q.set(0, errors.New("connection refused"))
	_ = ask(true) // that was an answer
	q.set(30*time.Second, context.DeadlineExceeded)
	_ = ask(true)
	err := ask(false)
	var unanswered *UnansweredError
	if !errors.As(err, &unanswered) || !unanswered.Timeout() || !errors.Is(err, context.DeadlineExceeded) ||
		err.Error() != "code.example.com does not answer (context deadline exceeded); it is asked again at 12:00:46" {
		t.Errorf("%v", err)
	}
	q.pass(askedAgain)
	_ = ask(true) // one looks
	_ = ask(false)
	q.pass(askedAgain)
	q.set(0, nil)
	if err := ask(true); err != nil {
		t.Error(err)
	}
	if err := ask(true); err != nil {
		t.Error(err)
	}
}

// TestOneLooks: of many who ask a host that may answer again, one waits.
func TestOneLooks(t *testing.T) {
	q := &quiet{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), takes: 30 * time.Second, err: context.DeadlineExceeded}
	hold := make(chan struct{})
	entered := make(chan struct{}, 1)
	gate := &gated{RoundTripper: q}
	host := Impatient(gate, q.clock)
	send := func() error {
		resp, err := host.RoundTrip(request(t))
		if resp != nil {
			_ = resp.Body.Close()
		}
		return err
	}
	_ = send()
	q.pass(askedAgain)
	q.set(0, nil)
	gate.hold, gate.entered = hold, entered
	looked := make(chan error, 1)
	go func() { looked <- send() }()
	<-entered
	var unanswered *UnansweredError
	if err := send(); !errors.As(err, &unanswered) || !unanswered.Again.After(q.clock()) {
		t.Errorf("a second one while the first still waits: %v", err)
	}
	close(hold)
	if err := <-looked; err != nil {
		t.Error(err)
	}
	if err := send(); err != nil {
		t.Errorf("it answers again: %v", err)
	}
}

// gated holds requests until it is let go.
type gated struct {
	http.RoundTripper
	hold, entered chan struct{}
}

func (g *gated) RoundTrip(r *http.Request) (*http.Response, error) {
	if g.hold != nil {
		select {
		case g.entered <- struct{}{}:
		default:
		}
		<-g.hold
	}
	return g.RoundTripper.RoundTrip(r)
}
