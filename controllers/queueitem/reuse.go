package queueitem

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
)

// input is a branch that a build sees, by what is in it: commits of speculative
// states differ when trees do not.
type input struct {
	Project      gozer.ProjectRef
	Branch, Tree string
}

// inputsOf digests everything that a build sees: its definition, its change, and
// the trees of its project, of those that it requires and of its playbooks.
func inputsOf(b *gozer.BuildSet, frozen gozer.FrozenJob, own gozer.ChangeRef) (string, error) {
	job := frozen.DeepCopy()
	var seen []input
	for _, st := range b.Spec.States {
		if st.Project == own.Project || slices.Contains(job.RequiredProjects, st.Project) {
			seen = append(seen, input{st.Project, st.Branch, st.Tree})
		}
	}
	for _, list := range [][]gozer.Playbook{job.PreRun, job.Run, job.PostRun} {
		for n := range list {
			list[n].Commit = treeOf(b, list[n])
		}
	}
	raw, err := json.Marshal([]any{job, own, seen})
	if err != nil {
		return "", fmt.Errorf("the inputs of job %s: %w", job.Name, err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:20]), nil
}

// treeOf a playbook's commit; the commit itself where its tree is not known.
func treeOf(b *gozer.BuildSet, p gozer.Playbook) string {
	for _, st := range b.Spec.States {
		switch {
		case st.Project != p.Project || st.Branch != p.Branch:
		case st.Commit == p.Commit && st.Tree != "":
			return st.Tree
		case st.Base == p.Commit && st.BaseTree != "":
			return st.BaseTree
		}
	}
	return p.Commit
}

// builds of earlier states of an item.
type builds []gozer.Build

// earlier lists the builds that the item had before, the latest first; none where
// the pipeline does not reuse them.
func (r *Reconciler) earlier(ctx context.Context, s *scope) (builds, error) {
	if !s.pipeline.Spec.ReuseResults || s.entry.Epoch == 1 {
		return nil, nil
	}
	var list gozer.BuildList
	if err := r.List(ctx, &list, client.InNamespace(s.item.Namespace), client.MatchingLabels{gozer.LabelItem: s.item.Name}); err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, func(a, b gozer.Build) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	return list.Items, nil
}

// same finds a build of the same job with the same inputs, running or with a
// result that its inputs led to. What it depends on must have been kept as well.
func (list builds) same(b *gozer.Build, j *jobgraph.Job, kept map[string]bool) *gozer.Build {
	for _, d := range j.Dependencies {
		if is, known := kept[jobOf(d.Name, j.Change)]; known && !is {
			return nil
		}
	}
	for n := range list {
		old := &list[n]
		if b.Spec.Inputs == "" || old.Spec.Inputs != b.Spec.Inputs || old.Spec.Job.Name != b.Spec.Job.Name || old.Spec.Change != b.Spec.Change {
			continue
		}
		switch model.BuildResult(old.Status.Result) {
		case model.Undetermined, model.Success, model.Failure, model.TimedOut, model.PostFailure:
			return old
		}
	}
	return nil
}

func jobOf(name string, change int) string { return fmt.Sprint(name, " ", change) }

// inOrder puts every job behind those of its change that it depends on.
func inOrder(jobs []*jobgraph.Job) []*jobgraph.Job {
	out := make([]*jobgraph.Job, 0, len(jobs))
	placed := map[*jobgraph.Job]bool{}
	var place func(j *jobgraph.Job)
	place = func(j *jobgraph.Job) {
		if placed[j] {
			return
		}
		placed[j] = true
		for _, d := range j.Dependencies {
			for _, other := range jobs {
				if other.Name == d.Name && other.Change == j.Change {
					place(other)
				}
			}
		}
		out = append(out, j)
	}
	for _, j := range jobs {
		place(j)
	}
	return out
}
