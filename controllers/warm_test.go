package controllers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/nodeview"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// nodePods are those of the tenant that are not being deleted, by their states.
func (w *world) nodePods() map[gozer.NodeState][]string {
	w.t.Helper()
	var pods corev1.PodList
	if err := w.client.List(w.t.Context(), &pods, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelRole: "node"}); err != nil {
		w.t.Fatal(err)
	}
	out := map[gozer.NodeState][]string{}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.DeletionTimestamp == nil {
			out[nodeview.StateOf(p)] = append(out[nodeview.StateOf(p)], p.Name)
		}
	}
	return out
}

// labelled are the node Pods whose label says so.
func (w *world) labelled(state gozer.NodeState) []string {
	w.t.Helper()
	var pods corev1.PodList
	if err := w.client.List(w.t.Context(), &pods, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelNodeState: string(state)}); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for i := range pods.Items {
		out = append(out, pods.Items[i].Name)
	}
	return out
}

// warm waits until so many nodes are ready and none is on its way.
func (w *world) warm(n int) []string {
	w.t.Helper()
	var ready []string
	w.eventually(fmt.Sprintf("%d nodes are warm", n), func() string {
		all := w.nodePods()
		ready = all[gozer.NodeReady]
		if len(ready) != n || len(all[gozer.NodeBuilding]) > 0 {
			return fmt.Sprintf("%v", all)
		}
		return ""
	})
	return ready
}

// secretOf a Pod.
func (w *world) secretOf(name string) corev1.Secret {
	w.t.Helper()
	var s corev1.Secret
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: name}, &s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func minReady(n int32) func(*gozer.NodePoolSpec) {
	return func(s *gozer.NodePoolSpec) { s.Labels[0].MinReady = n }
}

// TestWarmNodeIsTaken: a build takes a node that waits, with the keys of that
// node; another takes its place; a node is used once.
func TestWarmNodeIsTaken(t *testing.T) {
	w := newWorld(t)
	w.labels(minReady(1), "debian")
	w.start()
	w.loaded()
	first := w.warm(1)[0]
	keys := w.secretOf(first)
	var spec buildspec.Spec
	hold := true
	w.say(func(s buildspec.Spec) *buildspec.Outcome {
		if spec = s; hold {
			return nil
		}
		return success(s)
	})
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("the build has the warm node", func() string {
		return cmp.Diff([]string{first}, w.nodePods()[gozer.NodeInUse])
	})
	second := w.warm(1)[0]
	w.eventually("labels tell them apart", func() string {
		return cmp.Diff([]string{first}, w.labelled(gozer.NodeInUse)) + cmp.Diff([]string{second}, w.labelled(gozer.NodeReady))
	})
	w.eventually("it runs", func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(spec.Nodes) != 1 || spec.Nodes[0].Key != podspec.NodeKeyFile(first) {
			return fmt.Sprintf("%+v", spec.Nodes)
		}
		return ""
	})
	if other := w.secretOf(second); slices.Equal(keys.Data[podspec.KeyClientKey], other.Data[podspec.KeyClientKey]) || second == first {
		t.Error("two nodes have one key")
	}
	var pod corev1.Pod
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: first}, &pod); err != nil {
		t.Fatal(err)
	}
	if pod.OwnerReferences[0].Kind != "NodeRequest" || pod.Spec.ActiveDeadlineSeconds == nil || len(pod.OwnerReferences) != 1 {
		t.Errorf("owners %v, deadline %v", pod.OwnerReferences, pod.Spec.ActiveDeadlineSeconds)
	}
	w.mu.Lock()
	hold = false
	w.mu.Unlock()
	w.eventually("the check passes", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	w.eventually("a used node goes", func() string { return cmp.Diff(map[gozer.NodeState][]string{gozer.NodeReady: {second}}, w.nodePods()) })
}

