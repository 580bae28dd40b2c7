package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// TestAcrossHosts: one queue for changes of GitHub and of Gitea that need one another.
// GitHub is the one of the tests, which refuses what GitHub would; Gitea is real.
func TestAcrossHosts(t *testing.T) {
	onFailure(t)
	a := newAcross(t)
	t.Run("DependsOn", a.testDependsOn)
	t.Run("RequiredCheck", a.testRequiredCheck)
	t.Run("WebhookDropped", a.testWebhookDropped)
	t.Run("AnswerOfMergeCut", a.testAnswerOfMergeCut)
	t.Run("Requests", a.testRequests)
}

const (
	// checkTime is how long a job may take, with its Pods.
	checkTime = 2 * time.Minute
	// pollPeriod is how often GitHub is asked for what no webhook told.
	pollPeriod = time.Minute
	mergeCall  = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"
)

// A needs nothing, B on the other host needs A; C needs nothing, D on the other host needs C.
func (a *across) testDependsOn(t *testing.T) {
	first := a.onGitea(t, "A", proposal{name: "part-one", files: map[string]string{part("one"): "1\n"}})
	second := a.onGitHub(proposal{name: "need-one", files: needing("one"), needs: first.Pull.URL})
	third := a.onGitHub(proposal{name: "part-two", files: map[string]string{part("two"): "2\n"}})
	last := a.onGitea(t, "D", proposal{name: "need-two", files: needing("two"), needs: a.webURL(third)})
	alone := a.onGitHub(proposal{name: "need-what-is-not", files: needing("none")})
	for _, p := range []*fakegithub.Pull{second, third} {
		a.checked(t, p, "success")
	}
	for _, c := range []*story.Change{first, last} {
		a.checkedOnGitea(t, c)
	}
	a.checked(t, alone, "failure") // the jobs do look at the other host's change
	alone.Close("ann")

	must(t, stage.Approve(t.Context(), 0, last))
	a.refused(t, "gitea", last, "C is not approved yet", a.webURL(third))
	must(t, stage.Approve(t.Context(), 0, first))
	must(t, story.Await(t.Context(), time.Minute, "A to be in the gate", func(ctx context.Context) (bool, string, error) {
		o, err := stage.OutcomeIn(ctx, acrossTenant, &story.Round{Changes: []*story.Change{first}})
		return err == nil && len(o.Gated[0].Items) == 1, "it is not", err
	}))
	approve(second)
	approve(third)
	o := a.decided(t, gateTime, first, asChange("B", second), asChange("C", third), last)
	must(t, story.Check(o, story.AsTested))
	a.mergedTogether(t, o)
	a.toldOnGitHub(t, second, third)
	a.toldOnGitea(t, first, last)
}

// approve has Bob approve, whose reviews count.
func approve(p *fakegithub.Pull) { p.Review("bob", "APPROVED", "Looks good.") }

// mergedTogether: each was tested once, on those ahead, and they merged in that order.
func (a *across) mergedTogether(t *testing.T, o *story.Outcome) {
	t.Helper()
	var ahead []string
	var before time.Time
	for _, g := range o.Gated {
		ahead = append(ahead, g.Name())
		item, merged := g.Items[0], g.Items[0].Status.Merged
		if item.Status.Result != "SUCCESS" || merged == nil || !g.Now.Merged {
			t.Fatalf("%s is not merged: %s", g.Letter, o)
		}
		var tested []string
		for _, s := range g.Sets[0].Spec.Steps {
			tested = append(tested, fmt.Sprintf("%s#%d", s.Change.Project.Name, s.Change.Number))
		}
		if len(g.Sets) != 1 || !slices.Equal(tested, ahead) {
			t.Errorf("%s was tested %d times, first with %v, not once with %v", g.Letter, len(g.Sets), tested, ahead)
		}
		if merged.At.Time.Before(before) {
			t.Errorf("%s was merged before the one ahead of it", g.Letter)
		}
		before = merged.At.Time
	}
	for letter, line := range map[int]string{1: "needs/one: parts/one is there", 3: "needs/two: parts/two is there"} {
		must(t, stage.CheckLink(t.Context(), o.Gated[letter].Builds[0].Status.LogURL, line))
	}
	// The hosts' own clocks say the same, in seconds.
	var times []int64
	for _, g := range o.Gated {
		times = append(times, a.mergedAt(t, g))
	}
	if !slices.IsSorted(times) {
		t.Errorf("the hosts say that they merged at %v", times)
	}
	if got, want := a.MergedOrder(), []string{o.Gated[1].Name(), o.Gated[2].Name()}; !slices.Equal(got, want) {
		t.Errorf("GitHub merged %v, not %v", got, want)
	}
}

// mergedAt is when the host merged, by its own clock.
func (a *across) mergedAt(t *testing.T, g *story.Gated) (seconds int64) {
	t.Helper()
	if g.Now.MergedAt != nil {
		return g.Now.MergedAt.Unix()
	}
	_, err := fmt.Sscan(a.app.Git("show", "--no-patch", "--format=%ct", g.Now.MergeCommit), &seconds)
	must(t, err)
	return seconds
}

