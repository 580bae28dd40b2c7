package queueitem

import (
	"context"
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// mergeOf is the state that a buildset was made for.
func mergeOf(b *gozer.BuildSet) *gozer.ItemMerge {
	m := &gozer.ItemMerge{Epoch: b.Spec.Epoch, ConfigChanged: b.Spec.ConfigChanged, Layout: b.Spec.Layout, Jobs: int32(len(b.Spec.Jobs)), BuildSet: b.Name}
	for _, st := range b.Spec.States {
		if !st.Extra {
			m.States = append(m.States, st)
		}
	}
	return m
}

// create creates the builds, and then the buildset that names them. That the
// buildset exists already is an error: it is then what was decided.
func (r *Reconciler) create(ctx context.Context, s *scope, p *prepared) error {
	steps := s.steps()
	b := &gozer.BuildSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.item.Namespace, Name: p.merge.BuildSet,
			Labels:          map[string]string{gozer.LabelItem: s.item.Name, gozer.LabelPipeline: s.item.Spec.Pipeline, gozer.LabelQueue: s.item.Spec.Queue},
			Annotations:     map[string]string{gozer.AnnotationChange: convert.PatchsetNames(s.item.Spec.Changes)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(s.item, gozer.GroupVersion.WithKind("QueueItem"))},
		},
		Spec: gozer.BuildSetSpec{
			Item: s.item.Name, Queue: s.item.Spec.Queue, Epoch: s.entry.Epoch, Pipeline: s.item.Spec.Pipeline,
			Steps: steps, States: append([]gozer.PreparedState{}, p.states...), Layout: p.merge.Layout, ConfigChanged: p.merge.ConfigChanged, FailFast: p.failFast, Alternative: s.alternative,
		},
	}
	if s.alternative {
		b.Labels[gozer.LabelAlternative] = "true"
	}
	var err error
	if b.Spec.Repositories, err = r.keepRepositories(ctx, b.Namespace, p.repositories); err != nil {
		return err
	}
	earlier, err := r.earlier(ctx, s)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(p.jobs, func(j *jobgraph.Job) bool { return len(j.Requires) > 0 }) {
		b.Spec.ItemsAhead, b.Labels[gozer.LabelRequires] = s.itemsAhead(), "true"
	}
	jobs := jobgraph.InOrder(p.jobs)
	builds := make([]*gozer.Build, len(jobs))
	for n, j := range jobs {
		if builds[n], err = s.build(b, j, p); err != nil {
			return err
		}
		builds[n].Spec.MayPause = jobgraph.HasChildren(p.jobs, j)
	}
	old := reused(jobs, builds, earlier)
	for n, j := range jobs {
		build := builds[n]
		if old[n] != nil {
			build = old[n]
		} else if err := patch.Create(ctx, r.Client, build); err != nil {
			return err
		}
		b.Spec.Jobs = append(b.Spec.Jobs, gozer.BuildSetJob{
			Name: s.jobKey(j.Name, j), Build: build.Name, Reused: old[n] != nil, Voting: j.Voting, HoldFollowing: j.HoldFollowingChanges, Noop: j.Name == layout.Noop, Attempts: int32(j.Attempts),
			Dependencies: s.dependencies(p.jobs, j),
		})
	}
	if err := r.Create(ctx, b); err != nil {
		return err
	}
	logf.FromContext(ctx).Info("Buildset created", "item", s.item.Name, "buildset", b.Name, "jobs", len(p.jobs))
	return nil
}

// maxAhead is how many items ahead a buildset can name.
const maxAhead = 1024

// itemsAhead are those on which the item stands, the nearest first.
func (s *scope) itemsAhead() []gozer.ItemAhead {
	var out []gozer.ItemAhead
	for e := s.entry; e.Ahead != "" && len(out) < maxAhead; {
		out = append(out, gozer.ItemAhead{Item: e.Ahead, Epoch: e.AheadEpoch})
		n := slices.IndexFunc(s.entries, func(x gozer.QueueEntry) bool { return x.Item == e.Ahead })
		if n < 0 {
			break
		}
		e = s.entries[n]
	}
	return out
}

