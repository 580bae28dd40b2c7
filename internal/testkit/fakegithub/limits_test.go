package fakegithub

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const getPulls, getOne = "GET /repos/{owner}/{repo}/pulls", "GET /repos/{owner}/{repo}/pulls/{pull_number}"

func TestWhatDidNotChangeIsFree(t *testing.T) {
	s, _, p, c := start(t)
	first := c.get("/repos/acme/api/pulls").is(200)
	c.etag = first.header.Get("ETag")
	again := c.get("/repos/acme/api/pulls").is(304)
	if a, b := first.header.Get("X-RateLimit-Remaining"), again.header.Get("X-RateLimit-Remaining"); a != b || a == "" {
		t.Errorf("remaining %s, then %s", a, b)
	}
	p.Label("bob", "x")
	c.get("/repos/acme/api/pulls").is(200)
	if got := s.Requests()[getPulls]; got != 2 {
		t.Errorf("%d requests", got)
	}
	if got := s.Unchanged()[getPulls]; got != 1 {
		t.Errorf("%d unchanged", got)
	}
	s.ForgetRequests()
	if len(s.Requests()) != 0 {
		t.Error(s.Requests())
	}
}

func TestPages(t *testing.T) {
	_, r, _, c := start(t)
	for i := range 4 {
		r.Open(Opening{Title: fmt.Sprintf("Number %d", i+2), Files: map[string]string{fmt.Sprint(i): "x\n"}})
	}
	var got []string
	path := "/api/v3/repos/acme/api/pulls?state=all&sort=created&direction=asc&per_page=2"
	for pages := 0; path != "" && pages < 9; pages++ {
		a := c.get(path).is(200)
		for _, p := range a.list() {
			got = append(got, fmt.Sprint(p["number"]))
		}
		path = next(a.header, c.s.URL)
	}
	if strings.Join(got, " ") != "1 2 3 4 5" {
		t.Error(got)
	}
	last := c.get("/repos/acme/api/pulls?per_page=2&page=2").is(200).header.Get("Link")
	for _, rel := range []string{"prev", "next", "last", "first"} {
		if !strings.Contains(last, `rel="`+rel+`"`) {
			t.Errorf("no %s in %s", rel, last)
		}
	}
}

func TestPagesOfFiles(t *testing.T) {
	_, r, _, c := start(t)
	files := map[string]string{}
	for i := range 110 {
		files[fmt.Sprintf("dir/%03d", i)] = "x\n"
	}
	r.Open(Opening{Files: files})
	path, n := "/repos/acme/api/pulls/2/files?per_page=100", 0
	for path != "" {
		a := c.get(path).is(200)
		n += len(a.list())
		path = next(a.header, c.s.URL)
	}
	if n != 110 {
		t.Errorf("%d files", n)
	}
}

// next page's path, if there is one.
func next(h http.Header, base string) string {
	for _, l := range strings.Split(h.Get("Link"), ", ") {
		if url, ok := strings.CutSuffix(l, `>; rel="next"`); ok {
			return strings.TrimPrefix(strings.TrimPrefix(url, "<"), base)
		}
	}
	return ""
}

func TestCommentsSince(t *testing.T) {
	now := time.Now()
	_, _, p, c := start(t, func(o *Options) { o.Now = func() time.Time { return now } })
	p.Comment("eve", "old")
	now = now.Add(time.Minute)
	p.Comment("eve", "new")
	since := "?since=" + now.UTC().Format(time.RFC3339)
	for _, path := range []string{"/repos/acme/api/issues/1/comments", "/repos/acme/api/issues/comments"} {
		if got := c.get(path+since).is(200, "new").list(); len(got) != 1 {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestRequestsRunOut(t *testing.T) {
	now := time.Now()
	s, _, _, c := start(t, func(o *Options) { o.Now = func() time.Time { return now }; o.SearchLimit = 1 })
	s.installations[0].SetRemaining("core", 1, now.Add(time.Minute))
	c.get("/repos/acme/api").is(200)
	a := c.get("/repos/acme/api").is(403, "API rate limit exceeded")
	if a.header.Get("X-RateLimit-Remaining") != "0" || a.header.Get("X-RateLimit-Reset") == "" {
		t.Error(a.header)
	}
	c.get("/rate_limit").is(200, `"remaining":0`)
	c.get("/search/issues?q=is:pr").is(200)
	c.get("/search/issues?q=is:pr").is(403)
	now = now.Add(2 * time.Minute)
	c.token = asInstallation(t, s.installations[0]).token
	c.get("/repos/acme/api").is(200)
	c.get("/search/issues?q=is:pr").is(200)
}

func TestFaults(t *testing.T) {
	s, _, p, c := start(t)
	heal := s.Fault(Fault{Operation: getOne, Status: 502})
	c.get("/repos/acme/api/pulls/1").is(502)
	c.get("/repos/acme/api/pulls").is(200)
	heal()
	c.get("/repos/acme/api/pulls/1").is(200)

	s.Fault(Fault{Operation: getOne, Times: 1, Secondary: 429, RetryAfter: 3 * time.Second})
	if a := c.get("/repos/acme/api/pulls/1").is(429, "secondary rate limit"); a.header.Get("Retry-After") != "3" {
		t.Error(a.header)
	}
	s.Fault(Fault{Operation: getOne, Times: 1, Slow: 30 * time.Millisecond})
	began := time.Now()
	if c.get("/repos/acme/api/pulls/1").is(200); time.Since(began) < 30*time.Millisecond {
		t.Error("it was not slow")
	}
	s.Fault(Fault{Operation: "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge", Times: 1, Cut: true})
	if a := c.do("PUT", merge1, Object{}); a.status != -1 || p.State() != "merged" {
		t.Errorf("status %d of a cut connection, %s", a.status, p.State())
	}
	s.Fault(Fault{Times: 1, Primary: true})
	if a := c.get("/repos/acme/api/pulls/1").is(403, "API rate limit exceeded"); a.header.Get("X-RateLimit-Remaining") != "0" {
		t.Error(a.header)
	}
	s.Fault(Fault{Operation: getOne, Status: 500})
	s.Heal()
	s.RevokeTokens()
	c.get("/repos/acme/api/pulls/1").is(401, "Bad credentials")
}
