package configlang

import (
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// attrs are the attributes that an object may have and how each is read.
type attrs map[string]func(*yaml.Node)

// later marks attributes that Zuul knows and this version does not act on:
// leaving them out silently could run a job with less protection than asked for.
type later []string

// read reads a mapping. It reports unknown, doubled and unsupported attributes
// and says whether all was well.
func (p *parser) read(n *yaml.Node, what string, known attrs, unsupported later) bool {
	before := p.failures
	if n.Kind != yaml.MappingNode {
		p.fail(p.pos(n), "", "%s must be a mapping of attributes", what)
		return false
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			p.fail(p.pos(key), "", "the name of an attribute of %s must be a string", what)
			continue
		case isMerge(key):
			p.badMerge(key)
		case seen[key.Value]:
			p.fail(p.pos(key), "remove one of them", "attribute %q of %s is given twice", key.Value, what)
		case ok:
			read(value)
		case known["*"] != nil:
			known["*"](&yaml.Node{Kind: yaml.SequenceNode, Line: key.Line, Column: key.Column, Content: []*yaml.Node{key, value}})
		case slices.Contains(unsupported, key.Value):
			p.fail(p.pos(key), "", "attribute %q of %s is not supported by this version of Gozer", key.Value, what)
		default:
			p.fail(p.pos(key), didYouMean(key.Value, append(slices.Sorted(maps.Keys(known)), unsupported...)), "unknown attribute %q of %s", key.Value, what)
		}
		seen[key.Value] = true
	}
	return p.failures == before
}

func (p *parser) isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// str reads a scalar as a string.
func (p *parser) str(to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || p.isNull(n) {
			p.fail(p.pos(n), "", "this must be a string")
			return
		}
		*to = n.Value
	}
}

func (p *parser) boolean(to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch {
		case n.Kind != yaml.ScalarNode:
		case slices.Contains([]string{"true", "True", "TRUE", "yes", "Yes", "on", "On"}, n.Value):
			*to = true
			return
		case slices.Contains([]string{"false", "False", "FALSE", "no", "No", "off", "Off"}, n.Value):
			*to = false
			return
		}
		p.fail(p.pos(n), "", "this must be true or false")
	}
}

func (p *parser) optBoolean(to **bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var b bool
		p.boolean(&b)(n)
		*to = &b
	}
}

// integer reads a whole number of at least the minimum.
func integer[T int32 | int64](p *parser, to **T, minimum int64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseInt(n.Value, 10, 32)
		if n.Kind != yaml.ScalarNode || err != nil || v < minimum {
			p.fail(p.pos(n), "", "this must be a whole number of at least %d", minimum)
			return
		}
		t := T(v)
		*to = &t
	}
}

// oneOf reads a string out of a few.
func (p *parser) oneOf(to *string, values ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || !slices.Contains(values, n.Value) {
			p.fail(p.pos(n), didYouMean(n.Value, values), "this must be one of %s, not %q", strings.Join(values, ", "), n.Value)
			return
		}
		*to = n.Value
	}
}

// each reads a list, or a single value as a list of one.
func (p *parser) each(read func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch {
		case n.Kind == yaml.SequenceNode:
			for _, c := range n.Content {
				read(c)
			}
		case p.isNull(n):
		default:
			read(n)
		}
	}
}

func (p *parser) strings(to *[]string) func(*yaml.Node) {
	*to = nil
	return p.each(func(n *yaml.Node) {
		var s string
		p.str(&s)(n)
		*to = append(*to, s)
	})
}

// regexps reads a list of regular expressions and keeps their text.
func (p *parser) regexps(to *[]string) func(*yaml.Node) {
	return p.each(func(n *yaml.Node) {
		var s string
		p.str(&s)(n)
		p.compile(n, s)
		*to = append(*to, s)
	})
}

func (p *parser) refs(to *[]Ref) func(*yaml.Node) {
	return p.each(func(n *yaml.Node) {
		r := Ref{Pos: p.pos(n)}
		p.str(&r.Name)(n)
		*to = append(*to, r)
	})
}

// name reads a string that names something: not empty, and short enough for every object that it gets into.
func (p *parser) name(to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		p.str(to)(n)
		switch {
		case n.Kind != yaml.ScalarNode || p.isNull(n):
		case n.Value == "":
			p.fail(p.pos(n), "", "this must not be empty")
		case len(n.Value) > maxName:
			p.fail(p.pos(n), "choose a shorter one", "a name has at most %d bytes; this has %d", maxName, len(n.Value))
		}
	}
}

// compile checks a regular expression. Zuul matches with RE2 as well.
func (p *parser) compile(n *yaml.Node, source string) *regexp.Regexp {
	nothing := regexp.MustCompile(`$^`)
	if len(source) > maxRegexp || p.regexpSize > maxRegexpSize {
		p.fail(p.pos(n), "write a simpler one", "the regular expression is too long, or those of the file are too large together")
		return nothing
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		hint := ""
		if strings.Contains(source, "(?!") || strings.Contains(source, "(?<") || strings.Contains(source, "(?=") {
			hint = "look-around is not part of RE2; write {regex: ..., negate: true}"
		}
		p.fail(p.pos(n), hint, "%q is not a regular expression: %v", source, err)
		return nothing
	}
	if prog, err := syntax.Compile(parsed.Simplify()); err == nil {
		p.regexpSize += len(prog.Inst)
	}
	re, err := regexp.Compile(source)
	if err != nil {
		p.fail(p.pos(n), "", "%q is not a regular expression: %v", source, err)
		return nothing
	}
	return re
}

// matchers reads a list of regular expressions, each a string or {regex, negate}.
// The result is never nil, so that an empty list differs from none.
func (p *parser) matchers(to *[]Matcher) func(*yaml.Node) {
	*to = nil
	return func(n *yaml.Node) {
		*to = []Matcher{}
		p.each(func(n *yaml.Node) {
			m := Matcher{Pos: p.pos(n)}
			if n.Kind == yaml.MappingNode {
				ok := p.read(n, "a regular expression", attrs{"regex": p.str(&m.Source), "negate": p.boolean(&m.Negate)}, nil)
				if ok && m.Source == "" {
					p.fail(m.Pos, "write {regex: ..., negate: true}", "the regular expression is missing")
				}
			} else {
				p.str(&m.Source)(n)
			}
			m.re = p.compile(n, m.Source)
			*to = append(*to, m)
		})(n)
	}
}
