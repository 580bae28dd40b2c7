package controllers_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestCrashes ends the manager after every so many writes, again and again
// through the story of five changes, and starts it anew each time. The end is
// the same as without: nothing lost, nothing merged twice.
func TestCrashes(t *testing.T) {
	for _, every := range []int64{7, 17} {
		t.Run(fmt.Sprintf("after every %d writes", every), func(t *testing.T) {
			w := newWorld(t)
			w.start()
			w.loaded()
			w.holdUntil(5, w.breaks("acme/api#2", "acme/web#1"))
			w.approveFive()
			crashes := 0
			for range 400 {
				w.dieAfter.Store(w.writes.Load() + every)
				if !w.diesOrFinishes() {
					break
				}
				crashes++
				w.halt()
				w.dieAfter.Store(0)
				w.start()
			}
			// It may have died at the very end: what it left undone is done by the next.
			w.halt()
			w.dieAfter.Store(0)
			w.start()
			w.assertFiveChanges()
			if n := len(w.gateBuilds()); n != 7 {
				t.Errorf("%d buildsets, want 7: %v", n, w.gateBuilds())
			}
			if crashes < 6 {
				t.Errorf("only %d crashes: the test does not test", crashes)
			}
			t.Logf("%d crashes", crashes)
		})
	}
}

// died says whether the manager has made the last of the writes that it is to make.
func (w *world) died() bool {
	at := w.dieAfter.Load()
	return at > 0 && w.writes.Load() >= at
}

// revive starts a manager that died anew, and lets it live.
func (w *world) revive() {
	w.t.Logf("killed after %v", w.lastWrite.Load())
	w.halt()
	w.dieAfter.Store(0)
	w.start()
}

// diesOrFinishes waits for the next crash; false when the story ended instead.
func (w *world) diesOrFinishes() bool {
	want := []string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS", "acme/web#1 FAILURE", "acme/web#2 SUCCESS", "acme/api#3 SUCCESS"}
	died := false
	w.eventually("a crash, or the end", func() string {
		if died = w.died(); died {
			return ""
		}
		return cmp.Diff(want, w.itemResults("gate"))
	})
	return died
}

// TestDequeuedAfterItMerged: the manager dies when it has merged and before it
// stored that, and meanwhile somebody dequeues the change. It merged, and is told so.
func TestDequeuedAfterItMerged(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	died := make(chan error, 1)
	w.host.OnCall(func(call string) error {
		if call == "Merge" && len(died) == 0 {
			var list gozer.QueueItemList
			err := w.client.List(t.Context(), &list, client.InNamespace(w.tenant))
			if err == nil && len(list.Items) == 1 {
				i := &list.Items[0]
				before := i.DeepCopy()
				i.Annotations = map[string]string{gozer.AnnotationDequeue: "dequeued by hand"}
				err = w.client.Patch(t.Context(), i, client.MergeFrom(before))
			}
			w.stop()
			died <- err
		}
		return nil
	})
	w.approve(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	if err := <-died; err != nil {
		t.Fatal(err)
	}
	w.halt()
	w.start()
	w.eventually("it is told that it merged", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("gate")) })
	if diff := cmp.Diff([]string{"acme/api#1"}, w.host.MergedOrder()); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
}
