package noderequest

import (
	"slices"
	"sync"
	"time"
)

// promised remembers the nodes that requests were given, until the cache shows
// their Pods: the next request must not be given the same room. Another process
// need not know: it begins with a cache that shows all.
type promised struct {
	sync.Mutex
	given map[holder]promise
}

type promise struct {
	pools []string
	// took are warm nodes that become the holder's.
	took []string
	at   time.Time
}

// give promises somebody one node of each of the pools, some of which are warm
// nodes. The caller holds the lock.
func (p *promised) give(of holder, pools, took []string, now time.Time) {
	if p.given == nil {
		p.given = map[holder]promise{}
	}
	p.given[of] = promise{pools, took, now}
}

// take takes a promise back.
func (p *promised) take(of holder) {
	p.Lock()
	defer p.Unlock()
	delete(p.given, of)
}

// hasTaken says whether a warm node is somebody's, though its Pod does not show
// that yet. The caller holds the lock.
func (p *promised) hasTaken(pod string, now time.Time) bool {
	for _, x := range p.given {
		if now.Sub(x.at) <= cacheGrace && slices.Contains(x.took, pod) {
			return true
		}
	}
	return false
}

// count adds what was promised and cannot be seen yet to the Pods that can. The
// caller holds the lock.
func (p *promised) count(t *taken, now time.Time) {
	for of, x := range p.given {
		if t.holders[of] >= len(x.pools) || now.Sub(x.at) > cacheGrace {
			delete(p.given, of)
			continue
		}
		// Some of its Pods may be there: those of the first pools, for they are made in order.
		for _, pool := range x.pools[t.holders[of]:] {
			t.count(pool, of, 1)
		}
		t.holders[of] = len(x.pools)
	}
}
