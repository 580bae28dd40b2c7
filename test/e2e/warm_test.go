package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// TestWarmNode: a build takes a node that waits, and another takes its place.
func TestWarmNode(t *testing.T) {
	onFailure(t)
	var pool gozer.NodePool
	must(t, stage.Kube.Get(t.Context(), client.ObjectKey{Namespace: story.Namespace, Name: "default"}, &pool))
	label := pool.Spec.Labels[0]
	label.Name, label.MinReady = "warm", 1
	warm := &gozer.NodePool{ObjectMeta: metav1.ObjectMeta{Namespace: story.Namespace, Name: "warm"},
		Spec: gozer.NodePoolSpec{Labels: []gozer.NodeLabel{label}, AllowedTenants: []string{story.Tenant}}}
	must(t, stage.Kube.Create(t.Context(), warm))
	t.Cleanup(func() {
		must(t, stage.Kube.Delete(context.Background(), warm))
		must(t, story.Await(context.Background(), time.Minute, "the warm nodes to be gone", func(ctx context.Context) (bool, string, error) {
			pods, err := warmPods(ctx)
			return len(pods) == 0, fmt.Sprint(len(pods)), err
		}))
	})
	var first string
	must(t, story.Await(t.Context(), time.Minute, "a warm node", func(ctx context.Context) (bool, string, error) {
		pods, err := warmPods(ctx)
		if err != nil || len(pods) != 1 || pods[0].Status.Phase != corev1.PodRunning {
			return false, fmt.Sprintf("%d Pods", len(pods)), err
		}
		first = pods[0].Name
		return true, "", nil
	}))
	c := propose(t, "warm", map[string]string{".zuul.yaml": `- job:
    name: api-warm
    parent: base
    run: ci/test.sh
    nodeset: {nodes: [{name: node, label: warm}]}
- project:
    queue: integrated
    check: {jobs: [api-warm]}
    gate: {jobs: [api-warm]}
`})
	must(t, stage.AwaitStatus(t.Context(), c, "check", "success", 2*time.Minute))
	b := lastBuild(t, "api-warm")
	var request gozer.NodeRequest
	must(t, stage.Kube.Get(t.Context(), client.ObjectKey{Namespace: story.Tenant, Name: b.Status.NodeRequest}, &request))
	if n := request.Status.Nodes; len(n) != 1 || n[0].Pod != first {
		t.Errorf("the build ran on %+v, not on the node that was there, %s", n, first)
	}
	t.Logf("a warm node: the script's first line came %s after the node was taken", untilFirstLine(t, "api-warm"))
	must(t, story.Await(t.Context(), time.Minute, "another warm node", func(ctx context.Context) (bool, string, error) {
		pods, err := warmPods(ctx)
		for _, p := range pods {
			if p.Name != first && p.Status.Phase == corev1.PodRunning {
				return true, "", err
			}
		}
		return false, fmt.Sprintf("%d Pods", len(pods)), err
	}))
}

// untilFirstLine is the time from when the last build of a job got its nodes, or
// began to make them, until the first line of its run.
func untilFirstLine(t *testing.T, job string) time.Duration {
	t.Helper()
	b := lastBuild(t, job)
	var request gozer.NodeRequest
	must(t, stage.Kube.Get(t.Context(), client.ObjectKey{Namespace: story.Tenant, Name: b.Status.NodeRequest}, &request))
	_, run, found := strings.Cut(buildLog(t, job), "RUN START: ")
	if !found || request.Status.LaunchedAt == nil {
		t.Fatalf("the build of %s has not run: %+v", job, request.Status)
	}
	lines := strings.Split(run, "\n")
	at, err := time.Parse("2006-01-02 15:04:05.999999", strings.Join(strings.Fields(lines[1])[:2], " "))
	must(t, err)
	return at.Sub(request.Status.LaunchedAt.Time).Round(time.Millisecond)
}

func warmPods(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := stage.Kube.List(ctx, &list, client.InNamespace(story.Tenant), client.MatchingLabels{gozer.LabelPool: "warm"})
	return list.Items, err
}

// TestManagerIsConfined: what the manager's account may do with Pods ends with
// those of builds, whatever its rights say.
func TestManagerIsConfined(t *testing.T) {
	onFailure(t)
	config, err := clientcmd.BuildConfigFromFlags("", stage.Kubeconfig)
	must(t, err)
	config.Impersonate.UserName = "system:serviceaccount:" + story.Namespace + ":gozer-manager"
	manager, err := client.New(config, client.Options{Scheme: stage.Kube.Scheme()})
	must(t, err)
	var pods corev1.PodList
	must(t, stage.Kube.List(t.Context(), &pods, client.InNamespace(story.Namespace), client.MatchingLabels{"app.kubernetes.io/component": "web"}))
	web := &pods.Items[0]
	changed := web.DeepCopy()
	changed.Spec.Containers[0].Image = "example.com/other"
	fresh := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: story.Namespace, Name: "intruder"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: web.Spec.Containers[0].Image}}}}
	for what, do := range map[string]func() error{
		"change the image of a Pod":          func() error { return manager.Patch(t.Context(), changed, client.MergeFrom(web)) },
		"delete a Pod that is not a build's": func() error { return manager.Delete(t.Context(), web, client.DryRunAll) },
		"create a Pod that is not a build's": func() error { return manager.Create(t.Context(), fresh, client.DryRunAll) },
	} {
		if err := do(); !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) || !strings.Contains(fmt.Sprint(err), "gozer-manager-pods") {
			t.Errorf("the manager may %s: %v", what, err)
		}
	}
}
