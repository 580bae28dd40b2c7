package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// enqueue puts the change's item, the last of the entries, into its queue with
// everything that it needs ahead of it, and behind each what needs it.
func (r *Reconciler) enqueue(ctx context.Context, a *arrival, entries []gate.Entry, because string) (string, error) {
	own := entries[len(entries)-1]
	queue := r.queueFor(a.s, a.p, own.Changes, a.ev)
	if err := r.createQueue(ctx, a.s, queue); err != nil {
		return "", err
	}
	names := map[model.ChangeKey]string{}
	name := ""
	for _, e := range entries {
		if name = a.itemOf(e); name == "" {
			i := r.newItem(a, queue.Name, e, because)
			i.Spec.Needs = needs(e, names)
			if a.urgent(e) {
				i.Annotations[gozer.AnnotationUrgent] = a.ev.Name
			}
			if err := patch.Create(ctx, r.Client, i); err != nil {
				return "", err
			}
			logf.FromContext(ctx).Info("Enqueued", "item", i.Name, "change", e.String(), "pipeline", a.p.Name, "queue", queue.Name)
			a.s.items = append(a.s.items, *i)
			name = i.Name
		}
		for _, c := range e.Changes {
			names[c.Key()] = name
		}
		if err := r.followers(ctx, a, name); err != nil {
			return "", err
		}
	}
	return name, r.replace(ctx, a.s, a.p, own, name)
}

// replace takes out the items that the changes had in the pipeline before: what
// they depend on was edited, or they are part of a cycle now.
func (r *Reconciler) replace(ctx context.Context, s *scope, p *gozer.Pipeline, own gate.Entry, by string) error {
	for _, c := range own.Changes {
		for _, i := range s.itemsOf(c.Key()) {
			if i.Name == by || !i.Spec.Live || i.Spec.Pipeline != p.Name || patchsetIn(i, c.Key()) != c.Patchset {
				continue
			}
			if err := r.dequeue(ctx, i, "What it depends on was edited; it is tested anew."); err != nil {
				return err
			}
		}
	}
	return nil
}

// needs are the items that the changes of an entry depend on.
func needs(e gate.Entry, names map[model.ChangeKey]string) []string {
	var out []string
	for _, c := range e.Changes {
		for _, need := range c.Needs {
			if name := names[need]; name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// queueFor is the queue that an item enters: the shared one of a gate or of a
// serial pipeline, one for each branch, or one for the item alone.
func (r *Reconciler) queueFor(s *scope, p *gozer.Pipeline, changes []gate.Candidate, ev model.TriggerEvent) *gozer.ChangeQueue {
	c := changes[len(changes)-1]
	q := &gozer.ChangeQueue{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.tenant.Namespace, Labels: map[string]string{gozer.LabelPipeline: p.Name}},
		Spec:       gozer.ChangeQueueSpec{Pipeline: p.Name, Manager: p.Spec.Manager},
	}
	switch p.Spec.Manager {
	case gozer.ManagerDependent, gozer.ManagerSerial:
		q.Spec.Queue = c.Queue
		q.Name = naming.SharedQueue(p.Name, q.Spec.Queue)
	case gozer.ManagerSupercedent:
		ref := convert.RefName(convert.ChangeRef(c.Change.Change, ""))
		q.Spec.Queue = c.Project.Name + ":" + ref
		q.Name = naming.SharedQueue(p.Name, c.Project.Canonical()+":"+ref)
	default:
		q.Spec.Queue, q.Spec.Dynamic = convert.ChangeName(convert.ChangeRef(c.Change.Change, "")), true
		q.Name = naming.Item(p.Name, c.Change.Change, ev.Name)
		q.Spec.Item = q.Name
	}
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

func (r *Reconciler) newItem(a *arrival, queue string, e gate.Entry, because string) *gozer.QueueItem {
	s, p, ev := a.s, a.p, a.ev
	var refs []gozer.ChangeRef
	for _, c := range e.Changes {
		refs = append(refs, convert.ChangeRef(c.Change.Change, s.layout.MergeMode(c.Project.Canonical())))
	}
	last := e.Changes[len(e.Changes)-1].Change.Change
	name := naming.Item(p.Name, last, ev.Name)
	if !e.Live {
		// The same change may be there for several others.
		name = naming.Item(p.Name, last, ev.Name+"/"+queue)
	}
	return &gozer.QueueItem{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.tenant.Namespace, Name: name,
			Labels:          map[string]string{gozer.LabelPipeline: p.Name, gozer.LabelQueue: queue},
			Annotations:     map[string]string{gozer.AnnotationChange: convert.PatchsetNames(refs)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(s.tenant, gozer.GroupVersion.WithKind("Tenant"))},
		},
		Spec: gozer.QueueItemSpec{
			Pipeline: p.Name, Queue: queue, Changes: refs, Messages: messages(e), Live: e.Live, Event: ev.Name, Reason: convert.Cut(because, maxReason),
			EnqueuedAt: microTime(s.next(ev)),
		},
	}
}

// messages of the changes of an entry.
func messages(e gate.Entry) []string {
	var changes []model.Change
	for _, c := range e.Changes {
		changes = append(changes, c.Change.Change)
	}
	return convert.Messages(changes)
}

// next is when the next item of an event counts as enqueued: what an event brings
// keeps its order, also when the process died in between.
func (s *scope) next(ev model.TriggerEvent) time.Time {
	at := ev.ReceivedAt
	for i := range s.items {
		if last := s.items[i].Spec.EnqueuedAt.Time; s.items[i].Spec.Event == ev.Name && !last.Before(at) {
			at = last.Add(time.Microsecond)
		}
	}
	return at
}

// maxReason bounds what is stored of why an item entered.
const maxReason = 250

// reason tells what brought a change into a pipeline.
func reason(ev model.TriggerEvent) string {
	by := ""
	if ev.Account != "" {
		by = " by " + convert.Cut(ev.Account, 255)
	}
	switch {
	case ev.Event == "enqueue":
		return "enqueued by hand" + by
	case ev.Event == "push":
		return "pushed" + by
	case ev.Event == model.Timer:
		return fmt.Sprintf("timer %q came at %s", ev.Time, ev.Tick.UTC().Format(time.RFC3339))
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
	logf.FromContext(ctx).Info("Dequeuing", "item", i.Name, "reason", why)
	return r.annotate(ctx, i, gozer.AnnotationDequeue, why)
}

// annotate asks the queue for something about an item.
func (r *Reconciler) annotate(ctx context.Context, i *gozer.QueueItem, key, value string) error {
	before := i.DeepCopy()
	if i.Annotations == nil {
		i.Annotations = map[string]string{}
	}
	i.Annotations[key] = value
	return client.IgnoreNotFound(r.Patch(ctx, i, client.MergeFrom(before)))
}
