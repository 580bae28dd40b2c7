package github

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/testkit/fakegithub"
)

// TestInstallations: each organization has its own; where the App is not installed
// is said so.
func TestInstallations(t *testing.T) {
	w := newWorld(t, ways[0])
	other := w.CreateRepo("umbrella/web", map[string]string{"a": "1"})
	other.Open(fakegithub.Opening{Title: "B", Files: map[string]string{"b": "1"}})
	p := model.Project{Hostname: "github.com", Name: "umbrella/web"}
	if _, err := w.client.Change(t.Context(), p, 1); !errors.Is(err, drivers.ErrNotFound) || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("not installed: %v", err)
	}
	installed := w.Install("umbrella", nil)
	if c, err := w.client.Change(t.Context(), p, 1); err != nil || c.Title != "B" {
		t.Errorf("installed: %v, %v", c, err)
	}
	installed.Uninstall()
	w.RevokeTokens()
	if _, err := w.client.Change(t.Context(), p, 1); err == nil {
		t.Error("taken away: it is read all the same")
	}
	w.Install("umbrella", nil)
	if c, err := w.client.Change(t.Context(), p, 1); err != nil || c.Title != "B" {
		t.Errorf("installed anew: %v, %v", c, err)
	}
}

// TestCredentials: what is wrong with them is said in words.
func TestCredentials(t *testing.T) {
	if _, err := New(Config{URL: "https://github.com", AppID: "1", PrivateKey: []byte("x")}); err == nil || !strings.Contains(err.Error(), "PEM") {
		t.Errorf("%v", err)
	}
	for _, way := range ways {
		w := newWorld(t, way)
		login, version, err := w.client.Whoami(t.Context())
		want := "gozer"
		if !way.token {
			want = w.App.Slug + "[bot]"
		}
		if err != nil || login != want || version != "github.com" {
			t.Errorf("%s: %s %s %v", way.name, login, version, err)
		}
	}
	w := newWorld(t, way{token: true, restOnly: true})
	w.connect(t, Config{Token: "ghp_wrong"})
	_, _, err := w.client.Whoami(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not accept the credentials") || strings.Contains(err.Error(), "ghp_wrong") {
		t.Errorf("%v", err)
	}
}

// TestAllAtOnce: controllers, mergers and polls use one client; the race detector
// looks.
func TestAllAtOnce(t *testing.T) {
	for _, way := range ways {
		w := newWorld(t, way)
		w.CreateRepo("umbrella/web", map[string]string{"a": "1"}).Open(fakegithub.Opening{Title: "B", Files: map[string]string{"b": "1"}})
		if !way.token {
			w.Install("umbrella", nil)
		}
		p := model.Project{Hostname: "github.com", Name: "umbrella/web"}
		var all errgroup.Group
		for range 3 {
			all.Go(func() error {
				_, _, err := w.client.Whoami(t.Context())
				return err
			})
			all.Go(func() error {
				_, err := w.client.Remote(t.Context(), p)
				return err
			})
			all.Go(func() error {
				_, err := w.client.Change(t.Context(), p, 1)
				return err
			})
			all.Go(func() error {
				_, err := w.client.Health(t.Context())
				return err
			})
		}
		if err := all.Wait(); err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
	}
}

// TestNoRepository: a name that leads elsewhere in the API is not sent there.
func TestNoRepository(t *testing.T) {
	for _, way := range ways {
		w := newWorld(t, way)
		for _, name := range []string{"acme", "acme/..", "../user", "acme/api/..", "acme/api?x", "./api"} {
			w.requests()
			_, err := w.client.Change(t.Context(), model.Project{Hostname: "github.com", Name: name}, 1)
			if sent := w.requests(); !errors.Is(err, drivers.ErrNotFound) || !strings.Contains(err.Error(), "owner/name") || len(sent) != 0 {
				t.Errorf("%s: %v after %v", name, err, sent)
			}
		}
	}
}

// TestRedirectElsewhere: credentials go to no other host, wherever GitHub's answers point.
func TestRedirectElsewhere(t *testing.T) {
	leaked := ""
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked = r.Header.Get("Authorization") }))
	t.Cleanup(elsewhere.Close)
	hop := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(hop.Close)
	c, err := New(Config{URL: hop.URL, Token: "t0p"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), "is not given the credentials") || leaked != "" {
		t.Errorf("%v; sent elsewhere: %q", err, leaked)
	}
}

func TestHealth(t *testing.T) {
	w := newWorld(t, ways[0])
	w.change(t, w.open("A"))
	h, err := w.client.Health(t.Context())
	if err != nil || len(h.MissingPermissions) != 0 || h.Limit != 5000 || h.Remaining >= 5000 || h.Reset.IsZero() {
		t.Errorf("%+v, %v", h, err)
	}
	few := fakegithub.AllPermissions()
	few["checks"] = "read"
	delete(few, "contents")
	w.Install("umbrella", few)
	h, err = w.client.Health(t.Context())
	if got := strings.Join(h.MissingPermissions, "; "); err != nil || got != "checks: write (umbrella); contents: write (umbrella)" {
		t.Errorf("%q, %v", got, err)
	}
}
