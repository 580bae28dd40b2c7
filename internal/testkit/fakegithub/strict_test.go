package fakegithub

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What GitHub does not know is refused, and the test is told.
func TestMistakesAreRefusedAndTold(t *testing.T) {
	for name, tc := range map[string]struct {
		method, path string
		body         any
		status       int
		words, told  string
	}{
		"no such path":              {"GET", "/repos/acme/api/mergerequests", nil, 404, "Not Found", "GitHub has no GET"},
		"a path the fake lacks":     {"GET", "/repos/acme/api/topics", nil, 404, "Not Found", "the fake has no"},
		"no such parameter":         {"GET", "/repos/acme/api/pulls?status=open", nil, 422, "status", "no parameter"},
		"a bad value":               {"GET", "/repos/acme/api/pulls?state=merged", nil, 422, "state", "state=merged"},
		"a property too many":       {"PUT", merge1, Object{"method": "squash"}, 422, "Invalid request", "method"},
		"a bad method":              {"PUT", merge1, Object{"merge_method": "fast-forward"}, 422, "Invalid request", "merge_method"},
		"a bad type":                {"POST", "/repos/acme/api/issues/1/comments", Object{"body": 1}, 422, "Invalid request", "body"},
		"a missing property":        {"POST", "/repos/acme/api/issues/1/comments", Object{}, 422, "Invalid request", "body"},
		"a body that is none":       {"POST", "/repos/acme/api/issues/1/comments", "{", 400, "Problems parsing JSON", "parsing"},
		"a body where none is":      {"GET", "/repos/acme/api", Object{}, 422, "Invalid request", "body"},
		"a bad state of a status":   {"POST", "/repos/acme/api/statuses/HEAD", Object{"state": "running"}, 422, "Invalid request", "state"},
		"a long summary":            {"POST", "/repos/acme/api/check-runs", Object{"name": "a", "head_sha": "HEAD", "output": Object{"title": "t", "summary": strings.Repeat("x", 65536)}}, 422, "Invalid request", "summary"},
		"too many annotations":      {"POST", "/repos/acme/api/check-runs", Object{"name": "a", "head_sha": "HEAD", "output": Object{"title": "t", "summary": "s", "annotations": annotations(51)}}, 422, "Invalid request", "annotations"},
		"a bad level":               {"POST", "/repos/acme/api/check-runs", Object{"name": "a", "head_sha": "HEAD", "output": Object{"title": "t", "summary": "s", "annotations": []Object{{"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "error", "message": "m"}}}}, 422, "Invalid request", "annotation_level"},
		"a search by what is not":   {"GET", "/search/issues?q=is:pr+mood:good", nil, 422, "Validation Failed", "mood"},
		"a verdict that is not one": {"POST", "/repos/acme/api/pulls/1/reviews", Object{"event": "APPROVED"}, 422, "Invalid request", "event"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, p, c := start(t, lenient)
			tc.path = strings.ReplaceAll(tc.path, "HEAD", p.Head())
			c.do(tc.method, tc.path, tc.body).is(tc.status, tc.words)
			if told := strings.Join(s.Wrong(), "\n"); !strings.Contains(told, tc.told) {
				t.Errorf("the test was told %q, want %q", told, tc.told)
			}
		})
	}
}

func annotations(n int) []Object {
	var out []Object
	for i := range n {
		out = append(out, Object{"path": "a.txt", "start_line": i + 1, "end_line": i + 1, "annotation_level": "failure", "message": "m"})
	}
	return out
}

// What GitHub knows and refuses all the same is no mistake of who asks.
func TestRefusals(t *testing.T) {
	_, _, p, c := start(t)
	statuses := "/repos/acme/api/statuses/" + p.Head()
	c.do("POST", statuses, Object{"state": "success", "description": strings.Repeat("é", 141)}).is(422, "description is too long (maximum is 140 characters)", `"errors"`)
	c.do("POST", statuses, Object{"state": "success", "target_url": "ftp://x"}).is(422, "http(s)")
	c.do("POST", "/repos/acme/api/statuses/"+strings.Repeat("1", 40), Object{"state": "success"}).is(422, "No commit found for SHA")
	c.do("POST", "/repos/acme/api/check-runs", Object{"name": "a", "head_sha": p.Head(), "status": "completed"}).is(422, "conclusion")
	c.do("POST", "/repos/acme/api/check-runs", Object{"name": "a", "head_sha": p.Head(), "output": Object{"title": "t", "summary": ""}}).is(422, "summary")
	c.do("POST", "/repos/acme/api/issues/1/comments", Object{"body": " "}).is(422)
	c.do("POST", "/repos/acme/api/pulls/1/reviews", Object{"event": "REQUEST_CHANGES"}).is(422)
	c.do("DELETE", "/repos/acme/api/issues/1/labels/none", nil).is(404, "Label does not exist")
	c.get("/repos/acme/api/pulls/9").is(404)
	c.get("/repos/acme/api/branches/main/protection").is(404, "Branch not protected")
	c.get("/repos/acme/api/branches/none").is(404, "Branch not found")
}

func TestWhoAsksMustSayWhoItIs(t *testing.T) {
	_, _, _, c := start(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", c.s.URL+"/repos/acme/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "")
	out, err := http.DefaultClient.Do(r)
	if err != nil || out.StatusCode != 403 {
		t.Errorf("%v, %v", out, err)
	}
	r.Header.Set("User-Agent", "test")
	r.Header.Set("Accept", "text/html")
	if out, err = http.DefaultClient.Do(r); err != nil || out.StatusCode != 415 {
		t.Errorf("%v, %v", out, err)
	}
}

func TestStatusesOfOneContextEnd(t *testing.T) {
	s, r, p, c := start(t)
	r.edit(func() {
		for range 1000 {
			r.statuses[p.head] = append(r.statuses[p.head], &Status{ID: s.id(), Context: "gate", State: "pending", Creator: "bob"})
		}
	})
	c.do("POST", "/repos/acme/api/statuses/"+p.Head(), Object{"state": "success", "context": "gate"}).is(422, "maximum number of statuses")
	c.do("POST", "/repos/acme/api/statuses/"+p.Head(), Object{"state": "success", "context": "other"}).is(201)
}

func TestPermissionsOfInstallations(t *testing.T) {
	s := New(t)
	r := s.CreateRepo("acme/api", map[string]string{"README": "hello\n"})
	p := r.Open(Opening{})
	c := asInstallation(t, s.Install("acme", map[string]string{"metadata": "read", "pull_requests": "read", "contents": "read", "statuses": "read", "checks": "read"}))
	for request, body := range map[string]Object{
		"POST /repos/acme/api/statuses/" + p.Head(): {"state": "success"}, "PUT " + merge1: {},
		"POST /repos/acme/api/check-runs": {"name": "a", "head_sha": p.Head()}, "POST /repos/acme/api/issues/1/comments": {"body": "a"},
		"POST /repos/acme/api/issues/1/labels": {"labels": []string{"a"}}, "POST /repos/acme/api/pulls/1/reviews": {"event": "APPROVE"},
	} {
		method, path, _ := strings.Cut(request, " ")
		a := c.do(method, path, body).is(403, "Resource not accessible by integration")
		if a.header.Get("X-Accepted-GitHub-Permissions") == "" {
			t.Errorf("%s does not say which permission it wants", path)
		}
	}
	c.get("/repos/acme/api/branches/main/protection").is(403)
	c.get("/repos/acme/api/pulls/1").is(200)
}

func TestWhatIsWrittenIsThere(t *testing.T) {
	_, r, p, c := start(t)
	c.do("POST", "/repos/acme/api/issues/1/comments", Object{"body": "hello"}).is(201)
	c.do("POST", "/repos/acme/api/pulls/1/reviews", Object{"event": "APPROVE", "body": "fine", "commit_id": p.Head()}).is(200, "APPROVED")
	c.do("POST", "/repos/acme/api/issues/1/labels", Object{"labels": []string{"a", "b"}}).is(200, `"a"`)
	c.do("DELETE", "/repos/acme/api/issues/1/labels/a", nil).is(200)
	c.do("POST", "/repos/acme/api/statuses/"+p.Head(), Object{"state": "pending", "context": "gate", "description": strings.Repeat("é", 140)}).is(201)
	c.get("/repos/acme/api/commits/topic-1/status").is(200, `"state":"pending"`, `"gozer[bot]"`)
	k := c.do("POST", "/repos/acme/api/check-runs", Object{"name": "gate", "head_sha": p.Head(), "status": "in_progress", "output": Object{"title": "t", "summary": "s", "annotations": annotations(50)}}).is(201).object()
	c.do("PATCH", fmt.Sprintf("/repos/acme/api/check-runs/%.0f", k["id"]), Object{"conclusion": "success", "output": Object{"title": "t", "summary": "done", "annotations": annotations(1)}}).is(200, "completed", `"annotations_count":51`)
	if got := p.Checks(); len(got) != 1 || got[0].Conclusion != "success" || got[0].Summary != "done" || len(got[0].Annotations) != 51 {
		t.Errorf("checks %+v", got)
	}
	if got := p.Comments(); len(got) != 1 || got[0].User != "gozer[bot]" {
		t.Errorf("comments %+v", got)
	}
	if got := p.Reviews(); len(got) != 1 || got[0].State != "APPROVED" {
		t.Errorf("reviews %+v", got)
	}
	if got := p.Labels(); len(got) != 1 || got[0] != "b" {
		t.Errorf("labels %v", got)
	}
	if got := r.Statuses(p.Head()); len(got) != 1 || got[0].Context != "gate" {
		t.Errorf("statuses %+v", got)
	}
}
