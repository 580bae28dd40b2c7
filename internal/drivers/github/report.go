package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// Bounds that GitHub refuses to pass.
const (
	maxDescription = 140
	maxBody        = 65536
	maxSummary     = 65535
	maxAnnotations = 50
	maxMessage     = 64 << 10
)

// SetStatus posts a commit status. Posting it again is harmless.
func (c *Client) SetStatus(ctx context.Context, ch model.Change, s drivers.Status) error {
	a, err := c.account(ctx, ch.Project)
	if err != nil {
		return err
	}
	owner, repo := split(ch.Project)
	status := &github.RepoStatus{Context: &s.Context, State: &s.State, Description: github.String(drivers.Cut(s.Description, maxDescription))}
	if s.URL != "" {
		status.TargetURL = &s.URL
	}
	_, _, err = a.rest.Repositories.CreateStatus(with(ctx, forReporting), owner, repo, ch.Head, status)
	return refused("the status", c.failed(a, err))
}

// Comment posts a comment once.
func (c *Client) Comment(ctx context.Context, ch model.Change, marker, body string) error {
	a, err := c.account(ctx, ch.Project)
	if err != nil {
		return err
	}
	ctx = with(ctx, forReporting)
	if there, err := c.said(ctx, a, ch, "comments", marker); err != nil || there {
		return err
	}
	owner, repo := split(ch.Project)
	_, _, err = a.rest.Issues.CreateComment(ctx, owner, repo, int(ch.Number), &github.IssueComment{Body: github.String(withMarker(body, marker, maxBody))})
	return refused("the comment", c.failed(a, err))
}

// withMarker cuts a text where GitHub would refuse it; the marker stays.
func withMarker(body, marker string, most int) string {
	if !strings.Contains(body, marker) {
		body = strings.TrimSpace(body + "\n" + marker)
	}
	if len(body) <= most {
		return body
	}
	return drivers.Cut(strings.Replace(body, marker, "", 1), most-len(marker)-1) + "\n" + marker
}

// verdicts are GitHub's names of what a review says.
var verdicts = map[drivers.ReviewVerdict]string{
	drivers.ReviewApprove: "APPROVE", drivers.ReviewRequestChanges: "REQUEST_CHANGES", drivers.ReviewComment: "COMMENT",
}

// Review gives a verdict once.
func (c *Client) Review(ctx context.Context, ch model.Change, marker string, verdict drivers.ReviewVerdict, body string) error {
	event, ok := verdicts[verdict]
	if !ok {
		return &drivers.RefusedError{Reason: fmt.Sprintf("GitHub has no review that says %q", verdict)}
	}
	a, err := c.account(ctx, ch.Project)
	if err != nil {
		return err
	}
	ctx = with(ctx, forReporting)
	if there, err := c.said(ctx, a, ch, "reviews", marker); err != nil || there {
		return err
	}
	owner, repo := split(ch.Project)
	_, _, err = a.rest.PullRequests.CreateReview(ctx, owner, repo, int(ch.Number), &github.PullRequestReviewRequest{
		CommitID: &ch.Head, Event: &event, Body: github.String(withMarker(body, marker, maxBody)),
	})
	return refused("the review", c.failed(a, err))
}

// saidQuery reads what was said of late, by us and by others: others may copy our markers.
const saidQuery = `query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    comments(last: 100) { nodes { body viewerDidAuthor } }
    reviews(last: 100) { nodes { body viewerDidAuthor } }
  } }
}`

