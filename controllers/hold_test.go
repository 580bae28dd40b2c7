package controllers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/podspec"
)

// hold of the job of api.
func (w *world) hold(name string, change func(*gozer.HoldSpec)) {
	w.t.Helper()
	h := &gozer.Hold{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: name}, Spec: gozer.HoldSpec{Project: "acme/api", Job: "api-unit", Reason: "fails only here"}}
	if change != nil {
		change(&h.Spec)
	}
	w.create(h)
}

// held tells how a Hold stands: "Done 1/1 nodes 1"; "gone" when it is.
func (w *world) held(name string) string {
	w.t.Helper()
	var h gozer.Hold
	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: name}, &h)
	if apierrors.IsNotFound(err) {
		return "gone"
	}
	if err != nil {
		w.t.Fatal(err)
	}
	reason := ""
	for _, c := range h.Status.Conditions {
		reason = c.Reason
	}
	return fmt.Sprintf("%s %d/%d nodes %d", reason, h.Status.Held, h.Spec.Count, h.Status.Nodes)
}

// checked is a change of api whose check ends with a result.
func (w *world) checked(number int64, result string) {
	w.t.Helper()
	w.opened(w.host.Open("acme/api", number, "C", "", map[string]string{"a": fmt.Sprint(number)}))
	want := fmt.Sprintf("acme/api#%d %s", number, result)
	w.eventually(want, func() string {
		if got := w.itemResults("check"); !slices.Contains(got, want) {
			return fmt.Sprint(got)
		}
		return ""
	})
}

// released waits until no request has nodes.
func (w *world) released() {
	w.t.Helper()
	w.eventually("all requests are released", func() string {
		var list gozer.NodeRequestList
		if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		return cmp.Diff(len(list.Items), len(w.requests(gozer.NodesReleased)))
	})
}

// TestHold goes the whole way: a failed build's node stays, with the key that
// lets in and nothing else of the build; it takes room; it goes when its time is
// over, and a day later its Hold.
func TestHold(t *testing.T) {
	w := newWorld(t)
	var late time.Duration
	w.now = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return time.Now().Add(late)
	}
	pass := func(d time.Duration) {
		w.mu.Lock()
		late += d
		w.mu.Unlock()
	}
	w.maxNodes(1)
	w.hold("look", func(s *gozer.HoldSpec) { s.NodeExpiration = 3600 })
	w.start()
	w.loaded()
	w.eventually("it waits", func() string { return cmp.Diff("Waiting 0/1 nodes 0", w.held("look")) })
	w.checked(1, "SUCCESS")
	w.released()
	w.say(failure)
	w.checked(2, "FAILURE")
	w.eventually("the node is held", func() string { return cmp.Diff("Done 1/1 nodes 1", w.held("look")) })
	w.released()
	name := w.labelled(gozer.NodeHold)[0]
	w.checkHeld(name)
	w.eventually("only the node is left", func() string {
		var pods corev1.PodList
		if err := w.client.List(t.Context(), &pods, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		return cmp.Diff(1, len(pods.Items))
	})
	w.settled()
	before := w.writes.Load()
	w.restart()
	w.settled()
	if n := w.writes.Load() - before; n != 0 {
		t.Errorf("%d writes about a node that is held and left alone, the last: %v", n, w.lastWrite.Load())
	}
	// It takes the only place of the pool.
	w.opened(w.host.Open("acme/api", 3, "C", "", map[string]string{"a": "3"}))
	w.eventually("another waits", func() string { return cmp.Diff([]string{"check-api-3"}, w.requests(gozer.NodesRequested)) })
	pass(time.Hour)
	w.restart() // a clock that jumps wakes nobody
	w.eventually("the node goes", func() string { return cmp.Diff("Done 1/1 nodes 0", w.held("look")) })
	w.eventually("the other fails, and is not held", func() string {
		return cmp.Diff("acme/api#3 FAILURE", w.itemResults("check")[len(w.itemResults("check"))-1])
	})
	w.released()
	if got := w.labelled(gozer.NodeHold); len(got) > 0 {
		t.Errorf("%v are held", got)
	}
	pass(25 * time.Hour)
	w.restart()
	w.eventually("the Hold goes", func() string { return cmp.Diff("gone", w.held("look")) })
}

func (w *world) restart() {
	w.t.Helper()
	w.halt()
	w.start()
}

// checkHeld looks at what is left of the build.
func (w *world) checkHeld(name string) {
	t := w.t
	t.Helper()
	var pod corev1.Pod
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: name}, &pod); err != nil {
		t.Fatal(err)
	}
	if o := pod.OwnerReferences; len(o) != 1 || o[0].Kind != "Hold" || o[0].Name != "look" {
		t.Errorf("its owners are %+v", o)
	}
	if d := pod.Spec.ActiveDeadlineSeconds; d == nil || *d < 3500 || *d > 3700 {
		t.Errorf("its deadline is %v, want about an hour", d)
	}
	if pod.Annotations[gozer.AnnotationHoldReason] != "fails only here" || pod.Annotations[gozer.AnnotationHoldUntil] == "" || pod.Annotations[gozer.AnnotationHostKey] == "" {
		t.Errorf("annotations %v", pod.Annotations)
	}
	secret := w.secretOf(pod.Annotations[gozer.AnnotationKeySecret])
	if _, ok := secret.Data[podspec.KeyClientKey]; !ok || len(secret.Data) != 1 || secret.OwnerReferences[0].UID != pod.UID {
		t.Errorf("the Secret has %d values, owners %v", len(secret.Data), secret.OwnerReferences)
	}
	var secrets corev1.SecretList
	if err := w.client.List(t.Context(), &secrets, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	if len(secrets.Items) != 1 {
		t.Errorf("%d Secrets are left", len(secrets.Items))
	}
}

