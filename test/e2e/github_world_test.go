package e2e

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// Names of what stands on both code hosts. The tenant is its own: nobody else's
// queues know of it.
const (
	acrossTenant = "across"
	acrossApp    = "octo/app"
	githubHost   = "github.example"
	githubSecret = "what-webhooks-are-signed-with"
	// required is the check that GitHub wants of every change, and Gozer does not set.
	required = "ci/license"
	// gateContext is the check that GitHub wants, and Gozer sets.
	gateContext = acrossTenant + "/gate"
)

// across is a tenant with a repository on each of two code hosts, which share a queue.
type across struct {
	*fakegithub.Server
	app *fakegithub.Repo
	// lib is the repository on Gitea.
	lib string
}

// newAcross sets up GitHub, in this process, and the tenant; both end with the test.
func newAcross(t *testing.T) *across {
	t.Helper()
	host, err := reachable(stage.Settings)
	must(t, err)
	forgetEvents(t)
	a := &across{lib: acrossTenant + "/" + branch("lib")}
	a.Server = fakegithub.New(t, func(o *fakegithub.Options) { o.Address = net.JoinHostPort(host, "0") })
	a.app = a.CreateRepo(acrossApp, map[string]string{
		".zuul.yaml": fmt.Sprintf(acrossJobs, "app-test", a.lib), "ci/test.sh": fmt.Sprintf(acrossScript, a.lib), "README.md": "An app.\n",
	})
	a.app.Protect("main", fakegithub.Protection{Contexts: []string{required, gateContext}, Apps: map[string]string{gateContext: a.App.Slug}, Reviews: 1})
	a.Install("octo", nil)
	settings := acrossTenant + "/" + branch("settings")
	must(t, stage.AddRepo(t.Context(), settings, map[string]string{"zuul.yaml": acrossPipelines}))
	must(t, stage.AddRepo(t.Context(), a.lib, map[string]string{
		".zuul.yaml": fmt.Sprintf(acrossJobs, "lib-test", acrossApp), "ci/test.sh": fmt.Sprintf(acrossScript, acrossApp), "README.md": "A library.\n",
	}))
	a.connect(t)
	a.addTenant(t, settings)
	// Not before somebody listens: what does not arrive would be looked for.
	a.SetWebhook(stage.WebURL+"/api/connection/github/payload", githubSecret)
	return a
}

// forgetEvents of a GitHub that a run before this one had, on a cluster that was
// kept: this one gives the same ids again, which GitHub never does.
func forgetEvents(t *testing.T) {
	t.Helper()
	events, err := eventsOf(t.Context(), "github")
	must(t, err)
	for n := range events {
		must(t, client.IgnoreNotFound(stage.Kube.Delete(t.Context(), &events[n])))
	}
}

// eventsOf a connection.
func eventsOf(ctx context.Context, connection string) ([]gozer.TriggerEvent, error) {
	var list gozer.TriggerEventList
	err := stage.Kube.List(ctx, &list, client.InNamespace(story.Namespace))
	return slices.DeleteFunc(list.Items, func(e gozer.TriggerEvent) bool { return e.Spec.Connection != connection }), err
}

// connect makes the Connection to GitHub, as its App.
func (a *across) connect(t *testing.T) {
	t.Helper()
	key := metav1.ObjectMeta{Namespace: story.Namespace, Name: "github"}
	create(t, &corev1.Secret{ObjectMeta: key, Data: map[string][]byte{"privateKey": a.App.KeyPEM(), "webhookSecret": []byte(githubSecret)}})
	create(t, &gozer.Connection{ObjectMeta: key, Spec: gozer.ConnectionSpec{
		Driver: "github", URL: a.URL, CanonicalHostname: githubHost, SecretName: "github", App: &gozer.ConnectionApp{ID: strconv.FormatInt(a.App.ID, 10)},
		PollInterval: &metav1.Duration{Duration: pollPeriod}, AllowedTenants: []string{acrossTenant},
	}})
	must(t, story.Await(t.Context(), time.Minute, "the Connection to GitHub to be ready", func(ctx context.Context) (bool, string, error) {
		c, err := a.connection(ctx)
		return meta.IsStatusConditionTrue(c.Status.Conditions, gozer.ConditionReady), fmt.Sprint(c.Status.Conditions), err
	}))
}

func (a *across) connection(ctx context.Context) (c gozer.Connection, err error) {
	return c, stage.Kube.Get(ctx, client.ObjectKey{Namespace: story.Namespace, Name: "github"}, &c)
}

