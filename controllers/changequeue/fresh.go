package changequeue

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// written remembers what this process wrote last of queues and items, until the
// cache shows it. A plan made from a cache that lags behind our own writes
// would do things twice; what others wrote and the cache does not show yet comes
// with an event of its own.
type written struct {
	mu sync.Mutex
	// queues that were read from the API server since the process began: what an
	// earlier process wrote, the cache need not show.
	queues map[types.NamespacedName]bool
	// versions by kind and name.
	versions map[writtenKey]string
}

type writtenKey struct {
	item bool
	types.NamespacedName
}

func keyOf(obj client.Object) writtenKey {
	_, item := obj.(*gozer.QueueItem)
	return writtenKey{item, client.ObjectKeyFromObject(obj)}
}

// note remembers an object as the API server returned it after our write.
func (w *written) note(obj client.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.versions == nil {
		w.versions = map[writtenKey]string{}
	}
	w.versions[keyOf(obj)] = obj.GetResourceVersion()
}

// behind says whether an object from the cache is older than what was written.
func (w *written) behind(obj client.Object) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := keyOf(obj)
	ours, ok := w.versions[key]
	if !ok {
		return false
	}
	if order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), ours); err != nil || order < 0 {
		return true
	}
	delete(w.versions, key)
	return false
}

// known says whether the queue was read from the API server before, and notes
// that it is now.
func (w *written) known(key types.NamespacedName) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queues[key] {
		return true
	}
	if w.queues == nil {
		w.queues = map[types.NamespacedName]bool{}
	}
	w.queues[key] = true
	return false
}

// forget what is known of a queue, so that it is read from the API server next.
func (w *written) forget(key types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.queues, key)
}

// read reads a queue and its items: from the cache, if that shows all that was
// written here, else from the API server.
func (r *Reconciler) read(ctx context.Context, key types.NamespacedName, q *gozer.ChangeQueue, items *gozer.QueueItemList) error {
	if r.written.known(key) {
		if err := readFrom(ctx, r.Client, key, q, items); err != nil || r.shown(q, items) {
			return err
		}
		*q, *items = gozer.ChangeQueue{}, gozer.QueueItemList{}
	}
	err := readFrom(ctx, r.Live, key, q, items)
	if err != nil {
		r.written.forget(key)
	}
	return err
}

func readFrom(ctx context.Context, c client.Reader, key types.NamespacedName, q *gozer.ChangeQueue, items *gozer.QueueItemList) error {
	if err := c.Get(ctx, key, q); err != nil {
		return err
	}
	return c.List(ctx, items, client.InNamespace(key.Namespace), client.MatchingLabels{gozer.LabelQueue: key.Name})
}

// shown says whether what was read from the cache has all that was written
// here, and every item that the queue names.
func (r *Reconciler) shown(q *gozer.ChangeQueue, items *gozer.QueueItemList) bool {
	shown := !r.written.behind(q)
	has := make(map[string]bool, len(items.Items))
	for n := range items.Items {
		has[items.Items[n].Name] = true
		if r.written.behind(&items.Items[n]) {
			shown = false
		}
	}
	for _, e := range q.Status.Items {
		shown = shown && has[e.Item]
	}
	return shown
}
