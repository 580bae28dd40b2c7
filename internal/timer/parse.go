package timer

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Error says what is wrong with a time, and what to do.
type Error struct{ Message, Hint string }

func (e *Error) Error() string { return e.Message + "; " + e.Hint }

func wrong(hint, format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// field is one of the numbers of a moment.
type field struct {
	name        string
	least, most int
	// names of the numbers from the least on.
	names []string
	// last says that there is a word for the last one.
	last bool
	hint string
}

var (
	seconds  = field{name: "second", most: 59}
	minutes  = field{name: "minute", most: 59}
	hours    = field{name: "hour", most: 23}
	days     = field{name: "day", least: 1, most: 31, last: true}
	months   = field{name: "month", least: 1, most: 12, names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}}
	weekdays = field{name: "weekday", most: 6, names: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, hint: "; Monday is 0 and Sunday is 6"}
)

// Bounds on what is read.
const (
	maxText   = 255
	maxJitter = 7 * 24 * 60 * 60
)

// longest are the days that a month has at most.
var longest = [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// Parse reads a time. The error is an *Error.
func Parse(text string) (*Schedule, error) {
	if len(text) > maxText {
		return nil, wrong("write it in several times", "a time has at most %d characters; this has %d", maxText, len(text))
	}
	parts := strings.Fields(text)
	if len(parts) < 5 || len(parts) > 7 {
		return nil, wrong(`write "minute hour day month weekday", and after them, if you like, the second and the jitter in seconds: "0 2 * * *"`,
			"a time has five to seven parts; this has %d", len(parts))
	}
	s := &Schedule{seconds: 1}
	sets := []*set{&s.minutes, &s.hours, &s.days, &s.months, &s.weekdays, &s.seconds}
	for n, f := range []field{minutes, hours, days, months, weekdays, seconds}[:min(len(parts), len(sets))] {
		var err error
		if *sets[n], err = f.parse(parts[n]); err != nil {
			return nil, err
		}
	}
	if len(parts) > len(sets) {
		jitter, err := strconv.Atoi(parts[len(sets)])
		if err != nil || jitter < 0 || jitter > maxJitter {
			return nil, wrong(fmt.Sprintf("write a number of seconds, at most %d", maxJitter), "the jitter %q is not understood", parts[len(sets)])
		}
		s.Jitter = time.Duration(jitter) * time.Second
	}
	if s.never() {
		return nil, wrong("choose a day that one of the months has", "this never comes: no month of %q has a day of %q", parts[3], parts[2])
	}
	return s, nil
}

// never says whether no year has such a moment.
func (s *Schedule) never() bool {
	first := s.days.from(1)
	for m, n := range longest {
		if s.months.has(m+1) && (s.days.has(lastDay) || first <= n) {
			return false
		}
	}
	return true
}

var (
	every   = regexp.MustCompile(`^\*(?:/(\d{1,3}))?$`)
	numbers = regexp.MustCompile(`^(\d{1,3})(?:-(\d{1,3}))?(?:/(\d{1,3}))?$`)
	words   = regexp.MustCompile(`^([a-z]+)(?:-([a-z]+))?$`)
)

// parse reads a list of numbers, ranges and steps.
func (f field) parse(part string) (set, error) {
	var out set
	for p := range strings.SplitSeq(part, ",") {
		more, err := f.item(strings.ToLower(p))
		if err != nil {
			return 0, err
		}
		out |= more
	}
	return out, nil
}

func (f field) item(p string) (set, error) {
	if f.last && p == "last" {
		return 1 << lastDay, nil
	}
	if m := every.FindStringSubmatch(p); m != nil {
		return f.steps(p, f.least, f.most, m[1])
	}
	if m := numbers.FindStringSubmatch(p); m != nil {
		first, end := number(m[1]), number(m[1])
		switch {
		case m[2] != "":
			end = number(m[2])
		case m[3] != "":
			end = f.most
		}
		return f.steps(p, first, end, m[3])
	}
	if m := words.FindStringSubmatch(p); m != nil && f.names != nil {
		first, end := slices.Index(f.names, m[1]), slices.Index(f.names, m[1])
		if m[2] != "" {
			end = slices.Index(f.names, m[2])
		}
		if first < 0 || end < 0 {
			return 0, f.wrong("%q is not a %s", p, f.name)
		}
		return f.steps(p, f.least+first, f.least+end, "")
	}
	return 0, f.wrong("the %s %q is not understood", f.name, p)
}

// steps are the numbers of a range, every one or every so many.
func (f field) steps(p string, first, end int, step string) (set, error) {
	by := 1
	if step != "" {
		by = number(step)
	}
	switch {
	case first < f.least || first > f.most || end > f.most:
		return 0, f.wrong("the %s %q is not one of %d to %d", f.name, p, f.least, f.most)
	case end < first:
		return 0, f.wrong("the %s %q ends before it begins", f.name, p)
	case by < 1 || step != "" && by > end-first:
		return 0, f.wrong("the step of the %s %q must be 1 or more, and not larger than the range", f.name, p)
	}
	var out set
	for n := first; n <= end; n += by {
		out |= 1 << n
	}
	return out, nil
}

func (f field) wrong(format string, args ...any) error {
	hint := fmt.Sprintf(`write numbers from %d to %d, "*", ranges as "%d-%d", steps as "*/2", or a list of these with commas and no blanks`, f.least, f.most, f.least, f.least+1)
	if f.last {
		hint += `, or "last"`
	}
	if f.names != nil {
		hint += fmt.Sprintf(`; names are %s to %s, without steps`, f.names[0], f.names[len(f.names)-1])
	}
	return wrong(hint+f.hint, format, args...)
}

// number of at most three digits.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}
