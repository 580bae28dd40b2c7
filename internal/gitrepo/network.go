package gitrepo

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"
)

// network bounds what is asked of each code host at once, and leaves alone for
// a while what has just failed.
type network struct {
	now     func() time.Time
	perHost int

	mu     sync.Mutex
	hosts  map[string]*hostSlots
	pauses map[any]*pause // by hostKey, or by Remote
}

// hostSlots of one code host. Fetches may not take all: questions for branches
// are short, and a merge waits for their answers.
type hostSlots struct{ all, fetches chan struct{} }

// hostKey names a code host: all that cannot be reached share its pause.
type hostKey string

func newNetwork(perHost int, now func() time.Time) *network {
	return &network{now: now, perHost: perHost, hosts: map[string]*hostSlots{}, pauses: map[any]*pause{}}
}

func hostOf(r Remote) string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

func (n *network) slots(host string) *hostSlots {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.hosts[host]
	if !ok {
		kept := n.perHost / 4
		s = &hostSlots{all: make(chan struct{}, n.perHost), fetches: make(chan struct{}, n.perHost-kept)}
		n.hosts[host] = s
	}
	return s
}

// turn waits until a host may be asked. done gives the turn back and takes note
// of how it went.
func (n *network) turn(ctx context.Context, r Remote, fetch bool) (done func(error), err error) {
	if err := n.paused(r); err != nil {
		return nil, err
	}
	s := n.slots(hostOf(r))
	held := []chan struct{}{s.all}
	if fetch {
		held = []chan struct{}{s.fetches, s.all}
	}
	for i, c := range held {
		select {
		case c <- struct{}{}:
		case <-ctx.Done():
			give(held[:i])
			return nil, context.Cause(ctx)
		}
	}
	if err := n.paused(r); err != nil { // those before found out
		give(held)
		return nil, err
	}
	began := n.now()
	return func(err error) {
		give(held)
		n.note(r, began, err)
	}, nil
}

// errNotAsked gives back a turn that was not used.
var errNotAsked = errors.New("not asked")

func give(held []chan struct{}) {
	for _, c := range held {
		<-c
	}
}

// note starts or ends a pause. What is not the fault of the host ends it, too:
// the host has answered.
func (n *network) note(r Remote, began time.Time, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host := hostKey(hostOf(r))
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, errNotAsked):
		return
	case unreachable(err):
		n.pause(host, began, err)
	case Denied(err) || hiccup(err):
		n.pause(r, began, err)
	default:
		delete(n.pauses, host)
		delete(n.pauses, r)
	}
}
