package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

const (
	perPage = 100
	// maxPages of one list that are read.
	maxPages = 50
)

// restPull reads a pull request by REST, for hosts without GraphQL. It cannot tell
// whether conversations are resolved.
func (c *Client) restPull(ctx context.Context, a *account, p model.Project, number int64) (pull, error) {
	owner, repo := split(p)
	got, _, err := a.rest.PullRequests.Get(ctx, owner, repo, int(number))
	if err != nil {
		return pull{}, c.failed(a, err)
	}
	pr := pullOf(got)
	if pr.Reviews, err = c.restReviews(ctx, a, owner, repo, number); err != nil {
		return pull{}, fmt.Errorf("reviews: %w", err)
	}
	if pr.Statuses, err = c.restStatuses(ctx, a, owner, repo, pr.Head); err != nil {
		return pull{}, fmt.Errorf("statuses: %w", err)
	}
	if !pr.Open {
		return pr, nil
	}
	if pr.Rules, err = c.restRules(ctx, a, owner, repo, pr.Base); err != nil {
		return pull{}, fmt.Errorf("rules of %s: %w", pr.Base, err)
	}
	pr.decide()
	return pr, nil
}

// pullOf what REST tells of a pull request itself.
func pullOf(got *github.PullRequest) pull {
	pr := pull{
		Number: int64(got.GetNumber()), Title: got.GetTitle(), Body: got.GetBody(), URL: got.GetHTMLURL(), Author: got.GetUser().GetLogin(), Association: got.GetAuthorAssociation(),
		Head: got.GetHead().GetSHA(), Base: got.GetBase().GetRef(), Open: got.GetState() == "open", Draft: got.GetDraft(), Merged: got.GetMerged(),
		Mergeable: "UNKNOWN", Behind: got.GetMergeableState() == "behind",
	}
	if pr.Merged {
		pr.MergeCommit = got.GetMergeCommitSHA() // before that it is one that GitHub tried out
	}
	if got.Mergeable != nil {
		pr.Mergeable = map[bool]string{true: "MERGEABLE", false: "CONFLICTING"}[*got.Mergeable]
	}
	for _, l := range got.Labels {
		pr.Labels = append(pr.Labels, l.GetName())
	}
	return pr
}

// decide says what GraphQL calls the review decision.
func (pr *pull) decide() {
	approved := 0
	for _, a := range approvals(pr.Reviews) {
		switch {
		case a.Permission == "read":
		case a.Type == "changes_requested":
			pr.Decision = "CHANGES_REQUESTED"
			return
		case a.Type == "approved":
			approved++
		}
	}
	if pr.Rules.Approvals > 0 {
		pr.Decision = "REVIEW_REQUIRED"
		if approved >= pr.Rules.Approvals {
			pr.Decision = "APPROVED"
		}
	}
}

// pages reads all pages of a list.
func pages(what string, read func(o github.ListOptions) (*github.Response, error)) error {
	o := github.ListOptions{PerPage: perPage, Page: 1}
	for range maxPages {
		resp, err := read(o)
		if err != nil {
			return err
		}
		if resp.NextPage == 0 {
			return nil
		}
		o.Page = resp.NextPage
	}
	return fmt.Errorf("%w: %d %s", errTooMany, maxPages*perPage, what)
}

// errTooMany says that a list has no end that is worth waiting for.
var errTooMany = errors.New("there are more than are read")

// mayWrite are the associations of accounts that have a right to write, mostly; it
// is asked for each who gave a verdict.
var mayWrite = map[string]bool{"OWNER": true, "MEMBER": true, "COLLABORATOR": true}

func (c *Client) restReviews(ctx context.Context, a *account, owner, repo string, number int64) (out []review, err error) {
	may := map[string]bool{}
	err = pages("reviews", func(o github.ListOptions) (*github.Response, error) {
		list, resp, err := a.rest.PullRequests.ListReviews(ctx, owner, repo, int(number), &o)
		if err != nil {
			return nil, c.failed(a, err)
		}
		for _, r := range list {
			by := r.GetUser().GetLogin()
			if _, known := may[by]; !known && mayWrite[r.GetAuthorAssociation()] && r.GetState() != "COMMENTED" {
				level, _, err := a.rest.Repositories.GetPermissionLevel(ctx, owner, repo, by)
				if err = c.failed(a, err); err != nil && !isUnreadable(err) {
					return nil, err
				}
				may[by] = level.GetPermission() == "write" || level.GetPermission() == "admin"
			}
			out = append(out, review{ID: r.GetID(), Author: by, State: r.GetState(), MayWrite: may[by], At: r.GetSubmittedAt().Time})
		}
		return resp, nil
	})
	return out, err
}

