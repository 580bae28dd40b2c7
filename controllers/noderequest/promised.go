package noderequest

import (
	"maps"
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

// forget what a request was given, with any of its launches: it is over.
func (p *promised) forget(namespace, request string) {
	p.Lock()
	defer p.Unlock()
	p.drop(namespace, request)
}

// drop is forget for a caller that holds the lock.
func (p *promised) drop(namespace, request string) {
	maps.DeleteFunc(p.given, func(of holder, _ promise) bool {
		return of.request == request && of.namespace == namespace && request != ""
	})
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
		if t.holders[of].count() >= len(x.pools) || now.Sub(x.at) > cacheGrace {
			delete(p.given, of)
			continue
		}
		// Some of its Pods may be there, of any of the pools: a warm one that it took
		// is there before those that are made.
		seen := maps.Clone(t.holders[of].pools)
		for place, pool := range x.pools {
			if seen[pool] > 0 {
				seen[pool]--
				continue
			}
			t.count(pool, of, 1)
			t.hold(of, pool, place)
			t.unseen = true
		}
		for place := range x.pools {
			t.holders[of].places[place] = true
		}
	}
}
