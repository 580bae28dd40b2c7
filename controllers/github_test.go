package controllers_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/intake"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
)

const githubPipelinesYAML = `
- pipeline:
    name: check
    manager: independent
    trigger:
      github:
        - {event: pull_request, action: [opened, changed, reopened]}
        - {event: pull_request, action: comment, comment: '(?i)^\s*recheck\s*$'}
        - {event: check_run, action: rerequested, check: '.*:.*/check:.*'}
    start: {github: {check: in_progress}}
    success: {github: {check: success}}
    failure: {github: {check: failure, comment: true}}
- pipeline:
    name: gate
    manager: dependent
    supercedes: check
    trigger: {github: {event: pull_request_review, action: submitted, state: approved}}
    require: {github: {open: true, current-patchset: true, review: {type: approved, permission: write}}}
    start: {github: {status: pending}}
    success: {github: {status: success, merge: true, comment: true}}
    failure: {github: {status: failure, comment: true}}
- queue: {name: integrated, allow-circular-dependencies: true}
- nodeset: {name: one, nodes: {name: node, label: debian}}
- job: {name: base, parent: null, nodeset: one, timeout: 300, attempts: 2}
`

// githubWorld is a world whose code host is the fake GitHub, reached as an App through the
// real driver, intake and registry.
type githubWorld struct {
	*world
	*fakegithub.Server
	api, web *fakegithub.Repo
	intake   *httptest.Server
}

const githubSecret = "hook-s3cr3t"

func newGitHubWorld(t testing.TB) *githubWorld {
	t.Helper()
	h := &githubWorld{Server: fakegithub.New(t)}
	c, err := client.New(restConfig, client.Options{Scheme: testScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	registry := &hosts.Registry{Reader: c, Now: time.Now}
	h.world = emptyWorld(t, registry, registry)
	registry.Namespace = h.operator
	h.patience = time.Minute
	h.CreateRepo("acme/config", map[string]string{"zuul.yaml": githubPipelinesYAML})
	h.api = h.CreateRepo("acme/api", map[string]string{".zuul.yaml": projectYAML("api"), "ci/test.sh": "true"})
	h.web = h.CreateRepo("acme/web", map[string]string{".zuul.yaml": projectYAML("web"), "ci/test.sh": "true"})
	h.Install("acme", nil)
	h.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: h.operator, Name: "github"},
		Data: map[string][]byte{hosts.KeyPrivateKey: h.App.KeyPEM(), hosts.KeyWebhookSecret: []byte(githubSecret)}})
	h.create(&gozer.Connection{ObjectMeta: metav1.ObjectMeta{Namespace: h.operator, Name: "github"},
		Spec: gozer.ConnectionSpec{Driver: "github", URL: h.URL, CanonicalHostname: "github.com", SecretName: "github",
			App: &gozer.ConnectionApp{ID: strconv.FormatInt(h.App.ID, 10)}}})
	handler := &intake.Handler{Connections: registry, Store: intake.Cluster{Client: c, Namespace: h.operator}, Log: logr.Discard(), Now: time.Now}
	mux := http.NewServeMux()
	mux.Handle("POST /api/connection/{connection}/payload", handler)
	h.intake = httptest.NewServer(mux)
	t.Cleanup(h.intake.Close)
	h.SetWebhook(h.intake.URL+"/api/connection/github/payload", githubSecret)
	h.create(&gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: h.tenant, Name: "acme"}, Spec: gozer.TenantSpec{
		Sources: []gozer.TenantSource{{Connection: "github",
			ConfigProjects:    []gozer.TenantProject{{Name: "acme/config"}},
			UntrustedProjects: []gozer.TenantProject{{Name: "acme/api"}, {Name: "acme/web"}}}},
	}})
	return h
}

// begin starts the controllers and waits until they know the host and the configuration.
func (h *githubWorld) begin() {
	h.t.Helper()
	h.start()
	h.loaded()
	h.eventually("the connection knows who it is", func() string {
		c := h.connected()
		if c.Status.Account == "" || c.Status.CompleteUntil == nil {
			return fmt.Sprintf("%+v", c.Status)
		}
		return ""
	})
}

