package changequeue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestItemsEndInOrder: whoever dies between two writes leaves no item behind that
// has merged while the one that it stood on has not.
func TestItemsEndInOrder(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := gozer.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	died := errors.New("died")
	names := []string{"d", "a", "c", "b"}
	for lives := range len(names) + 1 {
		queue := &gozer.ChangeQueue{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "q"}}
		objects := []client.Object{queue}
		for _, name := range names {
			queue.Status.Items = append(queue.Status.Items, gozer.QueueEntry{Item: name, Epoch: 1, Why: "enqueued"})
			objects = append(objects, &gozer.QueueItem{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name}})
		}
		var stored []string
		c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(objects...).WithInterceptorFuncs(interceptor.Funcs{
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
				if len(stored) == lives {
					return died
				}
				stored = append(stored, obj.GetName())
				return c.SubResource(sub).Patch(ctx, obj, p, opts...)
			},
		}).Build()
		s := &scope{queue: queue, queueBefore: queue.DeepCopy(), items: map[string]*item{}}
		for _, name := range names {
			var i gozer.QueueItem
			if err := c.Get(t.Context(), client.ObjectKey{Namespace: "acme", Name: name}, &i); err != nil {
				t.Fatal(err)
			}
			s.items[name] = &item{QueueItem: &i, before: i.DeepCopy()}
			i.Status.Merged = &gozer.ItemMerged{Commit: "c"}
			s.items[name].finish(time.Unix(1, 0), "SUCCESS", "")
		}
		r := &Reconciler{Client: c, Now: time.Now}
		if err := r.flush(t.Context(), s); (err != nil) != (lives < len(names)) || err != nil && !errors.Is(err, died) {
			t.Errorf("after %d writes: %v", lives, err)
		}
		if d := cmp.Diff(names[:lives], stored); d != "" && lives > 0 {
			t.Errorf("after %d writes: %s", lives, d)
		}
	}
}
