package github

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
)

// TestChange: all that a gate asks of a pull request is read, in whatever way.
func TestChange(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.repo.Open(fakegithub.Opening{Title: "A change", Body: "Depends-On: x", Files: map[string]string{"a": "1\n"}, Fork: "ann"})
		pr.Label("bob", "ready", "bug")
		pr.Review("bob", "CHANGES_REQUESTED", "no")
		w.clock.pass(time.Second)
		pr.Review("bob", "APPROVED", "yes")
		w.clock.pass(time.Second)
		pr.Review("bob", "COMMENTED", "by the way")
		pr.Review("root", "APPROVED", "")
		pr.Review("stranger", "APPROVED", "me too")
		pr.Dismiss("root", pr.Review("eve", "CHANGES_REQUESTED", "never"))
		pr.Status("ci", "lint", "pending")
		w.clock.pass(time.Second)
		pr.Status("ci", "lint", "success")
		pr.Check("builder", "compile", "failure")
		want := model.Change{
			Project: w.project, Number: int64(pr.Number), Patchset: pr.Head(), Head: pr.Head(), Ref: pr.Ref(), Branch: "main",
			URL: w.URL + "/acme/api/pull/1", Title: "A change", Message: "Depends-On: x", Author: "ann", FirstContribution: true, Open: true,
			Labels: []string{"bug", "ready"}, Statuses: []string{"builder:compile:failure", "ci:lint:success"},
			Approvals: []model.Approval{
				{By: "bob", Type: "approved", Permission: "write"}, {By: "root", Type: "approved", Permission: "admin"}, {By: "stranger", Type: "approved", Permission: "read"},
			},
			Verdict: &model.Verdict{},
		}
		got := w.change(t, pr)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(model.Approval{}, "SubmittedAt"), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if project, number, ok := w.client.ParseURL(got.URL); project != "acme/api" || number != 1 || !ok {
			t.Errorf("its URL is read as %s#%d, %v", project, number, ok)
		}
		commit := pr.Merge("root", "merge")
		if w.change(t, w.open("another")).FirstContribution {
			t.Error("who had a change merged is no newcomer")
		}
		if got := w.change(t, pr); got.Open || !got.Merged || got.MergeCommit != commit || got.Verdict != nil {
			t.Errorf("merged: %+v", got)
		}
		if _, err := w.client.Change(t.Context(), w.project, 99); !errors.Is(err, drivers.ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
	})
}

// TestVerdict: what GitHub has against merging, in words.
func TestVerdict(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		w.repo.Protect("main", fakegithub.Protection{Contexts: []string{"lint", "compile"}, Reviews: 1})
		w.repo.AddRuleset(fakegithub.Ruleset{Name: "more", Branches: []string{"~DEFAULT_BRANCH"}, Contexts: []string{"docs"}})
		pr := w.open("A")
		is := func(what string, missing, blocked []string) {
			t.Helper()
			got := w.change(t, pr).Verdict
			if diff := cmp.Diff(&model.Verdict{Missing: missing, Blocked: blocked}, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
		}
		const review = "it has not the approving reviews that the branch main requires (1)"
		is("at first", []string{"compile", "docs", "lint"}, []string{review})
		pr.Status("ci", "lint", "success")
		pr.Check("builder", "compile", "skipped")
		pr.Status("ci", "docs", "failure")
		is("one failed", []string{"docs"}, []string{review})
		w.clock.pass(time.Second)
		pr.Status("ci", "docs", "success")
		pr.Review("bob", "CHANGES_REQUESTED", "no")
		is("changes requested", nil, []string{"a reviewer requested changes"})
		w.clock.pass(time.Second)
		pr.Review("bob", "APPROVED", "yes")
		is("all there", nil, nil)
		w.repo.Push("root", "main", "in the way", map[string]string{"A": "2\n"})
		is("a conflict", nil, []string{"it conflicts with main"})
		pr.ForcePush("again", map[string]string{"A": "2\n", "B": "1\n"})
		pr.Mergeability(1)
		if v := w.change(t, pr).Verdict; v == nil || !v.Unknown {
			t.Errorf("while GitHub works it out: %+v", v)
		}
	})
}

