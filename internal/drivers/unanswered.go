package drivers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// waited is how long a request that timed out must have waited to say something
	// of the host: callers may be in more of a hurry than that.
	waited = 5 * time.Second
	// askedAgain is how soon a host that did not answer is asked again.
	askedAgain = 15 * time.Second
)

// UnansweredError says that a host did not answer of late, and was not asked.
type UnansweredError struct {
	Host string
	// Again is when it is worth while to try again.
	Again time.Time
	// Err is what became of the last request.
	Err error
}

func (e *UnansweredError) Error() string {
	return fmt.Sprintf("%s does not answer (%v); it is asked again at %s", e.Host, e.Err, e.Again.UTC().Format(time.TimeOnly))
}

func (e *UnansweredError) Unwrap() error { return e.Err }

// Timeout says that whoever asks for many things had better stop.
func (e *UnansweredError) Timeout() bool { return true }

// Impatient sends requests to one host, and none for a while after one was not
// answered; then one at a time, until one is. Each that waits in vain keeps
// somebody for half a minute who could serve others: without this, a host that
// answers nobody stops what has to do with all other hosts too.
func Impatient(next http.RoundTripper, now func() time.Time) http.RoundTripper {
	return &impatient{next: next, now: now}
}

type impatient struct {
	next http.RoundTripper
	now  func() time.Time

	mu sync.Mutex
	// down is why the host is not asked until again; nil while it answers.
	down  error
	again time.Time
	// probing says that somebody asks whether it answers again.
	probing bool
}

func (t *impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	probe, err := t.enter(r.URL.Host)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	began := t.now()
	resp, err := t.next.RoundTrip(r)
	t.leave(probe, err, began)
	return resp, err
}

// enter says whether a request may be sent, and whether it is the one that finds
// out if the host answers again.
func (t *impatient) enter(host string) (probe bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down == nil {
		return false, nil
	}
	if now := t.now(); !now.Before(t.again) {
		// Whoever comes while somebody looks is told of a time that lies ahead.
		t.again = now.Add(askedAgain)
		if !t.probing {
			t.probing = true
			return true, nil
		}
	}
	return false, &UnansweredError{Host: host, Again: t.again, Err: t.down}
}

func (t *impatient) leave(probe bool, err error, began time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if probe {
		t.probing = false
	}
	switch {
	case err == nil:
		t.down = nil
	case timedOut(err) && t.now().Sub(began) >= waited:
		t.down, t.again = err, t.now().Add(askedAgain)
	}
}

func timedOut(err error) bool {
	var slow interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout()
}
