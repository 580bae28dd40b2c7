package patch

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Later puts off writes that only tell people how far something is, and that can
// be found out again: mostly the next step comes soon, and one write tells both.
// It remembers since when an object waits; that is lost with the process, which
// only makes the wait begin anew.
type Later struct {
	mu    sync.Mutex
	since map[types.NamespacedName]time.Time
}

// Left is how long the write of an object may still wait; 0 when it is time.
func (l *Later) Left(obj client.Object, wait time.Duration, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := client.ObjectKeyFromObject(obj)
	since, ok := l.since[key]
	if !ok {
		if l.since == nil {
			l.since = map[types.NamespacedName]time.Time{}
		}
		l.since[key], since = now, now
	}
	if left := wait - now.Sub(since); left > 0 {
		return left
	}
	delete(l.since, key)
	return 0
}

// Done forgets an object that is written now, or that is gone.
func (l *Later) Done(key types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.since, key)
}
