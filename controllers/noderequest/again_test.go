package noderequest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/token"
)

func nodePod(name, place string, made time.Time, warm bool) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, CreationTimestamp: metav1.NewTime(made), Labels: map[string]string{
		gozer.LabelNode: place, gozer.LabelLaunch: "a0l0", gozer.LabelPool: "pool", gozer.LabelNodeRequest: "a"}}}
	if warm {
		p.Labels[gozer.LabelTemplate] = "t"
	}
	return p
}

// TestOldWarmNodeIsNoLateLaunch: the time to launch counts from when Pods were
// made for the request, and a warm node was made long before.
func TestOldWarmNodeIsNoLateLaunch(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	pools := []gozer.NodePool{{ObjectMeta: metav1.ObjectMeta{Name: "pool"}, Spec: gozer.NodePoolSpec{
		LaunchTimeout: 300, LaunchAttempts: 3, Labels: []gozer.NodeLabel{{Name: "debian"}}}}}
	for name, tc := range map[string]struct {
		pods []corev1.Pod
		want time.Time
	}{
		"warm":           {[]corev1.Pod{nodePod("warm", "0", noon.Add(-time.Hour), true), nodePod("w2", "1", noon.Add(-time.Hour), true)}, noon},
		"warm and fresh": {[]corev1.Pod{nodePod("warm", "0", noon.Add(-time.Hour), true), nodePod("n1", "1", noon.Add(-time.Minute), false)}, noon.Add(-time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			q := &gozer.NodeRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "a"}, Spec: gozer.NodeRequestSpec{
				Nodes: []gozer.NodeSpec{{Name: "x", Label: "debian"}, {Name: "y", Label: "debian"}}}}
			r := &Reconciler{Key: token.Key(strings.Repeat("k", 32)), Now: func() time.Time { return noon }}
			s := &scope{request: q, before: q.DeepCopy(), pods: tc.pods, nodes: nodesOf(tc.pods, q), pools: pools}
			r.follow(s)
			if q.Status.State != gozer.NodesPending || !q.Status.LaunchedAt.Time.Equal(tc.want) {
				t.Errorf("%s %q, launched at %v, want %v", q.Status.State, q.Status.Message, q.Status.LaunchedAt, tc.want)
			}
		})
	}
}

// TestOneNodeForOnePlace: of two Pods for one place the one counts that was
// noted, else the first by name, however the cache lists them; the other goes.
func TestOneNodeForOnePlace(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	a, b, c := nodePod("a", "0", noon, true), nodePod("b", "0", noon, true), nodePod("c", "1", noon, false)
	for name, tc := range map[string]struct {
		pods  []corev1.Pod
		noted string
		want  map[int]string
		gone  []string
	}{
		"the first by name": {[]corev1.Pod{a, b, c}, "", map[int]string{0: "a", 1: "c"}, []string{"b"}},
		"in another order":  {[]corev1.Pod{c, b, a}, "", map[int]string{0: "a", 1: "c"}, []string{"b"}},
		"the one noted":     {[]corev1.Pod{a, b, c}, "b", map[int]string{0: "b", 1: "c"}, []string{"a"}},
		"noted, other way":  {[]corev1.Pod{b, a, c}, "b", map[int]string{0: "b", 1: "c"}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := &gozer.NodeRequest{}
			if tc.noted != "" {
				q.Status.Nodes = []gozer.NodeStatus{{Name: "x", Pod: tc.noted}}
			}
			s := &scope{request: q, pods: tc.pods, nodes: nodesOf(tc.pods, q)}
			got := map[int]string{}
			for place, p := range s.nodes {
				got[place] = p.Name
			}
			var gone []string
			for i := range tc.pods {
				if s.surplus(&tc.pods[i]) {
					gone = append(gone, tc.pods[i].Name)
				}
			}
			if diff := cmp.Diff(tc.want, got) + cmp.Diff(tc.gone, gone); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRequestOf: a request asks for the places that it does not have, whichever
// these are, and for nothing when it has more Pods than it asked for.
func TestRequestOf(t *testing.T) {
	q := &gozer.NodeRequest{Spec: gozer.NodeRequestSpec{Nodes: []gozer.NodeSpec{{Name: "x", Label: "debian"}, {Name: "y", Label: "fedora"}}}}
	for name, tc := range map[string]struct {
		have []int
		want []string
	}{
		"none":       {nil, []string{"debian", "fedora"}},
		"the second": {[]int{1}, []string{"debian"}},
		"too many":   {[]int{0, 1, 2}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			seen := newTaken()
			for _, place := range tc.have {
				seen.hold(holder{request: "a"}, "pool", place)
			}
			if diff := cmp.Diff(tc.want, requestOf(q, seen.holders[holder{request: "a"}]).Labels); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKeyOf(t *testing.T) {
	if got := keyOf("acme/warm-1"); got.Namespace != "acme" || got.Name != "warm-1" {
		t.Errorf("%v", got)
	}
}
