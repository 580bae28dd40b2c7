package zuulregex

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// flags as they stand where the parser is.
type flags struct {
	fold   bool // (?i)
	lines  bool // (?m)
	dotAll bool // (?s)
}

// parser reads an expression by the rules of Python's re. What those refuse is
// an error, and so is at once what could never be translated.
type parser struct {
	src    string
	pos    int
	flags  flags
	names  map[string]bool
	notRE2 []string // what RE2 has not
}

func parse(src string) (*node, []string, error) {
	p := &parser{src: src, names: map[string]bool{}}
	root, err := p.alternatives(true)
	if err != nil {
		return nil, nil, err
	}
	if p.pos < len(src) {
		return nil, nil, p.problem(p.pos, "this ) closes nothing; to match the character itself, write \\)")
	}
	root.markLast(true)
	return root, p.notRE2, nil
}

func (p *parser) problem(pos int, format string, args ...any) error {
	return problem(p.src, pos, format, args...)
}

// lacks notes what RE2 does not have, once each.
func (p *parser) lacks(what string) {
	if !slices.Contains(p.notRE2, what) {
		p.notRE2 = append(p.notRE2, what)
	}
}

// take consumes the text if it is next.
func (p *parser) take(text string) bool {
	if len(p.src)-p.pos < len(text) || p.src[p.pos:p.pos+len(text)] != text {
		return false
	}
	p.pos += len(text)
	return true
}

// next consumes one character; at the end ok is false.
func (p *parser) next() (r rune, ok bool) {
	if p.pos >= len(p.src) {
		return 0, false
	}
	r, n := utf8.DecodeRuneInString(p.src[p.pos:])
	p.pos += n
	return r, true
}

// peek is the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.pos >= len(p.src) {
		return 0
	}
	return p.src[p.pos]
}

// alternatives are read up to a closing parenthesis or the end.
func (p *parser) alternatives(top bool) (*node, error) {
	pos := p.pos
	var subs []*node
	for {
		s, err := p.sequence(top && len(subs) == 0)
		if err != nil {
			return nil, err
		}
		subs = append(subs, s)
		if !p.take("|") {
			break
		}
	}
	if len(subs) == 1 {
		return subs[0], nil
	}
	return &node{kind: alternatives, pos: pos, subs: subs}, nil
}

// sequence reads up to what ends it. Only in the first one may flags for the
// whole expression stand.
func (p *parser) sequence(first bool) (*node, error) {
	seq := &node{kind: sequence, pos: p.pos}
	for p.pos < len(p.src) && p.peek() != '|' && p.peek() != ')' {
		n, err := p.item(seq, first && len(seq.subs) == 0)
		if err != nil {
			return nil, err
		}
		if n != nil {
			seq.subs = append(seq.subs, n)
		}
	}
	return seq, nil
}

// item reads one piece. It gives none after a comment, flags, or a repeat, which
// changes the piece before it.
func (p *parser) item(seq *node, first bool) (*node, error) {
	pos := p.pos
	switch p.peek() {
	case '*', '+', '?':
		return nil, p.repeat(seq)
	case '{':
		if p.countFollows() {
			return nil, p.repeat(seq)
		}
	case '(':
		return p.group(first)
	case '[':
		return p.class()
	case '\\':
		return p.escape()
	}
	r, _ := p.next()
	switch r {
	case '.':
		text := `.`
		if p.flags.dotAll {
			text = `(?s:.)`
		}
		return &node{kind: class, pos: pos, text: text, short: text, caseless: true}, nil
	case '^':
		if p.flags.lines {
			return &node{kind: assertion, pos: pos, text: `(?m:^)`}, nil
		}
		return &node{kind: assertion, pos: pos, text: `^`, start: true}, nil
	case '$':
		if p.flags.lines {
			return &node{kind: assertion, pos: pos, text: `(?m:$)`}, nil
		}
		return &node{kind: end, pos: pos}, nil
	}
	return p.character(pos, r), nil
}

func (p *parser) character(pos int, r rune) *node {
	text := quote(r)
	caseless := unicode.SimpleFold(r) == r
	return &node{kind: character, pos: pos, text: text, short: text, fold: p.flags.fold && !caseless, caseless: caseless}
}

func (p *parser) classNode(pos int, text, short string) *node {
	return &node{kind: class, pos: pos, text: text, short: short, fold: p.flags.fold}
}
