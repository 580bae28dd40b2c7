package executor

import (
	"regexp"
	"strings"
)

// tells are the lines that say what failed; the score says how well. The first
// line of the highest score is taken.
var tells = []struct {
	score int
	re    *regexp.Regexp
}{
	{95, regexp.MustCompile(`^FAILED \S+::\S+`)},                             // pytest's summary
	{92, regexp.MustCompile(`^(panic|fatal error): `)},                       // Go
	{90, regexp.MustCompile(`^\s*--- FAIL: `)},                               // go test
	{90, regexp.MustCompile(`^(test \S+ \.\.\. FAILED|not ok \d+)`)},         // cargo test, TAP
	{88, regexp.MustCompile(`^\S+\.\w+:\d+:(\d+:)? (fatal )?error: `)},       // gcc, clang
	{88, regexp.MustCompile(`^(\./)?\S+\.go:\d+:\d+: `)},                     // go build, linters
	{86, regexp.MustCompile(`^error(\[E\d+\])?: `)},                          // rustc
	{85, regexp.MustCompile(`^E   +\S`)},                                     // pytest
	{84, regexp.MustCompile(`^(\w+\.)*\w*(Error|Exception)(: |$)`)},          // Python, JavaScript, Java
	{80, regexp.MustCompile(`^\s+\S+_test\.go:\d+: `)},                       // t.Error of a passed test looks the same
	{75, regexp.MustCompile(`(?i)^\S*assert(ion)?( failed|error)?\b.*[:=]`)}, //
	{70, regexp.MustCompile(`(?i)^\W{0,3}(fatal|error)\b\W{0,2}[:!]`)},       // fatal: ..., ERROR: ..., [error] ...
	{60, regexp.MustCompile(`\b(Error|ERROR|error): `)},                      // somewhere in the line
	{55, regexp.MustCompile(`(?i): (command not found|not found|permission denied|no such file or directory)$`)},
	{50, regexp.MustCompile(`\bFAILED\b|\bFAIL\b|\bFAILURE\b`)}, //
	{20, regexp.MustCompile(`^make(\[\d+\])?: \*\*\* `)},        // says only that something did
}

var (
	noFailure = regexp.MustCompile(`(?i)\b(0|no) (errors?|failures?|failed)\b|\b(errors?|failures?|failed)\s*[:=]\s*0\b`)
	colour    = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
)

// score says how well a line, without colours, tells what failed; 0 is not at all.
func score(line string) int {
	if noFailure.MatchString(line) {
		return 0
	}
	for _, t := range tells {
		if t.re.MatchString(line) {
			return t.score
		}
	}
	return 0
}

// failureFinder looks at the lines of one playbook as they come.
type failureFinder struct {
	best      string
	bestScore int
	last      string
}

func (f *failureFinder) add(line string) {
	line = strings.TrimRight(colour.ReplaceAllString(line, ""), " \t")
	if strings.TrimSpace(line) == "" {
		return
	}
	f.last = line
	if s := score(line); s > f.bestScore {
		f.best, f.bestScore = line, s
	}
}

// line is the most telling one, or the last one before the failure.
func (f *failureFinder) line() string {
	if f.bestScore > 0 {
		return strings.TrimSpace(f.best)
	}
	return strings.TrimSpace(f.last)
}