// toldOnGitHub: the check's status, the gate's check and one comment are there.
func (a *across) toldOnGitHub(t *testing.T, pulls ...*fakegithub.Pull) {
	t.Helper()
	for _, p := range pulls {
		if got := statusOf(p, acrossTenant+"/check"); got != "success" {
			t.Errorf("the status of %s is %q", p.Name(), got)
		}
		checks := p.Checks()
		if len(checks) != 1 || checks[0].Name != gateContext || checks[0].Conclusion != "success" || checks[0].App != a.App.Slug {
			t.Errorf("the checks of %s are %+v", p.Name(), checks)
		}
		comments := p.Comments()
		if len(comments) != 1 || comments[0].User != a.App.Slug+"[bot]" || !strings.Contains(comments[0].Body, "app-test") {
			t.Errorf("the comments on %s are %+v", p.Name(), comments)
		}
	}
}

func (a *across) toldOnGitea(t *testing.T, changes ...*story.Change) {
	t.Helper()
	for _, c := range changes {
		statuses, err := stage.Bob.Statuses(t.Context(), c.Repo, c.Pull.Head.SHA)
		must(t, err)
		for _, context := range []string{acrossTenant + "/check", gateContext} {
			if got := statuses[context].State; got != "success" {
				t.Errorf("the status %s of %s is %q", context, c.Name(), got)
			}
		}
		comments, err := stage.Bob.Comments(t.Context(), c.Repo, c.Pull.Number)
		must(t, err)
		if len(comments) != 1 || !strings.Contains(comments[0].Body, "lib-test") {
			t.Errorf("the comments on %s are %v", c.Name(), comments)
		}
	}
}

// What GitHub requires is waited for, and whoever asks is told.
func (a *across) testRequiredCheck(t *testing.T) {
	p := a.onGitHub(proposal{name: "unlicensed", files: map[string]string{part("unlicensed"): "1\n"}})
	a.awaitStatus(t, p, "success")
	approve(p)
	c := asChange("X", p)
	a.refused(t, "github", c, "the check is missing", required)
	said := gozerctl(t, "explain", "--namespace", acrossTenant, p.Name())
	if !strings.Contains(said, required) || strings.Contains(said, gateContext) {
		t.Errorf("gozerctl explain is to name what is missing, and not what the gate itself sets:\n%s", said)
	}
	licensed(p)
	a.merged(t, c)
}

// A webhook that did not arrive is found in GitHub's list, within the period.
func (a *across) testWebhookDropped(t *testing.T) {
	p := a.onGitHub(proposal{name: "unheard", files: map[string]string{part("unheard"): "1\n"}})
	a.checked(t, p, "success")
	a.quiet(t)
	a.ForgetRequests()
	a.DropWebhooks(1)
	begin := time.Now()
	approve(p)
	var found gozer.TriggerEvent
	must(t, story.Await(t.Context(), 2*pollPeriod, "the review to be known", func(ctx context.Context) (bool, string, error) {
		events, err := eventsOf(ctx, "github")
		for _, e := range events {
			if e.Spec.Event == "pull_request_review" && e.Spec.Number == int64(p.Number) {
				found = e
			}
		}
		return found.Name != "", fmt.Sprintf("%d other events", len(events)), err
	}))
	const pollTakes = 15 * time.Second
	if after := found.CreationTimestamp.Sub(begin); found.Spec.Delivery != "" || after > pollPeriod+pollTakes {
		t.Errorf("it was known after %s, by the delivery %q", after, found.Spec.Delivery)
	}
	n := a.Requests()
	t.Logf("known %s after it happened; requests until then: %v, and %v that cost nothing", found.CreationTimestamp.Sub(begin).Round(time.Second), n, a.Unchanged())
	// A poll that comes between the review and its delivery finds it by comparing.
	if n["GET /app/hook/deliveries/{delivery_id}"] > 1 {
		t.Error("the one webhook that did not arrive is to be read once at most")
	}
	a.merged(t, asChange("X", p))
}

// A merge whose answer was lost is found to be done.
func (a *across) testAnswerOfMergeCut(t *testing.T) {
	p := a.onGitHub(proposal{name: "cut", files: map[string]string{part("cut"): "1\n"}})
	a.checked(t, p, "success")
	a.ForgetRequests()
	t.Cleanup(a.Fault(fakegithub.Fault{Operation: mergeCall, Times: 1, Cut: true}))
	approve(p)
	a.merged(t, asChange("X", p))
	if n := a.Requests()[mergeCall]; n != 1 {
		t.Errorf("GitHub was asked %d times to merge it", n)
	}
	if got := a.MergedOrder(); len(slices.DeleteFunc(got, func(name string) bool { return name != p.Name() })) != 1 {
		t.Errorf("GitHub merged %v", a.MergedOrder())
	}
}

