// Package drivers is what the rest of Gozer knows of code hosts: the few
// things that it asks of one, and the ways in which one says no. Each code
// host is a package below this one.
package drivers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/model"
)

// Host is a code host as a connection reaches it.
type Host interface {
	Changes
	Reporter
	Merger
	// Remote is where git fetches the project from.
	Remote(p model.Project) gitrepo.Remote
	// Whoami checks the credentials: the account they belong to and the host's version.
	Whoami(ctx context.Context) (account, version string, err error)
}

// Changes reads changes.
type Changes interface {
	// Change is the change as it is now. ErrNotFound when there is none.
	Change(ctx context.Context, p model.Project, number int64) (model.Change, error)
	// ParseURL says which change a URL of this host names.
	ParseURL(url string) (project string, number int64, ok bool)
	// Needing lists open changes of some projects, oldest first, in whose text a
	// Depends-On line may name the change, which may be of another host: all that
	// do at that time, and maybe more. They are as Change gives them but for
	// what a list does not tell: heads, branches, reviews.
	Needing(ctx context.Context, c model.Change, among []model.Project, at time.Time) ([]model.Change, error)
}

// Reporter tells people.
type Reporter interface {
	// SetStatus sets a status on the change's head commit.
	SetStatus(ctx context.Context, c model.Change, s Status) error
	// Comment comments on the change, unless a comment with the marker is there already.
	Comment(ctx context.Context, c model.Change, marker, body string) error
}

// Merger merges changes.
type Merger interface {
	// Merge merges the change at exactly c.Head. Errors: ErrHeadMoved,
	// ErrTryLater, *RefusedError; anything else is worth another try.
	Merge(ctx context.Context, c model.Change, mode, message string) error
}

// Decoder turns a host's webhooks into events.
type Decoder interface {
	// Verify checks the signature of a webhook.
	Verify(h http.Header, body, secret []byte) error
	// Decode reads a webhook. The events may be none: then ignored says why.
	Decode(h http.Header, body []byte, received time.Time) (events []model.TriggerEvent, ignored string, err error)
	// Delivery is the host's id of the delivery.
	Delivery(h http.Header) string
}

// Status is a commit status.
type Status struct {
	Context, State, Description, URL string
}

// Ways in which a host says no.
var (
	// ErrNotFound: there is no such change, or it cannot be seen with these credentials.
	ErrNotFound = errors.New("not found")
	// ErrHeadMoved: the change got new commits.
	ErrHeadMoved = errors.New("the change got new commits")
	// ErrTryLater: the host is not ready to answer.
	ErrTryLater = errors.New("the code host asks to try again later")
)

// RefusedError is a refusal that trying again does not change.
type RefusedError struct {
	// Reason in the host's words.
	Reason string
}

func (e *RefusedError) Error() string { return e.Reason }
