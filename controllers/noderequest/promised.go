package noderequest

import (
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
	at    time.Time
}

// give promises a request one node of each of the pools. The caller holds the lock.
func (p *promised) give(of holder, pools []string, now time.Time) {
	if p.given == nil {
		p.given = map[holder]promise{}
	}
	p.given[of] = promise{pools, now}
}

// take takes a promise back.
func (p *promised) take(of holder) {
	p.Lock()
	defer p.Unlock()
	delete(p.given, of)
}

// count adds what was promised and cannot be seen yet to the Pods of pools and
// of holders. The caller holds the lock.
func (p *promised) count(pools map[string]int, holders map[holder]int, now time.Time) {
	for of, x := range p.given {
		if holders[of] >= len(x.pools) || now.Sub(x.at) > cacheGrace {
			delete(p.given, of)
			continue
		}
		// Some of its Pods may be there: those of the first pools, for they are made in order.
		for _, pool := range x.pools[holders[of]:] {
			pools[pool]++
		}
		holders[of] = len(x.pools)
	}
}