// TestHoldOfTheChange: the closest Hold is used up first; what is cancelled is not
// held; a warm node is held with its own Secret.
func TestHoldOfTheChange(t *testing.T) {
	w := newWorld(t)
	w.labels(minReady(1), "debian")
	w.hold("any", nil)
	w.hold("the-change", func(s *gozer.HoldSpec) { s.Change = new(int64(2)) })
	w.hold("of-ref", func(s *gozer.HoldSpec) { s.Ref = new("refs/heads/main") })
	w.hold("broken", func(s *gozer.HoldSpec) { s.Ref = new("(") })
	w.hold("late", func(s *gozer.HoldSpec) { s.ExpiresAt = &metav1.Time{Time: time.Now().Add(-time.Minute)} })
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.start()
	w.loaded()
	w.warm(1)
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("it runs", func() string { return cmp.Diff([]string{"check-api-1"}, w.requests(gozer.NodesFulfilled)) })
	item := w.items("check")[0]
	before := item.DeepCopy()
	item.Annotations[gozer.AnnotationDequeue] = "never mind"
	if err := w.client.Patch(t.Context(), &item, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	w.eventually("it is cancelled", func() string { return cmp.Diff([]string{"check-api-1"}, w.requests(gozer.NodesReleased)) })
	w.say(failure)
	taken := w.warm(1)[0]
	w.checked(2, "FAILURE")
	standing := func(want ...string) func() string {
		return func() string {
			var got []string
			for _, name := range []string{"any", "the-change", "of-ref", "broken", "late"} {
				got = append(got, w.held(name))
			}
			return cmp.Diff(want, got)
		}
	}
	w.eventually("the Hold of the change has it", standing("Waiting 0/1 nodes 0", "Done 1/1 nodes 1", "Waiting 0/1 nodes 0", "Invalid 0/1 nodes 0", "Expired 0/1 nodes 0"))
	if got := w.labelled(gozer.NodeHold); !slices.Equal(got, []string{taken}) {
		t.Errorf("held are %v, want the warm node %s", got, taken)
	}
	w.warm(1)
	w.checked(3, "FAILURE")
	w.eventually("then that of the job", standing("Done 1/1 nodes 1", "Done 1/1 nodes 1", "Waiting 0/1 nodes 0", "Invalid 0/1 nodes 0", "Expired 0/1 nodes 0"))
}

// TestHoldForbidden: a pool may forbid that its nodes are held.
func TestHoldForbidden(t *testing.T) {
	w := newWorld(t)
	w.labels(func(s *gozer.NodePoolSpec) { s.MaxHoldAge = new(int32(0)) }, "debian")
	w.hold("look", nil)
	w.say(failure)
	w.start()
	w.loaded()
	w.checked(1, "FAILURE")
	w.released()
	if got := w.held("look"); got != "Waiting 0/1 nodes 0" {
		t.Error(got)
	}
}

// TestHoldAfterADeath: whoever dies in between, one build is held of three that
// fail, all of it, and the others are not.
func TestHoldAfterADeath(t *testing.T) {
	w := newWorld(t)
	w.hold("look", nil)
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.start()
	w.loaded()
	for n := range int64(3) {
		w.opened(w.host.Open("acme/api", n+1, "C", "", map[string]string{"a": fmt.Sprint(n)}))
	}
	w.eventually("all run", func() string { return cmp.Diff(3, len(w.requests(gozer.NodesFulfilled))) })
	w.say(failure)
	done := func() bool { return len(w.requests(gozer.NodesReleased)) == 3 }
	for range 40 {
		w.dieAfter.Store(w.writes.Load() + 2)
		w.eventually("a death, or the end", func() string {
			if !w.died() && !done() {
				return "neither"
			}
			return ""
		})
		if done() {
			break
		}
		w.revive()
	}
	w.dieAfter.Store(0)
	if w.died() {
		w.revive()
	}
	w.released()
	w.eventually("one is held", func() string { return cmp.Diff("Done 1/1 nodes 1", w.held("look")) })
	var pods corev1.PodList
	if err := w.client.List(t.Context(), &pods, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelRole: "node"}); err != nil {
		t.Fatal(err)
	}
	if held := w.labelled(gozer.NodeHold); len(held) != 1 || len(slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })) != 1 {
		t.Errorf("held are %v of %d", held, len(pods.Items))
	}
}