func (h *githubWorld) connected() gozer.Connection {
	h.t.Helper()
	var c gozer.Connection
	if err := h.client.Get(h.t.Context(), client.ObjectKey{Namespace: h.operator, Name: "github"}, &c); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// poll has the connection look for what no webhook told.
func (h *githubWorld) poll() {
	h.t.Helper()
	c := h.connected()
	before := c.DeepCopy()
	c.Spec.PollInterval = &metav1.Duration{Duration: time.Minute + time.Duration(h.writes.Load())*time.Second}
	if err := h.client.Patch(h.t.Context(), &c, client.MergeFrom(before)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *githubWorld) open(repo *fakegithub.Repo, title, body string) *fakegithub.Pull {
	return repo.Open(fakegithub.Opening{Title: title, Body: body, Files: map[string]string{title: "1\n"}})
}

func (h *githubWorld) merges(names ...string) {
	h.t.Helper()
	h.eventually("they merge in order", func() string { return cmp.Diff(names, h.MergedOrder()) })
}

// story of a pull request: what it was told, in order, without what changes.
func statusesOf(p *fakegithub.Pull) []string {
	var out []string
	for _, s := range p.Statuses() {
		out = append(out, s.Context[strings.LastIndex(s.Context, "/")+1:]+" "+s.State)
	}
	return out
}

// TestGitHubGate: checks, approvals, a protected branch, merges; what it costs.
func TestGitHubGate(t *testing.T) {
	h := newGitHubWorld(t)
	h.begin()
	own := h.tenant + "/check"
	h.api.Protect("main", fakegithub.Protection{Contexts: []string{own}, Reviews: 1, Admins: true})
	var pulls []*fakegithub.Pull
	h.ForgetRequests()
	for n := range 3 {
		pulls = append(pulls, h.api.Open(fakegithub.Opening{Title: fmt.Sprintf("change %d", n), Fork: "ann", Branch: fmt.Sprint("topic", n), Files: map[string]string{fmt.Sprint(n): "1\n"}}))
	}
	h.eventually("all have a check", func() string {
		for _, p := range pulls {
			k := p.Checks()
			if len(k) != 1 || k[0].Name != own || k[0].Conclusion != "success" || k[0].Summary == "" {
				return fmt.Sprintf("%s: %+v", p.Name(), k)
			}
		}
		return ""
	})
	checks := requestsOf(h)
	h.ForgetRequests()
	for _, p := range pulls {
		p.Review("bob", "APPROVED", "")
	}
	h.merges("acme/api#1", "acme/api#2", "acme/api#3")
	h.eventually("they are told", func() string {
		for _, p := range pulls {
			// What is decided as soon as it began may never be told to be pending.
			got := statusesOf(p)
			if len(got) == 0 || len(got) > 2 || got[len(got)-1] != "gate success" || len(got) == 2 && got[0] != "gate pending" || len(p.Comments()) != 1 {
				return fmt.Sprintf("%s: %q, %d comments", p.Name(), got, len(p.Comments()))
			}
		}
		return ""
	})
	gates := requestsOf(h)
	t.Logf("requests for each of three changes: %.1f checked, %.1f gated: %v", checks.each(3), gates.each(3), gates)
	if gates.each(3) > 14 || checks.each(3) > 8 {
		t.Errorf("too many requests: %v, %v", checks, gates)
	}
	if wrong := h.Wrong(); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// counted requests of the API; git, and what polls ask, is apart.
type counted map[string]int

func requestsOf(h *githubWorld) counted {
	out := counted{}
	for name, n := range h.Requests() {
		if !strings.HasPrefix(name, "git ") && !strings.Contains(name, "/deliveries") && !strings.Contains(name, "GET /app") {
			out[name] = n
		}
	}
	return out
}

func (c counted) each(changes int) float64 {
	n := 0
	for _, k := range slices.Collect(maps.Values(c)) {
		n += k
	}
	return float64(n) / float64(changes)
}

// TestGitHubNotMergeable: a change that GitHub would not merge waits outside, with a
// reason, and comes in by itself.
func TestGitHubNotMergeable(t *testing.T) {
	h := newGitHubWorld(t)
	h.api.Protect("main", fakegithub.Protection{Contexts: []string{"ci/lint"}})
	h.begin()
	p := h.open(h.api, "A", "")
	p.Review("bob", "APPROVED", "")
	h.eventually("it is refused in words", func() string {
		var events gozer.TriggerEventList
		if err := h.client.List(t.Context(), &events, client.InNamespace(h.operator)); err != nil {
			return err.Error()
		}
		var said []string
		for _, e := range events.Items {
			for _, tenant := range e.Status.Tenants {
				for _, o := range tenant.Pipelines {
					said = append(said, o.Pipeline+": "+o.Message)
				}
			}
		}
		if text := strings.Join(said, "\n"); !strings.Contains(text, "ci/lint") {
			return text
		}
		return ""
	})
	if got := h.items("gate"); len(got) != 0 {
		t.Errorf("%d items", len(got))
	}
	p.Status("ci", "ci/lint", "success")
	h.merges("acme/api#1")
}

// TestGitHubHeadMoves: what was pushed after the approval never merges with it.
func TestGitHubHeadMoves(t *testing.T) {
	h := newGitHubWorld(t)
	h.begin()
	hold := make(chan struct{})
	h.say(func(spec buildspec.Spec) *buildspec.Outcome {
		select {
		case <-hold:
			return success(spec)
		default:
			return nil
		}
	})
	p := h.open(h.api, "A", "")
	p.Review("bob", "APPROVED", "")
	h.eventually("it is in the gate", func() string { return cmp.Diff([]string{"1: acme/api#1"}, h.gateBuilds()) })
	h.Settle()
	h.DropWebhooks(1000)
	p.Push("sneaked in", map[string]string{"B": "2\n"})
	main := h.api.Head("main")
	close(hold)
	h.eventually("it leaves the gate", func() string { return cmp.Diff([]string{"acme/api#1 MERGE_FAILURE"}, h.itemResults("gate")) })
	if h.api.Head("main") != main || p.State() != "open" {
		t.Errorf("main moved, %s", p.State())
	}
}

// TestGitHubMergeAnswerLost: what merged and was not answered is found, and not done twice.
func TestGitHubMergeAnswerLost(t *testing.T) {
	h := newGitHubWorld(t)
	h.begin()
	h.Fault(fakegithub.Fault{Operation: "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge", Times: 1, Cut: true})
	p := h.open(h.api, "A", "")
	p.Review("bob", "APPROVED", "")
	h.merges("acme/api#1")
	h.eventually("it succeeded", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, h.itemResults("gate")) })
	if n := h.Requests()["PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"]; n != 1 {
		t.Errorf("%d merges were asked for", n)
	}
}

// TestGitHubLostWebhooks: approvals, pushes and comments that no webhook told are
// found, and what was told is not done again.
func TestGitHubLostWebhooks(t *testing.T) {
	h := newGitHubWorld(t)
	h.begin()
	first := h.open(h.api, "A", "")
	h.eventually("the first is checked", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, h.itemResults("check")) })
	h.Settle()
	h.DropWebhooks(1000)
	first.Review("bob", "APPROVED", "")
	h.open(h.web, "B", "")
	h.Settle()
	h.poll()
	h.merges("acme/api#1")
	h.eventually("the second is checked, the first not again", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/web#1 SUCCESS"}, slices.Sorted(slices.Values(h.itemResults("check"))))
	})
	if c := h.connected(); c.Status.LastError != "" {
		t.Errorf("%+v", c.Status)
	}
}

