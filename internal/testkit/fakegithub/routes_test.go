package fakegithub

import (
	"strings"
	"testing"
)

// Everything that can be read is read once: the server itself says when an
// answer is not what GitHub describes.
func TestEveryAnswerIsAsDescribed(t *testing.T) {
	s, r, p, c := start(t)
	p.Review("bob", "APPROVED", "fine")
	p.Comment("eve", "hello")
	p.Label("bob", "gate")
	p.Status("ci", "test", "success")
	check := p.Check("gozer", "lint", "success")
	r.Protect("main", Protection{Contexts: []string{"test"}, Reviews: 1})
	r.AddRuleset(Ruleset{Name: "all", Contexts: []string{"lint"}, Pull: true, LinearHistory: true})
	app := asApp(t, s)
	app.get("/app").is(200, "gozer")
	app.get("/app/installations").is(200, "acme")
	app.get("/repos/acme/api/installation").is(200, "acme")
	app.get("/app/hook/deliveries").is(200)
	client{t: t, s: s, token: s.Token("ann")}.get("/user").is(200, "ann")
	client{t: t, s: s}.get("/meta").is(200)
	id := strings.Trim(nodeID("", check.ID), "_")
	for path, word := range map[string]string{
		"/rate_limit": "core", "/installation/repositories": "acme/api", "/repos/acme/api": "main", "/repos/acme/api/pulls": "A change",
		"/repos/acme/api/pulls/1": "clean", "/repos/acme/api/pulls/1/files": "a.txt", "/repos/acme/api/pulls/1/reviews": "APPROVED",
		"/repos/acme/api/issues/1/comments": "hello", "/repos/acme/api/issues/comments": "hello", "/repos/acme/api/pulls/comments": "[]",
		"/repos/acme/api/issues/1/labels": "gate", "/repos/acme/api/commits/" + p.Head() + "/status": "test",
		"/repos/acme/api/commits/" + p.Head() + "/check-runs": "lint", "/repos/acme/api/commits/" + p.Head() + "/pulls": "A change",
		"/repos/acme/api/check-runs/" + id: "lint", "/repos/acme/api/branches": "topic-1", "/repos/acme/api/branches?protected=true": "main",
		"/repos/acme/api/branches/main": "enabled", "/repos/acme/api/branches/main/protection": "test", "/repos/acme/api/rules/branches/main": "required_status_checks",
		"/repos/acme/api/git/matching-refs/heads/topic": "refs/heads/topic-1", "/repos/acme/api/collaborators/bob/permission": "write",
		"/search/issues?q=is:pr+is:open+repo:acme/api+in:body+%22Depends-On%22": "A change",
	} {
		c.get(path).is(200, word)
		c.get("/api/v3"+path).is(200, word)
	}
}

func TestEveryRouteIsDescribed(t *testing.T) {
	s := New(t)
	for name := range s.routes {
		method, path, _ := strings.Cut(name, " ")
		if name == "POST /graphql" {
			continue
		}
		if _, _, err := s.spec.Find(method, path); err != nil {
			t.Error(err)
		}
	}
}
