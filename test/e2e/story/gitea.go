package story

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Gitea is the API of a Gitea as one of its users. It is not the product's
// client: what is checked must not be checked with what it is made of.
type Gitea struct {
	URL   string
	User  string
	Token string
}

// APIError is an answer that is not a success.
type APIError struct {
	Request string
	Status  int
	Message string
}

func (e *APIError) Error() string { return fmt.Sprintf("%s: %d %s", e.Request, e.Status, e.Message) }

// isStatus says whether the forge answered with one of the codes.
func isStatus(err error, codes ...int) bool {
	var e *APIError
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Status == c {
			return true
		}
	}
	return false
}

const callTimeout = 30 * time.Second

// call performs one request. The path begins after /api/v1.
func (g Gitea) call(ctx context.Context, method, path string, in, out any) error {
	return g.do(ctx, method, path, in, out, "token "+g.Token)
}

func (g Gitea) do(ctx context.Context, method, path string, in, out any, authorization string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, g.URL+"/api/v1"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return &APIError{Request: method + " " + path, Status: resp.StatusCode, Message: strings.TrimSpace(string(data))}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// Pull is a pull request as the forge shows it.
type Pull struct {
	Number      int64      `json:"number"`
	Title       string     `json:"title"`
	State       string     `json:"state"`
	Merged      bool       `json:"merged"`
	MergedAt    *time.Time `json:"merged_at"`
	MergeCommit string     `json:"merge_commit_sha"`
	URL         string     `json:"html_url"`
	Head        struct {
		SHA string `json:"sha"`
	} `json:"head"`
}

// Comment on a pull request.
type Comment struct {
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
}

// Status of a commit.
type Status struct {
	Context     string `json:"context"`
	State       string `json:"status"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url"`
}

// EnsureUser makes a user, or gives the one that is there the password.
func (g Gitea) EnsureUser(ctx context.Context, name, password string) error {
	err := g.call(ctx, http.MethodPost, "/admin/users", map[string]any{
		"username": name, "password": password, "email": name + "@acme.invalid", "must_change_password": false,
	}, nil)
	if isStatus(err, http.StatusUnprocessableEntity) {
		err = g.call(ctx, http.MethodPatch, "/admin/users/"+name, map[string]any{
			"source_id": 0, "login_name": name, "password": password, "must_change_password": false,
		}, nil)
	}
	if err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	return nil
}

// NewToken makes a token with which a user may do all that they may.
func (g Gitea) NewToken(ctx context.Context, user, password string) (string, error) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	const tokenName = "story"
	_ = g.do(ctx, http.MethodDelete, "/users/"+user+"/tokens/"+tokenName, nil, nil, basic) // of an earlier run
	var token struct {
		SHA1 string `json:"sha1"`
	}
	err := g.do(ctx, http.MethodPost, "/users/"+user+"/tokens", map[string]any{"name": tokenName, "scopes": []string{"all"}}, &token, basic)
	if err != nil {
		return "", fmt.Errorf("token of %s: %w", user, err)
	}
	return token.SHA1, nil
}

// Works says whether the token is the user's.
func (g Gitea) Works(ctx context.Context) bool {
	var user struct{ Login string }
	return g.Token != "" && g.call(ctx, http.MethodGet, "/user", nil, &user) == nil && user.Login == g.User
}

// EnsureOrg makes an organization.
func (g Gitea) EnsureOrg(ctx context.Context, name string) error {
	err := g.call(ctx, http.MethodPost, "/orgs", map[string]any{"username": name, "visibility": "public"}, nil)
	if isStatus(err, http.StatusUnprocessableEntity) {
		return nil
	}
	return err
}

// EnsureRepo makes an empty repository and says whether it made it.
func (g Gitea) EnsureRepo(ctx context.Context, org, name string) (made bool, err error) {
	err = g.call(ctx, http.MethodPost, "/orgs/"+org+"/repos", map[string]any{"name": name, "default_branch": "main", "auto_init": false}, nil)
	if isStatus(err, http.StatusConflict) {
		return false, nil
	}
	return err == nil, err
}

// AddCollaborator lets a user write to a repository.
func (g Gitea) AddCollaborator(ctx context.Context, repo, user string) error {
	return g.call(ctx, http.MethodPut, "/repos/"+repo+"/collaborators/"+user, map[string]any{"permission": "write"}, nil)
}

// EnsureHook makes the repository's only webhook.
func (g Gitea) EnsureHook(ctx context.Context, repo, target, secret string) error {
	var hooks []struct {
		ID int64 `json:"id"`
	}
	if err := g.call(ctx, http.MethodGet, "/repos/"+repo+"/hooks", nil, &hooks); err != nil {
		return err
	}
	for _, h := range hooks {
		if err := g.call(ctx, http.MethodDelete, fmt.Sprintf("/repos/%s/hooks/%d", repo, h.ID), nil, nil); err != nil {
			return err
		}
	}
	return g.call(ctx, http.MethodPost, "/repos/"+repo+"/hooks", map[string]any{
		"type": "gitea", "active": true,
		"config": map[string]string{"url": target, "content_type": "json", "secret": secret},
		"events": []string{
			"push", "issue_comment", "pull_request", "pull_request_comment", "pull_request_label", "pull_request_sync",
			"pull_request_review_approved", "pull_request_review_rejected", "pull_request_review_comment",
		},
	}, nil)
}