// TestGitHubDisorder: webhooks twice and in any order change nothing.
func TestGitHubDisorder(t *testing.T) {
	h := newGitHubWorld(t)
	h.begin()
	h.HoldWebhooks()
	h.DuplicateWebhooks(1000)
	p := h.open(h.api, "A", "")
	p.Push("more", map[string]string{"more": "1\n"})
	p.Review("bob", "APPROVED", "")
	h.ReleaseWebhooks(slices.Reverse)
	h.merges("acme/api#1")
	h.Settle()
	h.eventually("once", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, h.itemResults("gate")) })
}

// TestGitHubCycle: two that need each other, by bodies that were edited, merge together.
func TestGitHubCycle(t *testing.T) {
	h := newGitHubWorld(t)
	h.begin()
	a := h.open(h.api, "A", "Depends-On: "+h.URL+"/acme/web/pull/1")
	b := h.open(h.web, "B", "")
	b.Edit("ann", "B", "Depends-On: "+h.URL+"/acme/api/pull/1")
	a.Review("bob", "APPROVED", "")
	b.Review("bob", "APPROVED", "")
	h.eventually("both merged", func() string {
		got := h.MergedOrder()
		slices.Sort(got)
		return cmp.Diff([]string{"acme/api#1", "acme/web#1"}, got)
	})
	h.eventually("as one", func() string {
		got := h.itemResults("gate")
		if len(got) != 1 || !strings.Contains(got[0], "SUCCESS") || !strings.Contains(got[0], "acme/api#1") || !strings.Contains(got[0], "acme/web#1") {
			return fmt.Sprint(got)
		}
		return ""
	})
}

