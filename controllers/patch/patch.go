// Package patch is the one door through which controllers write status: one
// patch of what changed, and nothing when nothing changed.
package patch

import (
	"bytes"
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gozer-dev/gozer/internal/convert"
)

// Status writes what differs between an object and what it was before. It
// says whether there was anything. A Lock makes the write fail with a conflict
// when somebody else wrote the object in between.
func Status(ctx context.Context, c client.Client, obj, before client.Object, opts ...Option) (bool, error) {
	p := client.MergeFrom(before)
	for _, o := range opts {
		p = o(before)
	}
	data, err := p.Data(obj)
	if err != nil {
		return false, err
	}
	if bytes.Equal(data, []byte("{}")) || onlyVersion(data) {
		return false, nil
	}
	return true, c.Status().Patch(ctx, obj, p)
}

// onlyVersion says whether a locked patch has nothing but the lock.
func onlyVersion(data []byte) bool {
	return bytes.HasPrefix(data, []byte(`{"metadata":{"resourceVersion":`)) && bytes.Count(data, []byte(":")) == 2
}

// Option of Status.
type Option func(before client.Object) client.Patch

// Lock makes the write fail when the object is not the one that was read.
func Lock(before client.Object) client.Patch {
	return client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
}

// Create creates an object whose name says all that makes it distinct: that it
// exists already is success.
func Create(ctx context.Context, c client.Client, obj client.Object) error {
	if err := c.Create(ctx, obj); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// Delete deletes an object; that it is gone already is success.
func Delete(ctx context.Context, c client.Client, obj client.Object, opts ...client.DeleteOption) error {
	return client.IgnoreNotFound(c.Delete(ctx, obj, opts...))
}

// maxMessage of a condition. It may be a code host's, which may say anything;
// one that is too long would be refused for ever.
const maxMessage = 8000

// Condition sets a condition.
func Condition(conditions *[]metav1.Condition, generation int64, kind string, ok bool, reason, message string, now time.Time) {
	status := metav1.ConditionFalse
	if ok {
		status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: convert.Cut(message, maxMessage), ObservedGeneration: generation,
		LastTransitionTime: metav1.NewTime(now),
	})
}

// Unknown sets a condition that cannot be told now.
func Unknown(conditions *[]metav1.Condition, generation int64, kind, reason, message string, now time.Time) {
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: kind, Status: metav1.ConditionUnknown, Reason: reason, Message: message, ObservedGeneration: generation,
		LastTransitionTime: metav1.NewTime(now),
	})
}
