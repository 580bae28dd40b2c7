package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// readChange is a change as it was read.
type readChange struct {
	model.Change
	at time.Time
}

// Change reads a pull request. Who asks as of a moment (drivers.AsOf) gets what was
// read since, and whoever asks what another is just reading, if that will do.
func (c *Client) Change(ctx context.Context, p model.Project, number int64) (model.Change, error) {
	key := fmt.Sprintf("%s#%d", p.Canonical(), number)
	if known, ok := c.known.Get(key); ok && drivers.WillDo(ctx, known.at) {
		return shared(known.Change), nil
	}
	a, err := c.account(ctx, p)
	if err != nil {
		return model.Change{}, err
	}
	asked := c.cfg.Now()
	read, err := c.readOnce(ctx, a, p, number)
	if err == nil && read.at.Before(asked) && !drivers.WillDo(ctx, read.at) {
		// Another began to read before we asked: what we were told of may not be in it.
		read, err = c.readOnce(ctx, a, p, number)
	}
	if err != nil {
		return model.Change{}, err
	}
	return shared(read.Change), nil
}

// readOnce reads a pull request once for all who ask at the same time.
func (c *Client) readOnce(ctx context.Context, a *account, p model.Project, number int64) (readChange, error) {
	key := fmt.Sprintf("%s#%d", p.Canonical(), number)
	// It is read for all who wait for it, so it does not end with the first of them.
	done := c.reads.DoChan("change/"+key, func() (any, error) {
		at := c.cfg.Now()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		ch, err := c.read(ctx, a, p, number)
		if err == nil && (ch.Verdict == nil || !ch.Verdict.Unknown) { // who waits for the verdict asks again
			c.known.Put(key, readChange{ch, at})
		}
		return readChange{ch, at}, err
	})
	select {
	case <-ctx.Done():
		return readChange{}, ctx.Err()
	case r := <-done:
		if r.Err != nil {
			return readChange{}, fmt.Errorf("%s#%d: %w", p.Name, number, r.Err)
		}
		read, _ := r.Val.(readChange)
		return read, nil
	}
}

// shared is a copy: nobody may write into what another reads.
func shared(ch model.Change) model.Change {
	ch.Approvals, ch.Labels, ch.Statuses = slices.Clone(ch.Approvals), slices.Clone(ch.Labels), slices.Clone(ch.Statuses)
	if ch.Verdict != nil {
		v := *ch.Verdict
		v.Missing, v.Blocked = slices.Clone(v.Missing), slices.Clone(v.Blocked)
		ch.Verdict = &v
	}
	return ch
}

func (c *Client) read(ctx context.Context, a *account, p model.Project, number int64) (model.Change, error) {
	pr, err := c.queryPull(ctx, a, p, number)
	if errors.Is(err, errNoGraphQL) || tooMuch(err) {
		pr, err = c.restPull(ctx, a, p, number)
	}
	if err != nil {
		return model.Change{}, err
	}
	ch := pr.change(p)
	for n := range ch.Approvals {
		if ch.Approvals[n].Type == "comment" {
			continue // nobody asks what somebody may who only said something
		}
		if err := c.describe(ctx, a, p, &ch.Approvals[n]); err != nil {
			return model.Change{}, err
		}
	}
	return ch, nil
}

// tooMuch says whether a query may have been too large for GitHub: it ends those
// that take long, each time. REST asks in smaller pieces.
func tooMuch(err error) bool {
	var e *github.ErrorResponse
	return errors.As(err, &e) && (e.Response.StatusCode == http.StatusBadGateway || e.Response.StatusCode == http.StatusGatewayTimeout)
}

// pull is what is read of a pull request, by GraphQL or REST.
type pull struct {
	Number      int64
	Title, Body string
	URL         string
	Author      string
	Association string
	Head, Base  string
	Open, Draft bool
	Merged      bool
	MergeCommit string
	Labels      []string
	Reviews     []review
	Statuses    []status
	// Mergeable is "MERGEABLE", "CONFLICTING" or "UNKNOWN".
	Mergeable string
	// Behind says that the branch has commits that the pull request has not.
	Behind bool
	// Decision is GitHub's about the reviews: "APPROVED", "REVIEW_REQUIRED", "CHANGES_REQUESTED" or empty.
	Decision string
	// OpenThreads are conversations that are not resolved.
	OpenThreads int
	Rules       rules
}

// review is one verdict.
type review struct {
	ID       int64
	Author   string
	State    string // APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED, PENDING
	MayWrite bool
	At       time.Time
}

// status is a commit status or a check.
type status struct {
	// By is who set it: an account, or the App's slug.
	By, Context string
	// State in small letters: success, failure, pending, neutral, in_progress, ...
	State string
	// At orders statuses of one context.
	At time.Time
}

// fulfils says whether GitHub takes it for a success.
func (s status) fulfils() bool {
	return s.State == "success" || s.State == "neutral" || s.State == "skipped"
}

// rules of the branch that are known.
type rules struct {
	Required []string
	// UpToDate: the pull request must have all commits of the branch.
	UpToDate      bool
	Conversations bool
	Locked        bool
	Approvals     int
	// MergeQueue of GitHub's own.
	MergeQueue bool
}

