package semaphore

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// precedences of pipelines.
var precedences = map[string]int{"high": 1, "": 2, "normal": 2, "low": 3}

// idle is that of builds that test another outcome: they wait behind everybody.
const idle = 4

// places tells where builds that wait stand; queues and items are read once for a decision.
type places struct {
	r         *Reconciler
	positions map[client.ObjectKey]int
	pipelines map[client.ObjectKey]int
}

func (p *places) of(ctx context.Context, b *gozer.Build) (semaphore.Place, error) {
	item := client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Item}
	if err := p.read(ctx); err != nil {
		return semaphore.Place{}, err
	}
	out := semaphore.Place{Position: p.positions[item], Since: b.CreationTimestamp.Time, Precedence: precedences["normal"]}
	if n := p.pipelines[client.ObjectKey{Namespace: b.Namespace, Name: b.Spec.Pipeline}]; n > 0 {
		out.Precedence = n
	}
	if b.Labels[gozer.LabelAlternative] != "" {
		out.Precedence = idle
	}
	var i gozer.QueueItem
	switch err := p.r.Get(ctx, item, &i); {
	case err == nil:
		out.Since = i.Spec.EnqueuedAt.Time
	case client.IgnoreNotFound(err) != nil:
		return out, err
	}
	return out, nil
}

func (p *places) read(ctx context.Context) error {
	if p.positions != nil {
		return nil
	}
	var queues gozer.ChangeQueueList
	if err := p.r.List(ctx, &queues, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	var pipelines gozer.PipelineList
	if err := p.r.List(ctx, &pipelines, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	p.positions, p.pipelines = map[client.ObjectKey]int{}, map[client.ObjectKey]int{}
	for _, q := range queues.Items {
		for n, e := range q.Status.Items {
			p.positions[client.ObjectKey{Namespace: q.Namespace, Name: e.Item}] = n
		}
	}
	for _, l := range pipelines.Items {
		p.pipelines[client.ObjectKey{Namespace: l.Namespace, Name: l.Name}] = precedences[l.Spec.Precedence]
	}
	return nil
}
