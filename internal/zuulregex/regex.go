package zuulregex

import (
	"fmt"
	"regexp/syntax"
	"unicode/utf8"
)

// MaxLength is how many bytes an expression may have. People write a few dozen.
const MaxLength = 1000

// Regex is an expression that was understood. It is safe for concurrent use;
// its programs are made when they are first needed.
type Regex struct {
	pattern     string
	formula     *formula
	deprecation string
	rewritten   rewriting
}

// Compile understands an expression: RE2, or what Python accepts and can be
// translated. Errors say what is wrong in words for the expression's author.
// Compiling the same expression again is a look-up and gives the same Regex.
func Compile(pattern string) (*Regex, error) {
	if len(pattern) > MaxLength {
		return nil, fmt.Errorf("a regular expression may have %d bytes and this one has %d: split it into several", MaxLength, len(pattern))
	}
	return interned.get(pattern, compile)
}

func compile(pattern string) (*Regex, int, error) {
	if !utf8.ValidString(pattern) {
		return nil, 0, fmt.Errorf("a regular expression must be valid UTF-8 text, and this one is not")
	}
	if err := checkRanges(pattern); err != nil {
		return nil, 0, err
	}
	tree, refused := syntax.Parse(pattern, syntax.Perl)
	if refused != nil {
		return translate(pattern, refused)
	}
	var s size
	if err := s.add(tree); err != nil {
		return nil, 0, err
	}
	return &Regex{
		pattern:   pattern,
		formula:   &formula{branches: []branch{{main: &leaf{text: pattern, full: pattern}}}},
		rewritten: rewriting{regex: pattern, ok: true},
	}, s.weight(), nil
}

// translate makes a Regex of an expression that RE2 refuses.
func translate(pattern string, refused error) (*Regex, int, error) {
	root, notRE2, err := parse(pattern)
	if err != nil {
		return nil, 0, err
	}
	b := builder{src: pattern}
	f, err := b.build([]*node{root})
	if err != nil {
		return nil, 0, err
	}
	r := &Regex{pattern: pattern, formula: f, rewritten: rewrite(f)}
	r.deprecation = deprecation(pattern, notRE2, refused, f, r.rewritten)
	f.forgetNodes()
	return r, b.size.weight(), nil
}

// Pattern is the expression as it was written.
func (r *Regex) Pattern() string { return r.pattern }

// Match says whether the text begins with a match, as Python's re.match.
func (r *Regex) Match(s string) bool { return r.formula.match(s) }

// FullMatch says whether all of the text is a match.
func (r *Regex) FullMatch(s string) bool { return r.formula.fullMatch(s) }

// Search says whether there is a match anywhere in the text.
func (r *Regex) Search(s string) bool { return r.formula.search(s) }

// Deprecation is empty for RE2. Otherwise it says what is not RE2 in the
// expression and how to write it instead.
func (r *Regex) Deprecation() string { return r.deprecation }

// Rewritten is the expression in RE2, to be negated or not: Match gives the
// same for every text. There need not be one. RE2 expressions stay what they are.
func (r *Regex) Rewritten() (regex string, negate, ok bool) {
	return r.rewritten.regex, r.rewritten.negate, r.rewritten.ok
}

// Allowed says whether a subject passes: some allowed expression matches it, or
// there is none, and no disallowed one does.
func Allowed(subject string, allowed, disallowed []*Regex) bool {
	return (len(allowed) == 0 || anyMatches(allowed, subject)) && !anyMatches(disallowed, subject)
}

func anyMatches(list []*Regex, subject string) bool {
	for _, r := range list {
		if r.Match(subject) {
			return true
		}
	}
	return false
}
