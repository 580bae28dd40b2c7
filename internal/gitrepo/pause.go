package gitrepo

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// The first pause is short: most failures are hiccups, and callers try again
// after half a second to two. With jitter, so that mergers do not come in step.
const (
	firstPause = time.Second
	maxPause   = time.Minute
)

// pause is a time in which a host, or one repository of it, is not asked.
type pause struct {
	failures   int
	from, till time.Time
	cause      error
}

// PausedError says that the code host was not asked, because it failed just now.
type PausedError struct {
	// What is left alone: a host, or the URL of a repository.
	What  string
	For   time.Duration
	Until time.Time
	// Err is how it failed.
	Err error
}

func (e *PausedError) Error() string {
	return fmt.Sprintf("%s is not asked again for %s, until %s, because it failed: %v",
		e.What, e.For.Round(100*time.Millisecond), e.Until.UTC().Format("15:04:05 MST"), e.Err)
}

func (e *PausedError) Unwrap() error { return e.Err }

// paused is the error of a host or repository that is left alone now.
func (n *network) paused(r Remote) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	for what, key := range map[string]any{hostOf(r): hostKey(hostOf(r)), r.String(): r} {
		if p := n.pauses[key]; p != nil && now.Before(p.till) {
			return &PausedError{What: what, For: p.till.Sub(p.from), Until: p.till, Err: p.cause}
		}
	}
	return nil
}

// pause starts the next, longer pause; mu is held. Several that began together
// and failed together count once.
func (n *network) pause(key any, began time.Time, cause error) {
	now := n.now()
	p := n.pauses[key]
	if p == nil {
		n.forgetOld(now)
		p = &pause{}
		n.pauses[key] = p
	} else if began.Before(p.from) {
		return
	}
	p.failures++
	length := maxPause
	if shift := p.failures - 1; shift < 6 {
		length = firstPause << shift
	}
	length = length/2 + rand.N(length/2+1) //nolint:gosec // jitter
	p.from, p.till, p.cause = now, now.Add(length), cause
}

// forgetOld drops pauses that ended long ago: of credentials that were replaced,
// of repositories that nobody asks for any more.
func (n *network) forgetOld(now time.Time) {
	for key, p := range n.pauses {
		if now.Sub(p.till) > 10*maxPause {
			delete(n.pauses, key)
		}
	}
}

// backingOff counts the hosts and repositories that are left alone now.
func (n *network) backingOff() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count, now := 0, n.now()
	for _, p := range n.pauses {
		if now.Before(p.till) {
			count++
		}
	}
	return count
}