// retryFailed is how often a job's failure does not count. Only votes count anyway.
func (s *scope) retryFailed(j *jobgraph.Job) int32 {
	if !j.Voting {
		return 0
	}
	return s.pipeline.Spec.RetryFailed
}

// jobKey names a job of the item's graph.
func (s *scope) jobKey(name string, j *jobgraph.Job) string {
	return convert.JobName(name, s.item.Spec.Changes, j.Change)
}

// dependencies are the jobs of the same change, or those that it shares.
func (s *scope) dependencies(all []*jobgraph.Job, j *jobgraph.Job) []gozer.JobDependency {
	out := convert.JobDependencies(j.Dependencies)
	for n := range out {
		on := slices.IndexFunc(all, func(x *jobgraph.Job) bool {
			return x.Name == out[n].Name && (x.Change == j.Change || slices.Contains(x.Others, j.Change))
		})
		if on >= 0 {
			out[n].Name = s.jobKey(out[n].Name, all[on])
		}
	}
	return out
}

// required are the projects that a job requires.
func (p *prepared) required(j *jobgraph.Job) []model.Project {
	var out []model.Project
	for _, r := range j.RequiredProjects {
		if found := p.layout.ProjectNamed(r.Name); found != nil {
			out = append(out, found.Project)
		}
	}
	return out
}

// build is the frozen job.
func (s *scope) build(b *gozer.BuildSet, j *jobgraph.Job, p *prepared) (*gozer.Build, error) {
	frozen, err := convert.FrozenJob(j, convert.Freezing{
		CommitOf: func(pb jobgraph.Playbook) string {
			return commitAt(b, pb.Origin.Project.Project, pb.Origin.Branch, pb.Origin.Project.Trusted)
		},
		RolesOf:  func(pb jobgraph.Playbook) []gozer.PlaybookRole { return s.rolesOf(b, p, j, pb) },
		Required: p.required(j), Checkouts: p.checkouts[j], IncludeVars: s.includeVars(b, p, j), PostReview: s.pipeline.Spec.PostReview, GlobalSemaphores: s.tenant.Spec.Semaphores,
	})
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal([]any{frozen, b.Spec.Steps, b.Spec.States})
	if err != nil {
		return nil, err
	}
	own := s.item.Spec.Changes[j.Change]
	inputs := ""
	if keeps(&s.pipeline) {
		if inputs, err = convert.Inputs(b.Spec.States, frozen, own); err != nil {
			return nil, err
		}
	}
	labels := map[string]string{gozer.LabelBuildSet: b.Name, gozer.LabelItem: b.Spec.Item,
		gozer.LabelPipeline: b.Spec.Pipeline, gozer.LabelJob: naming.Label(j.Name)}
	if convert.NeedsSemaphores(frozen) {
		labels[gozer.LabelSemaphores] = "true"
	}
	if s.alternative {
		labels[gozer.LabelAlternative] = "true"
	}
	return &gozer.Build{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.Namespace, Name: naming.Build(b.Name, s.jobKey(j.Name, j), string(content)),
			Labels:          labels,
			Annotations:     map[string]string{gozer.AnnotationChange: convert.PatchsetName(own)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(s.item, gozer.GroupVersion.WithKind("QueueItem"))},
		},
		Spec: gozer.BuildSpec{BuildSet: b.Name, Item: b.Spec.Item, Pipeline: b.Spec.Pipeline, Change: own, Others: others(j), Job: frozen, Inputs: inputs, RetryFailed: s.retryFailed(j)},
	}, nil
}

// others are further changes of the item that a job is for.
func others(j *jobgraph.Job) []int32 {
	var out []int32
	for _, n := range j.Others {
		out = append(out, int32(n)) //nolint:gosec // an index of at most 64 changes
	}
	return out
}

// commitAt is the commit from which a playbook or its roles are taken. Trusted
// ones come from the branch: what is proposed for them is not in force.
func commitAt(b *gozer.BuildSet, project model.Project, branch string, trusted bool) string {
	n := slices.IndexFunc(b.Spec.States, func(st gozer.PreparedState) bool {
		return convert.Project(st.Project) == project && st.Branch == branch
	})
	switch {
	case n < 0:
		return ""
	case trusted:
		return b.Spec.States[n].Base
	}
	return b.Spec.States[n].Commit
}
