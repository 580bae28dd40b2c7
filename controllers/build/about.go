package build

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
)

// about adds to a specification what jobs may know of the changes, and of the jobs
// that depend on theirs.
func (r *Reconciler) about(ctx context.Context, s *scope, spec *buildspec.Spec) error {
	var item gozer.QueueItem
	err := r.Get(ctx, client.ObjectKey{Namespace: s.build.Namespace, Name: s.build.Spec.Item}, &item)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	changes := item.Spec.Changes
	if err != nil {
		changes = []gozer.ChangeRef{s.build.Spec.Change} // it leaves, and its builds with it
	}
	spec.EventID = item.Spec.Event
	for n, c := range changes {
		spec.BuildSetRefs = append(spec.BuildSetRefs, change(c))
		if c == s.build.Spec.Change || slices.Contains(s.build.Spec.Others, int32(n)) { //nolint:gosec // an index of at most 64 changes
			spec.BuildRefs = append(spec.BuildRefs, change(c))
		}
	}
	spec.ChildJobs = childJobs(s, changes)
	var list gozer.QueueItemList
	if err := r.List(ctx, &list, client.InNamespace(s.build.Namespace), client.MatchingLabels{gozer.LabelQueue: s.set.Spec.Queue}, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	spec.Messages = messages(spec, list.Items)
	return nil
}

// childJobs are the jobs that depend on the build's directly.
func childJobs(s *scope, changes []gozer.ChangeRef) []string {
	n := slices.IndexFunc(s.set.Spec.Jobs, func(j gozer.BuildSetJob) bool { return j.Build == s.build.Name })
	var out []string
	for _, j := range s.set.Spec.Jobs {
		depends := func(d gozer.JobDependency) bool { return n >= 0 && d.Name == s.set.Spec.Jobs[n].Name }
		if name, _ := convert.JobOf(j.Name, changes); slices.ContainsFunc(j.Dependencies, depends) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// maxMessages is how much of what authors say fits into a specification, in bytes.
const maxMessages = 64 << 10

// messages of the changes that are tested: of the item's own, and then of those
// right ahead, as long as there is room.
func messages(spec *buildspec.Spec, items []gozer.QueueItem) map[string]string {
	said := map[string]string{}
	for _, i := range items {
		for n, c := range i.Spec.Changes {
			if n < len(i.Spec.Messages) && i.Spec.Messages[n] != "" {
				said[change(c).Key()] = i.Spec.Messages[n]
			}
		}
	}
	out, size := map[string]string{}, 0
	nearest := append([]buildspec.Change{spec.Change}, spec.BuildSetRefs...)
	for _, c := range slices.Backward(spec.Items) {
		nearest = append(nearest, c)
	}
	for _, c := range nearest {
		key := c.Key()
		text, there := said[key]
		if _, has := out[key]; has || !there || size+len(text) > maxMessages {
			continue
		}
		out[key], size = text, size+len(text)
	}
	return out
}
