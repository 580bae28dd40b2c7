// Package patch is the one door through which controllers write status: one
// patch of what changed, and nothing when nothing changed.
package patch

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gozer-dev/gozer/internal/convert"
)

// Status writes what differs between the status of an object and what it was
// before. It says whether there was anything. A Lock makes the write fail with a
// conflict when somebody else wrote the object in between.
//
// Only the status is compared: the spec of a buildset behind a hundred changes
// is large, and is nothing to marshal twice for each write.
func Status(ctx context.Context, c client.Client, obj, before client.Object, opts ...Option) (bool, error) {
	now, was := statusOf(obj), statusOf(before)
	if equality.Semantic.DeepEqual(now, was) {
		return false, nil
	}
	data, err := difference(now, was)
	if err != nil || string(data) == "{}" {
		return false, err
	}
	body := map[string]json.RawMessage{"status": data}
	for _, o := range opts {
		o(body, before)
	}
	if data, err = json.Marshal(body); err != nil {
		return false, err
	}
	return true, c.Status().Patch(ctx, obj, client.RawPatch(types.MergePatchType, data))
}

// statusOf is the status of a kind of ours; every one has it under this name.
func statusOf(obj client.Object) any {
	return reflect.ValueOf(obj).Elem().FieldByName("Status").Interface()
}

// difference is a merge patch between two statuses.
func difference(now, was any) ([]byte, error) {
	after, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	before, err := json.Marshal(was)
	if err != nil {
		return nil, err
	}
	return jsonpatch.CreateMergePatch(before, after)
}

// Option of Status.
type Option func(body map[string]json.RawMessage, before client.Object)

// Lock makes the write fail when the object is not the one that was read.
func Lock(body map[string]json.RawMessage, before client.Object) {
	body["metadata"] = json.RawMessage(fmt.Sprintf(`{"resourceVersion":%q}`, before.GetResourceVersion()))
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
		Type: kind, Status: metav1.ConditionUnknown, Reason: reason, Message: convert.Cut(message, maxMessage), ObservedGeneration: generation,
		LastTransitionTime: metav1.NewTime(now),
	})
}
