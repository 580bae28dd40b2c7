package merger

import (
	"container/list"
	"sync"
)

// lru is a bounded map that forgets what was used least recently.
type lru[K comparable, V any] struct {
	mu    sync.Mutex
	most  int
	order *list.List // of *lruEntry, the latest used in front
	at    map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](most int) *lru[K, V] {
	return &lru[K, V]{most: most, order: list.New(), at: map[K]*list.Element{}}
}

func (l *lru[K, V]) get(key K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.at[key]
	if !ok {
		var none V
		return none, false
	}
	l.order.MoveToFront(e)
	return entryOf[K, V](e).value, true
}

func (l *lru[K, V]) put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.at[key]; ok {
		entryOf[K, V](e).value = value
		l.order.MoveToFront(e)
		return
	}
	l.at[key] = l.order.PushFront(&lruEntry[K, V]{key: key, value: value})
	if l.order.Len() > l.most {
		l.drop(l.order.Back())
	}
}

func (l *lru[K, V]) remove(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.at[key]; ok {
		l.drop(e)
	}
}

func (l *lru[K, V]) drop(e *list.Element) {
	l.order.Remove(e)
	delete(l.at, entryOf[K, V](e).key)
}

// entryOf is what the list holds: put puts nothing else in.
func entryOf[K comparable, V any](e *list.Element) *lruEntry[K, V] {
	return e.Value.(*lruEntry[K, V]) //nolint:errcheck // see above
}
