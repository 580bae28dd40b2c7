package buildset

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/artifacts"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// History tells of builds that are not there any more.
type History interface {
	Provided(ctx context.Context, p history.Provided) ([]history.Build, error)
}

// lookForProviders is how often it is looked whether what a job requires is there,
// besides when a build that provides something ends.
const lookForProviders = 5 * time.Second

// maxProviders is what a job's status has room for; those at the front are left out.
const maxProviders = 1024

// require finds out for every job that may start, and requires what jobs of changes
// ahead provide, how it stands with that. It says when to look again.
func (r *Reconciler) require(ctx context.Context, b *gozer.BuildSet, jobs []jobgraph.JobState, builds map[string]*gozer.Build) (time.Duration, error) {
	var ahead []artifacts.Item
	read, again := false, time.Duration(0)
	for n := range jobs {
		j := &jobs[n]
		build := builds[j.Name]
		if build == nil || j.Started || j.Result != "" || len(build.Spec.Job.Requires) == 0 {
			continue
		}
		if !read {
			var err error
			if ahead, err = r.ahead(ctx, b); err != nil {
				return 0, err
			}
			read = true
		}
		needed := artifacts.Require(build.Spec.Job.Name, build.Spec.Job.Requires, ahead)
		j.Waits, j.Fails, j.Reason = needed.Waits, needed.Fails, ""
		j.Providers = needed.Providers[max(0, len(needed.Providers)-maxProviders):]
		if j.Waits != "" {
			again = lookForProviders
		}
	}
	return again, nil
}

