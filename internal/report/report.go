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
	// Changes of the item, when there are several: a dependency cycle.
	Changes []model.Change
	Result  model.ItemResult
	// Cause of a result that no job decided.
	Cause Cause
	// Needed are the URLs of the changes that it depends on and that will not merge.
	Needed []string
	// RescuedBy is the change that passed what this one failed in, if it was merged
	// for that; Rescued are those that were merged because this one passed.
	RescuedBy string
	Rescued   []string
	// Related are the other changes of a cycle that failed.
	Related []Related
	// Reason in words.
	Reason string
	// URL of the item, for people.
	URL string
	// Base is the branch state that was tested: "acme/api@3f2c1d4e5".
	Base string
	// Ahead are the changes that were tested with it: "acme/api#11".
	Ahead []string
	// Builds in the order of the project's configuration.
	Builds []Build
	// ConfigErrors are what is wrong in the configuration that it proposes.
	ConfigErrors []ConfigError
	// Details is further text as it is, e.g. conflicting files.
	Details string
	// BuildSet identifies the report, so that it is made once.
	BuildSet string
	Messages Messages
	// Recheck tells that the comment "recheck" brings the change into the pipeline again.
	Recheck bool
}

// all changes of the item.
func (i Item) all() []model.Change {
	if len(i.Changes) > 0 {
		return i.Changes
	}
	return []model.Change{i.Change}
}

// Cause of a result that no job of the item decided.
type Cause string

// Causes.
const (
	// NeedsGone: a change that it depends on will not merge.
	NeedsGone Cause = "NeedsGone"
	// NeedsInvalid: a change that it depends on has an invalid configuration.
	NeedsInvalid Cause = "NeedsInvalid"
	// NeedsConfigProject: its configuration is right only with a change to a
	// config project, which is not in force before it merged.
	NeedsConfigProject Cause = "NeedsConfigProject"
	// LostRequirement: it may not merge any more.
	LostRequirement Cause = "LostRequirement"
	// NotPrepared: what it is to be tested on could not be made, and that is no conflict.
	NotPrepared Cause = "NotPrepared"
)

// Related is another change of a cycle.
type Related struct {
	URL         string
	ConfigError bool
}

// ConfigError is one thing that is wrong in configuration; Text says where.
type ConfigError struct{ Project, Branch, Text string }

// Build is one row of the table.
type Build struct {
	Job    string
	Result model.BuildResult
	Voting bool
	// SuccessMessage and FailureMessage replace the words SUCCESS and FAILURE.
	SuccessMessage, FailureMessage string
	Duration                       time.Duration
	LogURL                         string
	FirstFailure                   string
	Reason                         string
	// Failures are the results of attempts that failed and did not count.
	Failures []string
	// Warnings that the job has for the author.
	Warnings []string
	// FileComments that the job has for the author.
	FileComments []FileComment
}

// FileComment is on a line of a file; on the whole file when the line is 0.
type FileComment struct {
	Path           string
	Line           int64
	Level, Message string
}

// Messages replace the first line (Zuul: success-message and its kin).
type Messages struct{ Enqueue, Start, Success, Failure, MergeConflict, NoJobs, Dequeue, Footer string }

// Enqueued marks the report that a change entered.
const Enqueued model.ItemResult = "ENQUEUED"

// Enqueue is the comment that says that a change entered; empty if there is
// nothing to say.
func Enqueue(i Item) string {
	i.Result = Enqueued
	return Comment(i)
}

// Start is the comment that says that jobs run.
func Start(i Item) string {
	i.Result = model.ItemUndecided
	return Comment(i)
}

// footer of every report.
func footer(i Item) string {
	if i.Messages.Footer == "" {
		return ""
	}
	return "\n" + i.Messages.Footer + "\n"
}

// Marker is hidden in a comment: it is how a report that was made already is recognised.
func Marker(buildSet string, result model.ItemResult) string {
	return fmt.Sprintf("<!-- gozer: %s %s -->", buildSet, result)
}

// Comment is the text of the report, with the mark; empty if there is nothing to say.
func Comment(i Item) string {
	text := Summary(i)
	if text == "" {
		return ""
	}
	return text + "\n" + Marker(i.BuildSet, i.Result) + "\n"
}

// Summary is the text of the report alone; empty if there is nothing to say.
func Summary(i Item) string {
	switch i.Result {
	case Enqueued:
		return notice(i, expand(i.Messages.Enqueue, i))
	case model.ItemUndecided:
		return notice(i, expand(or(i.Messages.Start, startText), i))
	case model.ItemNoJobs:
		return notice(i, expand(i.Messages.NoJobs, i))
	}
	return result(i)
}

