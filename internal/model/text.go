package model

import (
	"strings"
	"unicode"
)

// Unprintable are control characters, and those that change the direction of text:
// what they do to a page or a terminal is up to whoever wrote them.
func Unprintable(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// Plain takes out of a text that may be a stranger's what is unprintable, but for
// line breaks and tabs.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && Unprintable(r) {
			return -1
		}
		return r
	}, text)
}
