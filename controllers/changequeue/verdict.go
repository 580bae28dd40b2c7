package changequeue

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// mayStillMerge looks at what the code host has against merging the changes, as
// they were just read. lost says that the item lost a requirement. A host that
// does not know yet is asked again for a while; then merging itself asks it.
func (r *Reconciler) mayStillMerge(ctx context.Context, s *scope, i *item, changes []model.Change) (lost bool, err error) {
	if i.Annotations[gozer.AnnotationDequeue] != "" || i.Annotations[gozer.AnnotationLost] != "" {
		return false, nil // it leaves anyhow, and is only asked whether it was merged
	}
	own := convert.OwnContexts(s.tenant, s.queue.Spec.Pipeline, s.pipeline.Spec.Reporters)
	var unknown error
	for n, c := range changes {
		if c.Merged {
			continue
		}
		why, wait := gate.Unmergeable(c, own[c.Project.Connection])
		switch {
		case why == "":
		case !wait:
			return true, r.lose(ctx, i, gate.Lost(i.of(i.Spec.Changes[n], why)))
		default:
			unknown = fmt.Errorf("%s", i.of(i.Spec.Changes[n], why))
		}
	}
	if unknown != nil && r.patient(verdictKey(s, i), mergePatience) {
		return false, unknown
	}
	return false, nil
}

// lose marks an item that cannot merge any more, so that whoever goes on after a
// death knows it too.
func (r *Reconciler) lose(ctx context.Context, i *item, why string) error {
	now := i.DeepCopy() // what is not written yet of the status is not the server's to overwrite
	metav1.SetMetaDataAnnotation(&now.ObjectMeta, gozer.AnnotationLost, why)
	err := r.Patch(ctx, now, client.MergeFrom(i.QueueItem))
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil {
		r.written.note(now)
	}
	metav1.SetMetaDataAnnotation(&i.ObjectMeta, gozer.AnnotationLost, why)
	return nil
}
