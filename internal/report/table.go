package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

// table of the builds. Jobs that another one left out on purpose are only counted.
func table(builds []Build, rescuedBy string) string {
	var rows strings.Builder
	left := 0
	for _, b := range builds {
		if b.Result == model.Skipped && strings.HasPrefix(b.Reason, model.SkippedByChildJobs) {
			left++
			continue
		}
		rows.WriteString(row(b, rescuedBy))
	}
	text := ""
	if rows.Len() > 0 {
		text = "\n| job | result | time | log |\n|---|---|---|---|\n" + rows.String()
	}
	if left > 0 {
		text += "\n" + skipped(left) + "\n"
	}
	return text + warnings(builds) + fileComments(builds)
}

// maxListed are the entries of one list in a comment.
const maxListed = 20

// listed is a list with a heading; nothing when it is empty.
func listed(heading string, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	more := ""
	if n := len(lines) - maxListed; n > 0 {
		lines, more = lines[:maxListed], fmt.Sprintf("- and %d more\n", n)
	}
	return "\n" + heading + ":\n\n" + strings.Join(lines, "") + more
}

// warnings of the jobs, each on a line.
func warnings(builds []Build) string {
	var lines []string
	for _, b := range builds {
		for _, w := range b.Warnings {
			lines = append(lines, fmt.Sprintf("- %s: %s\n", cell(b.Job), code(w)))
		}
	}
	return listed("Warnings", lines)
}

// fileComments of the jobs, each on a line. Lines are those of the files as they
// were tested, with all that is ahead.
func fileComments(builds []Build) string {
	var lines []string
	for _, b := range builds {
		for _, c := range b.FileComments {
			where := c.Path
			if c.Line > 0 {
				where = fmt.Sprintf("%s:%d", c.Path, c.Line)
			}
			level := ""
			if c.Level != "" {
				level = cell(c.Level) + ": "
			}
			lines = append(lines, fmt.Sprintf("- %s %s%s (%s)\n", code(where), level, code(c.Message), cell(b.Job)))
		}
	}
	return listed("On files, as they were tested", lines)
}

func row(b Build, rescuedBy string) string {
	if b.Result == model.Undetermined {
		b.Result = model.Canceled // the item is decided: nobody waits for it any more
	}
	result := string(b.Result)
	switch {
	case b.Result == model.Success && b.SuccessMessage != "":
		result = cell(cut(b.SuccessMessage))
	case b.Result == model.Failure && b.FailureMessage != "":
		result = cell(cut(b.FailureMessage))
	}
	// What was cancelled is not what failed.
	if b.Result.Failed() && b.Result != model.Canceled {
		result = "**" + result + "**"
	}
	if len(b.Failures) > 0 && b.Result == model.Success {
		result += " (flaky: " + strings.Join(b.Failures, ", ") + " before)"
	}
	if rescuedBy != "" && b.Voting && b.Result != model.Success {
		result += ", rescued by " + cell(rescuedBy)
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
	if text := or(b.FirstFailure, b.Reason); text != "" && (b.Result != model.Success || len(b.Failures) > 0) {
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
	return "`" + cut(text) + "`"
}

func cut(text string) string {
	text = strings.TrimSpace(text)
	if r := []rune(text); len(r) > maxQuoted {
		return strings.TrimSpace(string(r[:maxQuoted])) + "…"
	}
	return text
}

// cell is text in a table. A pipe is written by its number: a backslash before
// it would be at the mercy of another one in the text.
func cell(text string) string {
	return strings.NewReplacer("|", "&#124;", "\r", " ", "\n", " ", "<", "&lt;").Replace(strings.ToValidUTF8(text, "?"))
}
