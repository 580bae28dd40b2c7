package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v57/github"
	"golang.org/x/sync/singleflight"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/lru"
	"github.com/gozer-dev/gozer/internal/model"
)

// Config of a connection.
type Config struct {
	// URL of the host: "https://github.com", or an Enterprise server's. WebURL is
	// how people reach it, if that is another.
	URL, WebURL string
	// AppID, or the client id, and PrivateKey (PEM) of a GitHub App; or a Token.
	AppID      string
	PrivateKey []byte
	Token      string
	// Transport sends requests; http.DefaultTransport when it is nil.
	Transport http.RoundTripper
	// Observe is told of every request that was sent; it may be nil.
	Observe func(Request)
	// Now is time.Now when it is nil.
	Now func() time.Time
}

// Client is a connection to one GitHub.
type Client struct {
	cfg           Config
	rest, graphql *url.URL
	changes       *regexp.Regexp
	reads         singleflight.Group
	reviewers     *lru.Cache[string, reviewer]
	checks        *lru.Cache[string, checkSet]
	known         *lru.Cache[string, readChange]
	having        *lru.Cache[string, found]
	// app speaks as the App itself, and token for whoever has the token; one is nil.
	app, token *account

	mu sync.Mutex
	// accounts of the App's installations, by owner of repositories.
	accounts map[string]*account
	// open pull requests that name others, by owner.
	open map[string]openPulls
	// noGraphQL says until when REST is used instead.
	noGraphQL time.Time
	// seen by polls, by project, and until when deliveries were looked through.
	seen      map[string]seen
	delivered time.Time
	// own is the account that we act as, once it was asked for.
	own string
	// lacking are permissions that GitHub said are missing, and when.
	lacking map[string]time.Time
}

var (
	_ drivers.Host     = (*Client)(nil)
	_ drivers.Checker  = (*Client)(nil)
	_ drivers.Reviewer = (*Client)(nil)
	_ drivers.Labeler  = (*Client)(nil)
	_ drivers.Finder   = (*Client)(nil)
	_ drivers.Poller   = (*Client)(nil)
	_ drivers.Healthy  = (*Client)(nil)
)

const (
	requestTimeout = 30 * time.Second
	// remembered bounds how much of each kind is kept to spare requests.
	remembered = 4096
)

// New makes a client. It does not call the host.
func New(cfg Config) (*Client, error) {
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	if cfg.WebURL = strings.TrimRight(cfg.WebURL, "/"); cfg.WebURL == "" {
		cfg.WebURL = cfg.URL
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{
		cfg: cfg, accounts: map[string]*account{}, open: map[string]openPulls{}, lacking: map[string]time.Time{}, seen: map[string]seen{},
		reviewers: lru.New[string, reviewer](remembered), checks: lru.New[string, checkSet](remembered),
		known: lru.New[string, readChange](remembered), having: lru.New[string, found](remembered),
	}
	var err error
	if c.rest, c.graphql, err = endpoints(cfg.URL); err != nil {
		return nil, err
	}
	bases := regexp.QuoteMeta(cfg.WebURL) + "|" + regexp.QuoteMeta(cfg.URL)
	c.changes = regexp.MustCompile(`^(?:` + bases + `)/([^/\s]+/[^/\s]+)/pull/(\d+)(?:/(?:files|commits|checks))?/?$`)
	if len(cfg.PrivateKey) > 0 {
		c.app, err = c.newApp()
	} else {
		c.token = c.newAccount("", tokenTransport(cfg.Token), nil)
	}
	return c, err
}

// endpoints of the APIs: GitHub's own, or those below an Enterprise server.
func endpoints(base string) (rest, graphql *url.URL, err error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, nil, fmt.Errorf("the URL of the connection: %w", err)
	}
	restURL, graphqlURL := base+"/api/v3/", base+"/api/graphql"
	if host := strings.ToLower(u.Host); host == "github.com" || strings.HasSuffix(host, ".ghe.com") {
		restURL, graphqlURL = u.Scheme+"://api."+host+"/", u.Scheme+"://api."+host+"/graphql"
	}
	if rest, err = url.Parse(restURL); err != nil {
		return nil, nil, err
	}
	graphql, err = url.Parse(graphqlURL)
	return rest, graphql, err
}

// ParseURL reads URLs of pull requests.
func (c *Client) ParseURL(text string) (string, int64, bool) {
	m := c.changes.FindStringSubmatch(text)
	if m == nil {
		return "", 0, false
	}
	n, err := strconv.ParseInt(m[2], 10, 64)
	return m[1], n, err == nil
}

// Remote is the clone URL with a token as password: an App's are good for an hour.
func (c *Client) Remote(ctx context.Context, p model.Project) (gitrepo.Remote, error) {
	a, err := c.account(ctx, p)
	if err != nil {
		return gitrepo.Remote{}, err
	}
	token := c.cfg.Token
	if a.installation != nil {
		if token, err = a.installation.current(nil).Token(ctx); err != nil {
			return gitrepo.Remote{}, c.failed(a, fmt.Errorf("a token for %s: %w", p.Name, err))
		}
	}
	return gitrepo.Remote{URL: c.cfg.URL + "/" + p.Name + ".git", Username: "x-access-token", Password: token}, nil
}

// Whoami asks for the App, or the account of the token.
func (c *Client) Whoami(ctx context.Context) (login, version string, err error) {
	a, get := c.token, func(a *account) (string, *github.Response, error) {
		u, resp, err := a.rest.Users.Get(ctx, "")
		return u.GetLogin(), resp, err
	}
	if c.app != nil {
		a, get = c.app, func(a *account) (string, *github.Response, error) {
			app, resp, err := a.rest.Apps.Get(ctx, "")
			return app.GetSlug() + botSuffix, resp, err
		}
	}
	login, resp, err := get(a)
	if err != nil {
		return "", "", c.failed(a, err)
	}
	if version = resp.Header.Get("X-GitHub-Enterprise-Version"); version == "" {
		version = "github.com"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = login
	return login, version, nil
}

// botSuffix ends the login under which an App acts.
const botSuffix = "[bot]"