// isUnreadable says that something is not there, or may not be read.
func isUnreadable(err error) bool {
	var e *github.ErrorResponse
	return errors.Is(err, drivers.ErrNotFound) || errors.As(err, &e) && e.Response.StatusCode == http.StatusForbidden
}

func (c *Client) restStatuses(ctx context.Context, a *account, owner, repo, head string) (out []status, err error) {
	err = pages("statuses", func(o github.ListOptions) (*github.Response, error) {
		combined, resp, err := a.rest.Repositories.GetCombinedStatus(ctx, owner, repo, head, &o)
		if err != nil {
			return nil, c.failed(a, err)
		}
		for _, s := range combined.Statuses {
			out = append(out, status{By: s.GetCreator().GetLogin(), Context: s.GetContext(), State: strings.ToLower(s.GetState()), At: s.GetUpdatedAt().Time})
		}
		return resp, nil
	})
	if err != nil {
		return nil, err
	}
	err = pages("checks", func(o github.ListOptions) (*github.Response, error) {
		runs, resp, err := a.rest.Checks.ListCheckRunsForRef(ctx, owner, repo, head, &github.ListCheckRunsOptions{ListOptions: o})
		if err != nil {
			return nil, c.failed(a, err)
		}
		for _, r := range runs.CheckRuns {
			state := r.GetConclusion()
			if state == "" {
				state = r.GetStatus()
			}
			out = append(out, status{By: r.GetApp().GetSlug(), Context: r.GetName(), State: strings.ToLower(state), At: r.GetStartedAt().Time})
		}
		return resp, nil
	})
	if isUnreadable(err) {
		err = nil // tokens of persons may not read them everywhere
	}
	return out, err
}

// restRules reads the rules of a branch: those of its protection, where they may be
// read, and those of rulesets.
func (c *Client) restRules(ctx context.Context, a *account, owner, repo, branch string) (rules, error) {
	var out rules
	p, _, err := a.rest.Repositories.GetBranchProtection(ctx, owner, repo, branch)
	switch err = c.failed(a, notProtected(err)); {
	case isUnreadable(err):
	case err != nil:
		return out, err
	default:
		if s := p.GetRequiredStatusChecks(); s != nil {
			out.Required, out.UpToDate = append(out.Required, s.Contexts...), s.Strict
		}
		if r := p.GetRequiredPullRequestReviews(); r != nil {
			out.Approvals = r.RequiredApprovingReviewCount
		}
		out.Locked = p.GetLockBranch().GetEnabled()
	}
	list, err := c.rulesets(ctx, a, owner, repo, branch)
	if err != nil && !isUnreadable(err) {
		return out, err
	}
	for _, r := range list {
		out.MergeQueue = out.MergeQueue || r.Type == "merge_queue"
		for _, s := range r.Parameters.Required {
			out.Required = append(out.Required, s.Context)
		}
		out.UpToDate = out.UpToDate || r.Parameters.Strict
		out.Approvals = max(out.Approvals, r.Parameters.Approvals)
	}
	return out, nil
}

// ruleset is one rule of a branch. The library refuses those of a type that it does not know.
type ruleset struct {
	Type       string `json:"type"`
	Parameters struct {
		Strict   bool `json:"strict_required_status_checks_policy"`
		Required []struct {
			Context string `json:"context"`
		} `json:"required_status_checks"`
		Approvals int `json:"required_approving_review_count"`
	} `json:"parameters"`
}

func (c *Client) rulesets(ctx context.Context, a *account, owner, repo, branch string) ([]ruleset, error) {
	req, err := a.rest.NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/rules/branches/%s?per_page=%d", owner, repo, url.PathEscape(branch), perPage), nil)
	if err != nil {
		return nil, err
	}
	var list []ruleset
	_, err = a.rest.Do(ctx, req, &list)
	return list, c.failed(a, err)
}

// notProtected is no error: there are no rules then.
func notProtected(err error) error {
	if errors.Is(err, github.ErrBranchNotProtected) {
		return drivers.ErrNotFound
	}
	return err
}
