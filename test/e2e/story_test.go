package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// gateTime is how long the gate may take, faults and all.
const gateTime = 4 * time.Minute

// seed of everything that is left to chance; E2E_SEED repeats a run.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := uint64(time.Now().UnixNano())
	if text := os.Getenv("E2E_SEED"); text != "" {
		var err error
		s, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
	}
	t.Logf("E2E_SEED=%d", s)
	return s
}

// play has the five approved, and everything decided, while a fault happens.
func play(t *testing.T, r *story.Round, fault func(context.Context) error) *story.Outcome {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var errFault error
	var faults sync.WaitGroup
	if fault != nil {
		faults.Go(func() { errFault = fault(ctx) })
	}
	must(t, stage.Approve(ctx, 0, r.Changes...))
	faults.Wait()
	must(t, errFault)
	must(t, stage.AwaitGate(ctx, r, gateTime))
	o, err := stage.Full(ctx, r)
	must(t, err)
	return o
}

func open(t *testing.T) *story.Round {
	t.Helper()
	onFailure(t)
	r, err := stage.Open(t.Context())
	must(t, err)
	return r
}

func TestFiveChanges(t *testing.T) {
	r := open(t)
	for _, c := range r.Changes {
		must(t, stage.AwaitStatus(t.Context(), c, "check", "success", 2*time.Minute))
	}
	must(t, stage.AwaitQuiet(t.Context(), time.Minute))
	clock, err := stage.StartClock(t.Context())
	must(t, err)
	o := play(t, r, nil)
	must(t, story.Check(o, story.Always, story.Undisturbed))
	must(t, stage.CheckLog(t.Context(), o))
	n, err := stage.Numbers(t.Context(), clock, o)
	must(t, err)
	t.Logf("approval to first Pod: %s (%v); API writes for each change: %.0f; memory of the manager: %.0f MiB",
		n.FirstPod, n.Each, n.Writes, n.Memory/(1<<20))
	if n.Writes > maxWrites {
		t.Errorf("%.0f API writes for each change, at most %d are to be", n.Writes, maxWrites)
	}
}

// maxWrites bounds what a gated change may cost the API server: the aim is 40,
// and one that was tested again counts for two.
const maxWrites = 60

// The manager is killed ten times, at any instruction.
func TestManagerKilled(t *testing.T) {
	r := open(t)
	random := rand.New(rand.NewPCG(seed(t), 1))
	o := play(t, r, func(ctx context.Context) error {
		const kills = 10
		for n := range kills {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(random.Int64N(int64(4 * time.Second)))):
			}
			err := story.Await(ctx, time.Minute, "a manager to kill", func(context.Context) (bool, string, error) {
				err := kill(managerProcess, syscall.SIGKILL)
				return err == nil, "", err
			})
			if err != nil {
				return fmt.Errorf("kill %d: %w", n+1, err)
			}
		}
		return nil
	})
	must(t, story.Check(o, story.Always))
	pod, err := stage.ManagerPod(t.Context())
	must(t, err)
	if n := pod.Status.ContainerStatuses[0].RestartCount; n < 10 {
		t.Errorf("the manager was restarted %d times, not 10", n)
	}
}

// Mergers are deleted one after the other, with all that they have on disk.
func TestMergersDeleted(t *testing.T) {
	r := open(t)
	o := play(t, r, func(ctx context.Context) error {
		for n := range 4 {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: story.Namespace, Name: fmt.Sprintf("gozer-merger-%d", n%mergers)}}
			err := story.Await(ctx, time.Minute, "a merger to delete", func(ctx context.Context) (bool, string, error) {
				var all corev1.PodList
				err := stage.Kube.List(ctx, &all, client.InNamespace(story.Namespace), client.MatchingLabels{"app.kubernetes.io/component": "merger"})
				ready := slices.ContainsFunc(all.Items, func(p corev1.Pod) bool { return p.Name == pod.Name && isReady(&p) })
				return ready && len(all.Items) == mergers, pod.Name + " is not ready", err
			})
			if err != nil {
				return err
			}
			if err := stage.Kube.Delete(ctx, pod, client.GracePeriodSeconds(0)); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, story.Check(o, story.Always, story.OnlyNecessary))
}

