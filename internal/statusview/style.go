package statusview

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Style of the text.
type Style struct {
	// Color uses the terminal's colours.
	Color bool
	// NoTimes leaves out everything that changes as time passes, to see whether something else did.
	NoTimes bool
	// Width of the terminal; 0 is no bound.
	Width int
}

// Colours of a terminal.
const (
	red, green, yellow, grey, bold = "31", "32", "33", "90", "1"
)

func (s Style) paint(color, text string) string {
	if !s.Color || color == "" || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// ago is how long something took or is ago: "41s", "3m50s", "2h5m".
func (s Style) span(d time.Duration) string {
	if s.NoTimes {
		return ""
	}
	return Span(d)
}

// Span is a duration for people: "41s", "3m50s", "2h5m", "3d4h".
func Span(d time.Duration) string {
	d = max(0, d.Round(time.Second))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// pad fills a text, without colours, to so many characters.
func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(text)))
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// short writes the project only where it changes: "acme/api#11 #12 acme/web#7".
func short(changes []string) string {
	const most = 6
	if n := len(changes); n > most {
		return short(changes[:2]) + " … " + changes[n-1] + fmt.Sprintf(" (%d changes)", n)
	}
	var out []string
	last := ""
	for _, c := range changes {
		project, number, ok := strings.Cut(c, "#")
		if ok && project == last {
			c = "#" + number
		}
		last = project
		out = append(out, c)
	}
	return strings.Join(out, " ")
}
