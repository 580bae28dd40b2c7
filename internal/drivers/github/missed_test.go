package github

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
)

// poll gives what a poll found.
func (w *world) poll(t *testing.T, projects []model.Project, since time.Time) (events []model.TriggerEvent, until time.Time, err error) {
	t.Helper()
	until, err = w.client.Missed(t.Context(), projects, since, func(e drivers.MissedEvent) error {
		if byWebhook := !strings.HasPrefix(e.Name, "polled") && !strings.HasPrefix(e.Name, "closed") && !strings.HasPrefix(e.Name, "push"); byWebhook && !e.Exact {
			t.Errorf("%s has the name of its webhook, and does not say so", e.Name)
		}
		events = append(events, e.TriggerEvent)
		return nil
	})
	return events, until, err
}

func (w *world) missed(t *testing.T, since time.Time) []model.TriggerEvent {
	t.Helper()
	events, until, err := w.poll(t, []model.Project{w.project}, since)
	if err != nil {
		t.Fatal(err)
	}
	if until.Before(since) || until.After(w.clock.now()) {
		t.Errorf("complete until %s, asked since %s, it is %s", until, since, w.clock.now())
	}
	return events
}

// TestPolled: everything that happens between two polls is found.
func TestPolled(t *testing.T) {
	for _, way := range ways[2:] {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t, way)
			kept := w.open("kept")
			kept.Label("bob", "old")
			leaving := w.open("leaving")
			start := w.clock.now()
			w.clock.pass(time.Hour)
			if got := w.missed(t, w.clock.now()); len(got) != 0 {
				t.Errorf("at first: %v", happened(got))
			}
			since := w.clock.now()
			w.clock.pass(2 * time.Minute)
			kept.Push("more", map[string]string{"more": "1\n"})
			kept.Unlabel("bob", "old")
			kept.Label("bob", "new")
			kept.Comment("bob", "recheck")
			kept.Comment("gozer", "done <!-- gozer: x -->")
			review := kept.Review("bob", "APPROVED", "")
			leaving.Close("ann")
			w.repo.CreateBranch("root", "stable", "main")
			w.repo.Push("root", "main", "directly", map[string]string{"direct": "1\n"})
			w.open("new one")
			w.clock.pass(time.Minute)
			got := w.missed(t, since)
			want := []string{
				"pull_request changed", "pull_request closed", "pull_request comment  recheck", "pull_request labeled new", "pull_request opened",
				"pull_request unlabeled old", "pull_request_review submitted   approved", "push     refs/heads/main", "push     refs/heads/stable", "push     refs/heads/topic-1", "push     refs/heads/topic-3",
			}
			if diff := cmp.Diff(want, happened(got)); diff != "" {
				t.Error(diff)
			}
			for _, e := range got {
				if e.Event == "pull_request_review" && e.Name != reviewIdentity(review.ID, "submitted") {
					t.Errorf("the review is named %q", e.Name)
				}
			}
			w.clock.pass(3 * time.Minute)
			if got := w.missed(t, w.clock.now().Add(-time.Minute)); len(got) != 0 {
				t.Errorf("when nothing happened: %v", happened(got))
			}
			// After a restart nothing is known: what changed since is looked at.
			w.connect(t, w.client.cfg)
			if got := w.missed(t, start.Add(time.Hour)); len(got) != 4 {
				t.Errorf("after a restart: %v", happened(got))
			}
		})
	}
}

// TestUndelivered: webhooks of an App that did not arrive are read from GitHub.
func TestUndelivered(t *testing.T) {
	w := newWorld(t, ways[0])
	down := true
	endpoint := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if down {
			rw.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(endpoint.Close)
	w.SetWebhook(endpoint.URL, "s3cr3t")
	since := w.clock.now()
	w.clock.pass(time.Second)
	pr := w.open("A")
	pr.Comment("bob", "recheck")
	w.Settle()
	down = false
	pr.Review("bob", "APPROVED", "yes")
	w.Settle()
	w.clock.pass(2 * time.Minute)
	got := w.missed(t, since)
	var polled, told []model.TriggerEvent
	for _, e := range got {
		if strings.HasPrefix(e.Name, "polled") || strings.HasPrefix(e.Name, "push") || e.Event == "pull_request_review" {
			polled = append(polled, e) // the poll finds these, too
			continue
		}
		told = append(told, e)
	}
	for _, want := range []string{"pull_request opened", "pull_request comment  recheck"} {
		found := false
		for _, h := range happened(told) {
			found = found || h == want
		}
		if !found {
			t.Errorf("no %q in %v (polled: %v)", want, happened(told), happened(polled))
		}
	}
}

// TestManyUndelivered: more than are read again at a time are read bit by bit.
func TestManyUndelivered(t *testing.T) {
	w := newWorld(t, ways[0])
	endpoint := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(endpoint.Close)
	pr := w.open("A")
	since := w.clock.now()
	w.missed(t, since)
	w.SetWebhook(endpoint.URL, "s3cr3t")
	for n := range maxRecovered + 50 {
		if n%50 == 0 {
			w.clock.pass(time.Second)
		}
		pr.Comment("bob", fmt.Sprintf("say %d", n))
	}
	w.Settle()
	w.clock.pass(2 * time.Minute)
	said := map[string]bool{}
	for range 2 {
		events, until, err := w.poll(t, []model.Project{w.project}, since)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			said[e.Comment] = true
		}
		if !until.After(since) {
			t.Fatalf("no nearer: until %s", until)
		}
		since = until
	}
	if len(said) < maxRecovered+50 || since.Before(w.clock.now().Add(-lag)) {
		t.Errorf("%d of %d, until %s", len(said), maxRecovered+50, since)
	}
}

