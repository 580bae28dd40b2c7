// Package lru has a bounded map.
package lru

import (
	"container/list"
	"sync"
)

// Cache is a bounded map that forgets what was used least recently. It may be
// used from everywhere.
type Cache[K comparable, V any] struct {
	mu    sync.Mutex
	most  int
	order *list.List // of *entry, the latest used in front
	at    map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New makes a cache of at most so many entries.
func New[K comparable, V any](most int) *Cache[K, V] {
	return &Cache[K, V]{most: most, order: list.New(), at: map[K]*list.Element{}}
}

// Get gives what was put, if it is still known.
func (l *Cache[K, V]) Get(key K) (V, bool) {
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

// GetOrPut gives what was put, or puts what create makes: whoever asks at the same
// time gets the same.
func (l *Cache[K, V]) GetOrPut(key K, create func() V) V {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.at[key]; ok {
		l.order.MoveToFront(e)
		return entryOf[K, V](e).value
	}
	value := create()
	l.put(key, value)
	return value
}

// Put adds or replaces.
func (l *Cache[K, V]) Put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(key, value)
}

// put holds mu.
func (l *Cache[K, V]) put(key K, value V) {
	if e, ok := l.at[key]; ok {
		entryOf[K, V](e).value = value
		l.order.MoveToFront(e)
		return
	}
	l.at[key] = l.order.PushFront(&entry[K, V]{key: key, value: value})
	if l.order.Len() > l.most {
		l.drop(l.order.Back())
	}
}

// Clear forgets everything.
func (l *Cache[K, V]) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order.Init()
	clear(l.at)
}

// Remove forgets.
func (l *Cache[K, V]) Remove(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.at[key]; ok {
		l.drop(e)
	}
}

func (l *Cache[K, V]) drop(e *list.Element) {
	l.order.Remove(e)
	delete(l.at, entryOf[K, V](e).key)
}

// entryOf is what the list holds: put puts nothing else in.
func entryOf[K comparable, V any](e *list.Element) *entry[K, V] {
	return e.Value.(*entry[K, V]) //nolint:errcheck // see above
}
