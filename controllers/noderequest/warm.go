package noderequest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/nodes"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// isWarm says whether a node Pod was made before a request took it.
func isWarm(p *corev1.Pod) bool { return p.Labels[gozer.LabelTemplate] != "" }

// Template of a label's nodes: warm nodes with another one are not what the pool says now.
func Template(p gozer.NodePool, l gozer.NodeLabel, image podspec.Image) string {
	// How many there are and for how long, and what is said of them only, makes no other Pod.
	l.MinReady, l.MaxReady, l.MaxAge, l.PythonPath = 0, nil, 0, ""
	raw, err := json.Marshal([]any{p.Name, p.UID, p.Spec.QueueName, l, image})
	if err != nil {
		return "" // nothing of it can fail to be written; and no node has it
	}
	return naming.Template(string(raw))
}

// templatesOf all pools: the labels by their templates.
func templatesOf(pools []gozer.NodePool, image podspec.Image) map[string]string {
	out := map[string]string{}
	for _, p := range pools {
		for _, l := range p.Spec.Labels {
			out[Template(p, l, image)] = l.Name
		}
	}
	return out
}

// takeWarm makes warm nodes those of the request. Each takes one write, that
// fails when somebody else took the node or deleted it.
func (r *Reconciler) takeWarm(ctx context.Context, s *scope, names []string) error {
	for n, name := range names {
		if name == "" {
			continue
		}
		key := keyOf(name)
		var pod corev1.Pod
		if err := r.Get(ctx, key, &pod); err != nil {
			return err
		}
		before := pod.DeepCopy()
		maps.Copy(pod.Labels, s.labels(n))
		pod.OwnerReferences = owner(s.request)
		deadline := s.deadline(poolNamed(s.pools, pod.Labels[gozer.LabelPool]))
		if pod.Status.StartTime != nil {
			deadline += int64(r.Now().Sub(pod.Status.StartTime.Time).Seconds()) // Kubernetes counts from its start
		}
		pod.Spec.ActiveDeadlineSeconds = &deadline
		if err := r.Patch(ctx, &pod, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			return err
		}
		s.nodes[n] = &pod
		s.pods = append(s.pods, pod)
	}
	return nil
}

// giveWay deletes idle nodes that nobody has taken since.
func (r *Reconciler) giveWay(ctx context.Context, names []string) error {
	for _, name := range names {
		var pod corev1.Pod
		err := r.Get(ctx, keyOf(name), &pod)
		if err == nil && pod.Labels[gozer.LabelNodeRequest] == "" {
			err = DeleteIdle(ctx, r.Client, &pod)
		}
		if client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// DeleteIdle deletes a node if it is as it was read: one that a request took stays.
func DeleteIdle(ctx context.Context, c client.Client, pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil {
		return nil
	}
	return patch.Delete(ctx, c, pod, client.Preconditions{UID: &pod.UID, ResourceVersion: &pod.ResourceVersion})
}

// keyOf what fullName names.
func keyOf(name string) client.ObjectKey {
	namespace, name, _ := strings.Cut(name, "/")
	return client.ObjectKey{Namespace: namespace, Name: name}
}

// WarmNode is one that is to be made.
type WarmNode struct {
	Namespace, Name, Label string
	// Owner of the Pod until a request takes it.
	Owner metav1.OwnerReference
}

// Promise says how many of some warm nodes of one of the pools there is room for,
// besides what requests wait for. What it gives counts as the pool's until the
// Pods can be seen.
func (r *Reconciler) Promise(ctx context.Context, pools []gozer.NodePool, pool string, want []WarmNode) (int, error) {
	r.promised.Lock()
	defer r.promised.Unlock()
	t, err := r.taken(ctx, pools)
	if err != nil {
		return 0, err
	}
	waiting, err := r.waitingBut(ctx, "", t.holders)
	if err != nil {
		return 0, err
	}
	requests := make([]nodes.Request, 0, len(waiting))
	for n := range waiting {
		requests = append(requests, requestOf(&waiting[n], t.holders[holderOf(&waiting[n])]))
	}
	if room := nodes.Room(requests, poolsOf(pools, t), pool); room >= 0 {
		want = want[:min(room, len(want))]
	}
	for _, w := range want {
		r.promised.give(w.holder(), []string{pool}, nil, r.Now())
	}
	return len(want), nil
}

// TakeBack what was promised to nodes that are not made after all.
func (r *Reconciler) TakeBack(want []WarmNode) {
	for _, w := range want {
		r.promised.take(w.holder())
	}
}

func (w WarmNode) holder() holder { return holder{namespace: w.Namespace, pod: w.Name} }

// MakeWarm makes a node that waits. Its keys follow from its Pod's identity, so
// the Pod comes first; its Secret goes with it.
func (r *Reconciler) MakeWarm(ctx context.Context, pool gozer.NodePool, w WarmNode) (*corev1.Pod, error) {
	l, ok := labelOf([]gozer.NodePool{pool}, pool.Name, w.Label)
	if !ok {
		return nil, fmt.Errorf("pool %s has no label %s", pool.Name, w.Label)
	}
	n := r.node(l)
	n.Namespace, n.Name, n.Owner, n.Secret = w.Namespace, w.Name, w.Owner, w.Name
	n.Labels[gozer.LabelNodeState] = string(gozer.NodeBuilding)
	n.Labels[gozer.LabelTemplate] = Template(pool, l.NodeLabel, r.Image)
	pod := podspec.NodePod(n)
	if err := r.Create(ctx, pod); err != nil {
		return nil, err
	}
	return pod, r.GiveWarmKeys(ctx, pod)
}

// GiveWarmKeys makes the Secret of a warm node, if it is not there.
func (r *Reconciler) GiveWarmKeys(ctx context.Context, pod *corev1.Pod) error {
	k, err := r.keys(pod)
	if err != nil {
		return err
	}
	return patch.Create(ctx, r.Client, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, OwnerReferences: podOwner(pod)},
		Immutable:  ptr(true),
		Data: map[string][]byte{
			podspec.KeyHostKey: k.hostPrivate, podspec.KeyAuthorizedKey: []byte(k.clientPublic + "\n"), podspec.KeyClientKey: k.clientPrivate,
		},
	})
}
