package fakegithub

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

func TestAServerOfItsOwn(t *testing.T) {
	s, err := Start(Options{Address: "127.0.0.1:0", URL: "https://github.example", EnterpriseVersion: "3.19.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.CreateRepo("acme/api", map[string]string{"a": "a\n"})
	url := s.http.URL
	s.URL = url // for the client
	a := client{t: t, s: s, token: s.Token("bob")}.get("/api/v3/meta").is(200, "3.19.1")
	if a.header.Get("X-GitHub-Enterprise-Version") != "3.19.1" {
		t.Error(a.header)
	}
	s.URL = "https://github.example"
	r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/api/v3/repos/acme/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "token "+s.Token("bob"))
	out, err := http.DefaultClient.Do(r)
	if err != nil || out.StatusCode != 200 {
		t.Fatal(out, err)
	}
	if got := s.Requests()["GET /repos/{owner}/{repo}"]; got != 1 {
		t.Errorf("%d requests", got)
	}
	defer func() {
		if p, _ := recover().(string); !strings.Contains(p, "no name for a new repository") {
			t.Errorf("a second repository of the same name: %v", p)
		}
	}()
	s.CreateRepo("acme/api", nil)
}

func TestAFaultOfNothingIsAMistake(t *testing.T) {
	told := ""
	s := New(t, func(o *Options) { o.Fatal = func(p string) { told = p } })
	s.Fault(Fault{Operation: "GET /nonsense", Status: 500})
	if !strings.Contains(told, "GET /nonsense") {
		t.Errorf("told %q", told)
	}
}

// Many ask at once while people go on and webhooks are sent.
func TestManyAtOnce(t *testing.T) {
	s, r, p, c := start(t)
	l := listen(t, s)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				c.get("/repos/acme/api/pulls").is(200)
				c.query(wholePull, number1).is(200)
				c.do("POST", "/repos/acme/api/issues/1/comments", Object{"body": "hello"}).is(201)
			}
		})
	}
	for range 5 {
		r.Push("ada", "main", "more", map[string]string{"b.txt": "b\n"})
		p.Status("ci", "test", "success")
	}
	all.Wait()
	if got := len(l.events()); got != 4*5+5*2 {
		t.Errorf("%d webhooks", got)
	}
}
