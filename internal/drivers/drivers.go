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
	// Remote is where git fetches the project from, with credentials that may be
	// good for a short time.
	Remote(ctx context.Context, p model.Project) (gitrepo.Remote, error)
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

// Checker sets checks: statuses with a text, and annotations at lines of files.
type Checker interface {
	// SetCheck sets the check of the name on the change's head commit; setting it
	// again changes it.
	SetCheck(ctx context.Context, c model.Change, k Check) error
}

// Reviewer reviews changes.
type Reviewer interface {
	// Review gives a verdict on c.Head, unless one with the marker is there already.
	Review(ctx context.Context, c model.Change, marker string, verdict ReviewVerdict, body string) error
}

// Labeler sets labels.
type Labeler interface {
	// SetLabels adds and removes labels. Adding one that is there, and removing
	// one that is not, is no error.
	SetLabels(ctx context.Context, c model.Change, add, remove []string) error
}

// Finder finds changes by their commit.
type Finder interface {
	// Having gives the numbers of the open changes whose head is the commit.
	Having(ctx context.Context, p model.Project, commit string) ([]int64, error)
}

// Poller finds what webhooks should have told.
type Poller interface {
	// Missed tells of the events that the host knows of since that time, oldest first,
	// and says until when they are complete. What cannot be read now is told next
	// time: until is before it then, and the error says why. So is all that found
	// does not take: its error ends it, and until is not after since.
	Missed(ctx context.Context, projects []model.Project, since time.Time, found func(MissedEvent) error) (until time.Time, err error)
}

// MissedEvent is an event that a poll found.
type MissedEvent struct {
	model.TriggerEvent
	// Exact says that the name is the identity that its webhook has; see Identifier.
	// Else it was found by comparing: whoever asks knows whether a webhook told it.
	Exact bool
}

// Healthy tells how a connection is.
type Healthy interface {
	// Health as far as it is known, also when there is an error: then it is not known
	// what is missing.
	Health(ctx context.Context) (Health, error)
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

// Warner is a Decoder that has something to say of webhooks that it accepts.
type Warner interface {
	// Warning of a webhook that was verified; empty when all is well.
	Warning(h http.Header) string
}

// Identifier is a Decoder that knows better than by a webhook's bytes whether two
// webhooks tell the same.
type Identifier interface {
	// Identity of what a webhook tells: of redeliveries and of Poller's events, too.
	Identity(h http.Header, body []byte) string
}

// Status is a commit status.
type Status struct {
	Context, State, Description, URL string
}

// Check is a status with a text and annotations.
type Check struct {
	Name string
	// State is "in_progress", "success", "failure", "cancelled", "skipped" or "neutral".
	State          string
	Title, Summary string
	URL            string
	// ID is the same when the check is set again.
	ID                 string
	StartedAt, EndedAt time.Time
	Annotations        []Annotation
}

// ActionAbort is the action of a check_run event by which somebody who may write asks
// that what the check is about be taken out.
const ActionAbort = "abort"

// AllChecks stands in place of a check's name when all of an App's were asked for again.
const AllChecks = "*"

// Annotation is a comment at lines of a file.
type Annotation struct {
	Path string
	// Line and EndLine count from 1; EndLine is not less than Line.
	Line, EndLine int
	// Level is "notice", "warning" or "failure".
	Level, Message string
}

// ReviewVerdict is what a review says.
type ReviewVerdict string

// Verdicts of reviews, in Zuul's words.
const (
	ReviewApprove        ReviewVerdict = "approve"
	ReviewRequestChanges ReviewVerdict = "request-changes"
	ReviewComment        ReviewVerdict = "comment"
)

// Health of a connection.
type Health struct {
	// MissingPermissions of the account, by name: "checks: write".
	MissingPermissions []string
	// Remaining requests of Limit until Reset, the least of all installations.
	Remaining, Limit int
	Reset            time.Time
	// Blocked says until when the host wants no requests.
	Blocked time.Time
	// LastError of a request, and when.
	LastError   string
	LastErrorAt time.Time
}

// Ways in which a host says no.
var (
	// ErrNotFound: there is no such change, or it cannot be seen with these credentials.
	ErrNotFound = errors.New("not found")
	// ErrHeadMoved: the change got new commits.
	ErrHeadMoved = errors.New("the change got new commits")
	// ErrLimited: the host wants no more requests for a while; the credentials are good.
	ErrLimited = errors.New("the code host wants no more requests for a while")
	// ErrTryLater: the host is not ready to answer.
	ErrTryLater = errors.New("the code host asks to try again later")
)

// RefusedError is a refusal that trying again does not change.
type RefusedError struct {
	// Reason in the host's words.
	Reason string
}

func (e *RefusedError) Error() string { return e.Reason }
