package mergeplan

import (
	"fmt"
	"slices"
	"strings"
)

// Mode is how a change is merged (Zuul: project.merge-mode).
type Mode string

// The modes. ModeMerge, ModeMergeOrt and ModeMergeRecursive are one algorithm
// (git's ort); ModeMergeResolve is the same without rename detection.
const (
	ModeMerge          Mode = "merge"
	ModeMergeOrt       Mode = "merge-ort"
	ModeMergeRecursive Mode = "merge-recursive"
	ModeMergeResolve   Mode = "merge-resolve"
	ModeSquash         Mode = "squash-merge"
	ModeCherryPick     Mode = "cherry-pick"
	ModeRebase         Mode = "rebase"
)

// Modes lists every mode.
func Modes() []Mode {
	return []Mode{
		ModeMerge, ModeMergeOrt, ModeMergeRecursive, ModeMergeResolve,
		ModeSquash, ModeCherryPick, ModeRebase,
	}
}

// checkMode refuses a mode that does not exist.
func checkMode(m Mode) error {
	if slices.Contains(Modes(), m) {
		return nil
	}
	names := make([]string, 0, len(Modes()))
	for _, m := range Modes() {
		names = append(names, string(m))
	}
	return fmt.Errorf("merge mode %q does not exist; use one of %s", m, strings.Join(names, ", "))
}
