package noderequest

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	holds "github.com/gozer-dev/gozer/controllers/hold"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/hold"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// keep makes the nodes of a build that failed those of the Hold that wants them,
// and says which these are. Everything else that the request has goes as always.
func (r *Reconciler) keep(ctx context.Context, s *scope) (map[types.UID]bool, error) {
	if r.Holds == nil || s.build == nil || s.request.Spec.Attempt != s.build.Status.Attempt || !hold.Holds(model.BuildResult(s.build.Status.Result)) {
		return nil, nil
	}
	pods := s.alive()
	if len(pods) == 0 {
		return nil, nil
	}
	var names []string
	longest := time.Duration(1<<63 - 1)
	for _, p := range pods {
		names = append(names, p.Name)
		longest = min(longest, r.mayBeHeld(s, p))
	}
	claim, err := r.Holds.Claim(ctx, s.build, names, longest)
	if err != nil || claim == nil {
		return nil, err
	}
	kept := map[types.UID]bool{}
	for _, p := range pods {
		if err := r.keepNode(ctx, s, p, claim); err != nil {
			return nil, err
		}
		kept[p.UID] = true
	}
	return kept, nil
}

// alive are the nodes that somebody could look at, in order.
func (s *scope) alive() []*corev1.Pod {
	var out []*corev1.Pod
	for n := range s.wanted() {
		if p := s.nodes[n]; p != nil && podspec.OfNode(p).Ready {
			out = append(out, p)
		}
	}
	return out
}

// mayBeHeld is how long a node may still be kept: what its pool allows, and what
// its deadline leaves, which cannot be put off.
func (r *Reconciler) mayBeHeld(s *scope, p *corev1.Pod) time.Duration {
	pool := poolNamed(s.pools, p.Labels[gozer.LabelPool])
	return hold.Left(startOf(p), r.Now(), value(p.Spec.ActiveDeadlineSeconds), maxHoldAge(pool))
}

// poolNamed is that pool; an empty one when it is gone.
func poolNamed(pools []gozer.NodePool, name string) gozer.NodePool {
	if n := slices.IndexFunc(pools, func(p gozer.NodePool) bool { return p.Name == name }); n >= 0 {
		return pools[n]
	}
	return gozer.NodePool{}
}

// maxHoldAge of a pool, also of one that was stored before there was one.
func maxHoldAge(p gozer.NodePool) time.Duration {
	if p.Spec.MaxHoldAge == nil {
		return 7 * 24 * time.Hour
	}
	return time.Duration(*p.Spec.MaxHoldAge) * time.Second
}

// startOf a Pod, from which Kubernetes counts its deadline.
func startOf(p *corev1.Pod) time.Time {
	if p.Status.StartTime == nil {
		return p.CreationTimestamp.Time
	}
	return p.Status.StartTime.Time
}

func value(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// keepNode makes a node the Hold's. The Secret that it got its keys from goes
// with the request, and the tokens in it; the key that lets in stays.
func (r *Reconciler) keepNode(ctx context.Context, s *scope, p *corev1.Pod, claim *holds.Claim) error {
	secret, host, err := r.heldKey(ctx, s, p)
	if err != nil {
		return err
	}
	h, before := claim.Hold, p.DeepCopy()
	p.Labels[gozer.LabelNodeState], p.Labels[gozer.LabelHold] = string(gozer.NodeHold), h.Name
	if p.Annotations == nil {
		p.Annotations = map[string]string{}
	}
	p.Annotations[gozer.AnnotationHoldReason] = convert.Cut(h.Spec.Reason, 1000)
	p.Annotations[gozer.AnnotationHoldUntil] = claim.Until.UTC().Format(time.RFC3339)
	p.Annotations[gozer.AnnotationHostKey], p.Annotations[gozer.AnnotationKeySecret] = host, secret
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: gozer.GroupVersion.String(), Kind: "Hold", Name: h.Name, UID: h.UID}}
	if shorter := hold.Deadline(startOf(p), claim.Until, value(p.Spec.ActiveDeadlineSeconds)); shorter > 0 {
		p.Spec.ActiveDeadlineSeconds = &shorter
	}
	// One that went in this moment is nobody's to look at.
	return client.IgnoreNotFound(r.Patch(ctx, p, client.MergeFrom(before)))
}

// heldKey is the Secret with the key that lets into a node, and the node's public
// key. A node that was warm has a Secret of its own, which has no tokens.
func (r *Reconciler) heldKey(ctx context.Context, s *scope, p *corev1.Pod) (secret, host string, err error) {
	if isWarm(p) {
		k, err := r.keys(p)
		return p.Name, k.hostPublic, err
	}
	k, err := r.keys(s.request)
	if err != nil {
		return "", "", err
	}
	name := naming.HeldKey(p.Name)
	return name, k.hostPublic, patch.Create(ctx, r.Client, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: name, OwnerReferences: podOwner(p)},
		Immutable:  ptr(true),
		Data:       map[string][]byte{podspec.KeyClientKey: k.clientPrivate},
	})
}

// podOwner of what goes with a Pod.
func podOwner(p *corev1.Pod) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: p.Name, UID: p.UID}}
}