// ahead are the items that the buildset stands on, the nearest first.
func (r *Reconciler) ahead(ctx context.Context, b *gozer.BuildSet) ([]artifacts.Item, error) {
	var out []artifacts.Item
	for _, a := range b.Spec.ItemsAhead {
		item, err := r.itemAhead(ctx, b, a)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

// itemAhead finds the builds of one item. Of one that runs no jobs itself they are
// those of the item that tests the same changes in the pipeline, or else what the
// history has of these changes. A branch or tag provides nothing.
func (r *Reconciler) itemAhead(ctx context.Context, b *gozer.BuildSet, a gozer.ItemAhead) (artifacts.Item, error) {
	var item gozer.QueueItem
	err := r.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: a.Item}, &item)
	if apierrors.IsNotFound(err) {
		return r.past(ctx, artifacts.Item{Title: a.Item}, history.Provided{Tenant: b.Namespace, BuildSet: naming.BuildSet(a.Item, a.Epoch)})
	}
	out := artifacts.Item{Title: convert.ChangeNames(item.Spec.Changes)}
	switch {
	case err != nil || item.Spec.Changes[0].Number == 0:
		return out, err
	case item.Spec.Live:
		return r.buildsOf(ctx, out, &item, a.Epoch)
	}
	twin, epoch, err := r.twin(ctx, &item)
	if err != nil {
		return out, err
	}
	if twin != nil {
		return r.buildsOf(ctx, out, twin, epoch)
	}
	for _, c := range item.Spec.Changes {
		out, err = r.past(ctx, out, history.Provided{Tenant: b.Namespace, Pipeline: item.Spec.Pipeline, Project: convert.Project(c.Project).Canonical(),
			Change: c.Number, Patchset: cmp.Or(c.Patchset, c.Head)})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// buildsOf an item at an epoch. Nobody knows its jobs before it is prepared, or when
// its buildset was overtaken: what it is at then is told by its queue.
func (r *Reconciler) buildsOf(ctx context.Context, out artifacts.Item, item *gozer.QueueItem, epoch int32) (artifacts.Item, error) {
	var set gozer.BuildSet
	err := r.Get(ctx, client.ObjectKey{Namespace: item.Namespace, Name: naming.BuildSet(item.Name, epoch)}, &set)
	switch {
	case apierrors.IsNotFound(err):
		m := item.Status.Merge
		out.Unknown = item.Status.Result == "" && (m == nil || m.Epoch != epoch || m.BuildSet != "")
		return out, nil
	case err != nil:
		return out, err
	case set.Status.Canceled && item.Status.Result == "":
		out.Unknown = true
		return out, nil
	}
	builds, err := r.builds(ctx, &set)
	if err != nil {
		return out, err
	}
	results := map[string]gozer.JobStatus{}
	for _, j := range set.Status.Jobs {
		results[j.Name] = j
	}
	for _, j := range set.Spec.Jobs {
		if builds[j.Name] == nil {
			out.Unknown = item.Status.Result == "" // it is not told yet, or never will be
			continue
		}
		build := convert.ProvidingBuild(builds[j.Name])
		build.Result = cmp.Or(build.Result, model.BuildResult(results[j.Name].Result))
		out.Builds = append(out.Builds, build)
	}
	return out, nil
}

// twin is the item of the pipeline that tests the changes of one that is not live,
// with its present epoch; nil if there is none.
func (r *Reconciler) twin(ctx context.Context, of *gozer.QueueItem) (*gozer.QueueItem, int32, error) {
	var list gozer.QueueItemList
	if err := r.List(ctx, &list, client.InNamespace(of.Namespace), client.MatchingLabels{gozer.LabelPipeline: of.Spec.Pipeline}); err != nil {
		return nil, 0, err
	}
	for i := range list.Items {
		item := &list.Items[i]
		if !item.Spec.Live || item.Status.Result != "" || item.DeletionTimestamp != nil || !sameChanges(item, of) {
			continue
		}
		var q gozer.ChangeQueue
		if err := r.Get(ctx, client.ObjectKey{Namespace: of.Namespace, Name: item.Spec.Queue}, &q); client.IgnoreNotFound(err) != nil {
			return nil, 0, err
		}
		n := slices.IndexFunc(q.Status.Items, func(e gozer.QueueEntry) bool { return e.Item == item.Name })
		if n < 0 {
			return item, 0, nil // it has no place yet: its jobs are not known
		}
		return item, q.Status.Items[n].Epoch, nil
	}
	return nil, 0, nil
}

// sameChanges says whether two items have the same versions of the same changes.
func sameChanges(a, b *gozer.QueueItem) bool {
	names := func(i *gozer.QueueItem) []string {
		var out []string
		for _, c := range i.Spec.Changes {
			out = append(out, convert.Project(c.Project).Canonical()+" "+convert.PatchsetName(c))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(names(a), names(b))
}

// past adds what the history has of an item.
func (r *Reconciler) past(ctx context.Context, to artifacts.Item, p history.Provided) (artifacts.Item, error) {
	builds, err := r.History.Provided(ctx, p)
	for _, b := range builds {
		_, name, _ := strings.Cut(b.Project, "/")
		to.Builds = append(to.Builds, artifacts.Build{Name: b.Name, Job: b.Job, Provides: b.Provides, Result: model.BuildResult(b.Result), Project: name, Change: b.Change})
	}
	return to, err
}

// buildSetsThatRequire may wait for a build that has what it provides.
func (r *Reconciler) buildSetsThatRequire(ctx context.Context, obj client.Object) []reconcile.Request {
	var list gozer.BuildSetList
	if err := r.List(ctx, &list, client.InNamespace(obj.GetNamespace()), client.MatchingLabels{gozer.LabelRequires: "true"}); err != nil {
		logf.FromContext(ctx).Error(err, "Cannot list buildsets")
		return nil
	}
	return undecided(list)
}

// provided leaves out builds that provide nothing, and all but their ends.
func provided() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*gozer.Build)
			after, ok2 := e.ObjectNew.(*gozer.Build)
			if !ok1 || !ok2 || len(after.Spec.Job.Provides) == 0 {
				return false
			}
			was, is := convert.ProvidingBuild(before), convert.ProvidingBuild(after)
			return was.Result != is.Result || was.Paused != is.Paused
		},
	}
}
