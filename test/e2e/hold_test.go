package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/cli"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// TestHold: the node of a build that fails is kept for a person, who logs in,
// looks, and gives it back.
func TestHold(t *testing.T) {
	onFailure(t)
	var hold gozer.HoldList
	gozerctl(t, "autohold", story.APIRepo, "api-held", "--reason", "ann looks at it")
	t.Cleanup(func() {
		must(t, stage.Kube.DeleteAllOf(context.Background(), &gozer.Hold{}, client.InNamespace(story.Tenant)))
		must(t, story.Await(context.Background(), time.Minute, "the held node to be gone", func(ctx context.Context) (bool, string, error) {
			pods, err := heldPods(ctx)
			return len(pods) == 0, fmt.Sprint(len(pods), " Pods"), err
		}))
	})
	must(t, stage.Kube.List(t.Context(), &hold, client.InNamespace(story.Tenant)))
	if len(hold.Items) != 1 {
		t.Fatalf("there are %d holds", len(hold.Items))
	}
	c := propose(t, "hold", map[string]string{
		".zuul.yaml": `- job: {name: api-held, parent: base, run: ci/fail.sh}
- project:
    queue: integrated
    check: {jobs: [api-held]}
    gate: {jobs: [api-held]}
`,
		"ci/fail.sh": "#!/bin/sh\necho what was seen > ~/evidence\nexit 1\n",
	})
	must(t, stage.AwaitStatus(t.Context(), c, "check", "failure", 2*time.Minute))
	var node string
	must(t, story.Await(t.Context(), time.Minute, "the node to be held", func(ctx context.Context) (bool, string, error) {
		pods, err := heldPods(ctx)
		if err != nil || len(pods) != 1 {
			return false, fmt.Sprint(len(pods), " Pods"), err
		}
		node = pods[0].Name
		return true, "", nil
	}))
	if list := gozerctl(t, "nodes"); !strings.Contains(list, node) || !strings.Contains(list, "ann looks at it") {
		t.Errorf("gozerctl nodes:\n%s", list)
	}
	if said := gozerctl(t, "ssh", node, "cat", "evidence"); said != "what was seen\n" {
		t.Errorf("gozerctl ssh: %q", said)
	}
	must(t, story.Await(t.Context(), time.Minute, "only the node to be left", func(ctx context.Context) (bool, string, error) {
		var all corev1.PodList
		err := stage.Kube.List(ctx, &all, client.InNamespace(story.Tenant))
		return len(all.Items) == 1, fmt.Sprint(len(all.Items), " Pods"), err
	}))
	gozerctl(t, "autohold-delete", hold.Items[0].Name)
}

func heldPods(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := stage.Kube.List(ctx, &list, client.InNamespace(story.Tenant), client.MatchingLabels{gozer.LabelNodeState: string(gozer.NodeHold)})
	return list.Items, err
}

// gozerctl runs a command in the tenant, and gives what it says.
func gozerctl(t *testing.T, args ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	all := append([]string{"gozerctl", "--namespace", story.Tenant, "--kubeconfig", stage.Kubeconfig}, args...)
	if code := cli.Main(t.Context(), all, cli.Streams{Out: &out, Err: &problems}); code != 0 {
		t.Fatalf("gozerctl %s ended with %d: %s%s", strings.Join(args, " "), code, out.String(), problems.String())
	}
	return out.String()
}
