package merger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// Client speaks to a merger over HTTP.
type Client struct {
	url  *url.URL
	http *http.Client
}

var _ Merger = (*Client)(nil)

// NewClient makes a Client of the merger at a URL like "https://gozer-merger:8080".
// The time that a request may take is its context's.
func NewClient(at string, self *identity.Identity) (*Client, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the URL of a merger; it is like https://gozer-merger:8080", at)
	}
	return &Client{
		url: u,
		http: &http.Client{Transport: transport(self, pingAfter, pingTime), CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a merger sends nobody elsewhere
		}},
	}, nil
}

// Name is what the replica is called: the host of its URL.
func (c *Client) Name() string { return c.url.Host }

const (
	// dialTime bounds connecting: a merger that was just replaced may not answer
	// at its old address at all, and asking again finds the new one.
	dialTime = 3 * time.Second
	// A merger may work for long before it answers; whether it still does is asked
	// after a silence of pingAfter, and it is gone after another pingTime.
	pingAfter = 10 * time.Second
	pingTime  = 5 * time.Second
)

func transport(self *identity.Identity, pingAfter, pingTime time.Duration) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // documented to be one
	t.Proxy = nil                                        // mergers are near
	t.DialContext = (&net.Dialer{Timeout: dialTime}).DialContext
	t.TLSClientConfig = self.Client(identity.Merger)
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTime}
	return t
}

// Prepare implements Merger.
func (c *Client) Prepare(ctx context.Context, req PrepareRequest) (mergeplan.Result, error) {
	return post[mergeplan.Result](ctx, c, "prepare", req)
}

// Release implements Merger.
func (c *Client) Release(ctx context.Context, scope string) error {
	_, err := post[struct{}](ctx, c, "release", scopeRequest{Scope: scope})
	return err
}

// Branches implements Merger.
func (c *Client) Branches(ctx context.Context, p model.Project) (BranchList, error) {
	return post[BranchList](ctx, c, "branches", projectRequest{Project: p})
}

// Refs implements Merger.
func (c *Client) Refs(ctx context.Context, p model.Project) (repostate.State, error) {
	return post[repostate.State](ctx, c, "refs", projectRequest{Project: p})
}

// Containing implements Merger.
func (c *Client) Containing(ctx context.Context, p model.Project, object string) ([]string, error) {
	return post[[]string](ctx, c, "containing", projectRequest{Project: p, Object: object})
}

// Tip implements Merger.
func (c *Client) Tip(ctx context.Context, p model.Project, branch string) (Commit, error) {
	return post[Commit](ctx, c, "tip", projectRequest{Project: p, Branch: branch})
}

// Files implements Merger.
func (c *Client) Files(ctx context.Context, req FilesRequest) (FilesResult, error) {
	return post[FilesResult](ctx, c, "files", req)
}

func post[Out any](ctx context.Context, c *Client, method string, in any) (Out, error) {
	var out Out
	body, err := json.Marshal(in)
	if err != nil {
		return out, badRequest(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.JoinPath("v1", method).String(), bytes.NewReader(body))
	if err != nil {
		return out, badRequest(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return out, noAnswer(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 2*maxBody))
	if err != nil {
		return out, noAnswer(err)
	}
	if resp.StatusCode != http.StatusOK {
		return out, errorOf(resp.StatusCode, data)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, noAnswer(fmt.Errorf("the answer to %s cannot be read: %w", method, err))
	}
	return out, nil
}

func noAnswer(err error) *Error {
	if identity.Stranger(err) {
		return &Error{Kind: Denied, Message: fmt.Sprintf("manager and mergers must have the same token key: %v", err), away: true}
	}
	return &Error{Kind: Transient, Message: fmt.Sprintf("merger: %v", err), away: true}
}

// errorOf reads the merger's error, or makes one when something between
// answered instead.
func errorOf(status int, data []byte) error {
	var e Error
	if json.Unmarshal(data, &e) == nil && e.Kind != "" {
		return &e
	}
	return noAnswer(fmt.Errorf("answered %d %s", status, http.StatusText(status)))
}