// TestMissedFails: what cannot be read now is given next time.
func TestMissedFails(t *testing.T) {
	w := newWorld(t, ways[2])
	w.open("A")
	since := w.clock.now()
	w.clock.pass(time.Minute)
	heal := w.Fault(fakegithub.Fault{Operation: "GET /repos/{owner}/{repo}/pulls", Status: http.StatusBadGateway})
	_, until, err := w.poll(t, []model.Project{w.project}, since)
	if err == nil || !until.Equal(since) {
		t.Errorf("%v, %s", err, until)
	}
	heal()
	if got := w.missed(t, since); len(got) != 1 {
		t.Errorf("%v", happened(got))
	}
	// A repository that is kept from us holds nobody up, and is told of.
	gone := model.Project{Name: "acme/none"}
	since = w.clock.now()
	w.clock.pass(2 * time.Minute)
	w.open("B")
	events, until, err := w.poll(t, []model.Project{gone, w.project}, since)
	if err == nil || !strings.Contains(err.Error(), "acme/none") || !until.After(since) || len(events) == 0 {
		t.Errorf("%v %s %v", err, until, happened(events))
	}
}

// TestNotTaken: what was found and not stored is found again; also when only a
// comparison with what was seen before tells it.
func TestNotTaken(t *testing.T) {
	w := newWorld(t, ways[2])
	kept, leaving := w.open("kept"), w.open("leaving")
	w.missed(t, w.clock.now())
	since := w.clock.now()
	w.clock.pass(2 * time.Minute)
	kept.Label("bob", "gate")
	leaving.Close("ann")
	w.repo.Push("root", "main", "directly", map[string]string{"direct": "1\n"})
	var first []string
	for left := range 4 {
		n := 0
		until, err := w.client.Missed(t.Context(), []model.Project{w.project}, since, func(drivers.MissedEvent) error {
			if n++; n > left {
				return errors.New("the API server is away")
			}
			return nil
		})
		if err == nil && left < 3 || !until.Equal(since) && left < 3 {
			t.Errorf("%d taken: %v, until %s", left, err, until)
		}
		if left == 2 {
			events, _, _ := w.poll(t, []model.Project{w.project}, since)
			first = happened(events)
		}
	}
	if want := []string{"pull_request closed", "pull_request labeled gate", "push     refs/heads/main"}; cmp.Diff(want, first) != "" {
		t.Error(cmp.Diff(want, first))
	}
	if got := w.missed(t, since); len(got) != 0 {
		t.Errorf("taken, and found again: %v", happened(got))
	}
}

// TestOneFails: what cannot be read of one repository keeps nothing of another, and
// of the other nothing comes again when the first can be read.
func TestOneFails(t *testing.T) {
	w := newWorld(t, ways[2])
	web := w.CreateRepo("acme/web", map[string]string{"a": "1"})
	web.Permission("gozer", "admin")
	other := model.Project{Name: "acme/web"}
	both := []model.Project{w.project, other}
	since := w.clock.now()
	w.poll(t, both, since)
	w.clock.pass(2 * time.Minute)
	w.open("A")
	web.Open(fakegithub.Opening{Title: "B", Files: map[string]string{"b": "1\n"}}).Comment("bob", "recheck")
	w.clock.pass(3 * time.Minute)
	heal := w.Fault(fakegithub.Fault{Operation: "GET /repos/{owner}/{repo}/pulls", Status: http.StatusBadGateway, Times: 1})
	events, until, err := w.poll(t, both, since)
	if err == nil || !strings.Contains(err.Error(), "acme/api") || until.After(since) {
		t.Errorf("%v, until %s", err, until)
	}
	if got := fmt.Sprint(happened(events)); !strings.Contains(got, "recheck") {
		t.Errorf("of the other: %s", got)
	}
	heal()
	w.clock.pass(5 * time.Minute)
	events, until, err = w.poll(t, both, until)
	if err != nil || until.Before(w.clock.now().Add(-lag)) {
		t.Errorf("%v, until %s", err, until)
	}
	if got := fmt.Sprint(happened(events)); !strings.Contains(got, "opened") || strings.Contains(got, "recheck") {
		t.Errorf("after that: %s", got)
	}
}

