package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/model"
)

// mergeMethods are GitHub's names of merge modes.
var mergeMethods = map[string]string{
	"merge": "merge", "merge-resolve": "merge", "merge-recursive": "merge", "merge-ort": "merge",
	"squash-merge": "squash", "rebase": "rebase", "cherry-pick": "rebase",
}

// Merge merges at exactly the head that was tested.
func (c *Client) Merge(ctx context.Context, ch model.Change, mode, message string) error {
	method, ok := mergeMethods[mode]
	switch {
	case !ok:
		return &drivers.RefusedError{Reason: "GitHub has no merge mode " + mode}
	case ch.Head == "": // GitHub would merge whatever is there
		return &drivers.RefusedError{Reason: "it is not known which commit was tested"}
	}
	a, err := c.account(ctx, ch.Project)
	if err != nil {
		return err
	}
	ctx = with(ctx, forMerging)
	owner, repo := split(ch.Project)
	result, _, err := a.rest.PullRequests.Merge(ctx, owner, repo, int(ch.Number), message, &github.PullRequestOptions{SHA: ch.Head, MergeMethod: method})
	if err == nil && !result.GetMerged() {
		return &drivers.RefusedError{Reason: "GitHub did not merge it: " + result.GetMessage()}
	}
	var e *github.ErrorResponse
	if err = c.failed(a, err); !errors.As(err, &e) {
		return err
	}
	return c.mergeError(ctx, ch, e)
}

// mergeError tells apart the ways in which GitHub does not merge. Only the text
// says which of the many reasons a 405 has.
func (c *Client) mergeError(ctx context.Context, ch model.Change, e *github.ErrorResponse) error {
	words := strings.ToLower(e.Message)
	switch e.Response.StatusCode {
	case http.StatusConflict:
		if strings.Contains(words, "head branch was modified") {
			return drivers.ErrHeadMoved
		}
		return &drivers.RefusedError{Reason: "GitHub refuses to merge it: " + wordsOf(e)}
	case http.StatusMethodNotAllowed:
		if strings.Contains(words, "base branch was modified") {
			return drivers.ErrTryLater
		}
		return c.whyNot(ctx, ch, e)
	case http.StatusNotFound:
		return &drivers.RefusedError{Reason: "GitHub refuses to merge it: it is gone, or Gozer's account may not write to the repository"}
	case http.StatusForbidden, http.StatusUnprocessableEntity:
		return &drivers.RefusedError{Reason: "GitHub refuses to merge it: " + wordsOf(e)}
	}
	return e
}

// whyNot asks what stands against a merge that GitHub says is not possible. It
// says so too while it is still working out whether it is.
func (c *Client) whyNot(ctx context.Context, ch model.Change, e *github.ErrorResponse) error {
	now, err := c.Change(ctx, ch.Project, ch.Number)
	switch {
	case err != nil:
		return err
	case now.Head != ch.Head:
		return drivers.ErrHeadMoved
	case now.Verdict != nil && now.Verdict.Unknown:
		return drivers.ErrTryLater
	}
	reason := wordsOf(e)
	if v := now.Verdict; v != nil {
		for _, b := range v.Blocked {
			reason += "; " + b
		}
		if len(v.Missing) > 0 {
			reason += fmt.Sprintf("; it needs the status of %s to succeed", strings.Join(v.Missing, ", "))
		}
	}
	return &drivers.RefusedError{Reason: "GitHub refuses to merge it: " + reason}
}
