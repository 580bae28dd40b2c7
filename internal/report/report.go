// Package report words what the code host and the author of a change are told.
//
// A report is short, says what was tested, shows the first line that tells
// what failed, and says what to do next. Text that comes from a build or a
// repository is hostile: it is cut and escaped.
package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

// Item is what a report is about.
type Item struct {
	Tenant, Pipeline string
	Merges           bool
	// Change that is reported on.
	Change model.Change
	Result model.ItemResult
	// Reason in words.
	Reason string
	// Base is the branch state that was tested: "acme/api@3f2c1d4e5".
	Base string
	// Ahead are the changes that were tested with it: "acme/api#11".
	Ahead []string
	// Builds in the order of the project's configuration.
	Builds []Build
	// Details is further text as it is, e.g. configuration errors or conflicting files.
	Details string
	// BuildSet identifies the report, so that it is made once.
	BuildSet string
	Messages Messages
	// Recheck tells that the comment "recheck" brings the change into the pipeline again.
	Recheck bool
}

// Build is one row of the table.
type Build struct {
	Job          string
	Result       model.BuildResult
	Voting       bool
	Duration     time.Duration
	LogURL       string
	FirstFailure string
	Reason       string
}

// Messages replace the first line (Zuul: success-message and its kin).
type Messages struct{ Success, Failure, MergeConflict, Footer string }

// Default texts (FEATURES 10.1).
const (
	mergeConflictText = "Merge Failed.\n\nThis change or one of its cross-repo dependencies was unable to be automatically merged with the current state of its repository. Please rebase the change and upload a new patchset."
	refusedText       = "This change was not merged by the code review system."
)

// Start is the comment that says that jobs run. Fields that Zuul fills in are filled in.
func Start(message, pipeline, url, buildSet string) string {
	text := strings.NewReplacer("{pipeline.name}", pipeline, "{item_url}", url, "{status_url}", url).Replace(or(message, "Starting {pipeline.name} jobs."))
	return text + "\n\n" + Marker(buildSet, model.ItemUndecided) + "\n"
}

// Marker is hidden in a comment: it is how a report that was made already is recognised.
func Marker(buildSet string, result model.ItemResult) string {
	return fmt.Sprintf("<!-- gozer: %s %s -->", buildSet, result)
}

// Comment is the text of the report.
func Comment(i Item) string {
	var b strings.Builder
	b.WriteString(headline(i))
	b.WriteString("\n")
	if on := testedOn(i); on != "" && len(i.Builds) > 0 {
		b.WriteString("\nTested on: " + on + "\n")
	}
	if i.Details != "" {
		b.WriteString("\n" + i.Details + "\n")
	}
	if len(i.Builds) > 0 {
		b.WriteString("\n| job | result | time | log |\n|---|---|---|---|\n")
		for _, build := range i.Builds {
			b.WriteString(row(build))
		}
	}
	if next := whatNext(i); next != "" {
		b.WriteString("\n" + next + "\n")
	}
	if i.Messages.Footer != "" {
		b.WriteString("\n" + i.Messages.Footer + "\n")
	}
	b.WriteString("\n" + Marker(i.BuildSet, i.Result) + "\n")
	return b.String()
}

func headline(i Item) string {
	switch i.Result {
	case model.ItemSuccess:
		return or(i.Messages.Success, "Build succeeded.") + " (" + i.Pipeline + ")"
	case model.ItemMergeConflict:
		return or(i.Messages.MergeConflict, mergeConflictText)
	case model.ItemMergeFailure:
		return refusedText + "\n\n" + i.Reason
	case model.ItemDequeued:
		return "Build canceled. (" + i.Pipeline + ")\n\n" + i.Reason
	case model.ItemConfigError:
		return or(i.Messages.Failure, "Build failed.") + " (" + i.Pipeline + ")\n\nThe configuration that this change proposes is wrong."
	case model.ItemNoJobs:
		return or(i.Messages.Failure, "Build failed.") + " (" + i.Pipeline + ")\n\nThe project runs no jobs for this change in this pipeline."
	}
	text := or(i.Messages.Failure, "Build failed.") + " (" + i.Pipeline + ")"
	if i.Reason != "" && !slices.ContainsFunc(i.Builds, Build.explains) {
		text += "\n\n" + i.Reason
	}
	return text
}

// explains says whether the table tells why the item failed. A build that was
// cancelled tells nothing: something else made the item fail.
func (b Build) explains() bool {
	return b.Voting && b.Result.Failed() && b.Result != model.Canceled
}

func or(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

func testedOn(i Item) string {
	if i.Base == "" {
		return ""
	}
	return strings.Join(append([]string{i.Base}, i.Ahead...), " + ")
}

func row(b Build) string {
	if b.Result == model.Undetermined {
		b.Result = model.Canceled // the item is decided: nobody waits for it any more
	}
	result := string(b.Result)
	if b.Result.Failed() {
		result = "**" + result + "**"
	}
	if !b.Voting {
		result += " (non-voting)"
	}
	took := ""
	if b.Duration > 0 {
		took = b.Duration.Round(time.Second).String()
	}
	log := ""
	if b.LogURL != "" {
		log = "[log](" + b.LogURL + ")"
	}
	if text := or(b.FirstFailure, b.Reason); text != "" && b.Result != model.Success {
		log = strings.TrimSpace(log + " " + code(text))
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", cell(b.Job), result, took, log)
}

const maxQuoted = 200

// code quotes hostile text in a table: one line, no way out of the quotes.
func code(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case r == '|':
			return '¦'
		case r < ' ' || r == 0x7f:
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if r := []rune(strings.TrimSpace(text)); len(r) > maxQuoted {
		text = string(r[:maxQuoted]) + "…"
	}
	return "`" + strings.TrimSpace(text) + "`"
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}

func whatNext(i Item) string {
	switch i.Result {
	case model.ItemSuccess, model.ItemDequeued, model.ItemUndecided:
		return ""
	}
	again := ""
	switch {
	case i.Recheck:
		again = " When the failure is not the change's fault, comment `recheck`."
	case i.Merges:
		again = " When the failure is not the change's fault, have it approved again as it is."
	}
	if i.Merges {
		return "This change was taken out of the queue. Push a fix and have it approved." + again
	}
	return "Push a fix." + again
}

const maxDescription = 140

// Description is the line beside a commit status.
func Description(i Item) string {
	var text string
	switch {
	case i.Result == model.ItemSuccess && i.Merges:
		text = "all jobs succeeded on the state that is merged"
	case i.Result == model.ItemSuccess:
		text = "all jobs succeeded"
	case i.Result == model.ItemUndecided:
		text = "jobs are running"
	default:
		text = or(i.Reason, strings.ToLower(strings.ReplaceAll(string(i.Result), "_", " ")))
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if r := []rune(text); len(r) > maxDescription {
		text = string(r[:maxDescription-1]) + "…"
	}
	return text
}

// Context of the commit status.
func Context(tenant, pipeline string) string { return tenant + "/" + pipeline }
