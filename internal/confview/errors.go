package confview

import (
	"fmt"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
)

// ErrorRecord is one error or warning as a JSON line.
type ErrorRecord struct {
	// Project is the canonical name; Line is that of the stanza, null for an
	// error of the file as a whole.
	Project  string `json:"project"`
	Branch   string `json:"branch"`
	Path     string `json:"path"`
	Line     *int32 `json:"line"`
	Severity string `json:"severity"`
	// Name is "Unknown" for an error that has none.
	Name   string  `json:"name"`
	Stanza *string `json:"stanza"`
	Item   *string `json:"item"`
	Attr   *string `json:"attr"`
	// Error is the first line of the text.
	Error string `json:"error"`
	Text  string `json:"text"`
	// At is the exact place, Hint says what to do.
	At   Place  `json:"at"`
	Hint string `json:"hint,omitempty"`
	// Times says how often it is met, if more than once: an error of a template
	// is met by every project that uses it.
	Times int `json:"times,omitempty"`
	// Snippet shows the line with a marker.
	Snippet string `json:"snippet,omitempty"`
}

// Place in a file; line and column count from 1.
type Place struct {
	Line   int32 `json:"line,omitempty"`
	Column int32 `json:"column,omitempty"`
	Width  int32 `json:"width,omitempty"`
}

// nameless are errors that Zuul has no name for.
const nameless = "Unknown"

// Errors are the records of a layout's errors, one for each time that an error
// is met. Further errors of an object that has one already are left out.
func Errors(errs []*layout.Error) []ErrorRecord {
	var out []ErrorRecord
	for _, e := range errs {
		if e.Further {
			continue
		}
		r := Error(e)
		for range max(1, e.Uses) {
			out = append(out, r)
		}
	}
	return out
}

// Where is "host/project@branch path:line:column".
func (r ErrorRecord) Where() string {
	where := r.Path
	if r.Project != "" {
		where = strings.TrimSpace(r.Project + "@" + r.Branch + " " + where)
	}
	if r.At.Line > 0 {
		where += fmt.Sprintf(":%d:%d", r.At.Line, max(1, r.At.Column))
	}
	return where
}

// String is the error as people read it: where, what, of which object, the
// snippet with a marker, and what to do.
func (r ErrorRecord) String() string {
	var b strings.Builder
	b.WriteString(r.Severity)
	if r.Times > 1 {
		fmt.Fprintf(&b, " (met %d times)", r.Times)
	}
	fmt.Fprintf(&b, ": %s: ", r.Where())
	if r.Name != nameless {
		fmt.Fprintf(&b, "[%s] ", r.Name)
	}
	b.WriteString(r.Text)
	if r.Stanza != nil && r.Item != nil {
		fmt.Fprintf(&b, " (%s %s)", *r.Stanza, *r.Item)
	}
	switch {
	case r.Snippet != "":
		b.WriteString("\n" + r.Snippet)
	case r.Hint != "":
		b.WriteString("; " + r.Hint)
	}
	return b.String()
}

// Error is the record of one error.
func Error(e *layout.Error) ErrorRecord {
	first, _, _ := strings.Cut(e.Message, "\n")
	r := ErrorRecord{Severity: string(e.Severity), Name: e.Name, Error: first, Text: e.Message, Hint: e.Hint, Snippet: e.Snippet(), At: Place{e.At.Line, e.At.Column, e.At.Width}}
	if r.Name == "" {
		r.Name = nameless
	}
	if e.Uses > 1 {
		r.Times = e.Uses
	}
	if o := e.Origin; o != nil {
		r.Branch, r.Path = o.Branch, o.Path
		if o.Project.Name != "" {
			r.Project = o.Project.Canonical()
		}
		if e.Name == configlang.NameMultipleConfig {
			r.Path = "" // it is about the branch as a whole
		}
	}
	if e.Stanza.Kind != "" {
		r.Stanza, r.Item, r.Attr = &e.Stanza.Kind, text(e.Stanza.Name), text(e.Attr)
	}
	if e.Stanza.Pos.Line > 0 {
		r.Line = &e.Stanza.Pos.Line
	}
	return r
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
