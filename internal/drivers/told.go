package drivers

import (
	"strings"

	"github.com/gozer-dev/gozer/internal/model"
)

// What the hosts of pull requests tell in the same way.
const (
	// NoCommit is what a branch is at before it was made and after it was deleted.
	NoCommit = "0000000000000000000000000000000000000000"
	// MaxComment bounds what is kept of a comment, in bytes.
	MaxComment = 8192
	// OwnMarker starts what Gozer hides in its own comments; see package report.
	OwnMarker = "<!-- gozer:"
)

// Cut a text at n bytes, not within a letter; what is no UTF-8 becomes "?".
func Cut(text string, n int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "")
	}
	return text
}

// IsProject says whether it is the name of a repository: "owner/name". Names that
// would lead elsewhere in a URL are none.
func IsProject(name string) bool {
	owner, repo, ok := strings.Cut(name, "/")
	return ok && strings.Trim(owner, ".") != "" && strings.Trim(repo, ".") != "" && !strings.ContainsAny(repo, "/?#%")
}

// maxRef bounds what is told of a ref that is not looked at.
const maxRef = 255

// FillPush makes it the event of a push; it says why a push is of no interest.
func FillPush(e *model.TriggerEvent, ref, before, after string) (ignored string) {
	branch, isBranch := model.BranchOfRef(ref)
	tag, isTag := model.TagOfRef(ref)
	switch {
	case isBranch && branch != "":
	case isTag && tag != "" && after == NoCommit:
		return "the deletion of a tag"
	case isTag && tag != "":
		branch = ""
	default:
		return "only pushes of branches and tags are looked at, not " + Cut(ref, maxRef)
	}
	e.Event, e.Ref, e.Branch, e.OldRev, e.NewRev = "push", ref, branch, before, after
	return ""
}

// FillComment makes it the event of a comment on the pull request that the event
// has the number of; it says why a comment is of no interest.
func FillComment(e *model.TriggerEvent, body string) (ignored string) {
	switch {
	case strings.Contains(body, OwnMarker):
		return "it is a report of Gozer"
	case e.Number < 1:
		return "the pull request has no number"
	}
	e.Event, e.Action, e.Comment = "pull_request", "comment", Cut(body, MaxComment)
	return ""
}
