package changequeue

import (
	"context"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/gate"
)

// expedite gives urgent items their place, for which that was asked since it was
// last done: behind the last that has started, those that were urgent before, and
// what they need. Where builds are kept, those that have started are passed as
// well whose builds would see nothing of it.
func (r *Reconciler) expedite(ctx context.Context, s *scope) error {
	asked := s.urgent()
	if len(asked) == 0 {
		return nil
	}
	seen := map[string]projects{}
	if s.pipeline.Spec.ReuseResults {
		var err error
		if seen, err = r.seen(ctx, s); err != nil {
			return err
		}
	}
	needs := map[string][]string{}
	for name, i := range s.items {
		needs[name] = i.Spec.Needs
	}
	s.expedited = map[string]string{}
	for _, name := range asked {
		if s.entry(name).Active {
			s.expedited[name] = "urgent: it has started already, and stays where it is"
			continue
		}
		u := s.items[name]
		s.order = gate.Expedite(s.order, name, func(other string) bool {
			e, i := s.entry(other), s.items[other]
			switch {
			case e.Urgent != "" || s.expedited[other] != "" || e.Rescuer != "" || i.Status.Merged != nil || i.Status.Result != "":
				return true
			case !e.Active:
				return false
			}
			sees, known := seen[other]
			return !known || sees.any(u.Spec.Changes)
		}, needs)
		s.expedited[name] = s.where(name)
	}
	for n := range s.queue.Status.Items {
		if e := &s.queue.Status.Items[n]; s.expedited[e.Item] != "" {
			e.Urgent = s.items[e.Item].Annotations[gozer.AnnotationUrgent]
		}
	}
	return nil
}

// noteExpedited writes into the stories of urgent items where they stand.
func (s *scope) noteExpedited(now time.Time) {
	for _, name := range s.order {
		if where := s.expedited[name]; where != "" {
			s.items[name].decide(now, "Expedited", where)
		}
	}
}

// urgent are the items that are to be given a place, in their order.
func (s *scope) urgent() []string {
	if !s.pipeline.Spec.Expedite || s.queue.Spec.Manager != gozer.ManagerDependent {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.order), func(name string) bool {
		i := s.items[name]
		want := i.Annotations[gozer.AnnotationUrgent]
		return want == "" || i.Status.Merged != nil || i.Status.Result != "" || want == s.entry(name).Urgent
	})
}

// where an urgent item stands, in words.
func (s *scope) where(name string) string {
	n := slices.Index(s.order, name)
	if n == 0 {
		return "urgent: it is the first"
	}
	return "urgent: behind " + s.items[s.order[n-1]].name()
}

// projects of which a build sees something.
type projects map[gozer.ProjectRef]bool

func (p projects) any(changes []gozer.ChangeRef) bool {
	return slices.ContainsFunc(changes, func(c gozer.ChangeRef) bool { return p[c.Project] })
}

// seen is what the builds of each item see: what their digest of inputs is made
// of (see controllers/queueitem). Items without builds are left out.
func (r *Reconciler) seen(ctx context.Context, s *scope) (map[string]projects, error) {
	var list gozer.BuildList
	if err := r.List(ctx, &list, client.InNamespace(s.tenant), client.MatchingLabels{gozer.LabelPipeline: s.queue.Spec.Pipeline}); err != nil {
		return nil, err
	}
	builds := make(map[string]*gozer.BuildSpec, len(list.Items))
	for n := range list.Items {
		builds[list.Items[n].Name] = &list.Items[n].Spec
	}
	out := map[string]projects{}
	for _, name := range s.order {
		set := s.items[name].buildSet
		if set == nil || set.Spec.Epoch != s.entry(name).Epoch {
			continue
		}
		if p := seenBy(set, builds); p != nil {
			out[name] = p
		}
	}
	return out, nil
}

// seenBy are the projects of which the builds of a buildset see something; nil
// when not all of them are known yet.
func seenBy(set *gozer.BuildSet, builds map[string]*gozer.BuildSpec) projects {
	p := projects{}
	for _, j := range set.Spec.Jobs {
		b := builds[j.Build]
		if b == nil {
			return nil
		}
		p[b.Change.Project] = true
		for _, required := range b.Job.RequiredProjects {
			p[required] = true
		}
		for _, playbook := range slices.Concat(b.Job.PreRun, b.Job.Run, b.Job.PostRun) {
			p[playbook.Project] = true
		}
	}
	return p
}
