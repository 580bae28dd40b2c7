package buildset

import (
	"context"
	"fmt"
	"slices"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/index"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
)

// seenBy is how old a buildset is when the cache shows its builds for certain.
const seenBy = time.Minute

// giveUp ends a buildset that cannot say what it was to say: its item is prepared anew.
func (r *Reconciler) giveUp(ctx context.Context, b, before *gozer.BuildSet, why string) error {
	r.finish(b, "CANCELED", why)
	b.Status.Canceled = true
	_, err := patch.Status(ctx, r.Client, b, before)
	return client.IgnoreNotFound(err)
}

// without is what becomes of a buildset while the build of a job cannot be seen:
// without it, nobody knows what the job requires, or is called.
func (r *Reconciler) without(ctx context.Context, b, before *gozer.BuildSet, job string) (ctrl.Result, error) {
	if r.Now().Sub(b.CreationTimestamp.Time) >= seenBy {
		return ctrl.Result{}, r.giveUp(ctx, b, before, "the build of job "+job+" was deleted")
	}
	logf.FromContext(ctx).V(1).Info("A build cannot be seen yet", "job", job)
	return ctrl.Result{RequeueAfter: lookAgain}, nil
}

// missing names a job whose build the cache does not show: builds are made
// before their buildset, but are told of apart.
func missing(b *gozer.BuildSet, builds map[string]*gozer.Build) string {
	for _, j := range b.Spec.Jobs {
		if builds[j.Name] == nil {
			return j.Name
		}
	}
	return ""
}

// taken names a job whose build was to be kept, and was cancelled all the same: it
// was seen to run when its end was decided already.
func taken(b *gozer.BuildSet, builds map[string]*gozer.Build) string {
	for _, j := range b.Spec.Jobs {
		if j.Reused && builds[j.Name].Status.Result == string(model.Canceled) {
			return j.Name
		}
	}
	return ""
}

// lost names a job that was paused and is run again: what jobs had of it that depend
// on it is gone.
func lost(b *gozer.BuildSet, builds map[string]*gozer.Build) string {
	for _, j := range b.Status.Jobs {
		if j.Result == "" && j.PausedAttempt > 0 && builds[j.Name].Status.Attempt > j.PausedAttempt {
			return j.Name
		}
	}
	return ""
}

// loss is of a job that was lost while it was paused; without a job there is none.
type loss struct {
	job   string
	times int
	// last says that there were as many as the job has attempts.
	last bool
}

// lostPaused is what is said of the job.
const lostPaused = "lost while it was paused for the jobs that depend on it"

// loss counts what the job was lost in all states of the item: a build counts its own
// attempts only, and every state has new ones.
func (r *Reconciler) loss(ctx context.Context, b *gozer.BuildSet, builds map[string]*gozer.Build) (loss, error) {
	out := loss{job: lost(b, builds), times: 1}
	if out.job == "" {
		return loss{}, nil
	}
	var list gozer.BuildSetList
	if err := r.List(ctx, &list, client.InNamespace(b.Namespace), index.By(gozer.LabelItem, b.Spec.Item), client.UnsafeDisableDeepCopy); err != nil {
		return loss{}, err
	}
	for i := range list.Items {
		if list.Items[i].Status.PausedLost == out.job {
			out.times++
		}
	}
	out.last = slices.ContainsFunc(b.Spec.Jobs, func(j gozer.BuildSetJob) bool { return j.Name == out.job && out.times >= int(j.Attempts) })
	return out, nil
}

// fail gives the job up, and with it what runs of the jobs that depend on it, directly
// or through others. Others go on: a job that does not vote must not take the votes
// of those that do.
func (l loss) fail(jobs []jobgraph.JobState) {
	if l.job == "" {
		return
	}
	gone := map[string]bool{l.job: true}
	for grown := true; grown; {
		grown = false
		for _, j := range jobs {
			if !gone[j.Name] && slices.ContainsFunc(j.Dependencies, func(d jobgraph.Dependency) bool { return gone[d.Name] }) {
				gone[j.Name], grown = true, true
			}
		}
	}
	for n := range jobs {
		switch j := &jobs[n]; {
		case j.Name == l.job:
			j.Result, j.Reason = model.RetryLimit, fmt.Sprintf("%d times it was %s", l.times, lostPaused)
		case gone[j.Name] && j.Started && j.Result == model.Undetermined && j.Failing == "":
			j.Result, j.Reason = model.Canceled, "job "+l.job+", which it depends on, was "+lostPaused
		}
	}
}

// pauses notes on which attempt of a paused job others depend now. When it is told
// to go on, nobody does any more.
func pauses(before, b *gozer.BuildSet, builds map[string]*gozer.Build) {
	was := map[string]int32{}
	for _, j := range before.Status.Jobs {
		was[j.Name] = j.PausedAttempt
	}
	for n := range b.Status.Jobs {
		j := &b.Status.Jobs[n]
		switch build := builds[j.Name]; {
		case j.Resume || build.Status.Resumed || build.Status.Result != "":
		case build.Status.Phase == gozer.BuildPaused:
			j.PausedAttempt = build.Status.Attempt
		default:
			j.PausedAttempt = was[j.Name]
		}
	}
}
