package nodepool

import (
	"context"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/noderequest"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/nodes"
	"github.com/gozer-dev/gozer/internal/nodeview"
	"github.com/gozer-dev/gozer/internal/podspec"
)

func sorted(tenants map[string]*gozer.Tenant) []string {
	return slices.Sorted(maps.Keys(tenants))
}

func (r *Reconciler) drop(ctx context.Context, s *scope, names []string) error {
	for i := range s.pods {
		p := &s.pods[i]
		if !slices.Contains(names, client.ObjectKeyFromObject(p).String()) {
			continue
		}
		if err := noderequest.DeleteIdle(ctx, r.Client, p); err != nil && !apierrors.IsConflict(err) {
			return err // a conflict is a node that was taken, or moved: its event comes
		}
	}
	return nil
}

// dropAll deletes what waits of a pool that is gone.
func (r *Reconciler) dropAll(ctx context.Context, pool string) error {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.MatchingLabels{gozer.LabelRole: noderequest.RoleNode, gozer.LabelPool: pool}); err != nil {
		return err
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		if p.Labels[gozer.LabelNodeRequest] != "" {
			continue
		}
		if err := noderequest.DeleteIdle(ctx, r.Client, p); err != nil {
			return err
		}
	}
	return nil
}

// repair makes the Secrets of Pods whose maker died before it made them.
func (r *Reconciler) repair(ctx context.Context, s *scope) error {
	for i := range s.pods {
		p := &s.pods[i]
		if p.Labels[gozer.LabelNodeRequest] != "" || p.DeletionTimestamp != nil || podspec.OfNode(p).Ready || r.keyed[p.UID] {
			continue
		}
		if err := r.Nodes.GiveWarmKeys(ctx, p); err != nil {
			return err
		}
		r.hasKeys(p.UID)
	}
	return nil
}

// label says on warm nodes what they do. A node that somebody takes in this moment
// is that one's: the write fails then.
func (r *Reconciler) label(ctx context.Context, s *scope) error {
	for i := range s.pods {
		p := &s.pods[i]
		state := string(nodeview.StateOf(p))
		if p.Labels[gozer.LabelNodeRequest] != "" || p.DeletionTimestamp != nil || p.Labels[gozer.LabelNodeState] == state {
			continue
		}
		labelled := p.DeepCopy()
		labelled.Labels[gozer.LabelNodeState] = state
		err := r.Patch(ctx, labelled, client.MergeFromWithOptions(p, client.MergeFromWithOptimisticLock{}))
		if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
			return err // what changed meanwhile comes as an event
		}
	}
	return nil
}

func (r *Reconciler) hasKeys(pod types.UID) {
	if r.keyed == nil || len(r.keyed) > maxKeyed {
		r.keyed = map[types.UID]bool{}
	}
	r.keyed[pod] = true
}

// maxKeyed bounds what is remembered; what is forgotten costs a write that says AlreadyExists.
const maxKeyed = 10000

// reserve gives the nodes that there is room for their names. The number in a
// name is noted before the node is made, so that it is never given twice.
func (r *Reconciler) reserve(ctx context.Context, s *scope, wishes []nodes.Wish) ([]noderequest.WarmNode, error) {
	if len(wishes) == 0 {
		return nil, nil
	}
	st := &s.pool.Status
	var out []noderequest.WarmNode
	for i, w := range wishes {
		out = append(out, noderequest.WarmNode{Namespace: w.Tenant, Label: w.Label, Owner: tenantOwner(s.tenants[w.Tenant]),
			Name: naming.WarmNode(string(s.pool.UID), w.Tenant, w.Label, st.Launched+int64(i)+1)})
	}
	n, err := r.Nodes.Promise(ctx, s.pools, s.pool.Name, out)
	if err != nil {
		return nil, err
	}
	s.full = n < len(wishes)
	st.Launched += int64(n)
	return out[:n], nil
}

// make the nodes that were reserved. One that Kubernetes refuses is tried again
// with the next look at the pool.
func (r *Reconciler) make(ctx context.Context, s *scope, fresh []noderequest.WarmNode) error {
	for n, w := range fresh {
		pod, err := r.Nodes.MakeWarm(ctx, *s.pool, w)
		if err != nil {
			r.Nodes.TakeBack(fresh[n+1:])
			if noderequest.Refused(err) {
				r.Nodes.TakeBack(fresh[n : n+1])
			}
			return err
		}
		r.hasKeys(pod.UID)
		r.made.add(client.ObjectKeyFromObject(pod), madePod{s.pool.Name, nodes.Warm{Tenant: w.Namespace, Label: w.Label, Template: pod.Labels[gozer.LabelTemplate], Made: r.Now()}})
	}
	return nil
}

// count the nodes of each label for the status.
func (r *Reconciler) count(s *scope, missing int) {
	st := &s.pool.Status
	st.Labels, st.Total = nil, gozer.NodeCounts{}
	for _, l := range s.pool.Spec.Labels {
		c := gozer.NodeLabelStatus{Name: l.Name}
		for i := range s.pods {
			if s.pods[i].Labels[gozer.LabelNodeLabel] != naming.Label(l.Name) {
				continue
			}
			switch nodeview.StateOf(&s.pods[i]) {
			case gozer.NodeBuilding:
				c.Building++
			case gozer.NodeReady:
				c.Ready++
			case gozer.NodeInUse:
				c.InUse++
			case gozer.NodeHold:
				c.Held++
			}
		}
		st.Labels = append(st.Labels, c)
		st.Total.Building += c.Building
		st.Total.Ready += c.Ready
		st.Total.InUse += c.InUse
		st.Total.Held += c.Held
	}
	message := ""
	if missing > 0 {
		message = "warm nodes are missing"
		if s.full {
			message += ": there is no room that requests do not wait for"
		}
	}
	patch.Condition(&st.Conditions, s.pool.Generation, gozer.ConditionReady, missing == 0, map[bool]string{true: "Warm", false: "Missing"}[missing == 0], convert.Cut(message, 1000), r.Now())
}

// tell writes the status: at once when numbers were reserved, otherwise when it
// is time. It says how long that is.
func (r *Reconciler) tell(ctx context.Context, s *scope, now bool) (time.Duration, error) {
	if !now {
		if wait := r.counts.Left(s.pool, tellCounts, r.Now()); wait > 0 {
			return wait, nil
		}
	}
	r.counts.Done(client.ObjectKeyFromObject(s.pool))
	_, err := patch.Status(ctx, r.Client, s.pool, s.before, patch.Lock)
	return 0, err
}
