package merger

import (
	"context"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// Merger is what controllers use. Every method can be repeated at any time.
// Errors are *Error: see Kind.
type Merger interface {
	// Prepare makes a speculative state and publishes it when a scope is given.
	Prepare(ctx context.Context, req PrepareRequest) (mergeplan.Result, error)
	// Release takes away what was published under a scope, in every project.
	Release(ctx context.Context, scope string) error
	// Branches asks the code host which branches there are, now.
	Branches(ctx context.Context, project model.Project) (BranchList, error)
	// Refs asks the code host where all branches and tags are, now, and fetches them.
	Refs(ctx context.Context, project model.Project) (repostate.State, error)
	// Containing tells which branches have a commit or tag, now, sorted.
	Containing(ctx context.Context, project model.Project, object string) ([]string, error)
	// Tip asks the code host for the head of a branch, now, and fetches it.
	Tip(ctx context.Context, project model.Project, branch string) (Commit, error)
	// Files reads files of a commit.
	Files(ctx context.Context, req FilesRequest) (FilesResult, error)
}

// Remotes tells how a project is reached; it is implemented by who can read
// Connections and their secrets.
type Remotes interface {
	Remote(ctx context.Context, connection string, project model.Project) (gitrepo.Remote, error)
}

// PrepareRequest asks for a speculative state.
type PrepareRequest struct {
	// Scope is "<tenant>/<buildset>", or empty to publish nothing.
	Scope   string            `json:"scope,omitempty"`
	Request mergeplan.Request `json:"request"`
	// Repositories are published with what they had when Refs was asked; the
	// branches of the prepared state come before theirs. Of other projects, only
	// the branches of the state are published.
	Repositories []repostate.State `json:"repositories,omitempty"`
}

// BranchList are the branches of a project at one moment.
type BranchList struct {
	// Default is the branch that the remote's HEAD names; empty when it names none.
	Default string `json:"default,omitempty"`
	// Heads maps branches to commits.
	Heads map[string]string `json:"heads"`
}

// Commit and its tree.
type Commit struct {
	Commit string `json:"commit"`
	Tree   string `json:"tree"`
}

// FilesRequest asks for files of a commit: one of a prepared state, or one that
// the code host has.
type FilesRequest struct {
	Project model.Project `json:"project"`
	// Commit to read; when it is empty, the head that Branch has now.
	Commit string `json:"commit,omitempty"`
	Branch string `json:"branch,omitempty"`
	// Paths are files, or directories with a slash at the end, of which every
	// *.yaml is read. What does not exist is left out of the result.
	Paths []string `json:"paths"`
}

// FilesResult are the files that were found.
type FilesResult struct {
	Commit string `json:"commit"`
	Files  []File `json:"files,omitempty"`
	// Errors tell, for the author of the change, what could not be read.
	Errors []string `json:"errors,omitempty"`
}

// File is one file of a commit.
type File = gitrepo.File
