package zuulregex

import "sync"

// A configuration repeats few expressions very often. What was used lately is
// kept in two generations: when the young one is full, it becomes the old one
// and the old one goes, so what is in use survives a flood of new expressions.
const (
	maxYoung       = 4096
	maxYoungWeight = 32 << 20 // bytes, roughly
)

type interner struct {
	lock   sync.RWMutex
	young  map[string]entry
	old    map[string]entry
	weight int // of the young
}

// entry also keeps refusals: a wrong expression is read as often as a right one.
type entry struct {
	regex  *Regex
	weight int
	err    error
}

var interned interner

func (c *interner) get(pattern string, compile func(string) (*Regex, int, error)) (*Regex, error) {
	c.lock.RLock()
	e, ok := c.young[pattern]
	c.lock.RUnlock()
	if ok {
		return e.regex, e.err
	}
	c.lock.RLock()
	e, ok = c.old[pattern]
	c.lock.RUnlock()
	if !ok {
		e.regex, e.weight, e.err = compile(pattern)
	}
	e = c.keep(pattern, e)
	return e.regex, e.err
}

// keep makes the entry a young one, unless another goroutine was faster: then
// that one's is used, so that there is one Regex of an expression.
func (c *interner) keep(pattern string, e entry) entry {
	c.lock.Lock()
	defer c.lock.Unlock()
	if first, ok := c.young[pattern]; ok {
		return first
	}
	if first, ok := c.old[pattern]; ok {
		e = first
	}
	if c.young == nil || len(c.young) >= maxYoung || c.weight+e.weight > maxYoungWeight {
		c.old, c.young, c.weight = c.young, map[string]entry{}, 0
	}
	c.young[pattern] = e
	c.weight += e.weight
	return e
}
