package gitea

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

// pullRequest is what is read of a pull request, in the API and in webhooks.
type pullRequest struct {
	Number  int64  `json:"number"`
	Title   string `json:"title"`
	Body    string `json:"body"`
	State   string `json:"state"`
	Draft   bool   `json:"draft"`
	Merged  bool   `json:"merged"`
	HTMLURL string `json:"html_url"`
	User    struct {
		Login string `json:"login"`
	} `json:"user"`
	Head struct {
		SHA string `json:"sha"`
	} `json:"head"`
	Base struct {
		Ref string `json:"ref"`
	} `json:"base"`
	MergeCommit string  `json:"merge_commit_sha"`
	Labels      []label `json:"labels"`
}

type label struct {
	Name string `json:"name"`
}

// review is a verdict. Official ones are from people who may write.
type review struct {
	User struct {
		Login string `json:"login"`
	} `json:"user"`
	State     string    `json:"state"`
	Commit    string    `json:"commit_id"`
	Official  bool      `json:"official"`
	Dismissed bool      `json:"dismissed"`
	Submitted time.Time `json:"submitted_at"`
}

const (
	reviewsPerPage = 50
	maxReviewPages = 100
)

// Change reads a pull request and the reviews of its present head.
func (c *Client) Change(ctx context.Context, p model.Project, number int64) (model.Change, error) {
	ch := model.Change{Project: p, Number: number}
	var pr pullRequest
	if err := c.do(ctx, http.MethodGet, pull(ch), nil, &pr); err != nil {
		return model.Change{}, fmt.Errorf("%s#%d: %w", p.Name, number, err)
	}
	ch = pr.change(p)
	all, err := c.reviews(ctx, ch)
	if err != nil {
		return model.Change{}, fmt.Errorf("reviews of %s#%d: %w", p.Name, number, err)
	}
	ch.Approvals = approvals(all, ch.Head)
	return ch, nil
}

// reviews reads all pages. A host may have smaller ones than are asked for: it
// says how many reviews there are in all.
func (c *Client) reviews(ctx context.Context, ch model.Change) ([]review, error) {
	var all []review
	for page := 1; page <= maxReviewPages; page++ {
		var some []review
		h, err := c.send(ctx, http.MethodGet, fmt.Sprintf("%s/reviews?limit=%d&page=%d", pull(ch), reviewsPerPage, page), nil, &some)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		total, err := strconv.Atoi(h.Get("X-Total-Count"))
		if len(some) == 0 || err == nil && len(all) >= total || err != nil && len(some) < reviewsPerPage {
			return all, nil
		}
	}
	return nil, fmt.Errorf("there are more than %d", len(all))
}

func (pr pullRequest) change(p model.Project) model.Change {
	ch := model.Change{
		Project: p, Number: pr.Number, Patchset: pr.Head.SHA, Head: pr.Head.SHA,
		Ref: fmt.Sprintf("refs/pull/%d/head", pr.Number), Branch: pr.Base.Ref, URL: pr.HTMLURL,
		Title: pr.Title, Message: pr.Body, Author: pr.User.Login,
		Open: pr.State == "open", Draft: pr.Draft || isDraftTitle(pr.Title), Merged: pr.Merged, MergeCommit: pr.MergeCommit,
	}
	for _, l := range pr.Labels {
		ch.Labels = append(ch.Labels, l.Name)
	}
	slices.Sort(ch.Labels)
	return ch
}

// isDraftTitle: Gitea marks drafts by their title.
func isDraftTitle(title string) bool {
	return strings.HasPrefix(strings.ToUpper(title), "WIP:") || strings.HasPrefix(strings.ToUpper(title), "[WIP]")
}

// approvals keeps each reviewer's latest verdict on the head.
func approvals(all []review, head string) []model.Approval {
	types := map[string]string{"APPROVED": "approved", "REQUEST_CHANGES": "changes_requested", "COMMENT": "comment"}
	latest := map[string]model.Approval{}
	for _, r := range all {
		kind, ok := types[r.State]
		if !ok || r.Dismissed || r.Commit != head {
			continue
		}
		if prev, there := latest[r.User.Login]; there && (kind == "comment" || prev.SubmittedAt.After(r.Submitted)) {
			continue
		}
		permission := "read"
		if r.Official {
			permission = "write"
		}
		latest[r.User.Login] = model.Approval{By: r.User.Login, Type: kind, Permission: permission, SubmittedAt: r.Submitted}
	}
	var out []model.Approval
	for _, a := range latest {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b model.Approval) int { return strings.Compare(a.By, b.By) })
	return out
}
