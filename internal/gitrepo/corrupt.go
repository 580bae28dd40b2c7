package gitrepo

import (
	"errors"
	"fmt"
	"strings"
)

// CorruptError says that a mirror is broken: a disk or a crash took something
// from it. It is looked at and made anew; trying again helps.
type CorruptError struct {
	Project string
	// Done is what was done about it.
	Done string
	// Err is what could not be read.
	Err error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("the mirror of %s is broken (%v): %s", e.Project, e.Err, e.Done)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// absentError is an object that is not there although another one needs it.
type absentError struct{ id string }

func (e *absentError) Error() string { return "object " + e.id + " is missing" }

// corruptSigns are what git says of objects and refs that it cannot read. That a
// remote said it does no harm: the mirror is looked at before it is taken away.
var corruptSigns = []string{
	"bad object", "unable to read", "unable to parse", "could not parse", "is corrupt", "data stream error", "incorrect data check",
	"is empty", "is garbage", ".pack", "bad tree", "missing blob", "missing tree", "missing commit", "broken", "invalid sha1 pointer",
	"cannot be read", "unable to unpack", "nonexistent object", "did not receive expected object", "does not point to a valid object",
	"not a git repository", "invalid object", "bus error", "died of signal 7", "hash mismatch", "bad config", "could not read",
	"Failed to traverse parents", "error processing wants", "unknown object type", "not all child objects", "unable to find",
	"possible repository corruption",
}

// corrupt says whether an error may come from a broken mirror.
func corrupt(err error) bool {
	var absent *absentError
	var ce *CommandError
	switch {
	case errors.As(err, &absent), errors.Is(err, errReaderDied):
		return true
	case !errors.As(err, &ce):
		return false
	}
	for line := range strings.SplitSeq(ce.Stderr, "\n") { // of what the remote said, nothing counts
		if !strings.HasPrefix(line, "remote:") && containsAny(line, corruptSigns) {
			return true
		}
	}
	return false
}
