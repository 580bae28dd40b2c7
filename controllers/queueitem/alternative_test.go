package queueitem

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestAssuming: those that stand on an alternative go on when it can be seen.
// To tell them when it is written is too early: they look into a cache.
func TestAssuming(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := gozer.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	queue := &gozer.ChangeQueue{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "q"}}
	queue.Status.Alternatives = []gozer.AlternativePlace{{Item: "b", Epoch: 2}, {Item: "c", Ahead: "b", AheadEpoch: 2, Epoch: 2}, {Item: "d", Ahead: "c", AheadEpoch: 2, Epoch: 2}}
	r := &Reconciler{Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(queue).Build()}
	made := &gozer.BuildSet{ObjectMeta: metav1.ObjectMeta{Namespace: "acme"}, Spec: gozer.BuildSetSpec{Queue: "q", Item: "b", Alternative: true}}
	want := []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: "acme", Name: "c"}}}
	if diff := cmp.Diff(want, r.assuming(t.Context(), made)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	for _, alternative := range []bool{true, false} {
		made.Spec.Alternative = alternative
		if got := alternativeMade().Create(event.CreateEvent{Object: made}); got != alternative {
			t.Errorf("made, alternative %v: %v", alternative, got)
		}
	}
	if alternativeMade().Update(event.UpdateEvent{ObjectOld: made, ObjectNew: made}) {
		t.Error("an update makes them look again")
	}
}
