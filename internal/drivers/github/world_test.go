package github

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
)

// world is a GitHub with one repository, and a client of it.
type world struct {
	*fakegithub.Server
	repo    *fakegithub.Repo
	client  *Client
	project model.Project
	clock   *clock
	// installed is the App's installation on acme; nil with a token.
	installed *fakegithub.Installation

	mu   sync.Mutex
	sent []Request
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// way is how a client speaks to GitHub.
type way struct {
	name            string
	token, restOnly bool
}

var ways = []way{{name: "app"}, {name: "app without GraphQL", restOnly: true}, {name: "token", token: true}, {name: "token without GraphQL", token: true, restOnly: true}}

// inAllWays runs a test with an App and a token, with GraphQL and without.
func inAllWays(t *testing.T, test func(t *testing.T, w *world)) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) { test(t, newWorld(t, way)) })
	}
}

func newWorld(t *testing.T, way way) *world {
	t.Helper()
	// Tokens of Apps are kept by a library that knows only the real time.
	w := &world{clock: &clock{at: time.Now()}}
	w.Server = fakegithub.New(t, func(o *fakegithub.Options) { o.NoGraphQL, o.Now = way.restOnly, w.clock.now })
	w.repo = w.CreateRepo("acme/api", map[string]string{"README": "hello\n"})
	w.project = model.Project{Connection: "github", Hostname: "github.com", Name: "acme/api"}
	w.repo.Permission("bob", "write")
	w.repo.Permission("root", "admin")
	if way.token {
		w.repo.Permission("gozer", "admin")
		w.connect(t, Config{Token: w.Token("gozer")})
	} else {
		w.installed = w.Install("acme", nil)
		w.connect(t, Config{AppID: strconv.FormatInt(w.App.ID, 10), PrivateKey: w.App.KeyPEM()})
	}
	return w
}

// connect makes a client anew: as after a restart.
func (w *world) connect(t *testing.T, cfg Config) {
	t.Helper()
	cfg.URL, cfg.Now = w.URL, w.clock.now
	cfg.Observe = func(r Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sent = append(w.sent, r)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.client = c
}

// requests that were sent since the last call, by endpoint; tokens apart.
func (w *world) requests() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]int{}
	for _, r := range w.sent {
		if !strings.HasSuffix(r.Endpoint, "/access_tokens") && !strings.HasSuffix(r.Endpoint, "/installation") {
			out[r.Endpoint]++
		}
	}
	w.sent = nil
	return out
}

func total(requests map[string]int) int {
	n := 0
	for _, k := range requests {
		n += k
	}
	return n
}

func (w *world) change(t *testing.T, pr *fakegithub.Pull) model.Change {
	t.Helper()
	c, err := w.client.Change(t.Context(), w.project, int64(pr.Number))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) open(title string) *fakegithub.Pull {
	return w.repo.Open(fakegithub.Opening{Title: title, Body: "text", Files: map[string]string{strings.ReplaceAll(title, " ", "-"): "1\n"}})
}

func happened(events []model.TriggerEvent) []string {
	var out []string
	for _, e := range events {
		out = append(out, strings.TrimSpace(strings.Join([]string{e.Event, e.Action, e.Label, e.Comment, e.State, e.Ref}, " ")))
	}
	slices.Sort(out)
	return out
}

// mergeFault is where a fault befalls merges.
const mergeFault = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"