// EnsureProtection has the branch merged and pushed by one user only: everybody else goes through the gate.
func (g Gitea) EnsureProtection(ctx context.Context, repo, branch, only string) error {
	rule := map[string]any{
		"rule_name": branch, "enable_push": true, "enable_push_whitelist": true, "push_whitelist_usernames": []string{only},
		"enable_merge_whitelist": true, "merge_whitelist_usernames": []string{only}, "required_approvals": 1,
	}
	err := g.call(ctx, http.MethodPost, "/repos/"+repo+"/branch_protections", rule, nil)
	if isStatus(err, http.StatusForbidden, http.StatusUnprocessableEntity) {
		return g.call(ctx, http.MethodPatch, "/repos/"+repo+"/branch_protections/"+branch, rule, nil)
	}
	return err
}

// EnsureFork forks a repository for the user.
func (g Gitea) EnsureFork(ctx context.Context, repo string) error {
	err := g.call(ctx, http.MethodPost, "/repos/"+repo+"/forks", map[string]any{}, nil)
	if isStatus(err, http.StatusConflict) {
		return nil
	}
	return err
}

// Branches of a repository.
func (g Gitea) Branches(ctx context.Context, repo string) ([]string, error) {
	var out []string
	for page := 1; ; page++ {
		var some []struct{ Name string }
		if err := g.call(ctx, http.MethodGet, fmt.Sprintf("/repos/%s/branches?limit=50&page=%d", repo, page), nil, &some); err != nil {
			return nil, err
		}
		for _, b := range some {
			out = append(out, b.Name)
		}
		if len(some) < 50 {
			return out, nil
		}
	}
}

// File of a branch.
func (g Gitea) File(ctx context.Context, repo, branch, path string) (string, error) {
	var f struct{ Content string }
	if err := g.call(ctx, http.MethodGet, "/repos/"+repo+"/contents/"+path+"?ref="+url.QueryEscape(branch), nil, &f); err != nil {
		return "", err
	}
	data, err := base64.StdEncoding.DecodeString(f.Content)
	return string(data), err
}

// OpenPull proposes a branch of the user's fork.
func (g Gitea) OpenPull(ctx context.Context, repo, branch, title, body string) (Pull, error) {
	var p Pull
	err := g.call(ctx, http.MethodPost, "/repos/"+repo+"/pulls", map[string]any{
		"base": "main", "head": g.User + ":" + branch, "title": title, "body": body,
	}, &p)
	return p, err
}

// Pull reads a pull request.
func (g Gitea) Pull(ctx context.Context, repo string, number int64) (Pull, error) {
	var p Pull
	return p, g.call(ctx, http.MethodGet, fmt.Sprintf("/repos/%s/pulls/%d", repo, number), nil, &p)
}

// SetPullState opens or closes a pull request.
func (g Gitea) SetPullState(ctx context.Context, repo string, number int64, state string) error {
	return g.call(ctx, http.MethodPatch, fmt.Sprintf("/repos/%s/pulls/%d", repo, number), map[string]any{"state": state}, nil)
}

// Approve reviews a pull request at one version of it.
func (g Gitea) Approve(ctx context.Context, repo string, number int64, head string) error {
	return g.call(ctx, http.MethodPost, fmt.Sprintf("/repos/%s/pulls/%d/reviews", repo, number),
		map[string]any{"event": "APPROVED", "commit_id": head, "body": "Looks good."}, nil)
}

// Comments on a pull request, oldest first.
func (g Gitea) Comments(ctx context.Context, repo string, number int64) ([]Comment, error) {
	var out []Comment
	return out, g.call(ctx, http.MethodGet, fmt.Sprintf("/repos/%s/issues/%d/comments", repo, number), nil, &out)
}

// Say comments on a pull request.
func (g Gitea) Say(ctx context.Context, repo string, number int64, text string) error {
	return g.call(ctx, http.MethodPost, fmt.Sprintf("/repos/%s/issues/%d/comments", repo, number), map[string]any{"body": text}, nil)
}

// Statuses of a commit: the latest of each context.
func (g Gitea) Statuses(ctx context.Context, repo, commit string) (map[string]Status, error) {
	var combined struct{ Statuses []Status }
	if err := g.call(ctx, http.MethodGet, fmt.Sprintf("/repos/%s/commits/%s/status", repo, commit), nil, &combined); err != nil {
		return nil, err
	}
	out := map[string]Status{}
	for _, s := range combined.Statuses {
		out[s.Context] = s
	}
	return out, nil
}
