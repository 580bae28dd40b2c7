// Package buildset walks the job graph of a buildset: it starts jobs whose
// dependencies allow it, asks for their nodes, skips what cannot run, and sums
// up the result (Zuul: the pipeline manager's job handling).
//
// A buildset whose item got another state, or left its queue undecided, is
// cancelled here; its builds and nodes follow from that.
package buildset

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/index"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/controllers/retry"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// Reconciler of BuildSets.
type Reconciler struct {
	client.Client
	History History
	Now     func() time.Time
}

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("buildset").
		For(&gozer.BuildSet{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&gozer.Build{}, handler.EnqueueRequestsFromMapFunc(r.buildSetsOf), builder.WithPredicates(buildMoved())).
		Watches(&gozer.Build{}, handler.EnqueueRequestsFromMapFunc(r.buildSetsThatRequire), builder.WithPredicates(provided())).
		Watches(&gozer.ChangeQueue{}, handler.EnqueueRequestsFromMapFunc(r.buildSetsOfQueue)).
		Watches(&gozer.BuildSet{}, handler.EnqueueRequestsFromMapFunc(r.buildSetsBehind), builder.WithPredicates(holdingChanged())).
		WithOptions(retry.Options(workers)).
		Complete(r)
}

const workers = 4

// buildMoved leaves out what does not change the graph.
func buildMoved() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*gozer.Build)
		after, ok2 := e.ObjectNew.(*gozer.Build)
		return ok1 && ok2 && (before.Status.Result != after.Status.Result || before.Status.Attempt != after.Status.Attempt ||
			paused(before) != paused(after) || before.Status.Failing != after.Status.Failing)
	}}
}

// paused says whether the jobs that depend on a build's may run before its end.
func paused(b *gozer.Build) bool { return b.Status.Phase == gozer.BuildPaused || b.Status.Resumed }

// buildSetsOfQueue are those that the queue may have cancelled.
func (r *Reconciler) buildSetsOfQueue(ctx context.Context, obj client.Object) []reconcile.Request {
	var list gozer.BuildSetList
	if err := r.List(ctx, &list, client.InNamespace(obj.GetNamespace()), index.By(gozer.LabelQueue, obj.GetName()), client.UnsafeDisableDeepCopy); err != nil {
		logf.FromContext(ctx).Error(err, "Cannot list buildsets")
		return nil
	}
	return undecided(list)
}

func undecided(list gozer.BuildSetList) []reconcile.Request {
	var out []reconcile.Request
	for i := range list.Items {
		if list.Items[i].Status.Result == "" {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return out
}

// Reconcile brings the graph as far as its builds allow.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var b gozer.BuildSet
	if err := r.Get(ctx, req.NamespacedName, &b); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if b.DeletionTimestamp != nil || b.Status.Result != "" {
		return ctrl.Result{}, nil
	}
	before := b.DeepCopy()
	why, overtaken, err := r.overtaken(ctx, &b)
	if err != nil {
		return ctrl.Result{}, err
	}
	if overtaken {
		if wait, err := r.mayBeKept(ctx, &b); err != nil || wait {
			return ctrl.Result{RequeueAfter: lookAgain}, err
		}
		return ctrl.Result{}, r.giveUp(ctx, &b, before, why)
	}
	builds, err := r.builds(ctx, &b)
	if err != nil {
		return ctrl.Result{}, err
	}
	if job := missing(&b, builds); job != "" {
		return r.without(ctx, &b, before, job)
	}
	if job := taken(&b, builds); job != "" {
		return ctrl.Result{}, r.giveUp(ctx, &b, before, "the build of job "+job+" that was to be kept was cancelled")
	}
	gone, err := r.loss(ctx, &b, builds)
	if err != nil {
		return ctrl.Result{}, err
	}
	if gone.job != "" && !gone.last {
		b.Status.PausedLost = gone.job
		return ctrl.Result{}, r.giveUp(ctx, &b, before, "job "+gone.job+" was "+lostPaused)
	}
	held, err := r.heldBy(ctx, &b)
	if err != nil {
		return ctrl.Result{}, err
	}
	if b.Status.Holding = held; held != "" && !slices.ContainsFunc(b.Status.Jobs, func(j gozer.JobStatus) bool { return j.Started }) {
		b.Status.Reason = convert.Cut("waits for job "+held, 1000)
		_, err := patch.Status(ctx, r.Client, &b, before)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	jobs := states(&b, builds)
	gone.fail(jobs)
	return r.advance(ctx, &b, before, jobs, builds)
}

// advance writes what becomes of the jobs, and asks for the nodes of those that may run.
func (r *Reconciler) advance(ctx context.Context, b, before *gozer.BuildSet, jobs []jobgraph.JobState, builds map[string]*gozer.Build) (ctrl.Result, error) {
	waits, err := r.require(ctx, b, jobs, builds)
	if err != nil {
		return ctrl.Result{}, err
	}
	p := jobgraph.Advance(jobs, b.Spec.FailFast)
	r.apply(b, p)
	pauses(before, b, builds)
	b.Status.Retrying = retrying(b, builds)
	if b.Status.Holding == "" {
		b.Status.Holding = holding(b)
	}
	if _, err := patch.Status(ctx, r.Client, b, before); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	return ctrl.Result{RequeueAfter: waits}, r.requestNodes(ctx, b, builds)
}

// overtaken says whether the item does not want this buildset any more.
func (r *Reconciler) overtaken(ctx context.Context, b *gozer.BuildSet) (string, bool, error) {
	var q gozer.ChangeQueue
	err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Queue}, &q)
	if apierrors.IsNotFound(err) {
		return "its queue is gone", true, nil
	}
	if err != nil {
		return "", false, err
	}
	n := slices.IndexFunc(q.Status.Items, func(e gozer.QueueEntry) bool { return e.Item == b.Spec.Item })
	switch {
	case n < 0:
		return "the change left the queue", true, nil
	case q.Status.Items[n].Epoch > b.Spec.Epoch:
		return q.Status.Items[n].Why, true, nil
	case q.Status.Items[n].Halted:
		return q.Status.Items[n].Why, true, nil
	case b.Spec.Alternative && !isAlternative(&q, b):
		return "what it assumed did not come", true, nil
	}
	return "", false, nil
}