// TestVerdictOfRules: rules that only GraphQL tells, or that a gate cannot live with.
func TestVerdictOfRules(t *testing.T) {
	w := newWorld(t, ways[0])
	w.repo.Protect("main", fakegithub.Protection{Conversations: true, Strict: true, Locked: true})
	pr := w.open("A")
	thread := pr.Thread(false)
	w.repo.Push("root", "main", "another", map[string]string{"Z": "2\n"})
	got := strings.Join(w.change(t, pr).Verdict.Blocked, "; ")
	for _, want := range []string{"the branch main is locked", "1 of its conversations are not resolved"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	pr.Resolve(thread)
	if got := strings.Join(w.change(t, pr).Verdict.Blocked, "; "); strings.Contains(got, "conversations") {
		t.Errorf("resolved: %q", got)
	}
}

// TestPartlyReadable: without the permission to read rules, the change is read, and
// the connection says what is missing.
func TestPartlyReadable(t *testing.T) {
	for _, way := range ways[:2] {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t, way)
			few := fakegithub.AllPermissions()
			delete(few, "administration")
			w.installed.SetPermissions(few)
			w.repo.Protect("main", fakegithub.Protection{Contexts: []string{"lint"}})
			pr := w.open("A")
			if c := w.change(t, pr); c.Title != "A" || c.Verdict == nil {
				t.Errorf("%+v", c)
			}
			h, err := w.client.Health(t.Context())
			if err != nil || !strings.Contains(strings.Join(h.MissingPermissions, ";"), "administration: read (acme)") {
				t.Errorf("%+v, %v", h, err)
			}
		})
	}
}

// TestManyStatuses: more than GitHub tells at once.
func TestManyStatuses(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.open("A")
		for n := range 230 {
			pr.Status("ci", "c"+string(rune('a'+n%26))+string(rune('a'+n/26)), "success")
		}
		if got := len(w.change(t, pr).Statuses); got != 230 {
			t.Errorf("%d statuses", got)
		}
	})
}

// TestOneRequestForMany: who asks while another does gets the same answer, and
// events that came together cost one.
func TestOneRequestForMany(t *testing.T) {
	w := newWorld(t, ways[0])
	pr := w.open("A")
	w.change(t, pr)
	w.requests()
	var all sync.WaitGroup
	slow := w.Fault(fakegithub.Fault{Operation: "POST /graphql", Slow: 300 * time.Millisecond})
	for range 20 {
		all.Go(func() {
			if _, err := w.client.Change(t.Context(), w.project, 1); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	slow()
	if n := total(w.requests()); n > 2 { // who comes late asks again
		t.Errorf("%d requests for twenty who asked at once", n)
	}
	received := w.clock.now()
	w.clock.pass(time.Minute)
	ctx := drivers.AsOf(t.Context(), received)
	for range 1000 {
		if _, err := w.client.Change(ctx, w.project, 1); err != nil {
			t.Fatal(err)
		}
	}
	if n := total(w.requests()); n != 1 {
		t.Errorf("%d requests for a thousand events", n)
	}
	pr.Label("bob", "later")
	if c, err := w.client.Change(drivers.AsOf(t.Context(), w.clock.now()), w.project, 1); err != nil || len(c.Labels) != 1 {
		t.Errorf("an event after that: %+v, %v", c.Labels, err)
	}
	if c := w.change(t, pr); len(c.Labels) != 1 || total(w.requests()) != 2 {
		t.Error("who says nothing of time reads anew")
	}
}

// TestParseURL: links as people copy them.
func TestParseURL(t *testing.T) {
	c, err := New(Config{URL: "https://github.com", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]int64{
		"https://github.com/acme/api/pull/7": 7, "https://github.com/acme/api/pull/7/": 7, "https://github.com/acme/api/pull/7/files": 7,
		"https://github.com/acme/api/issues/7": 0, "https://github.com.evil.com/acme/api/pull/7": 0, "https://github.com/acme/api/pull/x": 0,
		"https://github.com/acme/api/pull/99999999999999999999": 0, "https://gitlab.com/acme/api/pull/7": 0,
	} {
		project, number, ok := c.ParseURL(url)
		if ok != (want != 0) || ok && (project != "acme/api" || number != want) {
			t.Errorf("%s: %s#%d, %v", url, project, number, ok)
		}
	}
}

// joining tells when somebody waits for it to end.
type joining struct {
	context.Context
	waits chan struct{}
	once  sync.Once
}

func (j *joining) Done() <-chan struct{} {
	j.once.Do(func() { close(j.waits) })
	return j.Context.Done()
}

// TestJoinedTooLate: who was told of new commits is not given what was being read
// when they were pushed.
func TestJoinedTooLate(t *testing.T) {
	w := newWorld(t, ways[2])
	pr := w.open("A")
	began, goOn := make(chan struct{}), make(chan struct{})
	first := true
	cfg := w.client.cfg
	cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if first {
			first = false
			close(began)
			<-goOn
		}
		return resp, err
	})
	w.connect(t, cfg)
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := w.client.Change(t.Context(), w.project, int64(pr.Number)); err != nil {
			t.Error(err)
		}
	})
	<-began
	w.clock.pass(time.Second)
	pushed := pr.Push("more", map[string]string{"more": "1\n"})
	late := &joining{Context: drivers.AsOf(t.Context(), w.clock.now()), waits: make(chan struct{})}
	both.Go(func() {
		c, err := w.client.Change(late, w.project, int64(pr.Number))
		if err != nil || c.Head != pushed {
			t.Errorf("%v, head %s, pushed was %s", err, c.Head, pushed)
		}
	})
	<-late.waits
	close(goOn)
	both.Wait()
}

