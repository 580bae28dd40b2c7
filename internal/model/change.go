package model

import (
	"path"
	"strings"
	"time"
)

// Project names one repository of one code host.
type Project struct {
	// Connection is the name of the Connection through which it is reached.
	Connection string `json:"connection"`
	// Hostname is the canonical host name of the connection, e.g. "github.com".
	Hostname string `json:"hostname"`
	// Name is the path on that host, e.g. "acme/api".
	Name string `json:"name"`
}

// Canonical is the name that is unique over all connections: "host/path".
func (p Project) Canonical() string { return p.Hostname + "/" + p.Name }

// ShortName is the last part of the project's name.
func (p Project) ShortName() string { return path.Base(p.Name) }

func (p Project) String() string { return p.Name }

// BranchRef is a branch of a project.
type BranchRef struct {
	Project Project `json:"project"`
	Branch  string  `json:"branch"`
}

// Change is a proposed change as the code host describes it at one moment.
type Change struct {
	Project Project `json:"project"`
	// Number is the host's number of the pull request or review; 0 for a branch
	// or tag (Zuul: a ref).
	Number int64 `json:"number"`
	// Patchset identifies the version: the head commit for pull requests, what was
	// pushed of a branch or tag; empty for a branch at whatever commit it is.
	Patchset string `json:"patchset"`
	// Head is the commit that the change proposes.
	Head string `json:"head"`
	// Ref is where Head can be fetched from, e.g. "refs/pull/1/head".
	Ref string `json:"ref"`
	// OldRev is what a branch was at before it was pushed to.
	OldRev string `json:"oldRev,omitempty"`
	// Branch is the branch it is to be merged into; empty for a tag.
	Branch string `json:"branch"`
	URL    string `json:"url"`
	Title  string `json:"title"`
	// Message is the text in which Depends-On lines stand: a pull request's body.
	Message string `json:"message"`
	Author  string `json:"author"`
	// FirstContribution says that nothing of the author was ever merged there, and
	// that the author has no rights there, as far as the host tells.
	FirstContribution bool `json:"firstContribution,omitempty"`
	Open              bool `json:"open"`
	Draft             bool `json:"draft"`
	Merged            bool `json:"merged"`
	// MergeCommit is the commit that the host made when it merged the change.
	MergeCommit string `json:"mergeCommit,omitempty"`
	// Approvals are the latest reviews of each reviewer on the current patchset.
	Approvals []Approval `json:"approvals,omitempty"`
	// Labels on the change, sorted.
	Labels []string `json:"labels,omitempty"`
	// Statuses and checks of the head, as "who:context:state", the latest of each
	// context, sorted (Zuul: the status of a GitHub requirement). A check's state is
	// its conclusion, or its status while it runs.
	Statuses []string `json:"statuses,omitempty"`
	// Verdict is what the host says of merging it; nil when it does not say before
	// it is asked to merge.
	Verdict *Verdict `json:"verdict,omitempty"`
}

// Verdict is what a host has against merging a change (Zuul: canMerge).
type Verdict struct {
	// Unknown says that the host has not worked it out yet.
	Unknown bool `json:"unknown,omitempty"`
	// Missing are the contexts of required statuses and checks that did not succeed.
	Missing []string `json:"missing,omitempty"`
	// Blocked is what else stands against it, in words: "it conflicts with main".
	Blocked []string `json:"blocked,omitempty"`
}

// Approval is one reviewer's current verdict.
type Approval struct {
	By string `json:"by"`
	// Email of the reviewer, where the host tells it.
	Email string `json:"email,omitempty"`
	// Type is "approved", "changes_requested" or "comment".
	Type string `json:"type"`
	// Permission of the reviewer on the repository: "read", "write" or "admin".
	Permission  string    `json:"permission,omitempty"`
	SubmittedAt time.Time `json:"submittedAt"`
}

// ChangeKey identifies a change regardless of its patchset.
type ChangeKey struct {
	Project string // canonical name
	Number  int64
}

// Key identifies the change regardless of its patchset.
func (c Change) Key() ChangeKey {
	return ChangeKey{Project: c.Project.Canonical(), Number: c.Number}
}

// ShortCommit abbreviates a commit for people.
func ShortCommit(sha string) string {
	if len(sha) > 9 {
		return sha[:9]
	}
	return sha
}

// TagOfRef strips "refs/tags/".
func TagOfRef(ref string) (string, bool) { return strings.CutPrefix(ref, "refs/tags/") }

// BranchOfRef strips "refs/heads/".
func BranchOfRef(ref string) (string, bool) { return strings.CutPrefix(ref, "refs/heads/") }
