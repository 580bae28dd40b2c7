package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/model"
)

// openPull is what a search tells of a pull request.
type openPull struct {
	Number     int64     `json:"number"`
	Title      string    `json:"title"`
	Body       string    `json:"body"`
	URL        string    `json:"url"`
	IsDraft    bool      `json:"isDraft"`
	CreatedAt  time.Time `json:"createdAt"`
	Repository struct {
		Name string `json:"nameWithOwner"`
	} `json:"repository"`
}

// openPulls of one owner that have Depends-On lines, as they were when they were read.
type openPulls struct {
	read  time.Time
	pulls []openPull
	// more than a search gives: pulls are none then.
	more bool
}

// searchQuery finds open pull requests by words of their text.
const searchQuery = `query($words: String!, $after: String) {
  search(type: ISSUE, query: $words, first: 100, after: $after) {
    issueCount
    pageInfo { hasNextPage endCursor }
    nodes { ... on PullRequest { number title body url isDraft createdAt repository { nameWithOwner } } }
  }
}`

// mostFound is how many results GitHub gives of one search.
const mostFound = 1000

// Needing searches the open pull requests of the projects' owners for Depends-On
// lines. A list that was read after the time in question serves again: many
// changes that enter at once cost one search. GitHub's search may lag behind: a
// pull request that was opened a moment ago brings itself in by its own event.
func (c *Client) Needing(ctx context.Context, ch model.Change, among []model.Project, at time.Time) ([]model.Change, error) {
	projects, owners := map[string]model.Project{}, map[string]model.Project{}
	for _, p := range among {
		projects[p.Name] = p
		owner, _ := split(p)
		owners[owner] = p
	}
	var found []openPull
	for _, owner := range slices.Sorted(maps.Keys(owners)) {
		pulls, err := c.openPulls(ctx, owner, owners[owner], ch, at)
		if err != nil {
			return nil, fmt.Errorf("open pull requests of %s: %w", owner, err)
		}
		found = append(found, pulls...)
	}
	slices.SortStableFunc(found, func(a, b openPull) int { return a.CreatedAt.Compare(b.CreatedAt) })
	var out []model.Change
	for _, p := range found {
		if project, ok := projects[p.Repository.Name]; ok {
			out = append(out, model.Change{Project: project, Number: p.Number, URL: p.URL, Title: p.Title, Message: p.Body, Open: true, Draft: p.IsDraft})
		}
	}
	return out, nil
}

func (c *Client) openPulls(ctx context.Context, owner string, p model.Project, ch model.Change, at time.Time) ([]openPull, error) {
	c.mu.Lock()
	known, ok := c.open[owner]
	c.mu.Unlock()
	if ok && known.read.After(at) {
		return known.pulls, nil
	}
	a, err := c.account(ctx, p)
	if err != nil {
		return nil, err
	}
	words := fmt.Sprintf(`is:pr is:open in:body "Depends-On" user:%s`, owner)
	// Whoever asks while it is searched gets the same answer, if that will do.
	asked := c.cfg.Now()
	found, err := c.searchOnce(ctx, a, owner, words)
	if err == nil && found.read.Before(asked) && !found.read.After(at) {
		found, err = c.searchOnce(ctx, a, owner, words)
	}
	if err != nil {
		return nil, err
	}
	if found.more { // those that name this change
		pulls, _, err := c.search(ctx, a, fmt.Sprintf(`%s "%s/pull/%d"`, words, ch.Project.Name, ch.Number))
		return pulls, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[owner] = found
	return found.pulls, nil
}

// searchOnce searches once for all who ask at the same time.
func (c *Client) searchOnce(ctx context.Context, a *account, owner, words string) (openPulls, error) {
	ctx = context.WithoutCancel(ctx) // it does not end with the first of them
	found, err, _ := c.reads.Do("open/"+owner, func() (any, error) {
		read := c.cfg.Now()
		pulls, more, err := c.search(ctx, a, words)
		return openPulls{read, pulls, more}, err
	})
	if err != nil {
		return openPulls{}, err
	}
	open, _ := found.(openPulls)
	return open, nil
}

// search reads all results; more says that there are more than GitHub gives.
func (c *Client) search(ctx context.Context, a *account, words string) (out []openPull, more bool, err error) {
	variables := map[string]any{"words": words, "after": nil}
	for {
		var answer struct {
			Search struct {
				Count    int `json:"issueCount"`
				PageInfo struct {
					HasNextPage bool   `json:"hasNextPage"`
					EndCursor   string `json:"endCursor"`
				} `json:"pageInfo"`
				Nodes []openPull `json:"nodes"`
			} `json:"search"`
		}
		err := c.query(ctx, a, searchQuery, variables, &answer)
		if errors.Is(err, errNoGraphQL) {
			return c.restSearch(ctx, a, words)
		}
		if err != nil {
			return nil, false, err
		}
		if answer.Search.Count > mostFound {
			return nil, true, nil
		}
		for _, p := range answer.Search.Nodes {
			if len(depends.Lines(p.Body)) > 0 {
				out = append(out, p)
			}
		}
		if !answer.Search.PageInfo.HasNextPage {
			return out, false, nil
		}
		variables["after"] = answer.Search.PageInfo.EndCursor
	}
}

func (c *Client) restSearch(ctx context.Context, a *account, words string) (out []openPull, more bool, err error) {
	err = pages("results", func(o github.ListOptions) (*github.Response, error) {
		result, resp, err := a.rest.Search.Issues(ctx, words, &github.SearchOptions{ListOptions: o})
		if err != nil {
			return nil, c.failed(a, err)
		}
		if result.GetTotal() > mostFound {
			more = true
			resp.NextPage = 0
			return resp, nil
		}
		for _, i := range result.Issues {
			if len(depends.Lines(i.GetBody())) == 0 {
				continue
			}
			p := openPull{Number: int64(i.GetNumber()), Title: i.GetTitle(), Body: i.GetBody(), URL: i.GetHTMLURL(), IsDraft: i.GetDraft(), CreatedAt: i.GetCreatedAt().Time}
			p.Repository.Name = repositoryOf(i.GetRepositoryURL())
			out = append(out, p)
		}
		return resp, nil
	})
	if more {
		out = nil
	}
	return out, more, err
}

// repositoryOf an API URL: the last two parts of its path.
func repositoryOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 {
		return ""
	}
	return strings.Join(parts[len(parts)-2:], "/")
}