// isAlternative says whether what a buildset assumes can still come.
func isAlternative(q *gozer.ChangeQueue, b *gozer.BuildSet) bool {
	return slices.ContainsFunc(q.Status.Alternatives, func(a gozer.AlternativePlace) bool {
		return a.Item == b.Spec.Item && naming.Alternative(a.Item, b.Spec.Epoch, a.Ahead, a.AheadEpoch) == b.Name
	})
}

// builds of the buildset, by job.
func (r *Reconciler) builds(ctx context.Context, b *gozer.BuildSet) (map[string]*gozer.Build, error) {
	var list gozer.BuildList
	if err := r.List(ctx, &list, client.InNamespace(b.Namespace), index.By(gozer.LabelBuildSet, b.Name)); err != nil {
		return nil, err
	}
	out := map[string]*gozer.Build{}
	for _, j := range b.Spec.Jobs {
		if j.Reused {
			var kept gozer.Build
			err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: j.Build}, &kept)
			if client.IgnoreNotFound(err) != nil {
				return nil, err
			}
			if err == nil {
				out[j.Name] = &kept
			}
			continue
		}
		n := slices.IndexFunc(list.Items, func(x gozer.Build) bool { return x.Name == j.Build })
		if n >= 0 {
			out[j.Name] = &list.Items[n]
		}
	}
	return out, nil
}

// states is the graph as Advance sees it.
func states(b *gozer.BuildSet, builds map[string]*gozer.Build) []jobgraph.JobState {
	known := map[string]gozer.JobStatus{}
	for _, j := range b.Status.Jobs {
		known[j.Name] = j
	}
	var out []jobgraph.JobState
	for _, j := range b.Spec.Jobs {
		st := jobgraph.JobState{Name: j.Name, Voting: j.Voting, Noop: j.Noop, Started: known[j.Name].Started || j.Reused,
			Result: model.BuildResult(known[j.Name].Result), Reason: known[j.Name].Reason, Providers: known[j.Name].Providers}
		for _, d := range j.Dependencies {
			st.Dependencies = append(st.Dependencies, jobgraph.Dependency{Name: d.Name, Soft: d.Soft})
		}
		if build := builds[j.Name]; build != nil {
			st.Job = build.Spec.Job.Name
			if build.Status.Result != "" {
				st.Result, st.Reason = model.BuildResult(build.Status.Result), build.Status.Reason
			}
			st.Paused, st.Failing = paused(build), build.Status.Failing
			if ret := build.Status.Returned; ret != nil && ret.LimitsChildren {
				st.Children = &ret.ChildJobs
			}
		}
		out = append(out, st)
	}
	return out
}

