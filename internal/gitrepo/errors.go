package gitrepo

import (
	"errors"
	"fmt"
	"strings"
)

var errClosed = errors.New("the store of mirrors is closed")

// MissingError says that commits or branches are neither in the mirror nor to
// be had from the remote any more.
type MissingError struct {
	Project string
	// What is missing: commit ids or branch names.
	What []string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s: not on the code host any more: %s", e.Project, strings.Join(e.What, ", "))
}

// InvalidError says that the caller gave something that cannot be: a hostile
// name, a malformed commit id.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }
func (e *InvalidError) Unwrap() error { return e.Err }

func invalid(err error) error {
	if err == nil {
		return nil
	}
	return &InvalidError{Err: err}
}

// CommandError is a git command that failed.
type CommandError struct {
	// Op is the git subcommand.
	Op       string
	ExitCode int
	// Stderr is the end of what git said, with credentials blotted out.
	Stderr string
	// Err is set when git did not end by itself: deadline, cancellation.
	Err error
}

func (e *CommandError) Error() string {
	said := strings.Join(strings.FieldsFunc(e.Stderr, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	switch {
	case e.Err != nil && said != "":
		return fmt.Sprintf("git %s: %v (git said: %s)", e.Op, e.Err, said)
	case e.Err != nil:
		return fmt.Sprintf("git %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("git %s: exit status %d: %s", e.Op, e.ExitCode, said)
}

func (e *CommandError) Unwrap() error { return e.Err }

// tail keeps the last bytes that were written to it.
type tail struct {
	buf  []byte
	most int
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if n := len(t.buf) - t.most; n > 0 {
		t.buf = append(t.buf[:0], t.buf[n:]...)
	}
	return len(p), nil
}

var errTooMuchOutput = errors.New("more output than expected")

// bounded keeps everything that is written to it, up to a limit.
type bounded struct {
	buf  []byte
	most int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.buf)+len(p) > b.most {
		b.over = true
		return 0, errTooMuchOutput
	}
	b.buf = append(b.buf, p...)
	return len(p), nil
}
