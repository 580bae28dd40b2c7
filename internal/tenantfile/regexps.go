package tenantfile

import (
	"fmt"
	"regexp/syntax"

	"github.com/gozer-dev/gozer/internal/zuulregex"
)

const (
	// maxRegexps bounds the text of all different regular expressions of a file.
	maxRegexps = 256 << 10
	// largest program of an expression.
	largest = 20_000
	// maxMatching bounds the work of comparing expressions with names.
	maxMatching = 50_000_000
)

// regexps are regular expressions that were looked at already.
type regexps struct {
	known map[string]fault
	bytes int
	work  int
}

// fault of a regular expression; each is looked at once.
func (r *regexps) fault(source string) fault {
	if f, ok := r.known[source]; ok {
		return f
	}
	if f := short(zuulregex.MaxLength)(source); f.message != "" {
		return f
	}
	if r.bytes += len(source); r.bytes > maxRegexps {
		return fault{message: "the regular expressions of the file are too long together"}
	}
	f := fault{}
	if _, err := zuulregex.Compile(source); err != nil {
		f.message = fmt.Sprintf("%s is not a regular expression: %v", show(source), err)
	}
	if r.known == nil {
		r.known = map[string]fault{}
	}
	r.known[source] = f
	return f
}

// steps that comparing one character takes at most.
func steps(source string) int {
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return largest // one that is translated
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return largest
	}
	return len(prog.Inst)
}

// reaches finds the first of some projects of which one of the names fits,
// wholly, a regular expression that has no fault. It gives up once all that has
// become too much work.
func (r *regexps) reaches(source string, projects [][]string) (name string, tooMuch bool) {
	re, err := zuulregex.Compile(source)
	cost := steps(source)
	if r.work += cost; err != nil || r.work > maxMatching {
		return "", true
	}
	for _, names := range projects {
		for _, n := range names {
			if r.work += cost * len(n); r.work > maxMatching {
				return "", true
			}
			if re.FullMatch(n) {
				return names[0], false
			}
		}
	}
	return "", false
}