func (a *across) addTenant(t *testing.T, settings string) {
	t.Helper()
	create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: acrossTenant}})
	t.Cleanup(func() {
		if t.Failed() {
			stage.DumpOf(context.Background(), os.Stdout, acrossTenant)
		}
	})
	projects := func(name string) []gozer.TenantProject { return []gozer.TenantProject{{Name: name}} }
	create(t, &gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: acrossTenant, Name: acrossTenant}, Spec: gozer.TenantSpec{Sources: []gozer.TenantSource{
		{Connection: "gitea", ConfigProjects: projects(settings), UntrustedProjects: projects(a.lib)},
		{Connection: "github", UntrustedProjects: projects(acrossApp)},
	}}})
	must(t, story.Await(t.Context(), time.Minute, "the configuration of both hosts to be in force", func(ctx context.Context) (bool, string, error) {
		var tenant gozer.Tenant
		err := stage.Kube.Get(ctx, client.ObjectKey{Namespace: acrossTenant, Name: acrossTenant}, &tenant)
		l := cmp.Or(tenant.Status.Layout, &gozer.TenantLayout{})
		ready := meta.IsStatusConditionTrue(tenant.Status.Conditions, gozer.ConditionReady) && tenant.Status.ErrorCount == 0
		return ready && l.Projects == 3 && l.Pipelines == 2, fmt.Sprintf("%v %v, %d projects", tenant.Status.Conditions, tenant.Status.Errors, l.Projects), err
	}))
}

// create makes an object, which is gone after the test.
func create(t *testing.T, obj client.Object) {
	t.Helper()
	must(t, stage.Kube.Create(t.Context(), obj))
	t.Cleanup(func() {
		must(t, client.IgnoreNotFound(stage.Kube.Delete(context.Background(), obj)))
		must(t, story.Await(context.Background(), 2*time.Minute, obj.GetName()+" to be gone", func(ctx context.Context) (bool, string, error) {
			err := stage.Kube.Get(ctx, client.ObjectKeyFromObject(obj), obj)
			if apierrors.IsNotFound(err) {
				return true, "", nil
			}
			return false, "it is there", err
		}))
	})
}

// proposal of Ann's: a part that others need, and what it needs of the other host's.
type proposal struct {
	name  string
	files map[string]string
	// needs is the URL of the other change.
	needs string
}

// part is a file that the other repository may need; needing is a file that names it.
func part(name string) string { return "parts/" + name }

func needing(name string) map[string]string {
	return map[string]string{"needs/" + name: part(name) + "\n"}
}

func (p proposal) body() string {
	if p.needs == "" {
		return "Nothing is needed."
	}
	return "This needs the other one.\n\nDepends-On: " + p.needs
}

// onGitHub opens a pull request from Ann's fork.
func (a *across) onGitHub(p proposal) *fakegithub.Pull {
	return a.app.Open(fakegithub.Opening{Title: p.name, Body: p.body(), Fork: "ann", Branch: p.name, Files: p.files})
}

func (a *across) webURL(p *fakegithub.Pull) string {
	return fmt.Sprintf("%s/%s/pull/%d", a.URL, p.Repo.Name(), p.Number)
}

// licensed sets the check that GitHub requires and somebody else than Gozer sets.
func licensed(p *fakegithub.Pull) { p.Status("license-bot", required, "success") }

// asChange is a GitHub pull request as the story has those of Gitea.
func asChange(letter string, p *fakegithub.Pull) *story.Change {
	c := &story.Change{Letter: letter, Repo: p.Repo.Name(), Title: letter, Pull: story.Pull{Number: int64(p.Number)}}
	c.Pull.Head.SHA = p.Head()
	return c
}

// onGitea opens one from Ann's fork there.
func (a *across) onGitea(t *testing.T, letter string, p proposal) *story.Change {
	t.Helper()
	must(t, stage.Push(t.Context(), a.lib, p.name, p.name, p.files))
	pull, err := stage.Ann.OpenPull(t.Context(), a.lib, p.name, p.name, p.body())
	must(t, err)
	return &story.Change{Letter: letter, Repo: a.lib, Title: p.name, Pull: pull}
}

// decided waits until the gate has decided the changes, and reads what became of them.
func (a *across) decided(t *testing.T, within time.Duration, changes ...*story.Change) *story.Outcome {
	t.Helper()
	r := &story.Round{Changes: changes}
	must(t, story.Await(t.Context(), within, "the gate to decide", func(ctx context.Context) (bool, string, error) {
		o, err := stage.OutcomeIn(ctx, acrossTenant, r)
		if err != nil || !o.Decided() {
			return false, fmt.Sprint(o), err
		}
		pods, err := stage.PodsIn(ctx, acrossTenant)
		return len(pods) == 0, fmt.Sprint(pods), err
	}))
	o, err := stage.OutcomeIn(t.Context(), acrossTenant, r)
	must(t, err)
	for _, g := range o.Gated {
		must(t, a.read(t.Context(), g))
	}
	return o
}

// read adds what the change's host knows.
func (a *across) read(ctx context.Context, g *story.Gated) (err error) {
	if g.Repo == acrossApp {
		p := a.app.Pull(int(g.Pull.Number))
		g.Now.Merged, g.Now.MergeCommit = p.State() == "merged", p.MergeCommit()
		if g.Now.Merged {
			g.MergedTree = a.app.Git("rev-parse", g.Now.MergeCommit+"^{tree}")
		}
		return nil
	}
	if g.Now, err = stage.Bob.Pull(ctx, g.Repo, g.Pull.Number); err != nil || !g.Now.Merged {
		return err
	}
	g.MergedTree, err = stage.Tree(ctx, g.Repo, g.Now.MergeCommit)
	return err
}
