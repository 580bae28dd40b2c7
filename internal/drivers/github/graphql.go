package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
)

// errNoGraphQL says that the host has no GraphQL: REST is asked instead.
var errNoGraphQL = errors.New("the host has no GraphQL")

// withoutGraphQL is for how long it is not tried again then.
const withoutGraphQL = 10 * time.Minute

const maxAnswer = 16 << 20

// graphQLError is one of the errors of an answer, which may have data all the same.
type graphQLError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Path    []any  `json:"path"`
}

// query asks by GraphQL. What may not be read is null, and noted; out has the rest.
func (c *Client) query(ctx context.Context, a *account, query string, variables map[string]any, out any) error {
	c.mu.Lock()
	none := c.cfg.Now().Before(c.noGraphQL)
	c.mu.Unlock()
	if none {
		return errNoGraphQL
	}
	var answer struct {
		Data    json.RawMessage `json:"data"`
		Errors  []graphQLError  `json:"errors"`
		Message string          `json:"message"`
	}
	code, err := c.post(ctx, a, map[string]any{"query": query, "variables": variables}, &answer)
	if err != nil {
		return c.failed(a, err)
	}
	switch {
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed || code == http.StatusNotImplemented:
		c.mu.Lock()
		c.noGraphQL = c.cfg.Now().Add(withoutGraphQL)
		c.mu.Unlock()
		return errNoGraphQL
	case code != http.StatusOK:
		return c.failed(a, &github.ErrorResponse{Response: &http.Response{StatusCode: code, Status: fmt.Sprint(code), Request: &http.Request{Method: http.MethodPost, URL: c.graphql}}, Message: answer.Message})
	}
	if err := c.graphQLErrors(a, answer.Errors, len(answer.Data) > 0 && string(answer.Data) != "null"); err != nil {
		return err
	}
	if err := json.Unmarshal(answer.Data, out); err != nil {
		return fmt.Errorf("GitHub's GraphQL answered something else than was asked for: %w", err)
	}
	return nil
}

func (c *Client) post(ctx context.Context, a *account, in, out any) (code int, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.graphql.String(), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "gozer")
	resp, err := a.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // a body that was read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(answer, out); err != nil && resp.StatusCode == http.StatusOK {
		return 0, fmt.Errorf("GitHub's GraphQL answered something that is not JSON: %w", err)
	}
	return resp.StatusCode, nil
}

// graphQLErrors tells errors that matter from what may only not be read.
func (c *Client) graphQLErrors(a *account, list []graphQLError, data bool) error {
	for _, e := range list {
		switch e.Type {
		case "NOT_FOUND":
			return fmt.Errorf("%w: %s", drivers.ErrNotFound, e.Message)
		case "RATE_LIMITED":
			return &LimitedError{Account: a.name, What: "the hour's GraphQL points are", Until: a.limits.resetOf("graphql")}
		case "FORBIDDEN", "INSUFFICIENT_SCOPES":
			// A repository that may not be read is not one that is gone: GitHub says so
			// of an address that it does not allow, too.
			if what := pathOf(e.Path); data && what != "" {
				c.mu.Lock()
				c.lacking["to read "+what] = c.cfg.Now()
				c.mu.Unlock()
				continue
			}
		}
		return c.failed(a, fmt.Errorf("GitHub's GraphQL: %s", e.Message))
	}
	return nil
}

// resetOf is when a limit begins anew; in a minute when it is not known.
func (l *limits) resetOf(resource string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.buckets[resource]; ok && b.reset.After(l.now()) {
		return b.reset
	}
	return l.now().Add(pauseOfNone)
}

// pathOf what could not be read: names of fields, without the numbers of lists.
func pathOf(path []any) string {
	var parts []string
	for _, p := range path {
		if s, ok := p.(string); ok && !slices.Contains([]string{"repository", "pullRequest", "nodes"}, s) {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ".")
}
