package build

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/index"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// decided turns an executor's outcome into a result or a retry.
func (r *Reconciler) decided(s *scope, o buildspec.Outcome) {
	if o.FirstFailure != "" || o.Result.Failed() {
		// That of an attempt that did not count is kept: it is what is flaky.
		s.build.Status.FirstFailure = convert.Cut(o.FirstFailure, 1000)
	}
	switch o.Result {
	case model.Retry:
		reason := o.Reason
		if s.request.Status.Lost {
			reason = s.request.Status.Message
		}
		r.retry(s, reason)
	case model.Failure, model.TimedOut, model.PostFailure:
		if len(s.build.Status.Failures) < int(s.build.Spec.RetryFailed) {
			r.failedOnce(s, o)
			return
		}
		r.finish(s, o.Result, o.Reason)
	case model.Success, model.BuildError, model.DiskFull:
		r.finish(s, o.Result, o.Reason)
	default:
		// A result that the status cannot hold would be refused for ever.
		r.finish(s, model.BuildError, fmt.Sprintf("the executor ended with the unknown result %q", o.Result))
	}
}

// retry begins another attempt, or gives up.
func (r *Reconciler) retry(s *scope, reason string) {
	st := &s.build.Status
	if st.Failing != "" {
		// Others have acted upon that.
		r.finish(s, model.Failure, st.Failing+"; then the attempt was lost: "+reason)
		return
	}
	if st.Attempt-int32(len(st.Failures)) >= s.build.Spec.Job.Attempts {
		r.finish(s, model.RetryLimit, fmt.Sprintf("%d attempts, the last: %s", st.Attempt, reason))
		return
	}
	r.again(s, fmt.Sprintf("attempt %d of %d: %s", st.Attempt+1, s.build.Spec.Job.Attempts, reason))
}

// failedOnce begins another attempt after a failure that does not count.
func (r *Reconciler) failedOnce(s *scope, o buildspec.Outcome) {
	st := &s.build.Status
	st.Failures = append(st.Failures, string(o.Result))
	r.again(s, fmt.Sprintf("it failed (%s: %s) and is run again, %d of %d times", o.Result, o.Reason, len(st.Failures), s.build.Spec.RetryFailed))
}

func (r *Reconciler) again(s *scope, why string) {
	st := &s.build.Status
	st.Attempt++
	st.Phase, st.Pod, st.StartedAt, st.Returned, st.Failing, st.Resumed = gozer.BuildNodes, "", nil, nil, "", false
	st.NodeRequest = naming.NodeRequest(s.build.Name, st.Attempt)
	st.Reason = convert.Cut(why, 1000)
}

func (r *Reconciler) finish(s *scope, result model.BuildResult, reason string) {
	st := &s.build.Status
	st.Phase, st.Result, st.Reason, st.SemaphoresHeld = gozer.BuildDone, string(result), convert.Cut(reason, 1000), false
	st.CompletedAt = convert.MicroTime(r.Now())
	patch.Condition(&st.Conditions, s.build.Generation, gozer.ConditionCompleted, true, st.Result, st.Reason, r.Now())
}

// cleanUp deletes executor Pods of attempts that are over. What they said is
// in the status, and their log is stored.
func (r *Reconciler) cleanUp(ctx context.Context, s *scope) error {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(s.build.Namespace), index.By(gozer.LabelBuild, s.build.Name), client.MatchingLabels{gozer.LabelRole: RoleExecutor}); err != nil {
		return err
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		if s.build.Status.Result == "" && p.Name == naming.ExecutorPod(s.build.Name, s.build.Status.Attempt) || p.DeletionTimestamp != nil {
			continue
		}
		if err := patch.Delete(ctx, r.Client, p); err != nil {
			return err
		}
		if !HasSecrets(s.build) {
			continue
		}
		// Its secrets go with its nodes; here those of a Pod that was made when they had gone.
		if err := patch.Delete(ctx, r.Client, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}}); err != nil {
			return err
		}
	}
	return nil
}
