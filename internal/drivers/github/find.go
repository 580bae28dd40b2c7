package github

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// found are pull requests whose head is some commit.
type found struct {
	numbers []int64
	at      time.Time
}

// Having finds the open pull requests whose head is a commit: statuses, and checks
// of forks, tell nothing but that. Who asks as of a moment (drivers.AsOf) gets what
// was found since: pull requests may be opened for a commit that has statuses.
func (c *Client) Having(ctx context.Context, p model.Project, commit string) ([]int64, error) {
	key := p.Canonical() + " " + commit
	if known, ok := c.having.Get(key); ok && drivers.WillDo(ctx, known.at) {
		return slices.Clone(known.numbers), nil
	}
	a, err := c.account(ctx, p)
	if err != nil {
		return nil, err
	}
	owner, repo := split(p)
	out := found{at: c.cfg.Now()}
	err = pages("pull requests", func(o github.ListOptions) (*github.Response, error) {
		list, resp, err := a.rest.PullRequests.ListPullRequestsWithCommit(ctx, owner, repo, commit, &o)
		for _, pr := range list {
			if pr.GetState() == "open" && pr.GetHead().GetSHA() == commit && strings.EqualFold(pr.GetBase().GetRepo().GetFullName(), p.Name) {
				out.numbers = append(out.numbers, int64(pr.GetNumber()))
			}
		}
		return resp, c.failed(a, err)
	})
	var e *github.ErrorResponse
	if errors.As(err, &e) && e.Response.StatusCode == http.StatusUnprocessableEntity {
		err = nil // the commit is gone: nothing has it
	}
	if err != nil {
		return nil, err
	}
	c.having.Put(key, out)
	return slices.Clone(out.numbers), nil
}
