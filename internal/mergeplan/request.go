package mergeplan

import (
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

// MaxChangedFiles bounds StepResult.ChangedFiles, which ends up in a custom resource.
const MaxChangedFiles = 1000

// Step merges one change onto the state of its branch.
type Step struct {
	// Change: Project, Branch, Head, Ref, Number and Title are used.
	Change model.Change `json:"change"`
	Mode   Mode         `json:"mode"`
	// Time is the committer's (and for merges the author's) time. It is derived
	// from the item, so that every merger makes the same commits.
	Time time.Time `json:"time"`
}

// Base is a frozen branch head.
type Base struct {
	Project model.Project `json:"project"`
	Branch  string        `json:"branch"`
	Commit  string        `json:"commit"`
}

// Request asks for a speculative state.
type Request struct {
	// Bases are the branch heads on which the state is built. A branch that
	// takes part and is not here is frozen at the remote's head of the moment;
	// Result.States tells which that was.
	Bases []Base `json:"bases,omitempty"`
	// Steps in queue order, the item's own changes last. May be empty.
	Steps []Step `json:"steps,omitempty"`
	// Extra are further branches to freeze (required projects).
	Extra []model.BranchRef `json:"extra,omitempty"`
}

// State is one branch of the prepared state.
type State struct {
	Project model.Project `json:"project"`
	Branch  string        `json:"branch"`
	// Base is the frozen head, Commit the head after all merges.
	Base   string `json:"base"`
	Commit string `json:"commit"`
	Tree   string `json:"tree"`
	// BaseTree is the tree of Base.
	BaseTree string `json:"baseTree"`
}

// Conflict tells which step could not be merged and why.
type Conflict struct {
	Step int `json:"step"`
	// Files that conflict, sorted; at most MaxChangedFiles.
	Files []string `json:"files,omitempty"`
	// With are the indexes of earlier steps on the same branch that the change
	// conflicts with; empty when it conflicts with the branch itself.
	With []int `json:"with,omitempty"`
	// Message is for the author of the change.
	Message string `json:"message"`
}

// StepResult is what became of one step.
type StepResult struct {
	// Commit is the branch's head after this step, and Tree its tree.
	Commit string `json:"commit"`
	Tree   string `json:"tree"`
	// ChangedFiles of the change itself, from where it left the branch to its
	// head, sorted; at most MaxChangedFiles.
	ChangedFiles []string `json:"changedFiles,omitempty"`
	Truncated    bool     `json:"truncated,omitempty"`
}

// Result of a Request. With a Conflict there are no States, and Steps ends
// with the step that conflicts (which has no Commit).
type Result struct {
	States   []State      `json:"states,omitempty"`
	Steps    []StepResult `json:"steps,omitempty"`
	Conflict *Conflict    `json:"conflict,omitempty"`
}
