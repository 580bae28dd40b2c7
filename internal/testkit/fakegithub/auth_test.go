package fakegithub

import (
	"fmt"
	"testing"
	"time"
)

func TestOnlyAGoodKeyIsTheApp(t *testing.T) {
	s, _, _, _ := start(t, lenient)
	now := time.Now()
	id := fmt.Sprint(s.App.ID)
	for name, tc := range map[string]struct {
		token string
		words string
	}{
		"another issuer":     {jwt(t, s, "1", now, now.Add(time.Minute)), "iss"},
		"over ten minutes":   {jwt(t, s, id, now, now.Add(11*time.Minute)), "too far in the future"},
		"expired":            {jwt(t, s, id, now.Add(-time.Hour), now.Add(-time.Minute)), "expires"},
		"from the future":    {jwt(t, s, id, now.Add(time.Minute), now.Add(2*time.Minute)), "Issued at"},
		"an installation's":  {asInstallation(t, s.installations[0]).token, "could not be decoded"},
		"not even a token":   {"x.y.z", "could not be decoded"},
		"signed by somebody": {asApp(t, s).token + "AA", "could not be decoded"},
	} {
		t.Run(name, func(t *testing.T) { client{t: t, s: s, token: tc.token}.get("/app").is(401, tc.words) })
	}
	client{t: t, s: s, token: jwt(t, s, s.App.ID, now.Add(-time.Minute), now.Add(9*time.Minute))}.get("/app").is(200)
	asApp(t, s).get("/repos/acme/api").is(403, "Resource not accessible by integration")
	client{t: t, s: s}.get("/repos/acme/api").is(401, "Requires authentication")
	client{t: t, s: s, token: "ghp_wrong"}.get("/user").is(401, "Bad credentials", "documentation_url")
}

func TestTokensOfInstallations(t *testing.T) {
	now := time.Now()
	s, _, _, c := start(t, lenient, func(o *Options) { o.Now = func() time.Time { return now } })
	s.CreateRepo("acme/web", map[string]string{"a": "a\n"})
	s.CreateRepo("other/x", map[string]string{"a": "a\n"})
	c.get("/repos/other/x").is(404, "Not Found")
	c.get("/repos/acme/web").is(200)
	i := s.installations[0]
	tokens := fmt.Sprintf("/app/installations/%d/access_tokens", i.ID)
	app := asApp(t, s)
	app.do("POST", tokens, Object{"permissions": Object{"packages": "write"}}).is(422, "not granted")
	app.do("POST", tokens, Object{"repositories": []string{"x"}}).is(422, "not accessible")
	app.do("POST", "/app/installations/1/access_tokens", nil).is(404)
	token, _ := app.do("POST", tokens, Object{"repositories": []string{"api"}, "permissions": Object{"checks": "read"}}).is(201, `"checks":"read"`).object()["token"].(string)
	narrow := client{t: t, s: s, token: token}
	narrow.get("/repos/acme/web").is(404)
	narrow.get("/repos/acme/api").is(200)
	narrow.get("/repos/acme/api/pulls").is(403, "Resource not accessible by integration")
	narrow.get("/installation/repositories").is(200, `"total_count":1`)
	now = now.Add(time.Hour)
	c.get("/repos/acme/api").is(401, "Bad credentials")
}

func TestInstallationsChange(t *testing.T) {
	s, _, _, c := start(t, lenient)
	i := s.installations[0]
	i.Select("acme/nothing")
	c.get("/repos/acme/api").is(404)
	asApp(t, s).get("/repos/acme/api/installation").is(404)
	i.Suspend(true)
	asApp(t, s).do("POST", fmt.Sprintf("/app/installations/%d/access_tokens", i.ID), nil).is(403, "suspended")
	c.get("/repos/acme/api").is(403, "suspended")
	i.Suspend(false)
	i.Select("acme/api")
	c.get("/repos/acme/api").is(200)
	i.Uninstall()
	asApp(t, s).get("/app/installations").is(200, "[]")
	c.get("/repos/acme/api").is(401)
}

func TestPeople(t *testing.T) {
	s, r, p, _ := start(t, lenient)
	r.SetPrivate()
	eve := client{t: t, s: s, token: s.Token("eve")}
	eve.get("/repos/acme/api").is(404)
	r.Permission("eve", "read")
	eve.get("/repos/acme/api").is(200)
	eve.do("PUT", "/repos/acme/api/pulls/1/merge", Object{}).is(403)
	eve.do("POST", "/repos/acme/api/check-runs", Object{"name": "a", "head_sha": p.Head()}).is(403)
	bob := client{t: t, s: s, token: s.Token("bob")}
	bob.do("POST", "/repos/acme/api/check-runs", Object{"name": "a", "head_sha": p.Head()}).is(403, "You must authenticate via a GitHub App.")
	reader := client{t: t, s: s, token: s.Token("bob", "read:org")}
	reader.do("PUT", "/repos/acme/api/pulls/1/merge", Object{}).is(404)
	if a := reader.get("/user").is(200); a.header.Get("X-OAuth-Scopes") != "read:org" {
		t.Error(a.header)
	}
	eve.get("/repos/acme/api/collaborators/bob/permission").is(200, `"permission":"write"`)
	eve.get("/repos/acme/api/collaborators/nobody/permission").is(404)
}
