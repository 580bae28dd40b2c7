package mergeplan

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

const (
	maxTitleBytes   = 500
	maxNamedFiles   = 10
	maxDetailsBytes = 2000
)

// Message is the text of the commit that a merge or squash makes. Commits of
// cherry-pick and rebase keep their own text.
func Message(s Step) string {
	verb := "Merge"
	if s.Mode == ModeSquash {
		verb = "Squash"
	}
	msg := fmt.Sprintf("%s change %d into %s\n", verb, s.Change.Number, s.Change.Branch)
	if title := oneLine(s.Change.Title); title != "" {
		msg += "\n" + title + "\n"
	}
	return msg
}

// oneLine makes a stranger's title fit for a commit message.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxTitleBytes {
		s = strings.ToValidUTF8(s[:maxTitleBytes], "")
	}
	return s
}

// Explain words a conflict for the author of the change; details is what git said.
func Explain(steps []Step, c Conflict, details string) string {
	s := steps[c.Step]
	var b strings.Builder
	fmt.Fprintf(&b, "Change %d of %s cannot be merged into %s", s.Change.Number, s.Change.Project.Name, s.Change.Branch)
	if len(c.With) == 0 {
		fmt.Fprintf(&b, " as the branch is now. Rebase it on %s and push again.", s.Change.Branch)
	} else {
		fmt.Fprintf(&b, " after %s, ahead of it in the queue. Wait for that to merge, then rebase.", changeNumbers(steps, c.With))
	}
	if len(c.Files) > 0 {
		fmt.Fprintf(&b, " Conflicts: %s.", fileList(c.Files))
	}
	if details = strings.TrimSpace(details); details != "" {
		if len(details) > maxDetailsBytes {
			details = strings.ToValidUTF8(details[:maxDetailsBytes], "") + "..."
		}
		b.WriteString("\n\n" + details)
	}
	return b.String()
}

func changeNumbers(steps []Step, with []int) string {
	names := make([]string, 0, len(with))
	for _, i := range with {
		names = append(names, fmt.Sprintf("change %d", steps[i].Change.Number))
	}
	return strings.Join(names, ", ")
}

func fileList(files []string) string {
	if n := len(files) - maxNamedFiles; n > 0 {
		return strings.Join(files[:maxNamedFiles], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(files, ", ")
}

// Blame says which of the earlier steps of a chain a conflict is with.
// touched[i] are the sorted files that links[i] changed. When none of them
// touched the files (renames can do that), all are named: the branch alone was fine.
func Blame(links []Link, touched [][]string, files []string) []int {
	var with, all []int
	for i, l := range links {
		all = append(all, l.Step)
		if slices.ContainsFunc(files, func(f string) bool {
			_, found := slices.BinarySearch(touched[i], f)
			return found
		}) {
			with = append(with, l.Step)
		}
	}
	if len(with) == 0 {
		return all
	}
	return with
}