func TestHaving(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		pr := w.repo.Open(fakegithub.Opening{Title: "A", Fork: "ann", Files: map[string]string{"a": "1\n"}})
		first := pr.Head()
		got, err := w.client.Having(t.Context(), w.project, first)
		if err != nil || len(got) != 1 || got[0] != int64(pr.Number) {
			t.Errorf("%v %v", got, err)
		}
		// Statuses that were received before that cost nothing; one that comes later
		// may be of a pull request that was opened since.
		w.requests()
		if _, err := w.client.Having(drivers.AsOf(t.Context(), w.clock.now().Add(-time.Minute)), w.project, first); err != nil || total(w.requests()) != 0 {
			t.Errorf("asked again, %v", err)
		}
		w.repo.CreateBranch("root", "early", "main")
		w.repo.Push("root", "early", "early", map[string]string{"early": "1\n"})
		early := w.repo.Head("early")
		if got, err := w.client.Having(t.Context(), w.project, early); err != nil || len(got) != 0 {
			t.Errorf("before it was opened: %v %v", got, err)
		}
		late := w.repo.Open(fakegithub.Opening{Title: "C", Branch: "early"})
		w.clock.pass(time.Minute)
		if got, err := w.client.Having(drivers.AsOf(t.Context(), w.clock.now()), w.project, early); err != nil || len(got) != 1 || got[0] != int64(late.Number) {
			t.Errorf("opened since: %v %v", got, err)
		}
		pr.Push("more", map[string]string{"more": "1\n"})
		w.clock.pass(time.Minute)
		if got, err := w.client.Having(drivers.AsOf(t.Context(), w.clock.now()), w.project, first); err != nil || len(got) != 0 {
			t.Errorf("when it has another head: %v %v", got, err)
		}
		if got, err := w.client.Having(t.Context(), w.project, strings.Repeat("a", 40)); err != nil || len(got) != 0 {
			t.Errorf("of a commit that is not there: %v %v", got, err)
		}
		if got, err := w.client.Having(t.Context(), w.project, w.repo.Head("main")); err != nil || len(got) != 0 {
			t.Errorf("of main: %v %v", got, err)
		}
	})
}

// TestNeeding: who depends on a change is found by one search for many.
func TestNeeding(t *testing.T) {
	inAllWays(t, func(t *testing.T, w *world) {
		web := w.CreateRepo("acme/web", map[string]string{"a": "1"})
		needs := web.Open(fakegithub.Opening{Title: "B", Body: "Depends-On: " + w.URL + "/acme/api/pull/1", Files: map[string]string{"b": "1"}})
		web.Open(fakegithub.Opening{Title: "C", Body: "it does not say Depends-On in a line", Files: map[string]string{"c": "1"}})
		web.Open(fakegithub.Opening{Title: "D", Files: map[string]string{"d": "1"}}).Close("ann")
		c := w.change(t, w.open("A"))
		among := []model.Project{w.project, {Hostname: "github.com", Name: "acme/web"}}
		at := w.clock.now()
		w.clock.pass(time.Second)
		w.requests()
		for range 10 {
			got, err := w.client.Needing(t.Context(), c, among, at)
			if err != nil || len(got) != 1 || got[0].URL != w.URL+"/acme/web/pull/1" || got[0].Message == "" || got[0].Number != int64(needs.Number) {
				t.Fatalf("%+v %v", got, err)
			}
		}
		if n := w.requests(); total(n) > 2 { // with a look for GraphQL
			t.Errorf("%v", n)
		}
		w.clock.pass(time.Second)
		needs.Edit("ann", "B", "no more")
		if got, err := w.client.Needing(t.Context(), c, among, w.clock.now()); err != nil || len(got) != 0 {
			t.Errorf("%+v %v", got, err)
		}
	})
}

// TestAway: GitHub is away for half an hour, and back.
func TestAway(t *testing.T) {
	w := newWorld(t, ways[0])
	pr := w.open("A")
	c := w.change(t, pr)
	heal := w.Fault(fakegithub.Fault{Status: http.StatusServiceUnavailable})
	var no *drivers.RefusedError
	for range 60 {
		w.clock.pass(30 * time.Second)
		if _, err := w.client.Change(t.Context(), w.project, 1); err == nil || errors.Is(err, drivers.ErrNotFound) {
			t.Fatal(err)
		}
		if err := w.client.SetStatus(t.Context(), c, drivers.Status{Context: "x", State: "success"}); err == nil || errors.As(err, &no) {
			t.Fatal(err)
		}
		if err := w.client.Merge(t.Context(), c, "merge", ""); err == nil || errors.As(err, &no) || errors.Is(err, drivers.ErrHeadMoved) {
			t.Fatal(err)
		}
	}
	heal()
	w.change(t, pr)
	if err := w.client.Merge(t.Context(), c, "merge", ""); err != nil {
		t.Error(err)
	}
}
