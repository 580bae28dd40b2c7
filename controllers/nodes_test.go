package controllers_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// requests of the world in the given state: the build's project and number.
func (w *world) requests(state gozer.NodeRequestState) []string {
	w.t.Helper()
	var list gozer.NodeRequestList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, n := range list.Items {
		if n.Status.State == state {
			out = append(out, strings.Join(strings.Split(n.Spec.Build, "-")[:3], "-"))
		}
	}
	slices.Sort(out)
	return out
}

// maxNodes bounds the pool.
func (w *world) maxNodes(n int32) {
	w.t.Helper()
	var pool gozer.NodePool
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.operator, Name: "pool"}, &pool); err != nil {
		w.t.Fatal(err)
	}
	before := pool.DeepCopy()
	pool.Spec.MaxNodes = &n
	if err := w.client.Patch(w.t.Context(), &pool, client.MergeFrom(before)); err != nil {
		w.t.Fatal(err)
	}
}

// TestRelativePriority: of builds that wait for nodes, those of the project with
// one change in check go before the second one of a project that asked earlier.
func TestRelativePriority(t *testing.T) {
	w := newWorld(t)
	w.relativePriority = true
	w.maxNodes(1)
	w.start()
	w.loaded()
	var ends []string
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if name := names(spec)[len(spec.Items)-1]; slices.Contains(ends, name) {
			return &buildspec.Outcome{Result: model.Success}
		}
		return nil
	})
	end := func(change string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		ends = append(ends, change)
	}
	for _, c := range []struct {
		repo   string
		number int64
		waits  []string
	}{
		{"acme/api", 1, nil},
		{"acme/api", 2, []string{"check-api-2"}},
		{"acme/api", 3, []string{"check-api-2", "check-api-3"}},
		{"acme/web", 4, []string{"check-api-2", "check-api-3", "check-web-4"}},
	} {
		w.opened(w.host.Open(c.repo, c.number, "C", "", map[string]string{c.repo: "1"}))
		w.eventually("it asks for nodes", func() string {
			return cmp.Diff(c.waits, w.requests(gozer.NodesRequested)) + strings.Repeat("none runs", 1-min(1, len(w.requests(gozer.NodesFulfilled))))
		})
	}
	// The first of api still stands before the others of its project.
	w.maxNodes(2)
	w.eventually("web is served", func() string {
		return cmp.Diff([]string{"check-api-1", "check-web-4"}, w.requests(gozer.NodesFulfilled))
	})
	// A node that is given back is given to the oldest of those that stand alike.
	end("acme/api#1")
	w.eventually("api goes on", func() string {
		return cmp.Diff([]string{"check-api-2", "check-web-4"}, w.requests(gozer.NodesFulfilled))
	})
	w.say(success)
	w.eventually("all end", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS", "acme/api#3 SUCCESS", "acme/web#4 SUCCESS"}, w.itemResults("check"))
	})
}

// TestPodAfterTheRelease: a Pod that was made right before its request was released,
// and that nobody saw then, goes as well; one that a Hold has stays.
func TestPodAfterTheRelease(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("it is checked", func() string { return cmp.Diff([]string{"check-api-1"}, w.requests(gozer.NodesReleased)) })
	var list gozer.NodeRequestList
	if err := w.client.List(t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	made := func(name string, labels map[string]string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.tenant, Name: name, Labels: map[string]string{gozer.LabelRole: "node", gozer.LabelNodeRequest: list.Items[0].Name}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "node", Image: "debian:12"}}}}
		maps.Copy(p.Labels, labels)
		w.create(p)
		return p
	}
	held := made("held", map[string]string{gozer.LabelHold: "h"})
	late := made("late", nil)
	w.eventually("the Pod that came late is gone", func() string {
		err := w.client.Get(t.Context(), client.ObjectKeyFromObject(late), late)
		if apierrors.IsNotFound(err) || late.DeletionTimestamp != nil {
			return ""
		}
		return "it is there still"
	})
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(held), held); err != nil || held.DeletionTimestamp != nil {
		t.Errorf("the held one: %v", err)
	}
}