// notice is a report without a result.
func notice(i Item, text string) string {
	if text == "" && i.Messages.Footer == "" {
		return ""
	}
	return strings.TrimLeft(text+"\n"+footer(i), "\n")
}

// result says what became of the change.
func result(i Item) string {
	var b strings.Builder
	b.WriteString(headline(i))
	b.WriteString("\n")
	b.WriteString(rescue(i))
	if on := testedOn(i); on != "" && len(i.Builds) > 0 {
		b.WriteString("\nTested on: " + on + "\n")
	}
	if i.Details != "" {
		b.WriteString("\n" + i.Details + "\n")
	}
	b.WriteString(table(i.Builds, i.by()))
	if len(i.Related) > 0 {
		b.WriteString("\n" + related(i.Related))
	}
	if next := whatNext(i); next != "" {
		b.WriteString("\n" + next + "\n")
	}
	return b.String() + footer(i)
}

// by is the change that rescued a merged one.
func (i Item) by() string {
	if i.Result != model.ItemSuccess {
		return ""
	}
	return i.RescuedBy
}

// rescue tells what merged although a job of it failed.
func rescue(i Item) string {
	switch {
	case i.by() != "":
		return "\n" + Rescue(i.RescuedBy) + "\n"
	case i.Result != model.ItemSuccess && len(i.Rescued) > 0:
		return "\n" + RescuedBefore(i.Rescued) + "\n"
	}
	return ""
}

// headline says what happened: first in the words that the pipeline or the
// default gives, then why.
func headline(i Item) string {
	in := " (" + i.Pipeline + ")"
	switch i.Result {
	case model.ItemSuccess:
		return or(i.Messages.Success, successText) + in
	case model.ItemMergeConflict:
		return or(i.Messages.MergeConflict, mergeConflictText)
	case model.ItemMergeFailure:
		return mergeFailure(i)
	case model.ItemDequeued:
		return because(or(i.Messages.Dequeue, dequeueText)+in, i.Reason)
	case model.ItemConfigError:
		return configError(i)
	}
	switch {
	case i.Cause == NeedsGone:
		return because(NeedGone(len(i.Changes), i.Needed), i.Reason)
	case i.Cause == NeedsInvalid:
		return because(needInvalidText, i.Reason)
	case i.Cause == LostRequirement:
		return because(RequirementLost(len(i.Changes)), i.Reason)
	case len(i.Changes) > 1:
		return cycleFailedText
	case !slices.ContainsFunc(i.Builds, Build.explains):
		return because(or(i.Messages.Failure, failureText)+in, i.Reason)
	}
	return or(i.Messages.Failure, failureText) + in
}

func mergeFailure(i Item) string {
	switch i.Cause {
	case NotPrepared:
		return because(mergerText, i.Reason)
	case LostRequirement:
		return because(RequirementLost(len(i.Changes)), i.Reason)
	}
	return because(NotMerged(len(i.Changes)), i.Reason)
}

func configError(i Item) string {
	switch {
	case i.Cause == NeedsConfigProject:
		return because(configProjectText, ConfigErrors(i.ConfigErrors))
	case i.Cause == NeedsInvalid:
		return because(needInvalidText, i.Reason)
	case len(i.ConfigErrors) > 0:
		return ConfigErrors(i.ConfigErrors)
	}
	return or(i.Reason, "Unknown configuration error")
}

func because(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + "\n\n" + reason
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

func whatNext(i Item) string {
	switch i.Result {
	case model.ItemSuccess, model.ItemDequeued, model.ItemUndecided:
		return ""
	}
	if i.Cause == NeedsGone || i.Cause == NeedsInvalid || i.Cause == NeedsConfigProject {
		return afterNeeds(i)
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

// afterNeeds says what to do with a change that waits for another to be mended.
func afterNeeds(i Item) string {
	when := "when what it needs is mended."
	if i.Cause == NeedsConfigProject {
		when = "when what it needs is merged."
	}
	switch {
	case i.Merges:
		return "This change was taken out of the queue. Have it approved again " + when
	case i.Recheck:
		return "Comment `recheck` " + when
	}
	return "Push it again " + when
}

const maxDescription = 140

// Description is the line beside a commit status.
func Description(i Item) string {
	var text string
	switch {
	case i.Result == model.ItemSuccess && i.RescuedBy != "":
		text = "a job failed, and passed with " + i.RescuedBy + " on top"
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
