package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
)

// alternativesYAML has a job that takes a nodeset of two, of which the first two
// choices cannot be had.
const alternativesYAML = `
- nodeset:
    name: pair
    nodes: [{name: first, label: debian}, {name: second, label: broken}]
    groups: [{name: all-of-pair, nodes: [first, second]}]
- nodeset:
    name: single
    nodes: [{name: only, label: debian}]
    groups: [{name: web, nodes: [only]}]
- nodeset:
    name: any
    alternatives: [{nodes: [{name: x, label: nowhere}]}, pair, single]
- nodeset:
    name: none
    alternatives: [{nodes: [{name: x, label: nowhere}]}, pair]
`

// labels of the pool, each with an image of its name.
func (w *world) labels(change func(*gozer.NodePoolSpec), names ...string) {
	w.t.Helper()
	var pool gozer.NodePool
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.operator, Name: "pool"}, &pool); err != nil {
		w.t.Fatal(err)
	}
	before := pool.DeepCopy()
	pool.Spec.Labels = nil
	for _, n := range names {
		pool.Spec.Labels = append(pool.Spec.Labels, gozer.NodeLabel{Name: n, Image: n})
	}
	if change != nil {
		change(&pool.Spec)
	}
	if err := w.client.Patch(w.t.Context(), &pool, client.MergeFrom(before)); err != nil {
		w.t.Fatal(err)
	}
}

// missingImage is a kubelet that never has the image "broken". It tells the
// names of the Pods that asked for it.
func (w *world) missingImage() func() []string {
	var mu sync.Mutex
	var asked []string
	w.kubelets = func(ctx context.Context) {
		tick := time.NewTicker(w.tick)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
			var pods corev1.PodList
			if w.client.List(ctx, &pods, client.InNamespace(w.tenant)) != nil {
				continue
			}
			for i := range pods.Items {
				p := &pods.Items[i]
				if p.Spec.Containers[0].Image != "broken" || p.DeletionTimestamp != nil {
					w.play(ctx, p, w.outcome)
					continue
				}
				mu.Lock()
				asked = append(asked, p.Name)
				mu.Unlock()
				before := p.DeepCopy()
				p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "node", State: corev1.ContainerState{
					Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImageNeverPull", Message: "it is not here"}}}}
				_ = w.client.Status().Patch(ctx, p, client.MergeFrom(before)) // it may be gone
			}
		}
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Compact(slices.Sorted(slices.Values(asked)))
	}
}

func newWorldOfAlternatives(t *testing.T, nodeset string) *world {
	t.Helper()
	w := newWorldWith(t, pipelinesYAML+alternativesYAML)
	w.host.Repo(t, "acme/api", map[string]string{".zuul.yaml": strings.Replace(projectYAML("api"), "run: ci/test.sh", "run: ci/test.sh, nodeset: "+nodeset, 1), "ci/test.sh": "true"})
	w.labels(nil, "debian", "broken")
	return w
}

// TestNodesetAlternatives: a nodeset that cannot be had makes room for the next;
// the job runs on what it was given, and a manager that dies on the way changes nothing.
func TestNodesetAlternatives(t *testing.T) {
	for _, deaths := range []bool{false, true} {
		t.Run(fmt.Sprintf("deaths %v", deaths), func(t *testing.T) {
			w := newWorldOfAlternatives(t, "any")
			asked := w.missingImage()
			var specs []buildspec.Spec
			w.say(func(spec buildspec.Spec) *buildspec.Outcome {
				specs = append(specs, spec)
				return success(spec)
			})
			w.start()
			w.loaded()
			if deaths {
				w.dieAfter.Store(w.writes.Load() + 4)
			}
			w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
			w.eventually("the check passes", func() string {
				if deaths && w.died() {
					w.revive()
					w.dieAfter.Store(w.writes.Load() + 4)
				}
				return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check"))
			})
			w.mu.Lock()
			defer w.mu.Unlock()
			if n := specs[0].Nodes; len(n) != 1 || n[0].Name != "only" || !slices.Equal(n[0].Groups, []string{"web"}) || specs[0].Attempt != 1 {
				t.Errorf("it ran on %+v, attempt %d", n, specs[0].Attempt)
			}
			if got := asked(); len(got) != 3 {
				t.Errorf("the pair was launched as %q, want 3 attempts", got)
			}
		})
	}
}

// TestNoAlternativeLeft: the author reads what each nodeset failed with.
func TestNoAlternativeLeft(t *testing.T) {
	w := newWorldOfAlternatives(t, "none")
	w.missingImage()
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("the check fails", func() string { return cmp.Diff([]string{"acme/api#1 FAILURE"}, w.itemResults("check")) })
	var builds gozer.BuildList
	if err := w.client.List(t.Context(), &builds, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	got := builds.Items[0].Status
	for _, want := range []string{`(1) nowhere: no pool provides the label "nowhere"; there are: broken, debian`, "(2) debian, broken: node Pod ", "cannot start: ErrImageNeverPull: it is not here"} {
		if got.Result != "NODE_FAILURE" || !strings.Contains(got.Reason, want) {
			t.Errorf("%s %q, want %q", got.Result, got.Reason, want)
		}
	}
}

// TestLostNodeIsNoReasonForAnother: nodes that were lost in use are asked for again as they were.
func TestLostNodeIsNoReasonForAnother(t *testing.T) {
	w := newWorldOfAlternatives(t, "fallback")
	w.host.Repo(t, "acme/config", map[string]string{"zuul.yaml": pipelinesYAML + alternativesYAML + "- nodeset: {name: fallback, alternatives: [one, single]}\n"})
	var second buildspec.Spec
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Attempt == 1 {
			return nil
		}
		second = spec
		return success(spec)
	})
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("the first attempt has its nodes", func() string { return cmp.Diff([]string{"check-api-1"}, w.requests(gozer.NodesFulfilled)) })
	if err := w.client.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelRole: "node"}); err != nil {
		t.Fatal(err)
	}
	w.eventually("the second attempt succeeds", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if second.Attempt != 2 || second.Nodes[0].Name != "node" {
		t.Errorf("attempt %d on %+v", second.Attempt, second.Nodes)
	}
}
