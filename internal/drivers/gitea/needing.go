package gitea

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/depends"
	"github.com/gozer-dev/gozer/internal/model"
)

// openPull is what a list of issues tells of a pull request.
type openPull struct {
	Number     int64     `json:"number"`
	Title      string    `json:"title"`
	Body       string    `json:"body"`
	HTMLURL    string    `json:"html_url"`
	Created    time.Time `json:"created_at"`
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
}

// openPulls of one owner that have Depends-On lines, as they were when they were read.
type openPulls struct {
	read  time.Time
	pulls []openPull
}

const (
	pullsPerPage = 50
	// maxPages of an owner's open pull requests that are read. Where there are more,
	// Gitea is asked for those with the change's path in their text. Its search
	// goes by words and may lag, so it is not asked while a list will do.
	maxPages = 20
)

// Needing reads the open pull requests of the projects' owners. A list that was
// read after the time in question serves again: many changes that enter at once
// cost one.
func (c *Client) Needing(ctx context.Context, ch model.Change, among []model.Project, at time.Time) ([]model.Change, error) {
	projects := map[string]model.Project{}
	owners := map[string]bool{}
	for _, p := range among {
		projects[p.Name] = p
		owner, _, _ := strings.Cut(p.Name, "/")
		owners[owner] = true
	}
	var found []openPull
	for _, owner := range slices.Sorted(maps.Keys(owners)) {
		pulls, err := c.openPulls(ctx, owner, ch, at)
		if err != nil {
			return nil, fmt.Errorf("open pull requests of %s: %w", owner, err)
		}
		found = append(found, pulls...)
	}
	slices.SortStableFunc(found, func(a, b openPull) int { return a.Created.Compare(b.Created) })
	var out []model.Change
	for _, p := range found {
		project, ok := projects[p.Repository.FullName]
		if !ok {
			continue
		}
		out = append(out, model.Change{Project: project, Number: p.Number, URL: p.HTMLURL, Title: p.Title, Message: p.Body, Open: true, Draft: isDraftTitle(p.Title)})
	}
	return out, nil
}

func (c *Client) openPulls(ctx context.Context, owner string, ch model.Change, at time.Time) ([]openPull, error) {
	c.mu.Lock()
	known, ok := c.open[owner]
	c.mu.Unlock()
	if ok && known.read.After(at) {
		return known.pulls, nil
	}
	read := openPulls{read: c.cfg.Now()}
	pulls, more, err := c.listOpen(ctx, owner, "")
	if err != nil {
		return nil, err
	}
	if more {
		pulls, _, err = c.listOpen(ctx, owner, fmt.Sprintf("%s/pulls/%d", ch.Project.Name, ch.Number))
		return pulls, err
	}
	read.pulls = pulls
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[owner] = read
	return pulls, nil
}

// listOpen reads an owner's open pull requests that name others, the oldest first;
// more says that there are too many. One that is opened meanwhile shifts the
// pages: what is read twice is taken once.
func (c *Client) listOpen(ctx context.Context, owner, words string) (pulls []openPull, more bool, err error) {
	seen := map[string]bool{}
	read := 0
	for page := 1; page <= maxPages; page++ {
		var some []openPull
		path := fmt.Sprintf("/repos/issues/search?type=pulls&state=open&owner=%s&limit=%d&page=%d", url.QueryEscape(owner), pullsPerPage, page)
		if words != "" {
			path += "&q=" + url.QueryEscape(words)
		}
		h, err := c.send(ctx, http.MethodGet, path, nil, &some)
		if err != nil {
			return nil, false, err
		}
		for _, p := range some {
			id := fmt.Sprintf("%s#%d", p.Repository.FullName, p.Number)
			if !seen[id] && len(depends.Lines(p.Body)) > 0 {
				pulls = append(pulls, p)
			}
			seen[id] = true
		}
		read += len(some)
		total, err := strconv.Atoi(h.Get("X-Total-Count"))
		if err == nil && words == "" && total > maxPages*pullsPerPage {
			return nil, true, nil
		}
		if len(some) == 0 || err == nil && read >= total || err != nil && len(some) < pullsPerPage {
			slices.Reverse(pulls) // Gitea gives the newest first
			return pulls, false, nil
		}
	}
	slices.Reverse(pulls)
	return pulls, true, nil
}