// maxRequests bounds what a gated pull request may cost of GitHub's 5,000 an hour:
// the aim is 12.
const maxRequests = 20

// What the plain story costs: one check, one comment.
func (a *across) testRequests(t *testing.T) {
	p := a.onGitHub(proposal{name: "plain", files: map[string]string{part("plain"): "1\n"}})
	a.checked(t, p, "success")
	a.quiet(t)
	a.awaitPoll(t) // the next is after the measurement
	a.ForgetRequests()
	approve(p)
	a.merged(t, asChange("X", p))
	a.quiet(t)
	n, requests := a.Requests(), 0
	for _, name := range slices.Sorted(maps.Keys(n)) {
		t.Logf("%3d  %s", n[name], name)
		if !strings.HasPrefix(name, "git ") { // which GitHub does not count
			requests += n[name]
		}
	}
	t.Logf("from approval to merged: %d requests to GitHub, and %v that cost nothing", requests, a.Unchanged())
	if requests > maxRequests {
		t.Errorf("%d requests, at most %d are to be", requests, maxRequests)
	}
}

func statusOf(p *fakegithub.Pull, context string) (state string) {
	for _, s := range p.Statuses() {
		if s.Context == context {
			state = s.State
		}
	}
	return state
}

// checked waits for the pipeline check's status on GitHub, and sets what others set.
func (a *across) checked(t *testing.T, p *fakegithub.Pull, state string) {
	t.Helper()
	a.awaitStatus(t, p, state)
	licensed(p)
}

func (a *across) awaitStatus(t *testing.T, p *fakegithub.Pull, state string) {
	t.Helper()
	must(t, story.Await(t.Context(), checkTime, fmt.Sprintf("the check of %s to end with %s", p.Name(), state), func(context.Context) (bool, string, error) {
		is := statusOf(p, acrossTenant+"/check")
		return is == state, "it is " + is, nil
	}))
}

func (a *across) checkedOnGitea(t *testing.T, c *story.Change) {
	t.Helper()
	must(t, story.Await(t.Context(), checkTime, "the check of "+c.Name()+" to succeed", func(ctx context.Context) (bool, string, error) {
		all, err := stage.Bob.Statuses(ctx, c.Repo, c.Pull.Head.SHA)
		is := all[acrossTenant+"/check"]
		return is.State == "success", is.State + " " + is.Description, err
	}))
}

// merged waits until the gate has merged a change as it was tested.
func (a *across) merged(t *testing.T, c *story.Change) {
	t.Helper()
	o := a.decided(t, gateTime, c)
	must(t, story.Check(o, story.AsTested))
	if g := o.Gated[0]; !g.Now.Merged || g.Items[0].Status.Result != "SUCCESS" {
		t.Errorf("it is not merged: %s", o)
	}
}

// refused waits until the gate has said why it does not take a change.
func (a *across) refused(t *testing.T, connection string, c *story.Change, why, words string) {
	t.Helper()
	must(t, story.Await(t.Context(), time.Minute, fmt.Sprintf("the gate to refuse %s: %s", c.Name(), why), func(ctx context.Context) (bool, string, error) {
		events, err := eventsOf(ctx, connection)
		said := ""
		for _, e := range events {
			if e.Spec.Event != "pull_request_review" || e.Spec.Project != c.Repo || e.Spec.Number != c.Pull.Number {
				continue
			}
			for _, o := range e.Status.Tenants {
				for _, p := range o.Pipelines {
					said += fmt.Sprintf("%s: %s (%s)\n", p.Pipeline, p.Message, p.Item)
				}
			}
		}
		return strings.Contains(said, words), "it said " + said, err
	}))
}

// quiet waits until nothing of GitHub is under way and all that it told is dealt with.
func (a *across) quiet(t *testing.T) {
	t.Helper()
	a.Settle()
	must(t, story.Await(t.Context(), time.Minute, "all events of GitHub to be dealt with", func(ctx context.Context) (bool, string, error) {
		events, err := eventsOf(ctx, "github")
		waiting := slices.DeleteFunc(events, func(e gozer.TriggerEvent) bool { return len(e.Status.Tenants) > 0 })
		var queues gozer.ChangeQueueList
		if err == nil {
			err = stage.Kube.List(ctx, &queues, client.InNamespace(acrossTenant))
		}
		items := 0
		for _, q := range queues.Items {
			items += len(q.Status.Items)
		}
		return len(waiting)+items == 0, fmt.Sprintf("%d wait, %d changes in queues", len(waiting), items), err
	}))
}

// awaitPoll waits until GitHub was asked for what no webhook told.
func (a *across) awaitPoll(t *testing.T) {
	t.Helper()
	before, err := a.connection(t.Context())
	must(t, err)
	must(t, story.Await(t.Context(), 2*pollPeriod, "a poll", func(ctx context.Context) (bool, string, error) {
		now, err := a.connection(ctx)
		return err == nil && !now.Status.CompleteUntil.Equal(before.Status.CompleteUntil), fmt.Sprint(now.Status.CompleteUntil), err
	}))
}
