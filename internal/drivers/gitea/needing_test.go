package gitea

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakegitea"
)

func needs(s *fakegitea.Server, number int64) string {
	return fmt.Sprintf("Text.\n\nDepends-On: %s/acme/api/pulls/%d\n", s.URL, number)
}

// found names changes: "acme/api#12".
func found(t *testing.T, c *Client, among []model.Project, at time.Time) []string {
	t.Helper()
	changes, err := c.Needing(t.Context(), change(1, "aaaa"), among, at)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range changes {
		out = append(out, fmt.Sprintf("%s#%d", x.Project.Name, x.Number))
	}
	return out
}

func TestNeeding(t *testing.T) {
	s := fakegitea.New(t)
	web := model.Project{Connection: "code", Hostname: "git.example.com", Name: "acme/web"}
	s.AddPull("acme/api", 1, fakegitea.Pull{Body: "needs nothing"})
	s.AddPull("acme/web", 2, fakegitea.Pull{Title: "WIP: two", Body: needs(s, 1)})
	s.AddPull("acme/api", 3, fakegitea.Pull{Body: needs(s, 1), Closed: true})
	s.AddPull("acme/other", 4, fakegitea.Pull{Body: needs(s, 1)})
	s.AddPull("strangers/api", 5, fakegitea.Pull{Body: needs(s, 1)})
	s.AddPull("acme/api", 6, fakegitea.Pull{Body: needs(s, 1)})
	got, err := client(s).Needing(t.Context(), change(1, "aaaa"), []model.Project{project, web}, noon)
	if err != nil {
		t.Fatal(err)
	}
	want := []model.Change{
		{Project: web, Number: 2, URL: s.URL + "/acme/web/pulls/2", Title: "WIP: two", Message: needs(s, 1), Open: true, Draft: true},
		{Project: project, Number: 6, URL: s.URL + "/acme/api/pulls/6", Message: needs(s, 1), Open: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GET /api/v1/repos/issues/search?type=pulls&state=open&owner=acme&limit=50&page=1"}, s.Requests()); diff != "" {
		t.Error(diff)
	}
}

// TestNeedingIsReadOnce: a list serves all that happened before it was read.
func TestNeedingIsReadOnce(t *testing.T) {
	s := fakegitea.New(t)
	now := noon
	c := New(Config{URL: s.URL, Token: fakegitea.Token, Now: func() time.Time { return now }})
	among := []model.Project{project}
	s.AddPull("acme/api", 2, fakegitea.Pull{Body: needs(s, 1)})
	for range 3 {
		found(t, c, among, noon.Add(-time.Second))
	}
	if got := s.Requests(); len(got) != 1 {
		t.Errorf("%d requests: %v", len(got), got)
	}
	s.AddPull("acme/api", 3, fakegitea.Pull{Body: needs(s, 1)})
	now = noon.Add(2 * time.Second)
	if diff := cmp.Diff([]string{"acme/api#2", "acme/api#3"}, found(t, c, among, noon.Add(time.Second))); diff != "" {
		t.Error(diff)
	}
}

// TestNeedingOnManyPages: pages are bounded; where there are too many, those with
// the change's path in their text are asked for.
func TestNeedingOnManyPages(t *testing.T) {
	for name, tc := range map[string]struct {
		pulls, size, requests, found int
		mute                         bool
	}{
		"one page":                {10, 50, 1, 10, false},
		"three pages":             {120, 50, 3, 120, false},
		"small pages":             {45, 20, 3, 45, false},
		"no total":                {60, 50, 2, 60, true},
		"too many":                {maxPages*pullsPerPage + 1, 50, 1 + maxPages, maxPages * pullsPerPage, false},
		"too many, and no total":  {maxPages*pullsPerPage + 1, 50, 2 * maxPages, maxPages * pullsPerPage, true},
		"too many in small pages": {maxPages*20 + 1, 20, 2 * maxPages, maxPages * 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakegitea.New(t)
			s.PageSize, s.Mute = tc.size, tc.mute
			for n := range tc.pulls {
				s.AddPull("acme/api", int64(n+2), fakegitea.Pull{Body: needs(s, 1)})
			}
			if got := found(t, client(s), []model.Project{project}, noon); len(got) != tc.found {
				t.Errorf("%d changes, want %d", len(got), tc.found)
			}
			if got := s.Requests(); len(got) != tc.requests {
				t.Errorf("%d requests, want %d", len(got), tc.requests)
			}
		})
	}
}

// TestNeedingAmongVeryMany: words are asked for, and what they find is the same.
func TestNeedingAmongVeryMany(t *testing.T) {
	s := fakegitea.New(t)
	s.AddPull("acme/api", 2, fakegitea.Pull{Body: needs(s, 1)})
	for n := range maxPages*pullsPerPage + 1 {
		s.AddPull("acme/api", int64(n+10), fakegitea.Pull{Body: needs(s, 7)})
	}
	if diff := cmp.Diff([]string{"acme/api#2"}, found(t, client(s), []model.Project{project}, noon)); diff != "" {
		t.Error(diff)
	}
	if got := s.Requests(); len(got) != 2 {
		t.Errorf("%d requests", len(got))
	}
}
