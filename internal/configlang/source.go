package configlang

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Source is a configuration file and where it came from.
type Source struct {
	// Project is the canonical name of the repository.
	Project string
	Branch  string
	Path    string
	Content string
}

// Pos is a place in a source; line and column count from 1.
type Pos struct {
	Source *Source
	Line   int
	Column int
	// Width of the marked text.
	Width int
}

// Severity of an Error.
type Severity string

// Errors leave an object out; warnings do not.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Error is one thing that is wrong with configuration.
type Error struct {
	Severity Severity
	// Name is Zuul's name of the error, e.g. "Nodeset Not Found"; may be empty.
	Name    string
	Pos     Pos
	Message string
	// Hint says what to do.
	Hint string
}

// Where is "host/project .zuul.yaml:14:5".
func (e Error) Where() string {
	if e.Pos.Source == nil {
		return ""
	}
	if e.Pos.Line < 1 {
		return strings.TrimSpace(e.Pos.Source.Project + " " + e.Pos.Source.Path)
	}
	return fmt.Sprintf("%s %s:%d:%d", e.Pos.Source.Project, e.Pos.Source.Path, e.Pos.Line, e.Pos.Column)
}

// Error is the whole message: where, what, the snippet with a marker, what to do.
func (e Error) Error() string {
	var b strings.Builder
	if w := e.Where(); w != "" {
		b.WriteString(w + ": ")
	}
	b.WriteString(e.Message)
	snippet := e.Snippet()
	switch {
	case snippet != "":
		b.WriteString("\n" + snippet)
	case e.Hint != "":
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Key identifies the error whatever the line it stands on, so that an error
// that was there before is not taken for a new one when lines move.
func (e Error) Key() string {
	if e.Pos.Source == nil {
		return e.Message
	}
	return strings.Join([]string{e.Pos.Source.Project, e.Pos.Source.Branch, e.Pos.Source.Path, e.Name, e.Message}, "\x00")
}

const maxSnippetLine = 120

// Snippet shows the line, the one before it, and a marker with the hint.
func (e Error) Snippet() string {
	s := e.Pos.Source
	if s == nil || e.Pos.Line < 1 {
		return ""
	}
	lines := strings.Split(s.Content, "\n")
	if e.Pos.Line > len(lines) {
		return ""
	}
	var b strings.Builder
	for n := max(1, e.Pos.Line-1); n <= e.Pos.Line; n++ {
		fmt.Fprintf(&b, "%5d | %s\n", n, cut(lines[n-1]))
	}
	// The marker stays within the line that is shown.
	column := min(max(1, e.Pos.Column), maxSnippetLine+1)
	room := utf8.RuneCountInString(cut(lines[e.Pos.Line-1])) - column + 1
	fmt.Fprintf(&b, "      | %s%s", strings.Repeat(" ", column-1), strings.Repeat("^", max(1, min(e.Pos.Width, room))))
	if e.Hint != "" {
		b.WriteString(" " + e.Hint)
	}
	return b.String()
}

func cut(line string) string {
	line = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSuffix(line, "\r"), "?"))
	if r := []rune(line); len(r) > maxSnippetLine {
		return string(r[:maxSnippetLine]) + "…"
	}
	return line
}

// didYouMean is a hint with the name that a misspelt one probably means.
func didYouMean(word string, among []string) string {
	if c := closest(word, among); c != "" {
		return fmt.Sprintf("did you mean %q?", c)
	}
	return ""
}

// closest finds the name that a misspelt one probably means.
func closest(word string, among []string) string {
	allowed := 2
	if len(word) <= 4 {
		allowed = 1
	}
	best := ""
	for _, a := range among {
		if d := distance(word, a); d <= allowed && d < len(word) {
			best, allowed = a, d-1
		}
	}
	return best
}

// distance is the number of letters to add, drop, change or swap between two words.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	// rows[i][j] is the distance between the first i letters of a and j of b.
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