// TestGitHubButtons: the check's Re-run tests again, its Abort takes the change out.
func TestGitHubButtons(t *testing.T) {
	h := newGitHubWorld(t)
	h.begin()
	p := h.open(h.api, "A", "")
	h.eventually("it is checked", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, h.itemResults("check")) })
	h.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	h.eventually("the check is there", func() string {
		if k := p.Checks(); len(k) != 1 || k[0].Conclusion != "success" {
			return fmt.Sprintf("%+v", k)
		}
		return ""
	})
	h.api.Rerun("bob", p.Checks()[0].ID)
	h.eventually("it runs again", func() string {
		if k := p.Checks(); len(k) != 2 || k[1].Status != "in_progress" || len(k[1].Actions) != 1 {
			return fmt.Sprintf("%+v", k)
		}
		return ""
	})
	h.api.Action("bob", p.Checks()[1].ID, "abort")
	h.eventually("it is taken out", func() string {
		return cmp.Diff([]string{"acme/api#1 DEQUEUED", "acme/api#1 SUCCESS"}, slices.Sorted(slices.Values(h.itemResults("check"))))
	})
}

// TestGitHubBurst: a thousand events of ten changes cost a bounded number of
// requests for each change: talk that no pipeline waits for none, and what waits
// together one.
func TestGitHubBurst(t *testing.T) {
	h := newGitHubWorld(t)
	h.begin()
	var pulls []*fakegithub.Pull
	for n := range 10 {
		pulls = append(pulls, h.open(h.api, fmt.Sprint("change-", n), ""))
	}
	h.eventually("all are checked", func() string {
		if got := h.itemResults("check"); len(got) != 10 || slices.ContainsFunc(got, func(s string) bool { return !strings.HasSuffix(s, "SUCCESS") }) {
			return fmt.Sprint(got)
		}
		return ""
	})
	h.Settle()
	h.say(func(buildspec.Spec) *buildspec.Outcome { return nil }) // they run while the burst lasts
	h.ForgetRequests()
	h.HoldWebhooks()
	for n := range 100 {
		for _, p := range pulls {
			switch n % 5 {
			case 0:
				p.Label("eve", fmt.Sprint("label-", n))
			case 1:
				p.Comment("eve", "recheck")
			default:
				p.Comment("eve", fmt.Sprint("talk ", n))
			}
		}
	}
	h.ReleaseWebhooks(nil)
	h.Settle()
	h.eventually("all are dealt with", func() string {
		var events gozer.TriggerEventList
		if err := h.client.List(t.Context(), &events, client.InNamespace(h.operator)); err != nil {
			return err.Error()
		}
		left, burst := 0, 0
		for _, e := range events.Items {
			if e.Spec.Action == "comment" || e.Spec.Action == "labeled" {
				burst++
			}
			if len(e.Status.Tenants) == 0 {
				left++
			}
		}
		if burst != 1000 || left > 0 {
			return fmt.Sprintf("%d of the events, %d events left", burst, left)
		}
		return ""
	})
	spent := requestsOf(h)
	t.Logf("requests for each of ten changes with a hundred events: %.1f: %v", spent.each(10), spent)
	if spent.each(10) > 30 {
		t.Errorf("too many requests: %v", spent)
	}
}
