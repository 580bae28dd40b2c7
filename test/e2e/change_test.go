package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// Changes that do not get to the end of the gate. They share it, at the same
// time, for none may disturb another.
func TestChangesThatLeave(t *testing.T) {
	onFailure(t)
	t.Run("group", func(t *testing.T) {
		t.Run("BrokenConfiguration", testBrokenConfiguration)
		t.Run("NewPush", testNewPush)
		t.Run("Closed", testClosed)
	})
}

// branch is a name that no earlier run used.
func branch(what string) string { return fmt.Sprintf("%s-%d", what, time.Now().UnixNano()) }

// propose opens a pull request, and closes it when the test is over.
func propose(t *testing.T, what string, files map[string]string) *story.Change {
	t.Helper()
	c, err := stage.Propose(t.Context(), story.APIRepo, branch(what), what, files)
	must(t, err)
	t.Cleanup(func() { must(t, stage.Ann.SetPullState(context.Background(), c.Repo, c.Pull.Number, "closed")) })
	return c
}

// A mistake in .zuul.yaml is told on the change, with its place and what to do, and is nobody else's problem.
func testBrokenConfiguration(t *testing.T) {
	t.Parallel()
	broken := propose(t, "broken", map[string]string{".zuul.yaml": `- job:
    name: api-unit
    run: ci/test.sh
    nodset: one
- project:
    queue: integrated
    check:
      jobs: [api-unit]
    gate:
      jobs: [api-unit]
`})
	well := propose(t, "well", map[string]string{"routes/well.route": "204\n"})
	must(t, stage.AwaitStatus(t.Context(), broken, "check", "failure", time.Minute))
	must(t, stage.AwaitStatus(t.Context(), well, "check", "success", 2*time.Minute))
	comments, err := stage.Bob.Comments(t.Context(), broken.Repo, broken.Pull.Number)
	must(t, err)
	if len(comments) != 1 {
		t.Fatalf("there are %d comments, not one: %v", len(comments), comments)
	}
	for _, part := range []string{".zuul.yaml:4:5", "nodset", `did you mean "nodeset"?`} {
		if !strings.Contains(comments[0].Body, part) {
			t.Errorf("the comment does not have %q:\n%s", part, comments[0].Body)
		}
	}
	var tenant gozer.Tenant
	must(t, stage.Kube.Get(t.Context(), client.ObjectKey{Namespace: story.Tenant, Name: story.Tenant}, &tenant))
	if tenant.Status.ErrorCount != 0 {
		t.Errorf("the tenant has %d errors by a change that is not merged: %v", tenant.Status.ErrorCount, tenant.Status.Errors)
	}
}

// A new version takes the old one out of the gate and is checked itself.
func testNewPush(t *testing.T) {
	t.Parallel()
	name := branch("push")
	c, err := stage.Propose(t.Context(), story.APIRepo, name, "push", map[string]string{"routes/push.route": "200\n"})
	must(t, err)
	t.Cleanup(func() { must(t, stage.Ann.SetPullState(context.Background(), c.Repo, c.Pull.Number, "closed")) })
	must(t, stage.Approve(t.Context(), 0, c))
	_, err = runningBuild(t.Context(), c)
	must(t, err)
	must(t, stage.Push(t.Context(), c.Repo, name, "push again", map[string]string{"routes/push.route": "201\n"}))
	left(t, c, "A new version was pushed")
	now := *c
	now.Pull, err = stage.Bob.Pull(t.Context(), c.Repo, c.Pull.Number)
	must(t, err)
	if now.Pull.Merged || now.Pull.Head.SHA == c.Pull.Head.SHA {
		t.Errorf("merged: %t, head %s before and %s after the push", now.Pull.Merged, c.Pull.Head.SHA, now.Pull.Head.SHA)
	}
	must(t, stage.AwaitStatus(t.Context(), &now, "check", "success", 2*time.Minute))
}

// Closing a pull request takes it out of the gate.
func testClosed(t *testing.T) {
	t.Parallel()
	c := propose(t, "closed", map[string]string{"routes/closed.route": "200\n"})
	must(t, stage.Approve(t.Context(), 0, c))
	b, err := runningBuild(t.Context(), c)
	must(t, err)
	must(t, stage.Ann.SetPullState(t.Context(), c.Repo, c.Pull.Number, "closed"))
	left(t, c, "closed")
	must(t, story.Await(t.Context(), time.Minute, "the Pods of "+b.Name+" to be gone", func(ctx context.Context) (bool, string, error) {
		pods, err := stage.Pods(ctx)
		return !slices.ContainsFunc(pods, func(p string) bool { return strings.HasPrefix(p, b.Name) }), fmt.Sprint(pods), err
	}))
	now, err := stage.Bob.Pull(t.Context(), c.Repo, c.Pull.Number)
	must(t, err)
	if now.Merged {
		t.Error("it was merged")
	}
}

// left waits until the change was taken out of the gate, for a reason.
func left(t *testing.T, c *story.Change, why string) {
	t.Helper()
	must(t, story.Await(t.Context(), time.Minute, c.Name()+" to leave the gate", func(ctx context.Context) (bool, string, error) {
		o, err := stage.Outcome(ctx, &story.Round{Changes: []*story.Change{c}})
		if err != nil {
			return false, "", err
		}
		items := o.Gated[0].Items
		if len(items) == 0 {
			return false, "", fmt.Errorf("%s was never in the gate", c.Name())
		}
		return items[0].Status.Result == "DEQUEUED" && strings.Contains(items[0].Status.Reason, why), o.String(), nil
	}))
}
