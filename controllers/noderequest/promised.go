package noderequest

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// promised remembers the nodes that requests were given, until the cache shows
// their Pods: the next request must not be given the same room. Another process
// need not know: it begins with a cache that shows all.
type promised struct {
	sync.Mutex
	given map[types.NamespacedName]promise
}

type promise struct {
	pools []string
	at    time.Time
}

// give promises a request one node of each of the pools. The caller holds the lock.
func (p *promised) give(request types.NamespacedName, pools []string, now time.Time) {
	if p.given == nil {
		p.given = map[types.NamespacedName]promise{}
	}
	p.given[request] = promise{pools, now}
}

// take takes a promise back.
func (p *promised) take(request types.NamespacedName) {
	p.Lock()
	defer p.Unlock()
	delete(p.given, request)
}

// count adds what was promised and cannot be seen yet to the Pods of pools and
// of requests. The caller holds the lock.
func (p *promised) count(pools map[string]int, requests map[types.NamespacedName]int, now time.Time) {
	for request, x := range p.given {
		if requests[request] >= len(x.pools) || now.Sub(x.at) > cacheGrace {
			delete(p.given, request)
			continue
		}
		// Some of its Pods may be there: those of the first pools, for they are made in order.
		for _, pool := range x.pools[requests[request]:] {
			pools[pool]++
		}
		requests[request] = len(x.pools)
	}
}
