package layout

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// Error is one thing that is wrong with a tenant's configuration.
type Error struct {
	configlang.Problem
	// Origin is the file; nil for what is no file's fault.
	Origin *Origin
	// Uses says how often it is met: an error in a template is met by every project that uses it.
	Uses int

	// owner is the object, or the chunk, that the error goes away with.
	owner any
	// reference errors are found again when what is referred to changes.
	reference bool
	// loop errors are found again whenever jobs change.
	loop bool
}

func newError(o *Origin, owner any, at configlang.Stanza, name, hint, message string) *Error {
	return &Error{
		Problem: configlang.Problem{Severity: configlang.SeverityError, Name: name, Message: configlang.Bound(message), Hint: hint, At: at.Pos, Stanza: at},
		Origin:  o, owner: owner, Uses: 1,
	}
}

// Where is "host/project@branch .zuul.yaml:14:5".
func (e *Error) Where() string {
	if e.Origin == nil {
		return ""
	}
	where := e.Origin.Path
	if e.Origin.Project.Name != "" {
		where = strings.TrimSpace(e.Origin.Project.Canonical() + "@" + e.Origin.Branch + " " + where)
	}
	if e.At.Line > 0 {
		where += fmt.Sprintf(":%d:%d", e.At.Line, max(1, e.At.Column))
	}
	return where
}

// Error is the whole message: where, what, the snippet with a marker, what to do.
func (e *Error) Error() string {
	var b strings.Builder
	if w := e.Where(); w != "" {
		b.WriteString(w + ": ")
	}
	if e.Name != "" {
		b.WriteString("[" + e.Name + "] ")
	}
	b.WriteString(e.Message)
	if e.Stanza.Kind != "" && e.Stanza.Name != "" {
		fmt.Fprintf(&b, " (%s %s)", e.Stanza.Kind, e.Stanza.Name)
	}
	if s := e.Snippet(); s != "" {
		b.WriteString("\n" + s)
	} else if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// key identifies the error whatever the line it stands on, so that an error
// that was there before is not taken for a new one when lines move.
func (e *Error) key() string {
	var parts []string
	if e.Origin != nil {
		parts = append(parts, e.Origin.Project.Canonical(), e.Origin.Branch, e.Origin.Path)
	}
	return strings.Join(append(parts, e.Stanza.Kind, e.Stanza.Name, e.Name, e.Message), "\x00")
}

const maxSnippetLine = 120

// Snippet shows the line, the one before it, and a marker with the hint.
func (e *Error) Snippet() string {
	if e.Origin == nil || e.Origin.File == nil || e.At.Line < 1 {
		return ""
	}
	line, ok := e.Origin.File.Line(int(e.At.Line))
	if !ok {
		return ""
	}
	var b strings.Builder
	if before, ok := e.Origin.File.Line(int(e.At.Line) - 1); ok {
		fmt.Fprintf(&b, "%5d | %s\n", e.At.Line-1, visible(before))
	}
	line = visible(line)
	fmt.Fprintf(&b, "%5d | %s\n", e.At.Line, line)
	// The marker stays within the line that is shown.
	column := min(max(1, int(e.At.Column)), maxSnippetLine+1)
	room := utf8.RuneCountInString(line) - column + 1
	fmt.Fprintf(&b, "      | %s%s", strings.Repeat(" ", column-1), strings.Repeat("^", max(1, min(int(e.At.Width), room))))
	if e.Hint != "" {
		b.WriteString(" " + e.Hint)
	}
	return b.String()
}

// visible makes a stranger's line fit to be shown.
func visible(line string) string {
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' || r == 0x7f:
			return '?'
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
	if r := []rune(line); len(r) > maxSnippetLine {
		return string(r[:maxSnippetLine]) + "…"
	}
	return line
}

// FileErrors are the errors of a file on its own, which belongs to no tenant.
func FileErrors(path string, f *configlang.File) []*Error {
	o := &Origin{Project: &Project{}, Path: path, File: f}
	var out []*Error
	for _, p := range f.Problems {
		out = append(out, &Error{Problem: p, Origin: o, Uses: 1})
	}
	drivers := map[string]string{}
	for _, pl := range f.Pipelines {
		for _, name := range pl.Named() {
			drivers[name] = configlang.DriverNamed(name)
		}
		_, problems, _ := pl.Bind(configlang.Connections{Drivers: drivers})
		for _, p := range problems {
			out = append(out, &Error{Problem: p, Origin: o, Uses: 1})
		}
	}
	return out
}
