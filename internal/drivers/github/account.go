package github

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// account is one set of credentials: the App, one of its installations, or the token.
type account struct {
	name         string
	rest         *github.Client
	http         *http.Client
	limits       *limits
	installation *installation
	// found is when the installation was looked up.
	found time.Time
}

type tokenTransport string

func (t tokenTransport) around(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+string(t))
		return next.RoundTrip(r)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// authentication wraps a transport in one that sends credentials.
type authentication interface {
	around(next http.RoundTripper) http.RoundTripper
}

func (c *Client) newAccount(name string, auth authentication, i *installation) *account {
	l := &limits{now: c.cfg.Now, observe: c.cfg.Observe, account: name}
	// The limits are outside: what they refuse needs no token.
	client := &http.Client{Transport: l.around(auth.around(c.cfg.Transport)), Timeout: requestTimeout, CheckRedirect: sameHost}
	a := &account{name: name, http: client, limits: l, installation: i, found: c.cfg.Now()}
	a.rest = github.NewClient(client)
	a.rest.BaseURL = c.rest
	a.rest.UserAgent = "gozer"
	return a
}

// sameHost follows what was renamed, and takes the credentials nowhere else.
func sameHost(r *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= maxRedirects:
		return fmt.Errorf("redirected %d times", len(via))
	case r.URL.Scheme != via[0].URL.Scheme || r.URL.Host != via[0].URL.Host:
		return fmt.Errorf("redirected to %s, which is not given the credentials; is the connection's URL right?", r.URL.Host)
	}
	return nil
}

const maxRedirects = 5

type appTransport struct{ *ghinstallation.AppsTransport }

func (t appTransport) around(http.RoundTripper) http.RoundTripper { return t.AppsTransport }

// installation gets tokens of one installation, and another one when GitHub does not
// accept what it has: it was revoked, or the clocks differ.
type installation struct {
	apps *ghinstallation.AppsTransport
	id   int64

	mu  sync.Mutex
	now *ghinstallation.Transport
}

func (i *installation) around(http.RoundTripper) http.RoundTripper { return roundTrip(i.send) }

// current is what gives tokens, unless that is the refused one.
func (i *installation) current(refused *ghinstallation.Transport) *ghinstallation.Transport {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.now == nil || i.now == refused {
		i.now = ghinstallation.NewFromAppsTransport(i.apps, i.id)
		i.now.InstallationTokenOptions = &github.InstallationTokenOptions{} // all that the installation may
	}
	return i.now
}

func (i *installation) send(r *http.Request) (*http.Response, error) {
	t := i.current(nil)
	resp, err := t.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || r.Body != nil && r.GetBody == nil {
		return resp, err
	}
	resp.Body.Close() //nolint:errcheck // it is asked again
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	return i.current(t).RoundTrip(again)
}

func (c *Client) newApp() (*account, error) {
	t, err := c.appsTransport(c.cfg.Transport)
	if err != nil {
		return nil, err
	}
	return c.newAccount("app", appTransport{t}, nil), nil
}

// appsTransport signs requests as the App itself.
func (c *Client) appsTransport(next http.RoundTripper) (*ghinstallation.AppsTransport, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM(c.cfg.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("the private key of the App: %w; it must be the PEM file that GitHub gave", err)
	}
	t, err := ghinstallation.NewAppsTransportWithOptions(next, 0, ghinstallation.WithSigner(signer{c.cfg.AppID, key, c.cfg.Now}))
	if err != nil {
		return nil, err
	}
	t.BaseURL = strings.TrimRight(c.rest.String(), "/")
	return t, nil
}

// signer names the App as GitHub wants it: by its id, or its client id, which is no number.
type signer struct {
	issuer string
	key    *rsa.PrivateKey
	now    func() time.Time
}

// How long before now a signature begins, for clocks that are behind, and ends; ten
// minutes are the most that GitHub takes.
const (
	signedBefore = 30 * time.Second
	signedFor    = 2 * time.Minute
)

func (s signer) Sign(claims jwt.Claims) (string, error) {
	if c, ok := claims.(*jwt.RegisteredClaims); ok {
		from := s.now().Add(-signedBefore).Truncate(time.Second)
		c.Issuer, c.IssuedAt, c.ExpiresAt = s.issuer, jwt.NewNumericDate(from), jwt.NewNumericDate(from.Add(signedFor))
	}
	return jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(s.key)
}

// keepInstallation is for how long it is not asked again where the App is installed.
const keepInstallation = 10 * time.Minute

// account finds the credentials for a project.
func (c *Client) account(ctx context.Context, p model.Project) (*account, error) {
	if !drivers.IsProject(p.Name) {
		return nil, fmt.Errorf("%q is no repository of GitHub, which are called owner/name: %w", p.Name, drivers.ErrNotFound)
	}
	if c.token != nil {
		return c.token, nil
	}
	owner, repo := split(p)
	c.mu.Lock()
	a := c.accounts[owner]
	fresh := a != nil && c.cfg.Now().Sub(a.found) < keepInstallation
	c.mu.Unlock()
	if fresh {
		return a, nil
	}
	// It is looked for on behalf of all who wait, so it does not end with the first of them.
	found, err, _ := c.reads.Do("installation/"+owner, func() (any, error) {
		return c.findInstallation(context.WithoutCancel(ctx), a, owner, repo)
	})
	if err != nil {
		return nil, fmt.Errorf("where the App is installed for %s: %w", p.Name, err)
	}
	a, _ = found.(*account)
	return a, nil
}

func (c *Client) findInstallation(ctx context.Context, known *account, owner, repo string) (*account, error) {
	i, _, err := c.app.rest.Apps.FindRepositoryInstallation(ctx, owner, repo)
	if err != nil {
		if err = c.failed(c.app, err); errors.Is(err, drivers.ErrNotFound) {
			err = fmt.Errorf("the App is not installed there: %w", err)
		}
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known != nil && known.name == installationName(owner, i.GetID()) {
		known.found = c.cfg.Now()
		return known, nil
	}
	// Tokens are asked for beside the limits, and counted here.
	apps, err := c.appsTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := c.cfg.Transport.RoundTrip(r)
		if c.cfg.Observe != nil && strings.HasSuffix(r.URL.Path, "/access_tokens") {
			c.cfg.Observe(requestOf(r, resp))
		}
		return resp, err
	}))
	if err != nil {
		return nil, err
	}
	its := &installation{apps: apps, id: i.GetID()}
	c.accounts[owner] = c.newAccount(installationName(owner, i.GetID()), its, its)
	return c.accounts[owner], nil
}

func installationName(owner string, id int64) string { return fmt.Sprintf("%s (%d)", owner, id) }

// forget an installation whose credentials are not accepted any more: the App may
// have been installed anew.
func (c *Client) forget(a *account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for owner, known := range c.accounts {
		if known == a {
			delete(c.accounts, owner)
		}
	}
}