func isReady(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Every webhook comes twice, and not in the order in which things happened.
func TestWebhooksTwiceAndOutOfOrder(t *testing.T) {
	behave := hooks.misbehave(seed(t))
	r := open(t)
	o := play(t, r, nil)
	if sent := behave(); sent < 4*len(r.Changes) {
		t.Errorf("only %d webhooks were sent", sent)
	}
	must(t, story.Check(o, story.Always, story.OnlyNecessary))
	// The last repeats came when all was over: still nothing.
	must(t, stage.AwaitQuiet(t.Context(), time.Minute))
	o, err := stage.Full(t.Context(), r)
	must(t, err)
	must(t, story.Check(o, story.Always, story.OnlyNecessary))
}

// A node is deleted under a running build: that is another attempt, and says nothing about the change.
func TestNodePodDeleted(t *testing.T) {
	r := open(t)
	a := r.Change("A")
	o := play(t, r, func(ctx context.Context) error {
		b, err := runningBuild(ctx, a)
		if err != nil {
			return err
		}
		var nodes corev1.PodList
		err = stage.Kube.List(ctx, &nodes, client.InNamespace(story.Tenant), client.MatchingLabels{gozer.LabelRole: "node", gozer.LabelBuild: b.Name})
		if err != nil {
			return err
		}
		if len(nodes.Items) != 1 {
			return fmt.Errorf("build %s has %d node Pods, not one", b.Name, len(nodes.Items))
		}
		return stage.Kube.Delete(ctx, &nodes.Items[0], client.GracePeriodSeconds(0))
	})
	must(t, story.Check(o, story.Always, story.OnlyNecessary))
	for _, g := range o.Gated {
		want := int32(1)
		if g.Letter == "A" {
			want = 2
		}
		if got := g.Builds[0].Status.Attempt; got != want {
			t.Errorf("the build of %s had %d attempts, not %d", g.Letter, got, want)
		}
	}
}

// runningBuild waits until the change's build in the gate runs.
func runningBuild(ctx context.Context, c *story.Change) (*gozer.Build, error) {
	var found *gozer.Build
	return found, story.Await(ctx, time.Minute, "the build of "+c.Name()+" to run in the gate", func(ctx context.Context) (bool, string, error) {
		var builds gozer.BuildList
		if err := stage.Kube.List(ctx, &builds, client.InNamespace(story.Tenant), client.MatchingLabels{gozer.LabelPipeline: "gate"}); err != nil {
			return false, "", err
		}
		for i := range builds.Items {
			b := &builds.Items[i]
			if b.Spec.Change.Project.Name == c.Repo && b.Spec.Change.Number == c.Pull.Number && b.Status.Phase == gozer.BuildRunning {
				found = b
				return true, "", nil
			}
		}
		return false, "it does not run", nil
	})
}

// The forge does not answer for 20 seconds, just when the first change is to be reported and merged.
func TestForgeStopped(t *testing.T) {
	r := open(t)
	a := r.Change("A")
	o := play(t, r, func(ctx context.Context) error {
		if err := succeeded(ctx, a); err != nil {
			return err
		}
		if err := kill(forgeProcess, syscall.SIGSTOP); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Second):
		}
		return kill(forgeProcess, syscall.SIGCONT)
	})
	must(t, story.Check(o, story.Always, story.OnlyNecessary))
}

// succeeded waits, with little delay, until the change's tests have passed in the gate.
func succeeded(ctx context.Context, c *story.Change) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	w, err := stage.Kube.Watch(ctx, &gozer.BuildList{}, client.InNamespace(story.Tenant), client.MatchingLabels{gozer.LabelPipeline: "gate"})
	if err != nil {
		return err
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		b, ok := e.Object.(*gozer.Build)
		if ok && b.Spec.Change.Project.Name == c.Repo && b.Spec.Change.Number == c.Pull.Number && b.Status.Result == "SUCCESS" {
			return nil
		}
	}
	return fmt.Errorf("the tests of %s did not pass in time", c.Name())
}
