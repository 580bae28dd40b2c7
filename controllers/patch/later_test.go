package patch

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestLater(t *testing.T) {
	a := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	b := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "b"}}
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	var l Later
	left := func(obj client.Object, after time.Duration) time.Duration {
		return l.Left(obj, time.Second, noon.Add(after))
	}
	for n, got := range []struct{ got, want time.Duration }{
		{left(a, 0), time.Second},
		{left(a, 300*time.Millisecond), 700 * time.Millisecond},
		{left(b, 300*time.Millisecond), time.Second},
		{left(a, time.Second), 0},
		// It was written then: what comes next waits anew.
		{left(a, 2*time.Second), time.Second},
	} {
		if got.got != got.want {
			t.Errorf("%d: %v left, want %v", n, got.got, got.want)
		}
	}
	l.Done(client.ObjectKeyFromObject(b))
	if got := left(b, 3*time.Second); got != time.Second {
		t.Errorf("%v left of what was done", got)
	}
}
