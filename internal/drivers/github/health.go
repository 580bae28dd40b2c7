package github

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
)

// needed permissions of an App, and what goes without them.
var needed = map[string]string{
	"metadata": "read", "contents": "write", "pull_requests": "write", "issues": "write", "statuses": "write", "checks": "write",
	"administration": "read", // to read the rules of branches
}

// keepLacking is for how long a refused request tells that a permission is missing.
const keepLacking = time.Hour

// Health asks what the App may do, and tells what the last requests told.
func (c *Client) Health(ctx context.Context) (drivers.Health, error) {
	h := drivers.Health{}
	var err error
	if c.app != nil {
		h.MissingPermissions, err = c.missingPermissions(with(ctx, forPolling))
	}
	c.mu.Lock()
	accounts := slices.Collect(maps.Values(c.accounts))
	for _, a := range []*account{c.app, c.token} {
		if a != nil {
			accounts = append(accounts, a)
		}
	}
	for what, at := range c.lacking {
		if c.cfg.Now().Sub(at) < keepLacking && !slices.Contains(h.MissingPermissions, what) {
			h.MissingPermissions = append(h.MissingPermissions, what)
		}
	}
	c.mu.Unlock()
	slices.Sort(h.MissingPermissions)
	for _, a := range accounts {
		a.limits.health(&h)
	}
	return h, err
}

// missingPermissions of the App's installations, by name.
func (c *Client) missingPermissions(ctx context.Context) (missing []string, err error) {
	err = pages("installations", func(o github.ListOptions) (*github.Response, error) {
		list, resp, err := c.app.rest.Apps.ListInstallations(ctx, &o)
		if err != nil {
			return nil, c.failed(c.app, err)
		}
		for _, i := range list {
			granted, err := permissionsOf(i.Permissions)
			if err != nil {
				return nil, err
			}
			for _, name := range slices.Sorted(maps.Keys(needed)) {
				if want := needed[name]; granted[name] != want && granted[name] != "write" && granted[name] != "admin" {
					missing = append(missing, fmt.Sprintf("%s: %s (%s)", name, want, i.GetAccount().GetLogin()))
				}
			}
			if i.SuspendedAt != nil {
				missing = append(missing, fmt.Sprintf("the installation of %s is suspended", i.GetAccount().GetLogin()))
			}
		}
		return resp, nil
	})
	return missing, err
}

// permissionsOf an installation by name, as GitHub writes them.
func permissionsOf(p *github.InstallationPermissions) (map[string]string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	return out, json.Unmarshal(b, &out)
}

// health adds what is known of one account: the least that is left of any limit.
func (l *limits) health(h *drivers.Health) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range []string{"core", "graphql"} {
		b, ok := l.buckets[name]
		if ok && l.now().Before(b.reset) && (h.Limit == 0 || b.remaining*h.Limit < h.Remaining*b.limit) {
			h.Remaining, h.Limit, h.Reset = b.remaining, b.limit, b.reset
		}
	}
	if l.blocked.After(l.now()) && l.blocked.After(h.Blocked) {
		h.Blocked = l.blocked
	}
	if l.errAt.After(h.LastErrorAt) {
		h.LastError, h.LastErrorAt = l.err, l.errAt
	}
}