// TestWarmNodesAreReplaced: when the pool says something else, when they are too
// old, and when they are gone; and not when nothing changed.
func TestWarmNodesAreReplaced(t *testing.T) {
	w := newWorld(t)
	var late time.Duration
	w.now = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return time.Now().Add(late)
	}
	w.labels(minReady(2), "debian")
	w.start()
	w.loaded()
	first := w.warm(2)
	other := func(what string, than []string) []string {
		t.Helper()
		w.eventually(what, func() string {
			if all := w.nodePods(); slices.ContainsFunc(than, func(n string) bool { return slices.Contains(all[gozer.NodeReady], n) }) {
				return fmt.Sprint(all)
			}
			return ""
		})
		return w.warm(2)
	}
	w.eventually("their labels say so", func() string { return cmp.Diff(first, w.labelled(gozer.NodeReady)) })
	w.labels(func(s *gozer.NodePoolSpec) { s.Labels[0].MinReady, s.Labels[0].Image = 2, "debian:13" }, "debian")
	second := other("nodes of the old image go", first)
	w.labels(func(s *gozer.NodePoolSpec) {
		s.Labels[0].MinReady, s.Labels[0].Image, s.Labels[0].MaxAge = 2, "debian:13", 3600
	}, "debian")
	if got := w.warm(2); !slices.Equal(got, second) {
		t.Errorf("another age makes other nodes: %v, %v", got, second)
	}
	w.mu.Lock()
	late = 2 * time.Hour
	w.mu.Unlock()
	w.labels(func(s *gozer.NodePoolSpec) {
		s.Labels[0].MinReady, s.Labels[0].Image, s.Labels[0].MaxAge = 2, "debian:13", 5400
	}, "debian")
	w.eventually("old nodes go", func() string {
		if all := w.nodePods(); slices.Contains(all[gozer.NodeReady], second[0]) || slices.Contains(all[gozer.NodeReady], second[1]) {
			return fmt.Sprint(all)
		}
		return ""
	})
	w.mu.Lock()
	late = 0
	w.mu.Unlock()
	w.labels(minReady(0), "debian")
	w.warm(0)
}

// TestWarmNodesGiveWay: those of one label leave the room to a build that needs another.
func TestWarmNodesGiveWay(t *testing.T) {
	w := newWorld(t)
	w.labels(func(s *gozer.NodePoolSpec) { s.Labels[0].MinReady, s.MaxNodes = 2, new(int32(2)) }, "fedora", "debian")
	w.start()
	w.loaded()
	w.warm(2)
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("the check passes", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
}

// TestWarmNodesAfterADeath: whoever comes next makes no node twice, and gives a
// node its keys that was made without.
func TestWarmNodesAfterADeath(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.labels(minReady(3), "debian")
	for k := range 6 {
		w.dieAfter.Store(w.writes.Load() + int64(k%3) + 1)
		w.eventually("a death, or all are warm", func() string {
			if !w.died() && len(w.nodePods()[gozer.NodeReady]) < 3 {
				return "neither"
			}
			return ""
		})
		w.revive()
	}
	for _, name := range w.warm(3) {
		w.secretOf(name)
	}
}

// TestWarmNodesBesideWaits: a pool makes warm nodes while requests wait for the
// room of another one.
func TestWarmNodesBesideWaits(t *testing.T) {
	w := newWorld(t)
	w.maxNodes(1)
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.start()
	w.loaded()
	for n := range int64(2) {
		w.opened(w.host.Open("acme/api", n+1, "C", "", map[string]string{"a": fmt.Sprint(n)}))
	}
	w.eventually("one runs, one waits", func() string {
		return cmp.Diff([]int{1, 1}, []int{len(w.requests(gozer.NodesFulfilled)), len(w.requests(gozer.NodesRequested))})
	})
	w.create(&gozer.NodePool{ObjectMeta: metav1.ObjectMeta{Namespace: w.operator, Name: "other"}, Spec: gozer.NodePoolSpec{
		MaxNodes: new(int32(2)), Labels: []gozer.NodeLabel{{Name: "fedora", Image: "fedora", MinReady: 2}}}})
	w.warm(2)
}
