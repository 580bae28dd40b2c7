package gitea

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
	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakegitea"
)

var (
	project = model.Project{Connection: "code", Hostname: "git.example.com", Name: "acme/api"}
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func client(s *fakegitea.Server) *Client {
	return New(Config{URL: s.URL + "/", Token: fakegitea.Token})
}

func change(n int64, head string) model.Change {
	return model.Change{Project: project, Number: n, Head: head}
}

func reviewBy(user, state, commit string, after int, more func(*fakegitea.Review)) fakegitea.Review {
	r := fakegitea.Review{User: fakegitea.User{Login: user}, State: state, Commit: commit, Official: true, Submitted: noon.Add(time.Duration(after) * time.Minute)}
	if more != nil {
		more(&r)
	}
	return r
}

func TestChange(t *testing.T) {
	s := fakegitea.New(t)
	s.AddPull("acme/api", 12, fakegitea.Pull{Title: "Answer", Body: "Depends-On: x", Author: "ann", Head: "aaaa", Base: "main", Labels: []string{"b", "a"}, Reviews: []fakegitea.Review{
		reviewBy("bob", "REQUEST_CHANGES", "aaaa", 1, nil),
		reviewBy("bob", "APPROVED", "aaaa", 2, nil),
		reviewBy("bob", "COMMENT", "aaaa", 3, nil), // a comment takes no verdict back
		reviewBy("cid", "APPROVED", "old", 4, nil), // of another head
		reviewBy("dan", "APPROVED", "aaaa", 5, func(r *fakegitea.Review) { r.Official = false }),
		reviewBy("eve", "APPROVED", "aaaa", 6, func(r *fakegitea.Review) { r.Dismissed = true }),
		reviewBy("fay", "PENDING", "aaaa", 7, nil),
		reviewBy("gil", "COMMENT", "aaaa", 8, nil),
	}})
	got, err := client(s).Change(t.Context(), project, 12)
	if err != nil {
		t.Fatal(err)
	}
	want := model.Change{
		Project: project, Number: 12, Patchset: "aaaa", Head: "aaaa", Ref: "refs/pull/12/head", Branch: "main", URL: s.URL + "/acme/api/pulls/12",
		Title: "Answer", Message: "Depends-On: x", Author: "ann", Open: true, Labels: []string{"a", "b"},
		Approvals: []model.Approval{
			{By: "bob", Type: "approved", Permission: "write", SubmittedAt: noon.Add(2 * time.Minute)},
			{By: "dan", Type: "approved", Permission: "read", SubmittedAt: noon.Add(5 * time.Minute)},
			{By: "gil", Type: "comment", Permission: "write", SubmittedAt: noon.Add(8 * time.Minute)},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GET /api/v1/repos/acme/api/pulls/12", "GET /api/v1/repos/acme/api/pulls/12/reviews?limit=50&page=1"}, s.Requests()); diff != "" {
		t.Errorf("requests: %s", diff)
	}
}

func TestStateOfChange(t *testing.T) {
	for name, tc := range map[string]struct {
		pull                fakegitea.Pull
		open, draft, merged bool
		commit              string
	}{
		"open":    {fakegitea.Pull{}, true, false, false, ""},
		"closed":  {fakegitea.Pull{Closed: true}, false, false, false, ""},
		"draft":   {fakegitea.Pull{Draft: true}, true, true, false, ""},
		"WIP":     {fakegitea.Pull{Title: "wip: x"}, true, true, false, ""},
		"[WIP]":   {fakegitea.Pull{Title: "[WIP] x"}, true, true, false, ""},
		"not WIP": {fakegitea.Pull{Title: "wipe: x"}, true, false, false, ""},
		"merged":  {fakegitea.Pull{Merged: true, MergeCommit: "c"}, false, false, true, "c"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakegitea.New(t)
			s.AddPull("acme/api", 1, tc.pull)
			c, err := client(s).Change(t.Context(), project, 1)
			if err != nil || c.Open != tc.open || c.Draft != tc.draft || c.Merged != tc.merged || c.MergeCommit != tc.commit {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

// TestReviewsOnManyPages: the last verdict may be on any page, and a host may have smaller pages than are asked for.
func TestReviewsOnManyPages(t *testing.T) {
	for name, tc := range map[string]struct {
		size     int
		mute     bool
		reviews  int
		requests int
	}{
		"one full page":       {50, false, 50, 1},
		"three pages":         {50, false, 120, 3},
		"small pages":         {20, false, 45, 3},
		"none":                {50, false, 0, 1},
		"no total":            {50, true, 60, 2},
		"no total, full page": {50, true, 50, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakegitea.New(t)
			s.PageSize, s.Mute = tc.size, tc.mute
			p := fakegitea.Pull{Head: "aaaa"}
			for i := range tc.reviews {
				p.Reviews = append(p.Reviews, reviewBy(fmt.Sprintf("user-%03d", i), "APPROVED", "aaaa", i, nil))
			}
			s.AddPull("acme/api", 1, p)
			c, err := client(s).Change(t.Context(), project, 1)
			if err != nil || len(c.Approvals) != tc.reviews {
				t.Errorf("%d approvals, %v", len(c.Approvals), err)
			}
			if n := len(s.Requests()) - 1; n != tc.requests {
				t.Errorf("%d requests, want %d", n, tc.requests)
			}
		})
	}
}

func TestNoSuchChange(t *testing.T) {
	_, err := client(fakegitea.New(t)).Change(t.Context(), project, 1)
	if !errors.Is(err, drivers.ErrNotFound) || !strings.Contains(err.Error(), "acme/api#1") {
		t.Errorf("got %v", err)
	}
}

func TestWhoami(t *testing.T) {
	s := fakegitea.New(t)
	account, version, err := client(s).Whoami(t.Context())
	if account != fakegitea.Account || version != "1.26.0" || err != nil {
		t.Errorf("%s %s %v", account, version, err)
	}
	_, _, err = New(Config{URL: s.URL, Token: "wrong"}).Whoami(t.Context())
	if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v", err)
	}
}

func TestSetStatus(t *testing.T) {
	s := fakegitea.New(t)
	status := drivers.Status{Context: "acme/gate", State: "pending", Description: "jobs are running", URL: "https://gozer.example.com/x"}
	for range 2 {
		if err := client(s).SetStatus(t.Context(), change(1, "aaaa"), status); err != nil {
			t.Fatal(err)
		}
	}
	one := fakegitea.Status{Context: "acme/gate", State: "pending", Description: "jobs are running", TargetURL: "https://gozer.example.com/x"}
	if diff := cmp.Diff([]fakegitea.Status{one, one}, s.Statuses("acme/api", "aaaa")); diff != "" {
		t.Error(diff)
	}
	status.State = "gone"
	if err := client(s).SetStatus(t.Context(), change(1, "aaaa"), status); err == nil || !strings.Contains(err.Error(), "invalid state gone") {
		t.Errorf("got %v", err)
	}
}

func TestCommentOnce(t *testing.T) {
	s := fakegitea.New(t)
	s.AddPull("acme/api", 1, fakegitea.Pull{Comments: []string{"hello", "<!-- gozer: other SUCCESS -->"}})
	for range 2 {
		if err := client(s).Comment(t.Context(), change(1, "aaaa"), "<!-- gozer: bs-1 FAILURE -->", "failed\n<!-- gozer: bs-1 FAILURE -->"); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Pull("acme/api", 1).Comments; len(got) != 3 || !strings.HasPrefix(got[2], "failed") {
		t.Errorf("comments: %q", got)
	}
}

func TestMerge(t *testing.T) {
	for mode, want := range map[string]string{"merge": "merge", "merge-ort": "merge", "squash-merge": "squash", "rebase": "rebase", "cherry-pick": "rebase"} {
		t.Run(mode, func(t *testing.T) {
			s := fakegitea.New(t)
			s.AddPull("acme/api", 1, fakegitea.Pull{Head: "aaaa"})
			if err := client(s).Merge(t.Context(), change(1, "aaaa"), mode, "Gated by acme/gate"); err != nil {
				t.Fatal(err)
			}
			if p := s.Pull("acme/api", 1); !p.Merged || p.MergedAs != want || p.MergeMessage != "Gated by acme/gate" {
				t.Errorf("%+v", p)
			}
			if got := s.Requests(); len(got) != 1 {
				t.Errorf("requests: %v", got)
			}
		})
	}
}

func TestMergeIsRefused(t *testing.T) {
	refused := func(reason string) func(error) bool {
		return func(err error) bool {
			var e *drivers.RefusedError
			return errors.As(err, &e) && strings.Contains(e.Reason, reason)
		}
	}
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	other := func(err error) bool {
		var e *drivers.RefusedError
		return err != nil && !errors.As(err, &e) && !errors.Is(err, drivers.ErrTryLater) && !errors.Is(err, drivers.ErrHeadMoved)
	}
	refuse := func(code int, message string) fakegitea.Pull {
		return fakegitea.Pull{Head: "aaaa", Refuse: &fakegitea.Refusal{Code: code, Message: message}}
	}
	for name, tc := range map[string]struct {
		pull fakegitea.Pull
		mode string
		want func(error) bool
	}{
		"head moved":        {fakegitea.Pull{Head: "bbbb"}, "merge", is(drivers.ErrHeadMoved)},
		"being checked":     {refuse(405, "Please try again later"), "merge", is(drivers.ErrTryLater)},
		"branch moved":      {refuse(409, "merge push out of date"), "merge", is(drivers.ErrTryLater)},
		"protected":         {refuse(405, "not ready to merge: does not have enough approvals"), "merge", refused("enough approvals")},
		"no permission":     {refuse(405, "User not allowed to merge PR"), "merge", refused("not allowed")},
		"style not allowed": {refuse(405, "squash is not allowed an allowed merge style for this repository"), "squash-merge", refused("merge style")},
		"a hook says no":    {refuse(409, "PushRejected with remote message: no"), "merge", refused("no")},
		"forbidden":         {refuse(403, "token does not have the scope"), "merge", refused("scope")},
		"archived":          {refuse(423, "repository is archived"), "merge", refused("archived")},
		"conflict": {fakegitea.Pull{Head: "aaaa", Refuse: &fakegitea.Refusal{Code: 409, Raw: `{"Style":"merge","StdOut":"CONFLICT (content): x","StdErr":"","Err":{}}`}},
			"merge", refused("conflicts with its branch")},
		"draft":             {fakegitea.Pull{Head: "aaaa", Draft: true}, "merge", refused("Work in progress")},
		"merged already":    {fakegitea.Pull{Head: "aaaa", Merged: true}, "merge", refused("already merged")},
		"closed":            {fakegitea.Pull{Head: "aaaa", Closed: true}, "merge", refused("closed")},
		"unknown mode":      {fakegitea.Pull{Head: "aaaa"}, "octopus", refused("octopus")},
		"server error":      {refuse(500, "database is locked"), "merge", other},
		"behind a proxy":    {refuse(502, "bad gateway"), "merge", other},
		"too many requests": {refuse(429, "slow down"), "merge", other},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakegitea.New(t)
			s.AddPull("acme/api", 1, tc.pull)
			if err := client(s).Merge(t.Context(), change(1, "aaaa"), tc.mode, "m"); !tc.want(err) {
				t.Errorf("got %T %v", err, err)
			}
			if got := s.Pull("acme/api", 1); got.Merged != tc.pull.Merged {
				t.Error("it was merged")
			}
		})
	}
}

func TestMergeAtAnyHeadIsNotAsked(t *testing.T) {
	s := fakegitea.New(t)
	s.AddPull("acme/api", 1, fakegitea.Pull{Head: "aaaa"})
	if err := client(s).Merge(t.Context(), change(1, ""), "merge", "m"); err == nil || s.Pull("acme/api", 1).Merged {
		t.Errorf("a change without a head was merged: %v", err)
	}
}

func TestAnswersThatAreNoJSON(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/version") {
			http.Error(w, strings.Repeat("<html>\xff", 1000), http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, "<html>") //nolint:errcheck // a test
	}))
	t.Cleanup(s.Close)
	c := New(Config{URL: s.URL})
	if _, _, err := c.Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), "not JSON") {
		t.Errorf("got %v", err)
	}
	err := c.do(t.Context(), http.MethodGet, "/version", nil, nil)
	if err == nil || len(err.Error()) > 2*maxMessage {
		t.Errorf("a long error: %v", err)
	}
}

func TestURLs(t *testing.T) {
	c := New(Config{URL: "http://gitea.svc:3000/", WebURL: "https://git.example.com/forge/", Token: "t"})
	for url, want := range map[string]string{
		"https://git.example.com/forge/acme/api/pulls/12":                   "acme/api#12",
		"https://git.example.com/forge/acme/api/pulls/12/":                  "acme/api#12",
		"http://gitea.svc:3000/acme/api/pulls/3":                            "acme/api#3",
		"https://git.example.com/acme/api/pulls/12":                         "",
		"https://git.example.com/forge/acme/api/issues/12":                  "",
		"https://git.example.com/forge/acme/api/pulls/12/x":                 "",
		"https://evil.example/https://gitea.svc/a/b/pulls/1":                "",
		"https://git.example.com/forge/acme/api/pulls/99999999999999999999": "",
	} {
		project, number, ok := c.ParseURL(url)
		got := fmt.Sprintf("%s#%d", project, number)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s, %v", url, got, ok)
		}
	}
	want := gitrepo.Remote{URL: "http://gitea.svc:3000/acme/api.git", Username: "gozer", Password: "t"}
	got, err := c.Remote(t.Context(), project)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