// TestForbidden: a repository that may not be read for now is not taken for one that
// is gone, whose changes would leave their queues.
func TestForbidden(t *testing.T) {
	w := newWorld(t, ways[2])
	pr := w.open("A")
	cfg := w.client.cfg
	cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		body := `{"data":{"repository":null},"errors":[{"type":"FORBIDDEN","path":["repository"],"message":"your IP address is not permitted"}]}`
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
	w.connect(t, cfg)
	if _, err := w.client.Change(t.Context(), w.project, int64(pr.Number)); err == nil || errors.Is(err, drivers.ErrNotFound) || !strings.Contains(err.Error(), "your IP address") {
		t.Errorf("%v", err)
	}
}

// TestEndpoints: where the APIs of each kind of GitHub are.
func TestEndpoints(t *testing.T) {
	for base, want := range map[string][2]string{
		"https://github.com":       {"https://api.github.com/", "https://api.github.com/graphql"},
		"https://octo.ghe.com":     {"https://api.octo.ghe.com/", "https://api.octo.ghe.com/graphql"},
		"https://git.example.com":  {"https://git.example.com/api/v3/", "https://git.example.com/api/graphql"},
		"http://127.0.0.1:8080/gh": {"http://127.0.0.1:8080/gh/api/v3/", "http://127.0.0.1:8080/gh/api/graphql"},
	} {
		rest, graphql, err := endpoints(base)
		if err != nil || rest.String() != want[0] || graphql.String() != want[1] {
			t.Errorf("%s: %s, %s, %v", base, rest, graphql, err)
		}
	}
}

// TestRemote: git clones and fetches with the token of the moment.
func TestRemote(t *testing.T) {
	for _, way := range []way{ways[0], ways[2]} {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t, way)
			w.repo.SetPrivate()
			pr := w.open("A")
			r, err := w.client.Remote(t.Context(), w.project)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(r.URL, r.Password) {
				t.Error("the password is in the URL")
			}
			url := strings.Replace(r.URL, "://", "://"+r.Username+":"+r.Password+"@", 1)
			out, err := gitrepotest.Try(t.TempDir(), "ls-remote", url, pr.Ref())
			if err != nil || !strings.Contains(out, pr.Head()) {
				t.Errorf("%v %s", err, out)
			}
			if out, err := gitrepotest.Try(t.TempDir(), "-c", "credential.helper=", "-c", "core.askPass=true", "ls-remote", r.URL); err == nil {
				t.Errorf("without a token: %s", out)
			}
		})
	}
}

// TestBots: an App has one name, in whatever way it is read.
func TestBots(t *testing.T) {
	for _, way := range ways[:2] {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t, way)
			pr := w.open("A")
			c := w.change(t, pr)
			if err := w.client.SetStatus(t.Context(), c, drivers.Status{Context: "acme/gate", State: "success"}); err != nil {
				t.Fatal(err)
			}
			if err := w.client.Review(t.Context(), c, "<!-- gozer: 1 -->", drivers.ReviewApprove, ""); err != nil {
				t.Fatal(err)
			}
			c = w.change(t, pr)
			us := w.App.Slug + "[bot]"
			if len(c.Statuses) != 1 || c.Statuses[0] != us+":acme/gate:success" || len(c.Approvals) != 1 || c.Approvals[0].By != us {
				t.Errorf("%v %v", c.Statuses, c.Approvals)
			}
		})
	}
}

// TestQueryTooLarge: a query that GitHub ends each time is asked in pieces.
func TestQueryTooLarge(t *testing.T) {
	for _, code := range []int{http.StatusBadGateway, http.StatusGatewayTimeout} {
		w := newWorld(t, ways[0])
		pr := w.open("A")
		w.Fault(fakegithub.Fault{Operation: "POST /graphql", Status: code})
		if c := w.change(t, pr); c.Title != "A" || c.Verdict == nil {
			t.Errorf("%d: %+v", code, c)
		}
	}
}
