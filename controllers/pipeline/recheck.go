package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// recheck looks at the items of a change of which an event tells: whether it can
// still be merged, and whether it still depends on what it was tested with.
func (r *Reconciler) recheck(ctx context.Context, s *scope, c model.Change, ev model.TriggerEvent) error {
	if c.Merged || !c.Open {
		return nil
	}
	for _, i := range s.itemsOf(c.Key()) {
		if !i.Spec.Live || i.Annotations[gozer.AnnotationDequeue] != "" || patchsetIn(i, c.Key()) != c.Patchset {
			continue
		}
		if why := s.unmergeable(i, c); why != "" {
			if err := r.lose(ctx, i, gate.Lost(why)); err != nil {
				return err
			}
			continue
		}
		if ev.Action != "edited" {
			continue
		}
		if err := r.edited(ctx, s, i, c, ev); err != nil {
			return err
		}
	}
	return nil
}

// unmergeable says why a change of an item that is to be merged cannot be any
// more; a host that does not know yet is asked again before it is merged.
func (s *scope) unmergeable(i *gozer.QueueItem, c model.Change) string {
	n := slices.IndexFunc(s.pipelines, func(p gozer.Pipeline) bool { return p.Name == i.Spec.Pipeline })
	if n < 0 || !s.merges(i.Spec.Pipeline) {
		return ""
	}
	why, wait := gate.Unmergeable(c, s.own(&s.pipelines[n])[c.Project.Connection])
	if wait {
		return ""
	}
	return why
}

// lose marks an item that cannot merge any more.
func (r *Reconciler) lose(ctx context.Context, i *gozer.QueueItem, why string) error {
	if i.Annotations[gozer.AnnotationLost] != "" {
		return nil
	}
	before := i.DeepCopy()
	if i.Annotations == nil {
		i.Annotations = map[string]string{}
	}
	i.Annotations[gozer.AnnotationLost] = why
	logf.FromContext(ctx).Info("Cannot merge any more", "item", i.Name, "reason", why)
	return client.IgnoreNotFound(r.Patch(ctx, i, client.MergeFrom(before)))
}

// edited takes an item out whose change depends on something else now, and
// enqueues it anew.
func (r *Reconciler) edited(ctx context.Context, s *scope, i *gozer.QueueItem, c model.Change, ev model.TriggerEvent) error {
	n := slices.IndexFunc(s.pipelines, func(p gozer.Pipeline) bool { return p.Name == i.Spec.Pipeline })
	if n < 0 {
		return nil
	}
	p := &s.pipelines[n]
	a := newArrival(s, p, c, ev)
	if i.Spec.Event == ev.Name {
		_, err := r.followed(ctx, a, gozer.PipelineOutcome{}) // it died before that
		return err
	}
	groups, err := r.dependencies(ctx, s, c)
	var no refusal
	if errors.As(err, &no) {
		return r.dequeue(ctx, i, fmt.Sprintf("What it depends on was edited: %s.", no))
	}
	if err != nil || s.stands(i, groups) {
		return err
	}
	// The new item first: what dies in between finds the old one still there.
	o, err := r.admit(ctx, a, c)
	if err != nil {
		return err
	}
	if o.Item != "" {
		_, err = r.followed(ctx, a, o)
		return err
	}
	return r.dequeue(ctx, i, fmt.Sprintf("What it depends on was edited: %s.", o.Message))
}

// stands says whether an item still has the changes of its group, and needs what they need.
func (s *scope) stands(i *gozer.QueueItem, groups [][]depends.Change) bool {
	own := groups[len(groups)-1]
	if len(own) != len(i.Spec.Changes) {
		return false
	}
	var needs []string
	for _, c := range own {
		if patchsetIn(i, c.Key()) == "" {
			return false
		}
	}
	for _, group := range groups[:len(groups)-1] {
		found := ""
		for _, other := range s.itemsOf(group[0].Key()) {
			if other.Spec.Queue == i.Spec.Queue {
				found = other.Name
			}
		}
		if found == "" {
			return false
		}
		needs = append(needs, found)
	}
	// What it needs through others is not among its own needs.
	return !slices.ContainsFunc(i.Spec.Needs, func(n string) bool { return !slices.Contains(needs, n) })
}
