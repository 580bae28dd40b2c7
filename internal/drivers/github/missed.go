package github

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

const (
	// lag is how late GitHub may show what happened.
	lag = time.Minute
	// oldest is how far back deliveries are looked for: GitHub keeps them for three days.
	oldest = 72 * time.Hour
	// maxDeliveryPages bounds how much of the list is read at a time.
	maxDeliveryPages = 1000
	// maxRecovered bounds how many webhooks are read again at a time.
	maxRecovered = 1000
	// maxTimeouts is how many repositories may keep a poll waiting in vain.
	maxTimeouts = 3
)

// round is one poll.
type round struct {
	events []drivers.MissedEvent
	// began is until when it is complete if all goes well, until what it is.
	began, until time.Time
	failed       []error
	// taken notes what was told, when all of it was taken.
	taken []func()
}

// upTo notes until when one part of a poll is complete.
func (r *round) upTo(t time.Time) {
	if t.Before(r.until) {
		r.until = t
	}
}

// Missed reads deliveries that did not arrive, and what changed since it looked last.
// What one repository keeps from us keeps nothing of the others.
func (c *Client) Missed(ctx context.Context, projects []model.Project, since time.Time, found func(drivers.MissedEvent) error) (time.Time, error) {
	ctx = with(ctx, forPolling)
	r := &round{began: later(c.cfg.Now().Add(-lag), since)}
	r.until = r.began
	if c.app != nil {
		c.undelivered(ctx, r, projects, since)
	}
	timeouts := 0
	for _, p := range projects {
		from := later(since, c.seenOf(p).until)
		if timeouts == maxTimeouts {
			r.upTo(from)
			continue
		}
		err := c.poll(ctx, r, p, from)
		if err == nil {
			continue
		}
		r.failed = append(r.failed, fmt.Errorf("what changed in %s: %w", p.Name, err))
		if keptFromUs(err) {
			continue // what comes of it is read when it may be read again
		}
		r.upTo(from)
		var slow interface{ Timeout() bool }
		if errors.As(err, &slow) && slow.Timeout() {
			timeouts++
		}
	}
	slices.SortStableFunc(r.events, func(a, b drivers.MissedEvent) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	for _, e := range r.events {
		if err := found(e); err != nil {
			return since, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, note := range r.taken {
		note()
	}
	return r.until, errors.Join(r.failed...)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// keptFromUs says whether what cannot be read would not be the next time either:
// nothing waits for it.
func keptFromUs(err error) bool {
	var e *github.ErrorResponse
	var token *ghinstallation.HTTPError
	switch {
	case errors.Is(err, drivers.ErrNotFound), errors.Is(err, errTooMany):
		return true
	case errors.As(err, &e):
		return e.Response.StatusCode/100 == 4 && e.Response.StatusCode != http.StatusUnauthorized && e.Response.StatusCode != http.StatusTooManyRequests
	case errors.As(err, &token): // a suspended installation has none
		return token.Response != nil && (token.Response.StatusCode == http.StatusForbidden || token.Response.StatusCode == http.StatusNotFound)
	}
	return false
}

// undelivered adds the events of webhooks that did not arrive.
func (c *Client) undelivered(ctx context.Context, r *round, projects []model.Project, since time.Time) {
	c.mu.Lock()
	from := later(later(since, c.delivered), c.cfg.Now().Add(-oldest))
	c.mu.Unlock()
	until := r.began
	list, err := c.deliveries(ctx, from)
	if errors.Is(err, drivers.ErrNotFound) {
		return // the App has no webhook of its own
	}
	if err != nil && !errors.Is(err, errTooMany) {
		r.failed = append(r.failed, fmt.Errorf("deliveries of the App: %w", err))
		r.upTo(from)
		return
	}
	if err != nil {
		r.failed = append(r.failed, err)
	}
	for n, d := range list {
		events, err := c.recover(ctx, d)
		if err != nil {
			r.failed = append(r.failed, fmt.Errorf("deliveries of the App: %w", err))
		}
		if err != nil || n == maxRecovered {
			until = later(from, d.GetDeliveredAt().Time) // the rest is read the next time
			break
		}
		for _, e := range events {
			if slices.ContainsFunc(projects, func(p model.Project) bool { return strings.EqualFold(p.Name, e.Project) }) {
				r.events = append(r.events, drivers.MissedEvent{TriggerEvent: e, Exact: true})
			}
		}
	}
	r.upTo(until)
	r.taken = append(r.taken, func() { c.delivered = until })
}

// deliveries that failed and were not delivered again since, oldest first.
func (c *Client) deliveries(ctx context.Context, since time.Time) ([]*github.HookDelivery, error) {
	arrived, listed := map[string]bool{}, map[string]bool{}
	var failed []*github.HookDelivery
	var last time.Time
	o := &github.ListCursorOptions{PerPage: perPage}
	for more, page := true, 0; more && page < maxDeliveryPages; page++ {
		list, resp, err := c.app.rest.Apps.ListHookDeliveries(ctx, o)
		if err != nil {
			return nil, c.failed(c.app, err)
		}
		more = resp.Cursor != "" && len(list) > 0
		for _, d := range list {
			if last = d.GetDeliveredAt().Time; last.Before(since) {
				more = false
				break
			}
			switch _, tells := kinds[d.GetEvent()]; {
			case d.GetStatusCode()/100 == 2:
				arrived[d.GetGUID()] = true
			case tells && !listed[d.GetGUID()]:
				listed[d.GetGUID()] = true
				failed = append(failed, d)
			}
		}
		o.Cursor = resp.Cursor
		if more && page == maxDeliveryPages-1 {
			return undone(failed, arrived), fmt.Errorf("%w: %d webhooks since %s; of those before %s it is not known whether they arrived",
				errTooMany, maxDeliveryPages*perPage, since.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339))
		}
	}
	return undone(failed, arrived), nil
}

// undone are deliveries that did not arrive later either, oldest first.
func undone(failed []*github.HookDelivery, arrived map[string]bool) []*github.HookDelivery {
	failed = slices.DeleteFunc(failed, func(d *github.HookDelivery) bool { return arrived[d.GetGUID()] })
	slices.Reverse(failed)
	return failed
}

// recover reads the payload of a delivery as if it arrived now.
func (c *Client) recover(ctx context.Context, d *github.HookDelivery) ([]model.TriggerEvent, error) {
	full, _, err := c.app.rest.Apps.GetHookDelivery(ctx, d.GetID())
	if err = c.failed(c.app, err); errors.Is(err, drivers.ErrNotFound) {
		return nil, nil // GitHub does not keep it any more
	}
	if err != nil {
		return nil, err
	}
	if full.Request == nil || full.Request.RawPayload == nil {
		return nil, nil
	}
	h := http.Header{}
	h.Set("X-GitHub-Event", d.GetEvent())
	h.Set("X-GitHub-Delivery", d.GetGUID())
	c.mu.Lock()
	w := Webhooks{Own: c.own}
	c.mu.Unlock()
	events, _, err := w.Decode(h, *full.Request.RawPayload, d.GetDeliveredAt().Time)
	if err != nil {
		return nil, nil //nolint:nilerr // it would not have been taken either
	}
	for n := range events {
		events[n].Name = w.Identity(h, *full.Request.RawPayload)
	}
	return events, nil
}

// seenPull is what was seen last of an open pull request.
type seenPull struct {
	head, base string
	// text is a digest of the title and the text.
	text    [sha256.Size]byte
	labels  []string
	draft   bool
	updated time.Time
}

func seenOf(pr *github.PullRequest) seenPull {
	return seenPull{head: pr.GetHead().GetSHA(), base: pr.GetBase().GetRef(), text: sha256.Sum256([]byte(pr.GetTitle() + "\n" + pr.GetBody())),
		labels: labelsOf(pr), draft: pr.GetDraft(), updated: pr.GetUpdatedAt().Time}
}

// seen of a repository at the last poll whose events were taken.
type seen struct {
	pulls    map[int64]seenPull
	branches map[string]string
	until    time.Time
}

func (c *Client) seenOf(p model.Project) seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[p.Name]
}

// poll compares a repository with how it was at the last poll. The first has
// nothing to compare with: it tells what changed since that time.
func (c *Client) poll(ctx context.Context, r *round, p model.Project, since time.Time) error {
	a, err := c.account(ctx, p)
	if err != nil {
		return err
	}
	open, err := c.listOpen(ctx, a, p)
	if err != nil {
		return err
	}
	branches, err := c.listBranches(ctx, a, p)
	if err != nil {
		return err
	}
	before := c.seenOf(p)
	known := before.pulls != nil
	now := seen{pulls: map[int64]seenPull{}, branches: branches, until: r.began}
	var compared, said []model.TriggerEvent
	for _, pr := range open {
		changed := !pr.GetUpdatedAt().Before(since.Add(-lag))
		number := int64(pr.GetNumber())
		old, was := before.pulls[number]
		now.pulls[number] = seenOf(pr)
		if known || changed {
			compared = append(compared, pullEvents(p, pr, old, was)...)
		}
		if !changed {
			continue
		}
		some, err := c.saidSince(ctx, a, p, pr, since)
		if err != nil {
			return err
		}
		said = append(said, some...)
	}
	if known {
		compared = append(compared, c.closedEvents(p, before, now)...)
		compared = append(compared, c.pushEvents(p, before.branches, branches)...)
	}
	for _, e := range compared {
		r.events = append(r.events, drivers.MissedEvent{TriggerEvent: e})
	}
	for _, e := range said {
		r.events = append(r.events, drivers.MissedEvent{TriggerEvent: e, Exact: true})
	}
	r.taken = append(r.taken, func() { c.seen[p.Name] = now })
	return nil
}

func (c *Client) closedEvents(p model.Project, before, now seen) []model.TriggerEvent {
	var out []model.TriggerEvent
	for _, number := range slices.Sorted(maps.Keys(before.pulls)) {
		if _, there := now.pulls[number]; !there {
			// Named by when it was seen last: who asks again gets the same name.
			out = append(out, model.TriggerEvent{Name: fmt.Sprintf("closed %s %d %s", p.Name, number, before.pulls[number].updated.UTC().Format(time.RFC3339)),
				Event: "pull_request", Action: "closed", Project: p.Name, Number: number, ReceivedAt: c.cfg.Now()})
		}
	}
	return out
}

func labelsOf(pr *github.PullRequest) []string {
	var out []string
	for _, l := range pr.Labels {
		out = append(out, l.GetName())
	}
	return out
}

// listOpen lists the open pull requests, which is a request that costs nothing
// when nothing changed.
func (c *Client) listOpen(ctx context.Context, a *account, p model.Project) (out []*github.PullRequest, err error) {
	owner, repo := split(p)
	err = pages("open pull requests", func(o github.ListOptions) (*github.Response, error) {
		list, resp, err := a.rest.PullRequests.List(ctx, owner, repo, &github.PullRequestListOptions{State: "open", Sort: "updated", Direction: "desc", ListOptions: o})
		out = append(out, list...)
		return resp, c.failed(a, err)
	})
	return out, err
}

func (c *Client) listBranches(ctx context.Context, a *account, p model.Project) (map[string]string, error) {
	owner, repo := split(p)
	out := map[string]string{}
	err := pages("branches", func(o github.ListOptions) (*github.Response, error) {
		list, resp, err := a.rest.Repositories.ListBranches(ctx, owner, repo, &github.BranchListOptions{ListOptions: o})
		for _, b := range list {
			out[b.GetName()] = b.GetCommit().GetSHA()
		}
		return resp, c.failed(a, err)
	})
	return out, err
}

// pullEvents say what is other than at the last poll.
func pullEvents(p model.Project, pr *github.PullRequest, old seenPull, was bool) []model.TriggerEvent {
	e := model.TriggerEvent{Event: "pull_request", Project: p.Name, Number: int64(pr.GetNumber()), Patchset: pr.GetHead().GetSHA(),
		Branch: pr.GetBase().GetRef(), Account: pr.GetUser().GetLogin(), ReceivedAt: pr.GetUpdatedAt().Time}
	var out []model.TriggerEvent
	add := func(action, label string) {
		one := e
		one.Action, one.Label = action, label
		one.Name = strings.Join([]string{"polled", action, p.Name, strconv.FormatInt(e.Number, 10), e.Patchset, label, pr.GetUpdatedAt().UTC().Format(time.RFC3339)}, " ")
		out = append(out, one)
	}
	switch {
	case !was:
		add("opened", "")
		return out
	case old.head != e.Patchset || old.draft && !pr.GetDraft():
		add("changed", "")
	case !old.draft && pr.GetDraft() || old.base != e.Branch || old.text != seenOf(pr).text:
		add("edited", "")
	}
	labels := labelsOf(pr)
	for _, l := range labels {
		if !slices.Contains(old.labels, l) {
			add("labeled", l)
		}
	}
	for _, l := range old.labels {
		if !slices.Contains(labels, l) {
			add("unlabeled", l)
		}
	}
	return out
}

func (c *Client) pushEvents(p model.Project, before, after map[string]string) []model.TriggerEvent {
	var out []model.TriggerEvent
	add := func(branch, was, is string) {
		ref := "refs/heads/" + branch
		out = append(out, model.TriggerEvent{Name: pushIdentity(p.Name, ref, was, is), Event: "push", Project: p.Name, Ref: ref, Branch: branch,
			OldRev: was, NewRev: is, ReceivedAt: c.cfg.Now()})
	}
	for branch, is := range after {
		if was, ok := before[branch]; !ok {
			add(branch, drivers.NoCommit, is)
		} else if was != is {
			add(branch, was, is)
		}
	}
	for branch, was := range before {
		if _, ok := after[branch]; !ok {
			add(branch, was, drivers.NoCommit)
		}
	}
	slices.SortFunc(out, func(a, b model.TriggerEvent) int { return strings.Compare(a.Ref, b.Ref) })
	return out
}

// saidSinceQuery reads what was said on a pull request of late.
const saidSinceQuery = `query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    comments(last: 100) { nodes { databaseId body createdAt author { __typename login } } }
    reviews(last: 100) { nodes { databaseId body state submittedAt author { __typename login } } }
  } }
}`

type saidNode struct {
	ID        int64     `json:"databaseId"`
	Body      string    `json:"body"`
	State     string    `json:"state"`
	Created   time.Time `json:"createdAt"`
	Submitted time.Time `json:"submittedAt"`
	Author    *login    `json:"author"`
}

// saidSince are comments and reviews since a time.
func (c *Client) saidSince(ctx context.Context, a *account, p model.Project, pr *github.PullRequest, since time.Time) ([]model.TriggerEvent, error) {
	var answer struct {
		Repository *struct {
			PullRequest *struct {
				Comments, Reviews struct {
					Nodes []saidNode `json:"nodes"`
				}
			} `json:"pullRequest"`
		} `json:"repository"`
	}
	owner, repo := split(p)
	err := c.query(ctx, a, saidSinceQuery, map[string]any{"owner": owner, "name": repo, "number": pr.GetNumber()}, &answer)
	if errors.Is(err, errNoGraphQL) {
		return c.restSaidSince(ctx, a, p, pr, since)
	}
	if err != nil {
		return nil, err
	}
	if answer.Repository == nil || answer.Repository.PullRequest == nil {
		return nil, nil
	}
	var out []model.TriggerEvent
	for _, n := range answer.Repository.PullRequest.Comments.Nodes {
		out = appendSaid(out, p, pr, n, n.Created, since, "")
	}
	for _, n := range answer.Repository.PullRequest.Reviews.Nodes {
		out = appendSaid(out, p, pr, n, n.Submitted, since, strings.ToLower(n.State))
	}
	return out, nil
}

// appendSaid adds the event of a comment, or of a review if it has a state, that is not older.
func appendSaid(out []model.TriggerEvent, p model.Project, pr *github.PullRequest, n saidNode, at, since time.Time, state string) []model.TriggerEvent {
	if at.Before(since.Add(-lag)) || strings.Contains(n.Body, drivers.OwnMarker) || state != "" && !reviewStates[state] {
		return out
	}
	e := model.TriggerEvent{Name: commentIdentity("issue_comment", n.ID, "created"), Event: "pull_request", Action: "comment", Project: p.Name,
		Number: int64(pr.GetNumber()), Branch: pr.GetBase().GetRef(), Comment: drivers.Cut(n.Body, drivers.MaxComment), Account: loginOf(n.Author), ReceivedAt: at}
	if state != "" {
		e.Name, e.Event, e.Action, e.State = reviewIdentity(n.ID, "submitted"), "pull_request_review", "submitted", state
	}
	return append(out, e)
}

func (c *Client) restSaidSince(ctx context.Context, a *account, p model.Project, pr *github.PullRequest, since time.Time) (out []model.TriggerEvent, err error) {
	owner, repo := split(p)
	from := since.Add(-lag)
	err = pages("comments", func(o github.ListOptions) (*github.Response, error) {
		list, resp, err := a.rest.Issues.ListComments(ctx, owner, repo, pr.GetNumber(), &github.IssueListCommentsOptions{Since: &from, ListOptions: o})
		for _, k := range list {
			n := saidNode{ID: k.GetID(), Body: k.GetBody(), Author: &login{Login: k.GetUser().GetLogin()}}
			out = appendSaid(out, p, pr, n, k.GetCreatedAt().Time, since, "")
		}
		return resp, c.failed(a, err)
	})
	if err != nil {
		return nil, err
	}
	err = pages("reviews", func(o github.ListOptions) (*github.Response, error) {
		list, resp, err := a.rest.PullRequests.ListReviews(ctx, owner, repo, pr.GetNumber(), &o)
		for _, r := range list {
			n := saidNode{ID: r.GetID(), Body: r.GetBody(), Author: &login{Login: r.GetUser().GetLogin()}}
			out = appendSaid(out, p, pr, n, r.GetSubmittedAt().Time, since, strings.ToLower(r.GetState()))
		}
		return resp, c.failed(a, err)
	})
	return out, err
}
