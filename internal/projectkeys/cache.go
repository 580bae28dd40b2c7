package projectkeys

import (
	"sync"
	"time"
)

// What is kept in memory: so many keys, so long. A key that was replaced, for
// instance by the one that the project had in Zuul, is used without a restart.
const (
	maxKnown = 1024
	keep     = 5 * time.Minute
)

// cache remembers keys. When it is full any one goes: it is read again when it is needed.
type cache struct {
	most int
	keep time.Duration
	now  func() time.Time

	mu sync.Mutex
	at map[string]cached
}

type cached struct {
	pair
	until time.Time
}

func (c *cache) get(project string) (pair, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.at[project]
	if !ok || !c.now().Before(e.until) {
		delete(c.at, project)
		return pair{}, false
	}
	return e.pair, true
}

func (c *cache) put(project string, k pair) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at = map[string]cached{}
	}
	for other := range c.at {
		if len(c.at) < c.most {
			break
		}
		delete(c.at, other)
	}
	c.at[project] = cached{pair: k, until: c.now().Add(c.keep)}
}
