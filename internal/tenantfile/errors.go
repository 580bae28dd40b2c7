package tenantfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// NameGlobalSemaphore is Zuul's name of the error about a global semaphore that is not defined.
const NameGlobalSemaphore = "Global Semaphore Not Found"

// NameUnknownConnection is Zuul's name of the error about a connection that does not exist.
const NameUnknownConnection = "Unknown Connection"

// Error is one thing that is wrong with a file.
type Error struct {
	// Line and Column count from 1; Line 0 is the file as a whole.
	Line, Column int
	// Name is Zuul's name of the error; most have none.
	Name string
	// Message says what is wrong, Hint what to do about it.
	Message, Hint string
}

// Error is place, message and hint in one line.
func (e Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&b, ", column %d", e.Column)
		}
		b.WriteString(": ")
	}
	if e.Name != "" {
		b.WriteString(e.Name + ": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

const (
	// maxErrors bounds what is told of one file.
	maxErrors = 100
	// maxShown bounds a text of the file within a message.
	maxShown = 100
)

// complaints collects errors.
type complaints struct {
	errors []Error
	// failures counts all errors, also those that are not kept.
	failures int
}

func (c *complaints) add(e Error) {
	if c.failures++; c.failures <= maxErrors {
		c.errors = append(c.errors, e)
	}
}

// full says that what is found from now on is not told.
func (c *complaints) full() bool { return c.failures >= maxErrors }

// list is all errors by their place.
func (c *complaints) list() []Error {
	slices.SortStableFunc(c.errors, func(a, b Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	if c.failures > maxErrors {
		c.errors = append(c.errors, Error{Message: "the file has more errors than are shown", Hint: "correct these first"})
	}
	return c.errors
}

// show quotes a text that a stranger may have written.
func show(text string) string {
	if len(text) > maxShown {
		cut := maxShown
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return fmt.Sprintf("%q", text)
}
