package github

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v57/github"

	"github.com/gozer-dev/gozer/internal/drivers"
)

// LimitedError says that GitHub wants no more requests for a while.
type LimitedError struct {
	// Account is the installation, or empty for the token.
	Account string
	// What was reached: "the hour's requests", "the secondary limit", ...
	What  string
	Until time.Time
}

func (e *LimitedError) Error() string {
	who := ""
	if e.Account != "" {
		who = " of " + e.Account
	}
	return fmt.Sprintf("GitHub wants no more requests%s until %s: %s reached", who, e.Until.UTC().Format(time.RFC3339), e.What)
}

// Is makes it one of drivers.ErrLimited.
func (e *LimitedError) Is(target error) bool { return target == drivers.ErrLimited }

// Timeout says that the host does not answer for now: whoever asks for many things
// need not ask for the next.
func (e *LimitedError) Timeout() bool { return true }

// failed notes an error of a request, and says it in the common words.
func (c *Client) failed(a *account, err error) error {
	if err == nil {
		return nil
	}
	var limited *LimitedError
	if errors.As(err, &limited) {
		return limited
	}
	var answer *github.ErrorResponse
	var token *ghinstallation.HTTPError
	if !errors.As(err, &answer) || answer.Response.StatusCode != http.StatusNotFound {
		a.limits.fail(err) // what is not there is an answer like others
	}
	switch {
	case errors.As(err, &answer):
		return c.answered(a, answer)
	case errors.As(err, &token):
		if token.Response != nil && (token.Response.StatusCode == http.StatusNotFound || token.Response.StatusCode == http.StatusUnauthorized) {
			c.forget(a)
		}
		return fmt.Errorf("GitHub gives no token for the installation of %s: %w", a.name, err)
	}
	return err
}

// answered is an answer that is not a success.
func (c *Client) answered(a *account, e *github.ErrorResponse) error {
	switch e.Response.StatusCode {
	case http.StatusNotFound:
		return fmt.Errorf("%w: %w", drivers.ErrNotFound, e)
	case http.StatusUnauthorized:
		c.forget(a)
		return fmt.Errorf("GitHub does not accept the credentials: %w", e)
	case http.StatusForbidden:
		c.lacks(e)
	}
	return e
}

// lacks notes what GitHub says a permission is missing for.
func (c *Client) lacks(e *github.ErrorResponse) {
	if !strings.Contains(e.Message, "not accessible by") || e.Response.Request == nil {
		return
	}
	what := e.Response.Header.Get("X-Accepted-GitHub-Permissions")
	if what == "" {
		what = "what " + e.Response.Request.Method + " " + endpointOf(e.Response.Request.URL.EscapedPath()) + " needs"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lacking[strings.ReplaceAll(what, "=", ": ")] = c.cfg.Now()
}

// refused makes a refusal of what GitHub will not do however often it is asked.
func refused(what string, err error) error {
	var e *github.ErrorResponse
	if !errors.As(err, &e) {
		return err
	}
	switch e.Response.StatusCode {
	case http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusMethodNotAllowed, http.StatusGone, http.StatusUnavailableForLegalReasons:
		return &drivers.RefusedError{Reason: "GitHub refuses " + what + ": " + wordsOf(e)}
	}
	return err
}

const maxWords = 500

// wordsOf an answer: the message and what is wrong in detail.
func wordsOf(e *github.ErrorResponse) string {
	words := e.Message
	for _, d := range e.Errors {
		switch {
		case d.Message != "":
			words += "; " + d.Message
		case d.Field != "":
			words += "; " + d.Field + ": " + d.Code
		}
	}
	if words == "" {
		words = e.Response.Status
	}
	if len(words) > maxWords {
		words = words[:maxWords]
	}
	return strings.ToValidUTF8(words, "?")
}
