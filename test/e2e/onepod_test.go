package e2e

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gozer-dev/gozer/test/e2e/story"
)

// The release is switched to one Pod, a change goes all the way, and it is switched back.
func TestOnePod(t *testing.T) {
	t.Cleanup(func() {
		stage.OnePod = false
		must(t, stage.Upgrade(context.Background()))
	})
	onFailure(t)
	stage.OnePod = true
	must(t, stage.Upgrade(t.Context()))
	var pods corev1.PodList
	must(t, stage.Kube.List(t.Context(), &pods, client.InNamespace(story.Namespace)))
	if len(pods.Items) != 1 || pods.Items[0].Spec.Containers[0].Command[1] != "all" {
		t.Fatalf("%d Pods run, not one with all roles", len(pods.Items))
	}
	name := branch("one-pod")
	c, err := stage.Propose(t.Context(), story.APIRepo, name, "one Pod", map[string]string{"routes/" + name + ".route": "204\n"})
	must(t, err)
	must(t, stage.AwaitStatus(t.Context(), c, "check", "success", time.Minute))
	must(t, stage.Approve(t.Context(), 0, c))
	r := &story.Round{Changes: []*story.Change{c}}
	must(t, stage.AwaitGate(t.Context(), r, time.Minute))
	o, err := stage.Full(t.Context(), r)
	must(t, err)
	must(t, story.Check(o, story.AsTested))
	if !o.Gated[0].Now.Merged {
		t.Errorf("it was not merged: %s", o)
	}
	must(t, stage.CheckLink(t.Context(), o.Gated[0].Builds[0].Status.LogURL, "GET /"+name))
	m, err := stage.Metrics(t.Context())
	must(t, err)
	if m.Merges == 0 || m.Writes == 0 {
		t.Errorf("one process does not have the numbers of all: %+v", m)
	}
	t.Logf("memory of the one process: %.0f MiB, after %.0f merges", m.Memory/(1<<20), m.Merges)
}
