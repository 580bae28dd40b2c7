package configlang

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// Bounds on single values.
const (
	maxName = 255
	// maxList bounds the entries of one list.
	maxList = 5000
	maxPath = 1024
	// maxRegexBytes bounds the text of all regular expressions of a file.
	maxRegexBytes = 1 << 20
)

// attributes walks a mapping. read says whether it knows the attribute; known
// are the names for a hint, those in need must be there.
func (p *parser) attributes(n *yaml.Node, what string, known, need []string, read func(key string, v *yaml.Node) bool) {
	if kindOf(n) != kindMapping {
		p.fail(posOf(n), "", "%s must be a mapping of attributes, not %s", what, kindNames[kindOf(n)])
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if kindOf(key) != kindString || !read(key.Value, value) {
			p.fail(posOf(key), p.suggest(key.Value, known), "unknown attribute %q of %s", brief(key.Value), what)
		}
	}
	for _, name := range need {
		if !has(n, name) {
			p.fail(posOf(n), "", "%s needs the attribute %q", what, name)
		}
	}
}

func has(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// wrong complains of a value of another type.
func (p *parser) wrong(n *yaml.Node, want string) {
	hint := ""
	switch k := kindOf(n); {
	case k == kindTagged:
		hint = "remove the tag " + n.Tag
	case want == "a string" && (k == kindInt || k == kindFloat || k == kindBool || k == kindTime):
		hint = "put it in quotes"
	}
	p.fail(posOf(n), hint, "this must be %s, not %s", want, kindNames[kindOf(n)])
}

func (p *parser) str(n *yaml.Node) string {
	if kindOf(n) != kindString {
		p.wrong(n, "a string")
		return ""
	}
	return n.Value
}

func (p *parser) optional(n *yaml.Node) *string {
	s := p.str(n)
	return &s
}

// name reads a string that names something: not empty, and short enough for every object that it gets into.
func (p *parser) name(n *yaml.Node) string {
	s := p.str(n)
	switch {
	case kindOf(n) != kindString:
	case s == "":
		p.fail(posOf(n), "", "this must not be empty")
	case len(s) > maxName:
		p.fail(posOf(n), "choose a shorter one", "a name has at most %d bytes; this has %d", maxName, len(s))
	}
	return s
}

var (
	yes, no   = true, false
	booleans  = map[bool]*bool{true: &yes, false: &no}
	boolTexts = map[bool]string{true: "true", false: "false"}
)

// boolean reads true or false; the result is shared and not to be written to.
func (p *parser) boolean(n *yaml.Node) *bool {
	if kindOf(n) != kindBool {
		p.wrong(n, "true or false")
		return &no
	}
	return booleans[boolWords[n.Value]]
}

func (p *parser) integer(n *yaml.Node) int64 {
	if kindOf(n) != kindInt {
		p.wrong(n, "a whole number")
		return 0
	}
	i, ok := integerOf(n.Value)
	if !ok || !i.IsInt64() || i.Int64() > 1<<31 || i.Int64() < -1<<31 {
		p.fail(posOf(n), "", "the number %s is too large", brief(n.Value))
		return 0
	}
	return i.Int64()
}

func (p *parser) optInteger(n *yaml.Node) *int64 {
	i := p.integer(n)
	return &i
}

// atLeast reads a whole number with a lower bound.
func (p *parser) atLeast(n *yaml.Node, least int64) *int64 {
	i := p.integer(n)
	if kindOf(n) == kindInt && i < least {
		p.fail(posOf(n), "", "this must be at least %d", least)
	}
	return &i
}

// oneOf reads a string out of a few.
func (p *parser) oneOf(n *yaml.Node, values ...string) string {
	if kindOf(n) != kindString || !slices.Contains(values, n.Value) {
		p.fail(posOf(n), p.suggest(n.Value, values), "this must be one of %s", strings.Join(values, ", "))
		return ""
	}
	return n.Value
}

// each reads a list, or a single value as a list of one.
func (p *parser) each(n *yaml.Node, read func(*yaml.Node)) {
	if kindOf(n) != kindSequence {
		read(n)
		return
	}
	if len(n.Content) > maxList {
		p.fail(posOf(n), "use fewer", "the list has %d entries; at most %d are possible", len(n.Content), maxList)
		return
	}
	for _, c := range n.Content {
		read(c)
	}
}

// suggest is a hint with the name that a misspelt one probably means; not for
// the thousandth of a file.
func (p *parser) suggest(word string, among []string) string {
	if p.told > maxProblems {
		return ""
	}
	return didYouMean(word, among)
}

// list reads what must be a list.
func (p *parser) list(n *yaml.Node, read func(*yaml.Node)) {
	if kindOf(n) != kindSequence {
		p.wrong(n, "a list")
		return
	}
	p.each(n, read)
}

func (p *parser) strings(n *yaml.Node) []string {
	var out []string
	p.each(n, func(n *yaml.Node) { out = append(out, p.str(n)) })
	return out
}

// matchers reads a list of regular expressions, each a string or {regex, negate}.
// The result is not nil, so that an empty list differs from none.
func (p *parser) matchers(n *yaml.Node, attr string) []Matcher {
	out := []Matcher{}
	p.each(n, func(n *yaml.Node) { out = append(out, p.matcher(n, attr)) })
	return out
}

func (p *parser) matcher(n *yaml.Node, attr string) Matcher {
	if kindOf(n) != kindMapping {
		return Matcher{Regex: p.regex(n, attr)}
	}
	m := Matcher{}
	p.attributes(n, "a regular expression", []string{"regex", "negate"}, []string{"regex"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "regex":
			m.Regex = p.regex(v, attr)
		case "negate":
			m.Negate = *p.boolean(v)
		default:
			return false
		}
		return true
	})
	return m
}

// regex compiles an expression; one that RE2 refuses gets a warning, or an error if nothing can be made of it.
func (p *parser) regex(n *yaml.Node, attr string) *zuulregex.Regex {
	re := p.compile(n)
	if re != nil && re.Deprecation() != "" {
		p.warn(NameRegexDeprecation, posOf(n), attr, "", "All regular expressions must conform to RE2 syntax: %s", re.Deprecation())
	}
	return re
}

// outputRegex reads an expression that is used where only RE2 is known.
func (p *parser) outputRegex(n *yaml.Node) {
	if re := p.compile(n); re != nil && re.Deprecation() != "" {
		p.fail(posOf(n), "", "%q is not a regular expression here: %s", brief(n.Value), re.Deprecation())
	}
}

func (p *parser) compile(n *yaml.Node) *zuulregex.Regex {
	source := p.str(n)
	if p.regexBytes += len(source); p.regexBytes > maxRegexBytes {
		p.fail(posOf(n), "write simpler ones", "the regular expressions of the file are too large together")
		return nil
	}
	re, err := zuulregex.Compile(source)
	if err != nil {
		p.fail(posOf(n), "", "%q is not a regular expression: %v", brief(source), err)
		return nil
	}
	return re
}

// overridable reads an attribute that may be marked !override or !inherit, and
// says which of the two holds.
func (p *parser) overridable(n *yaml.Node, byDefault bool) (*yaml.Node, bool) {
	if n.Tag != tagOverride && n.Tag != tagInherit {
		return n, byDefault
	}
	plain := *n
	plain.Tag = ""
	if n.Kind == yaml.ScalarNode {
		plain.Style &^= yaml.TaggedStyle
		if kindOf(&plain) != kindString {
			p.fail(posOf(n), "", "%s stands before a string, a list or a mapping", n.Tag)
		}
	}
	return &plain, n.Tag == tagOverride
}
