package merger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/gitrepo"
)

// Kind says what happens next after an error.
type Kind string

const (
	// BadRequest means: the request cannot be fulfilled, however often it is made.
	BadRequest Kind = "bad-request"
	// Missing means: a commit or branch is gone from the code host. Terminal for this
	// version of the change; the message is for its author.
	Missing Kind = "missing"
	// Denied means: the code host refuses the Connection's credentials, or the merger
	// refuses the manager's token. An operator has to act; try again slowly.
	Denied Kind = "denied"
	// Transient means: try again.
	Transient Kind = "transient"
)

// Error is every error of a Merger.
type Error struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`

	// away: nobody answered. It does not cross the wire, for then somebody did.
	away bool
}

func (e *Error) Error() string { return e.Message }

// KindOf gives the kind of an error; what is not known is transient.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Transient
}

// isAway says that an error is no answer of a merger: another one may give it.
func isAway(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.away
}

// IsTerminal says that trying the same again is of no use.
func IsTerminal(err error) bool {
	k := KindOf(err)
	return err != nil && (k == BadRequest || k == Missing)
}

func badRequest(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: BadRequest, Message: err.Error()}
}

// classify gives an error of the git layer its kind.
func classify(err error) error {
	var known *Error
	var missing *gitrepo.MissingError
	var invalid *gitrepo.InvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Transient, Message: err.Error()}
	case errors.As(err, &missing):
		return &Error{Kind: Missing, Message: missing.Error()}
	case errors.As(err, &invalid):
		return &Error{Kind: BadRequest, Message: invalid.Error()}
	case gitrepo.Denied(err):
		return &Error{Kind: Denied, Message: "the code host denies access; check the Connection's URL and secret: " + err.Error()}
	}
	return &Error{Kind: Transient, Message: err.Error()}
}

// moved is for heads of branches that were looked up just before they were
// fetched: one that is gone was pushed over, and the next try sees the new one.
func moved(err error, heads map[string]string) error {
	var missing *gitrepo.MissingError
	if !errors.As(err, &missing) {
		return err
	}
	for branch, commit := range heads {
		if slices.Contains(missing.What, commit) {
			return &Error{Kind: Transient, Message: fmt.Sprintf("%s: branch %s was pushed over while it was fetched; try again", missing.Project, branch)}
		}
	}
	return err
}

// missingCommits words for an author that commits of changes are gone.
func missingCommits(err error, names map[string]string) error {
	var missing *gitrepo.MissingError
	if !errors.As(err, &missing) {
		return classify(err)
	}
	var what []string
	for _, sha := range missing.What {
		if name, ok := names[sha]; ok {
			sha = name + " (" + sha + ")"
		}
		what = append(what, sha)
	}
	return &Error{Kind: Missing, Message: fmt.Sprintf(
		"%s does not have %s any more: it was replaced by a force-push or deleted. If a newer version was pushed, that one will be tested; otherwise push again.",
		missing.Project, strings.Join(what, ", "))}
}

// status is the HTTP status that goes with a kind.
func (k Kind) status() int {
	switch k {
	case BadRequest:
		return http.StatusBadRequest
	case Missing:
		return http.StatusUnprocessableEntity
	case Denied:
		return http.StatusBadGateway
	}
	return http.StatusServiceUnavailable
}
