package report

import (
	"fmt"
	"strings"
)

// Default texts. Their words are those that people, and the scripts that read
// reports, know from Zuul.
const (
	startText         = "Starting {pipeline.name} jobs."
	successText       = "Build succeeded."
	failureText       = "Build failed."
	dequeueText       = "Build canceled."
	mergerText        = "Merge Failed."
	mergeConflictText = "Merge Failed.\n\nThis change or one of its cross-repo dependencies was unable to be automatically merged with the current state of its repository. Please rebase the change and upload a new patchset."

	needInvalidText   = "This change depends on a change with an invalid configuration."
	cycleFailedText   = "This change is part of a dependency cycle that failed."
	configProjectText = "This change depends on a change to a config project.\n\n" +
		"The syntax of the configuration in this change has been verified to be correct once the config project change upon which it depends is merged, but it can not be used until that occurs."
	freezeText = "Unable to freeze job graph: "
)

// subject of a sentence about an item of so many changes, with its verb.
func subject(changes int, one, several string) string {
	if changes > 1 {
		return "These changes " + several
	}
	return "This change " + one
}

// list names changes: "Change a is", "Changes a, b are".
func list(urls []string, one, several string) string {
	if len(urls) == 1 {
		return "Change " + urls[0] + " " + one
	}
	return "Changes " + strings.Join(urls, ", ") + " " + several
}

// NeedGone says that what an item of so many changes depends on will not merge.
func NeedGone(changes int, urls []string) string {
	text := subject(changes, "depends", "depend") + " on a change that failed to merge."
	if len(urls) > 0 {
		text += "\n\n" + list(urls, "is", "are") + " needed."
	}
	return text
}

// RequirementLost says that a change may not merge any more.
func RequirementLost(changes int) string {
	return subject(changes, "is", "are") + " unable to merge due to a missing merge requirement."
}

// NotMerged says that the code host refused to merge.
func NotMerged(changes int) string {
	return subject(changes, "was", "were") + " not merged by the code review system."
}

// CanNotMerge names the changes of a cycle that the code host would not merge.
func CanNotMerge(urls []string) string { return list(urls, "can", "can") + " not be merged." }

// CycleAbandoned says that a change of the cycle was closed.
func CycleAbandoned(url string) string {
	return fmt.Sprintf("Dependency cycle change %s abandoned.", url)
}

// CycleForbidden says that a project's queue takes no cycles.
func CycleForbidden(project string) string {
	return fmt.Sprintf("Dependency cycle detected and project %s doesn't allow circular dependencies", project)
}

// QueueMismatch says that two changes of a cycle cannot merge together.
func QueueMismatch(number int64, project string, other int64, otherProject string) string {
	return fmt.Sprintf("Change %d in project %s does not share a change queue with %d in %s", number, project, other, otherProject)
}

// PipelineLimit says that so many changes do not fit into a pipeline: never, or
// not beside those that are there.
func PipelineLimit(changes, most int) string {
	if changes > most {
		return fmt.Sprintf("%d changes to enqueue greater than pipeline max of %d", changes, most)
	}
	return fmt.Sprintf("Unable to enqueue change: %d additional changes would exceed pipeline max of %d under current conditions", changes, most)
}

// FreezeError says which rule of the configuration keeps the jobs from being known.
func FreezeError(reason string) string { return freezeText + reason }

// BadFile says that comments are about a file that the change does not have.
func BadFile(file string) string { return "Comments left for invalid file " + file }

// Rescue says why a change was merged although a job of it failed.
func Rescue(by string) string {
	return "A job of this change failed, and passed with " + by + " on top of it. What was tested as a whole is merged, this change first."
}

// RescuedBefore says what was merged because of a change that now is not.
func RescuedBefore(changes []string) string {
	return "Merged before this, as its jobs passed on top of what failed: " + strings.Join(changes, ", ") + "."
}

// skipped is the last line about jobs that were left out on purpose.
func skipped(n int) string {
	if n == 1 {
		return "Skipped 1 job"
	}
	return fmt.Sprintf("Skipped %d jobs", n)
}

// related names the other changes of a cycle.
func related(changes []Related) string {
	var b strings.Builder
	b.WriteString("Related changes:\n")
	for _, c := range changes {
		b.WriteString("  - " + c.URL)
		if c.ConfigError {
			b.WriteString(" (config error)")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// ConfigErrors says what is wrong in configuration, by repository and branch.
func ConfigErrors(errs []ConfigError) string {
	var b strings.Builder
	for n, e := range errs {
		if n == 0 || e.Project != errs[n-1].Project || e.Branch != errs[n-1].Branch {
			fmt.Fprintf(&b, "Gozer encountered a syntax error while parsing its configuration in the repo %s on branch %s.  The problem was:\n\n", e.Project, e.Branch)
		}
		// Indented, not fenced: a stranger's text cannot end an indented block.
		for line := range strings.SplitSeq(e.Text, "\n") {
			b.WriteString("    " + line + "\n")
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
