package changequeue

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestWritten: what the cache shows counts when it has all that was written here.
func TestWritten(t *testing.T) {
	key := types.NamespacedName{Namespace: "acme", Name: "q"}
	queue := func(version string, items ...string) *gozer.ChangeQueue {
		q := &gozer.ChangeQueue{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, ResourceVersion: version}}
		for _, i := range items {
			q.Status.Items = append(q.Status.Items, gozer.QueueEntry{Item: i})
		}
		return q
	}
	item := func(name, version string) gozer.QueueItem {
		return gozer.QueueItem{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: name, ResourceVersion: version}}
	}
	for _, c := range []struct {
		name  string
		queue *gozer.ChangeQueue
		items []gozer.QueueItem
		want  bool
	}{
		{"as it was written", queue("20", "a"), []gozer.QueueItem{item("a", "21")}, true},
		{"somebody wrote since", queue("35", "a"), []gozer.QueueItem{item("a", "40")}, true},
		{"the queue lags", queue("9", "a"), []gozer.QueueItem{item("a", "21")}, false},
		{"an item lags", queue("20", "a"), []gozer.QueueItem{item("a", "19")}, false},
		{"an item that nobody wrote here", queue("20", "a"), []gozer.QueueItem{item("a", "21"), item("b", "3")}, true},
		{"an item of the queue is not there yet", queue("20", "a", "b"), []gozer.QueueItem{item("a", "21")}, false},
		{"a version that is no number", queue("x", "a"), []gozer.QueueItem{item("a", "21")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &Reconciler{}
			r.written.note(queue("20"))
			a := item("a", "21")
			r.written.note(&a)
			if got := r.shown(c.queue, &gozer.QueueItemList{Items: c.items}); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestWrittenBegins: the first look in the life of a process is at the API
// server, and so is the one after a write that failed.
func TestWrittenBegins(t *testing.T) {
	key := types.NamespacedName{Namespace: "acme", Name: "q"}
	var w written
	if w.known(key) {
		t.Error("known before it was ever read")
	}
	if !w.known(key) {
		t.Error("not known after it was read")
	}
	w.forget(key)
	if w.known(key) {
		t.Error("known after it was forgotten")
	}
}

// TestWrittenForgets: what the cache has shown is not kept.
func TestWrittenForgets(t *testing.T) {
	var w written
	a := gozer.QueueItem{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "a", ResourceVersion: "7"}}
	w.note(&a)
	if w.behind(&a) || len(w.versions) != 0 {
		t.Errorf("kept: %v", w.versions)
	}
}
