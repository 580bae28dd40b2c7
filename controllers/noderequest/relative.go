package noderequest

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/nodes"
)

// relative says of each waiting request how far back its item stands. It is read
// off the queues whenever room is given away, from the cache: nothing has to be
// written when a queue moves.
func (r *Reconciler) relative(ctx context.Context, waiting []gozer.NodeRequest) (map[string]int32, error) {
	if !r.Relative || len(waiting) < 2 {
		return nil, nil
	}
	v := &standings{r: r, queues: map[client.ObjectKey]*gozer.ChangeQueue{}, pipelines: map[client.ObjectKey]map[string]int32{}}
	out := map[string]int32{}
	for n := range waiting {
		place, err := v.of(ctx, &waiting[n])
		if err != nil {
			return nil, err
		}
		out[fullName(&waiting[n])] = place
	}
	return out, nil
}

func fullName(obj client.Object) string { return obj.GetNamespace() + "/" + obj.GetName() }

// standings keeps what was read for one decision.
type standings struct {
	r         *Reconciler
	queues    map[client.ObjectKey]*gozer.ChangeQueue
	pipelines map[client.ObjectKey]map[string]int32
}

// of a request: its item's place in the queue of a gate, elsewhere how many items
// of its projects are before it in the pipeline. What cannot be found counts as first.
func (v *standings) of(ctx context.Context, n *gozer.NodeRequest) (int32, error) {
	var set gozer.BuildSet
	if err := v.r.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: n.Labels[gozer.LabelBuildSet]}, &set); err != nil {
		return 0, client.IgnoreNotFound(err)
	}
	key := client.ObjectKey{Namespace: n.Namespace, Name: set.Spec.Queue}
	queue := v.queues[key]
	if queue == nil {
		queue = &gozer.ChangeQueue{}
		if err := v.r.Get(ctx, key, queue); err != nil {
			return 0, client.IgnoreNotFound(err)
		}
		v.queues[key] = queue
	}
	if queue.Spec.Manager == gozer.ManagerDependent {
		place := slices.IndexFunc(queue.Status.Items, func(e gozer.QueueEntry) bool { return e.Item == set.Spec.Item })
		return int32(max(0, place)), nil //nolint:gosec // a place in a list that has a bound
	}
	places, err := v.pipeline(ctx, client.ObjectKey{Namespace: n.Namespace, Name: set.Spec.Pipeline})
	return places[set.Spec.Item], err
}

func (v *standings) pipeline(ctx context.Context, key client.ObjectKey) (map[string]int32, error) {
	if known := v.pipelines[key]; known != nil {
		return known, nil
	}
	var list gozer.QueueItemList
	err := v.r.List(ctx, &list, client.InNamespace(key.Namespace), client.MatchingLabels{gozer.LabelPipeline: key.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	var items []nodes.Standing
	for _, i := range list.Items {
		if i.Status.Result != "" || !i.Spec.Live {
			continue
		}
		s := nodes.Standing{Name: i.Name, Since: i.Spec.EnqueuedAt.Time}
		for _, c := range i.Spec.Changes {
			s.Projects = append(s.Projects, c.Project.Hostname+"/"+c.Project.Name)
		}
		items = append(items, s)
	}
	v.pipelines[key] = nodes.Relative(items)
	return v.pipelines[key], nil
}