func (pr pull) change(p model.Project) model.Change {
	ch := model.Change{
		Project: p, Number: pr.Number, Patchset: pr.Head, Head: pr.Head, Ref: fmt.Sprintf("refs/pull/%d/head", pr.Number), Branch: pr.Base,
		URL: pr.URL, Title: pr.Title, Message: pr.Body, Author: pr.Author, Open: pr.Open, Draft: pr.Draft, Merged: pr.Merged, MergeCommit: pr.MergeCommit,
		FirstContribution: strangers[pr.Association], Labels: slices.Sorted(slices.Values(pr.Labels)), Approvals: approvals(pr.Reviews),
	}
	latest := pr.latest()
	for _, s := range latest {
		ch.Statuses = append(ch.Statuses, s.By+":"+s.Context+":"+s.State)
	}
	slices.Sort(ch.Statuses)
	if pr.Open {
		ch.Verdict = pr.verdict(latest)
	}
	return ch
}

// strangers are authors of whom nothing was merged there, in GitHub's words.
var strangers = map[string]bool{"NONE": true, "FIRST_TIMER": true, "FIRST_TIME_CONTRIBUTOR": true, "MANNEQUIN": true}

// latest status of each context and author.
func (pr pull) latest() map[[2]string]status {
	out := map[[2]string]status{}
	for _, s := range pr.Statuses {
		key := [2]string{s.By, s.Context}
		if known, ok := out[key]; !ok || !s.At.Before(known.At) {
			out[key] = s
		}
	}
	return out
}

// verdict is what GitHub has against merging the change, as far as that can be read.
func (pr pull) verdict(latest map[[2]string]status) *model.Verdict {
	v := &model.Verdict{Unknown: pr.Mergeable == "UNKNOWN"}
	for _, context := range pr.Rules.Required {
		fulfilled := false
		for _, s := range latest {
			fulfilled = fulfilled || s.Context == context && s.fulfils()
		}
		if !fulfilled && !slices.Contains(v.Missing, context) {
			v.Missing = append(v.Missing, context)
		}
	}
	slices.Sort(v.Missing)
	say := func(when bool, words string, args ...any) {
		if when {
			v.Blocked = append(v.Blocked, fmt.Sprintf(words, args...))
		}
	}
	say(pr.Mergeable == "CONFLICTING", "it conflicts with %s", pr.Base)
	say(pr.Rules.Locked, "the branch %s is locked", pr.Base)
	say(pr.Decision == "CHANGES_REQUESTED", "a reviewer requested changes")
	say(pr.Decision == "REVIEW_REQUIRED", "it has not the approving reviews that the branch %s requires%s", pr.Base, many(pr.Rules.Approvals))
	say(pr.Rules.Conversations && pr.OpenThreads > 0, "%d of its conversations are not resolved", pr.OpenThreads)
	say(pr.Rules.UpToDate && pr.Behind, "%s requires branches to be up to date before merging, and it is not; switch that rule off, the gate tests every change on what it merges into", pr.Base)
	say(pr.Rules.MergeQueue, "%s has a merge queue of GitHub's, which alone may merge; switch it off for the gate to merge", pr.Base)
	return v
}

func many(n int) string {
	if n < 1 {
		return ""
	}
	return fmt.Sprintf(" (%d)", n)
}

// reviewTypes are GitHub's states of reviews in the common words.
var reviewTypes = map[string]string{"APPROVED": "approved", "CHANGES_REQUESTED": "changes_requested", "COMMENTED": "comment"}

// approvals keeps each reviewer's latest verdict. A comment takes none back; a
// verdict that was dismissed is none.
func approvals(all []review) []model.Approval {
	slices.SortStableFunc(all, func(a, b review) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	latest := map[string]model.Approval{}
	for _, r := range all {
		kind, ok := reviewTypes[r.State]
		known, has := latest[r.Author]
		switch {
		case r.State == "DISMISSED":
			// GitHub shows the review itself as dismissed, at the time it was given: one
			// that came later stands.
			continue
		case !ok || kind == "comment" && has && known.Type != "comment":
			continue
		}
		permission := "read"
		if r.MayWrite {
			permission = "write"
		}
		latest[r.Author] = model.Approval{By: r.Author, Type: kind, Permission: permission, SubmittedAt: r.At}
	}
	var out []model.Approval
	for _, a := range latest {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b model.Approval) int { return strings.Compare(a.By, b.By) })
	return out
}

// reviewer is what is kept of one for a while.
type reviewer struct {
	permission, email string
	until             time.Time
}

// keepReviewer is for how long it is not asked again what a reviewer may. A right
// to write that is taken away counts at once: reviews tell it themselves.
const keepReviewer = 10 * time.Minute

// describe adds what a review does not tell: whether who may write is an admin, and the e-mail.
func (c *Client) describe(ctx context.Context, a *account, p model.Project, r *model.Approval) error {
	key := p.Canonical() + " " + r.By
	known, ok := c.reviewers.Get(key)
	if !ok || c.cfg.Now().After(known.until) {
		owner, repo := split(p)
		level, _, err := a.rest.Repositories.GetPermissionLevel(ctx, owner, repo, r.By)
		if err = c.failed(a, err); isUnreadable(err) {
			known = reviewer{} // an account that is gone, or rights that may not be read
		} else if err != nil {
			return fmt.Errorf("permission of %s: %w", r.By, err)
		} else {
			known = reviewer{permission: level.GetPermission(), email: level.GetUser().GetEmail()}
		}
		known.until = c.cfg.Now().Add(keepReviewer)
		c.reviewers.Put(key, known)
	}
	r.Email = known.email
	switch {
	case r.Permission == "write" && known.permission == "admin":
		r.Permission = "admin"
	case known.permission == "none":
		r.Permission = ""
	}
	return nil
}

func split(p model.Project) (owner, repo string) {
	owner, repo, _ = strings.Cut(p.Name, "/")
	return owner, repo
}