// apply writes what Advance decided into the status.
func (r *Reconciler) apply(b *gozer.BuildSet, p jobgraph.Progress) {
	b.Status.Jobs = nil
	for _, j := range p.Jobs {
		b.Status.Jobs = append(b.Status.Jobs, gozer.JobStatus{Name: j.Name, Started: j.Started, Resume: j.Resume, Result: string(j.Result), Reason: convert.Cut(j.Reason, 1000), Providers: j.Providers})
	}
	b.Status.Failing = p.Failing
	b.Status.Reason = convert.Cut(p.Reason, 1000)
	b.Status.Progress = fmt.Sprintf("%d/%d", p.Done, len(p.Jobs))
	if p.Complete {
		result := "FAILURE"
		if p.Success {
			result = "SUCCESS"
		}
		r.finish(b, result, p.Reason)
	}
}

// retrying says whether a failed build is run again before that counts.
func retrying(b *gozer.BuildSet, builds map[string]*gozer.Build) bool {
	return slices.ContainsFunc(b.Spec.Jobs, func(j gozer.BuildSetJob) bool {
		build := builds[j.Name]
		return j.Voting && build != nil && build.Status.Result == "" && len(build.Status.Failures) > 0
	})
}

func (r *Reconciler) finish(b *gozer.BuildSet, result, why string) {
	b.Status.Result = result
	b.Status.Reason = convert.Cut(why, 1000)
	b.Status.CompletedAt = convert.MicroTime(r.Now())
	patch.Condition(&b.Status.Conditions, b.Generation, gozer.ConditionCompleted, true, result, b.Status.Reason, r.Now())
}

// priorities of node requests by precedence.
var priorities = map[string]int32{"high": 100, "normal": 200, "low": 300}

// idle is the priority of what only takes nodes that nobody else waits for.
const idle = 1000

// requestNodes asks for the nodes of every job that was started and has no result.
func (r *Reconciler) requestNodes(ctx context.Context, b *gozer.BuildSet, builds map[string]*gozer.Build) error {
	for n, j := range b.Spec.Jobs {
		build := builds[j.Name]
		st := b.Status.Jobs[n]
		if build == nil || !st.Started || st.Result != "" || j.Noop {
			continue
		}
		waitedFor := slices.ContainsFunc(j.Dependencies, func(d gozer.JobDependency) bool {
			return builds[d.Name] != nil && builds[d.Name].Status.Phase == gozer.BuildPaused
		})
		if err := r.requestFor(ctx, b, build, waitedFor); err != nil {
			return err
		}
	}
	return nil
}

// requestFor asks for the nodes of a build. One that a paused build waits for, with
// its own nodes, comes before others.
func (r *Reconciler) requestFor(ctx context.Context, b *gozer.BuildSet, build *gozer.Build, waitedFor bool) error {
	if convert.SemaphoresBeforeNodes(build) && !build.Status.SemaphoresHeld {
		return nil // its first attempt begins with them, which is told
	}
	attempt := max(1, build.Status.Attempt)
	name := naming.NodeRequest(build.Name, attempt)
	var existing gozer.NodeRequest
	if err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: name}, &existing); !apierrors.IsNotFound(err) {
		return err
	}
	var p gozer.Pipeline
	if err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Pipeline}, &p); client.IgnoreNotFound(err) != nil {
		return err
	}
	priority := priorities[p.Spec.Precedence]
	switch {
	case b.Spec.Alternative:
		priority = idle
	case priority == 0:
		priority = priorities["normal"]
	}
	if waitedFor {
		priority--
	}
	return patch.Create(ctx, r.Client, &gozer.NodeRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.Namespace, Name: name,
			Labels:          map[string]string{gozer.LabelBuild: build.Name, gozer.LabelBuildSet: b.Name, gozer.LabelPipeline: b.Spec.Pipeline},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(build, gozer.GroupVersion.WithKind("Build"))},
		},
		Spec: gozer.NodeRequestSpec{
			Build: build.Name, Attempt: attempt, Priority: priority,
			Nodes: build.Spec.Job.Nodes, Alternatives: build.Spec.Job.NodeAlternatives,
		},
	})
}