// said says whether we said something with the marker on a pull request before.
func (c *Client) said(ctx context.Context, a *account, ch model.Change, kind, marker string) (bool, error) {
	type list struct {
		Nodes []struct {
			Body string `json:"body"`
			Ours bool   `json:"viewerDidAuthor"`
		} `json:"nodes"`
	}
	var answer struct {
		Repository *struct {
			PullRequest *struct{ Comments, Reviews list } `json:"pullRequest"`
		} `json:"repository"`
	}
	owner, repo := split(ch.Project)
	err := c.query(ctx, a, saidQuery, map[string]any{"owner": owner, "name": repo, "number": ch.Number}, &answer)
	switch {
	case errors.Is(err, errNoGraphQL):
		return c.restSaid(ctx, a, ch, kind, marker)
	case err != nil:
		return false, err
	case answer.Repository == nil || answer.Repository.PullRequest == nil:
		return false, drivers.ErrNotFound
	}
	nodes := answer.Repository.PullRequest.Comments.Nodes
	if kind == "reviews" {
		nodes = answer.Repository.PullRequest.Reviews.Nodes
	}
	for _, n := range nodes {
		if n.Ours && strings.Contains(n.Body, marker) {
			return true, nil
		}
	}
	return false, nil
}

func (c *Client) restSaid(ctx context.Context, a *account, ch model.Change, kind, marker string) (found bool, err error) {
	us, _, err := c.Whoami(ctx)
	if err != nil {
		return false, err
	}
	owner, repo := split(ch.Project)
	note := func(by, body string) { found = found || by == us && strings.Contains(body, marker) }
	err = pages(kind, func(o github.ListOptions) (*github.Response, error) {
		if kind == "reviews" {
			reviews, resp, err := a.rest.PullRequests.ListReviews(ctx, owner, repo, int(ch.Number), &o)
			for _, r := range reviews {
				note(r.GetUser().GetLogin(), r.GetBody())
			}
			return resp, c.failed(a, err)
		}
		comments, resp, err := a.rest.Issues.ListComments(ctx, owner, repo, int(ch.Number), &github.IssueListCommentsOptions{ListOptions: o})
		for _, k := range comments {
			note(k.GetUser().GetLogin(), k.GetBody())
		}
		return resp, c.failed(a, err)
	})
	return found, err
}

// SetLabels adds and removes labels.
func (c *Client) SetLabels(ctx context.Context, ch model.Change, add, remove []string) error {
	a, err := c.account(ctx, ch.Project)
	if err != nil {
		return err
	}
	ctx = with(ctx, forReporting)
	owner, repo := split(ch.Project)
	if len(add) > 0 {
		// The library sends the list alone, which GitHub takes and does not describe.
		req, err := a.rest.NewRequest(http.MethodPost, fmt.Sprintf("repos/%s/%s/issues/%d/labels", owner, repo, ch.Number), map[string][]string{"labels": add})
		if err != nil {
			return err
		}
		if _, err := a.rest.Do(ctx, req, nil); err != nil {
			return refused("the labels", c.failed(a, err))
		}
	}
	for _, l := range remove {
		// The library does not escape the name: "area/api" would be another path.
		req, err := a.rest.NewRequest(http.MethodDelete, fmt.Sprintf("repos/%s/%s/issues/%d/labels/%s", owner, repo, ch.Number, pathPart(l)), nil)
		if err != nil {
			return err
		}
		_, err = a.rest.Do(ctx, req, nil)
		if err = c.failed(a, err); err != nil && !errors.Is(err, drivers.ErrNotFound) {
			return refused("to take the label away", err)
		}
	}
	return nil
}

// SetCheck makes a check run or changes the one that was made before. Only an App may.
func (c *Client) SetCheck(ctx context.Context, ch model.Change, k drivers.Check) error {
	if c.app == nil {
		return &drivers.RefusedError{Reason: "GitHub lets only Apps set checks; give the connection an App's id and key, or report a status instead"}
	}
	a, err := c.account(ctx, ch.Project)
	if err != nil {
		return err
	}
	ctx = with(ctx, forReporting)
	set, err := c.checkOf(ctx, a, ch, k)
	if err != nil {
		return refused("to list checks", err)
	}
	// Who died, or got no answer, half-way goes on where that was.
	k.Annotations = k.Annotations[min(set.annotations, len(k.Annotations)):]
	key := checkKey(ch, k)
	// GitHub takes fifty annotations at a time, and adds those that come later.
	for first := true; first || len(k.Annotations) > 0; first = false {
		n := min(len(k.Annotations), maxAnnotations)
		c.checks.Put(key, checkSet{}) // not known until there is an answer
		if set.id, err = c.putCheck(ctx, a, ch, k, k.Annotations[:n], set.id); err != nil {
			return refused("the check", err)
		}
		k.Annotations, set.annotations = k.Annotations[n:], set.annotations+n
		c.checks.Put(key, set)
	}
	return nil
}

