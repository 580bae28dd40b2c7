package gitea

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/model"
)

// Config of a connection.
type Config struct {
	// URL of the host as it is reached; WebURL as people reach it.
	URL, WebURL string
	Token       string
	// HTTP is a client of its own when it is nil, with Transport.
	HTTP *http.Client
	// Transport sends requests; http.DefaultTransport when it is nil.
	Transport http.RoundTripper
	// Now is time.Now when it is nil.
	Now func() time.Time
}

// Client is a connection to one Gitea.
type Client struct {
	cfg     Config
	changes *regexp.Regexp

	mu sync.Mutex
	// open pull requests by owner.
	open map[string]openPulls
}

var _ drivers.Host = (*Client)(nil)

const requestTimeout = 30 * time.Second

// New makes a client. It does not call the host.
func New(cfg Config) *Client {
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	if cfg.WebURL = strings.TrimRight(cfg.WebURL, "/"); cfg.WebURL == "" {
		cfg.WebURL = cfg.URL
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: requestTimeout, Transport: cfg.Transport}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	bases := regexp.QuoteMeta(cfg.WebURL) + "|" + regexp.QuoteMeta(cfg.URL)
	return &Client{cfg: cfg, open: map[string]openPulls{}, changes: regexp.MustCompile(`^(?:` + bases + `)/([^/\s]+/[^/\s]+)/pulls/(\d+)/?$`)}
}

// Remote is the clone URL with the token as password.
func (c *Client) Remote(_ context.Context, p model.Project) (gitrepo.Remote, error) {
	return gitrepo.Remote{URL: c.cfg.URL + "/" + p.Name + ".git", Username: "gozer", Password: c.cfg.Token}, nil
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

// Whoami asks for the account of the token.
func (c *Client) Whoami(ctx context.Context) (account, version string, err error) {
	var user struct{ Login string }
	if err := c.do(ctx, http.MethodGet, "/user", nil, &user); err != nil {
		return "", "", err
	}
	var v struct{ Version string }
	if err := c.do(ctx, http.MethodGet, "/version", nil, &v); err != nil {
		return "", "", err
	}
	return user.Login, v.Version, nil
}

// httpError is an answer that is not a success.
type httpError struct {
	Status  int
	Message string
}

func (e *httpError) Error() string {
	return fmt.Sprintf("gitea answered %d: %s", e.Status, e.Message)
}

func (e *httpError) Is(target error) bool {
	return target == drivers.ErrNotFound && e.Status == http.StatusNotFound
}

const maxAnswer = 16 << 20

// do performs one request of the API.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	_, err := c.send(ctx, method, path, in, out)
	return err
}

// send performs one request of the API and gives the answer's header, too.
func (c *Client) send(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	req, err := c.request(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // a body that was read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("gitea %s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, &httpError{Status: resp.StatusCode, Message: messageOf(answer)}
	}
	if out == nil {
		return resp.Header, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return nil, fmt.Errorf("gitea %s %s answered something that is not JSON: %w", method, path, err)
	}
	return resp.Header, nil
}

func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.URL+"/api/v1"+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "token "+c.cfg.Token)
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

const maxMessage = 500

// messageOf takes the message out of an error's body.
func messageOf(answer []byte) string {
	var m struct{ Message string }
	if json.Unmarshal(answer, &m) == nil && m.Message != "" {
		return m.Message
	}
	text := strings.ToValidUTF8(strings.TrimSpace(string(answer)), "?")
	if len(text) > maxMessage {
		text = text[:maxMessage]
	}
	return text
}

// repo is the path of a project in the API.
func repo(p model.Project) string {
	owner, name, _ := strings.Cut(p.Name, "/")
	return "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name)
}

func pull(c model.Change) string { return fmt.Sprintf("%s/pulls/%d", repo(c.Project), c.Number) }

// SetStatus posts a commit status. Posting it again is harmless.
func (c *Client) SetStatus(ctx context.Context, ch model.Change, s drivers.Status) error {
	return c.do(ctx, http.MethodPost, repo(ch.Project)+"/statuses/"+url.PathEscape(ch.Head), map[string]string{
		"context": s.Context, "state": s.State, "description": s.Description, "target_url": s.URL,
	}, nil)
}

// Comment posts a comment once.
func (c *Client) Comment(ctx context.Context, ch model.Change, marker, body string) error {
	path := fmt.Sprintf("%s/issues/%d/comments", repo(ch.Project), ch.Number)
	var comments []struct{ Body string }
	if err := c.do(ctx, http.MethodGet, path, nil, &comments); err != nil {
		return err
	}
	for _, existing := range comments {
		if strings.Contains(existing.Body, marker) {
			return nil
		}
	}
	return c.do(ctx, http.MethodPost, path, map[string]string{"body": body}, nil)
}

// mergeStyles are Gitea's names of merge modes.
var mergeStyles = map[string]string{
	"merge": "merge", "merge-resolve": "merge", "merge-recursive": "merge", "merge-ort": "merge",
	"squash-merge": "squash", "rebase": "rebase", "cherry-pick": "rebase",
}

// Merge merges at exactly the head that was tested.
func (c *Client) Merge(ctx context.Context, ch model.Change, mode, message string) error {
	style, ok := mergeStyles[mode]
	if !ok {
		return &drivers.RefusedError{Reason: "Gitea has no merge mode " + mode}
	}
	if ch.Head == "" { // Gitea would merge whatever is there
		return &drivers.RefusedError{Reason: "it is not known which commit was tested"}
	}
	err := c.do(ctx, http.MethodPost, pull(ch)+"/merge", mergeRequest{
		Do: style, DoBefore126: style, HeadCommitID: ch.Head, Message: message, MessageBefore126: message,
	}, nil)
	var e *httpError
	if !errors.As(err, &e) {
		return err
	}
	return mergeError(e)
}

// mergeRequest says two things twice: Gitea 1.26 renamed the fields and reads
// names to the letter, so that each version ignores the names of the other.
type mergeRequest struct {
	Do               string `json:"do"`
	DoBefore126      string `json:"Do"`
	HeadCommitID     string `json:"head_commit_id"`
	Message          string `json:"merge_message_field,omitempty"`
	MessageBefore126 string `json:"MergeMessageField,omitempty"`
}

// mergeError tells apart the ways in which Gitea does not merge. 405 and 409
// each have many reasons; only the text says which.
func mergeError(e *httpError) error {
	text := strings.ToLower(e.Message)
	switch e.Status {
	case http.StatusConflict:
		switch {
		case strings.Contains(text, "head out of date"):
			return drivers.ErrHeadMoved
		case strings.Contains(text, "merge push out of date"): // the branch moved meanwhile
			return drivers.ErrTryLater
		case strings.HasPrefix(text, "{"): // git's own output, unworded
			return &drivers.RefusedError{Reason: "Gitea refuses to merge it: it conflicts with its branch"}
		}
	case http.StatusMethodNotAllowed:
		if strings.Contains(text, "try again later") {
			return drivers.ErrTryLater
		}
	case http.StatusNotFound:
		return &drivers.RefusedError{Reason: "Gitea refuses to merge it: it is closed, or Gozer's account cannot see it"}
	case http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusLocked:
	default:
		return e
	}
	return &drivers.RefusedError{Reason: "Gitea refuses to merge it: " + e.Message}
}
