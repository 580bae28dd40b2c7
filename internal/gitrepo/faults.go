package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// Git tells what went wrong in words only; LC_ALL=C keeps them the same.
var (
	deniedSigns = []string{
		"Authentication failed", "could not read Username", "could not read Password",
		"returned error: 401", "returned error: 403", "returned error: 404",
		"repository '", "does not appear to be a git repository", "unable to update url base from redirection",
	}
	// The whole host is away.
	unreachableSigns = []string{
		"Could not resolve host", "Could not resolve proxy", "Failed to connect", "Couldn't connect", "Connection refused",
		"Connection timed out", "No route to host", "Network is unreachable", "SSL certificate problem", "SSL connect error",
	}
	// One answer failed; the next may be right.
	hiccupSigns = []string{
		"returned error: 5", "returned error: 429", "unable to access '", "RPC failed", "the remote end hung up",
		"early EOF", "unexpected disconnect", "expected flush after", "Operation too slow", "unable to rewind rpc post data",
	}
	fullSigns = []string{"No space left on device", "Disk quota exceeded"}
	// Git could not write, and does not say why.
	writeSigns = []string{"couldn't write", "unable to write", "could not write", "failed to write", "write error", "unable to create", "cannot create"}
	// A lock file is there: of another git, or of one that was killed.
	lockSigns = []string{".lock': File exists", "Another git process seems to be running"}
	// An object of what was fetched is not as it should be.
	fsckSigns = []string{"fsck error in packed object", "fsck error in pack objects"}
	// A bound on memory or file size was met.
	limitSigns = []string{"File too large", "Out of memory", "out of memory"}
)

// Denied says whether the code host refused the credentials or does not show
// the repository to them: someone has to act, trying again will not help soon.
func Denied(err error) bool { return gitSaid(err, deniedSigns) }

func unreachable(err error) bool { return gitSaid(err, unreachableSigns) }

// hiccup says whether an answer of the host failed in a way that may pass.
func hiccup(err error) bool {
	return gitSaid(err, hiccupSigns) || errors.Is(err, errDeadline) || errors.Is(err, context.DeadlineExceeded)
}

// full says whether the disk of the mirrors is full.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || gitSaid(err, fullSigns)
}

// ofHost says whether a failed fetch would have failed for anything else that
// was wanted, too.
func ofHost(err error) bool {
	return unreachable(err) || Denied(err) || hiccup(err) || errors.Is(err, context.Canceled)
}

// refusedBy words what git gave up because of what is in the repository.
// written is how large the file was that it wrote last.
func (s *Store) refusedBy(err error, written int64) error {
	switch {
	case err == nil || ofMirror(err):
		return err
	case gitSaid(err, fsckSigns):
		return invalid(fmt.Errorf("the repository has objects that git does not accept: %w", err))
	case written >= s.opts.MaxFetchBytes || gitSaid(err, limitSigns):
		return invalid(fmt.Errorf("git needs a file of more than %d bytes, or more than %d bytes of memory, for it; the merger's --max-fetch and --git-memory allow more: %w",
			s.opts.MaxFetchBytes, s.opts.MaxGitMemory, err))
	}
	return err
}

// ofMirror says whether an error is that of a mirror that is broken, gone or has no room.
func ofMirror(err error) bool {
	var broken *CorruptError
	var gone *GoneError
	var noRoom *FullError
	return errors.As(err, &broken) || errors.As(err, &gone) || errors.As(err, &noRoom)
}

func gitSaid(err error, signs []string) bool {
	var ce *CommandError
	return errors.As(err, &ce) && containsAny(ce.Stderr, signs)
}

func containsAny(said string, signs []string) bool {
	return slices.ContainsFunc(signs, func(s string) bool { return strings.Contains(said, s) })
}