// checkSet is a check that was set, and how many annotations it has.
type checkSet struct {
	id          int64
	annotations int
}

// checkOf finds the check that was made for the same item before; none has no id.
func (c *Client) checkOf(ctx context.Context, a *account, ch model.Change, k drivers.Check) (checkSet, error) {
	if known, ok := c.checks.Get(checkKey(ch, k)); ok && known.id != 0 {
		return known, nil
	}
	owner, repo := split(ch.Project)
	var set checkSet
	err := pages("checks", func(o github.ListOptions) (*github.Response, error) {
		runs, resp, err := a.rest.Checks.ListCheckRunsForRef(ctx, owner, repo, ch.Head, &github.ListCheckRunsOptions{
			CheckName: &k.Name, Filter: github.String("all"), ListOptions: o})
		if err != nil {
			return nil, c.failed(a, err)
		}
		for _, r := range runs.CheckRuns {
			if r.GetExternalID() == k.ID {
				set = checkSet{r.GetID(), r.GetOutput().GetAnnotationsCount()}
			}
		}
		return resp, nil
	})
	return set, err
}

func checkKey(ch model.Change, k drivers.Check) string {
	return ch.Project.Canonical() + " " + ch.Head + " " + k.Name + " " + k.ID
}

func (c *Client) putCheck(ctx context.Context, a *account, ch model.Change, k drivers.Check, some []drivers.Annotation, id int64) (int64, error) {
	owner, repo := split(ch.Project)
	state, conclusion := "completed", &k.State
	if k.State == "in_progress" {
		state, conclusion = k.State, nil
	}
	out := &github.CheckRunOutput{Title: github.String(drivers.Cut(cmp.Or(k.Title, k.Name), maxDescription)), Summary: github.String(drivers.Cut(k.Summary, maxSummary))}
	for _, n := range some {
		out.Annotations = append(out.Annotations, &github.CheckRunAnnotation{
			Path: github.String(n.Path), StartLine: github.Int(n.Line), EndLine: github.Int(max(n.Line, n.EndLine)),
			AnnotationLevel: github.String(n.Level), Message: github.String(drivers.Cut(n.Message, maxMessage)),
		})
	}
	var run *github.CheckRun
	var err error
	if id == 0 {
		o := github.CreateCheckRunOptions{Name: k.Name, HeadSHA: ch.Head, ExternalID: &k.ID, Status: &state, Conclusion: conclusion, Output: out}
		if k.State == "in_progress" {
			o.Actions = []*github.CheckRunAction{{Label: "Abort", Description: "Take it out of the pipeline", Identifier: drivers.ActionAbort}}
		}
		o.DetailsURL, o.StartedAt, o.CompletedAt = text(k.URL), stamp(k.StartedAt), stamp(k.EndedAt)
		run, _, err = a.rest.Checks.CreateCheckRun(ctx, owner, repo, o)
	} else {
		o := github.UpdateCheckRunOptions{Name: k.Name, ExternalID: &k.ID, Status: &state, Conclusion: conclusion, Output: out}
		o.DetailsURL, o.CompletedAt = text(k.URL), stamp(k.EndedAt)
		run, _, err = a.rest.Checks.UpdateCheckRun(ctx, owner, repo, id, o)
	}
	if err != nil {
		return 0, c.failed(a, err)
	}
	return run.GetID(), nil
}
