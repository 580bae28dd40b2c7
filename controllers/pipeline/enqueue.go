package pipeline

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// enqueue puts the change, last in order, into its queue with everything that
// it needs ahead of it. Without an item, why says what is in the way.
func (r *Reconciler) enqueue(ctx context.Context, s *scope, p *gozer.Pipeline, order []depends.Change, ev model.TriggerEvent) (item, why string, err error) {
	change := order[len(order)-1]
	dependent := p.Spec.Manager == gozer.ManagerDependent
	queue := r.queueFor(s, p, change.Change, ev)
	if dependent {
		if why := s.blocked(p, order); why != "" {
			return "", why, nil
		}
	}
	if err := r.createQueue(ctx, s, queue); err != nil {
		return "", "", err
	}
	names := map[model.ChangeKey]string{}
	for n, c := range order {
		last := n == len(order)-1
		if dependent {
			if i := s.liveItem(p.Name, c.Change); i != nil {
				names[c.Key()] = i.Name
				continue
			}
		}
		i := r.newItem(s, p, queue.Name, c, ev, n, dependent || last)
		for _, need := range c.Needs {
			if name := names[need]; name != "" {
				i.Spec.Needs = append(i.Spec.Needs, name)
			}
		}
		if err := patch.Create(ctx, r.Client, i); err != nil {
			return "", "", err
		}
		logf.FromContext(ctx).Info("Enqueued", "item", i.Name, "change", convert.PatchsetName(i.Spec.Changes[0]), "pipeline", p.Name, "queue", queue.Name)
		names[c.Key()] = i.Name
		s.items = append(s.items, *i)
	}
	return names[change.Key()], "", nil
}

// blocked says which needed change cannot be ahead in the gate, and why.
func (s *scope) blocked(p *gozer.Pipeline, order []depends.Change) string {
	change := order[len(order)-1]
	queue := s.layout.QueueName(change.Project, change.Branch)
	for _, c := range order[:len(order)-1] {
		if s.liveItem(p.Name, c.Change) == nil {
			if why := unmergeable(c.Change); why != "" {
				return fmt.Sprintf("it depends on %s, which cannot merge: %s", c.URL, why)
			}
			if why, ok := match.Allowed(convert.Requirements(p.Spec.Require), convert.Requirements(p.Spec.Reject), c.Change, model.TriggerEvent{}); !ok {
				return fmt.Sprintf("it depends on %s, which may not enter %s: %s", c.URL, p.Name, why)
			}
		}
		if other := s.layout.QueueName(c.Project, c.Branch); other != queue || !s.layout.InPipeline(c.Project.Canonical(), p.Name) {
			return fmt.Sprintf("Change %d in project %s does not share a change queue with %d in project %s; merge that one first",
				change.Number, change.Project.Name, c.Number, c.Project.Name)
		}
	}
	return ""
}

// queueFor is the queue that a change enters.
func (r *Reconciler) queueFor(s *scope, p *gozer.Pipeline, c model.Change, ev model.TriggerEvent) *gozer.ChangeQueue {
	q := &gozer.ChangeQueue{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.tenant.Namespace, Labels: map[string]string{gozer.LabelPipeline: p.Name}},
		Spec:       gozer.ChangeQueueSpec{Pipeline: p.Name, Manager: p.Spec.Manager},
	}
	if p.Spec.Manager == gozer.ManagerDependent {
		q.Spec.Queue = s.layout.QueueName(c.Project, c.Branch)
		q.Name = naming.SharedQueue(p.Name, q.Spec.Queue)
		return q
	}
	q.Spec.Queue, q.Spec.Dynamic = fmt.Sprintf("%s#%d", c.Project.Name, c.Number), true
	q.Name = naming.Item(p.Name, c, ev.Name)
	q.Spec.Item = q.Name
	return q
}

func (r *Reconciler) createQueue(ctx context.Context, s *scope, q *gozer.ChangeQueue) error {
	var existing gozer.ChangeQueue
	if r.Get(ctx, client.ObjectKeyFromObject(q), &existing) == nil {
		return nil
	}
	if err := ctrl.SetControllerReference(s.tenant, q, r.Scheme()); err != nil {
		return err
	}
	return patch.Create(ctx, r.Client, q)
}

func (r *Reconciler) newItem(s *scope, p *gozer.Pipeline, queue string, c depends.Change, ev model.TriggerEvent, n int, live bool) *gozer.QueueItem {
	ref := convert.ChangeRef(c.Change, s.layout.MergeMode(c.Project.Canonical()))
	name := naming.Item(p.Name, c.Change, ev.Name)
	if !live {
		// The same change may be there for several others.
		name = naming.Item(p.Name, c.Change, ev.Name+"/"+queue)
	}
	return &gozer.QueueItem{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.tenant.Namespace, Name: name,
			Labels:          map[string]string{gozer.LabelPipeline: p.Name, gozer.LabelQueue: queue},
			Annotations:     map[string]string{gozer.AnnotationChange: convert.PatchsetName(ref)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(s.tenant, gozer.GroupVersion.WithKind("Tenant"))},
		},
		Spec: gozer.QueueItemSpec{
			Pipeline: p.Name, Queue: queue, Changes: []gozer.ChangeRef{ref}, Live: live, Event: ev.Name, Reason: reason(ev),
			// What an event brings keeps its order.
			EnqueuedAt: microTime(ev.ReceivedAt.Add(time.Duration(n) * time.Microsecond)),
		},
	}
}

// reason tells what brought a change into a pipeline.
func reason(ev model.TriggerEvent) string {
	by := ""
	if ev.Account != "" {
		by = " by " + convert.Cut(ev.Account, 255)
	}
	switch {
	case ev.Event == "enqueue":
		return "enqueued by hand" + by
	case ev.Event == "pull_request_review":
		return "review: " + ev.State + by
	case ev.Action == "comment":
		return "comment" + by
	}
	return ev.Action + by
}

// dequeue asks for an item to be taken out.
func (r *Reconciler) dequeue(ctx context.Context, i *gozer.QueueItem, why string) error {
	if i.Annotations[gozer.AnnotationDequeue] != "" {
		return nil
	}
	before := i.DeepCopy()
	if i.Annotations == nil {
		i.Annotations = map[string]string{}
	}
	i.Annotations[gozer.AnnotationDequeue] = why
	logf.FromContext(ctx).Info("Dequeuing", "item", i.Name, "reason", why)
	return client.IgnoreNotFound(r.Patch(ctx, i, client.MergeFrom(before)))
}
