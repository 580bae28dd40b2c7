package zuulregex

import (
	"strings"
	"unicode"
)

// group reads what begins with a parenthesis. Comments and flags give no node.
func (p *parser) group(first bool) (*node, error) {
	pos := p.pos
	p.pos++ // (
	if !p.take("?") {
		return p.inside(&node{kind: group, pos: pos, capture: true})
	}
	switch {
	case p.take(":"):
		return p.inside(&node{kind: group, pos: pos})
	case p.take("#"):
		p.lacks("no comments (?#...)")
		length := strings.IndexByte(p.src[p.pos:], ')')
		if length < 0 {
			return nil, p.problem(pos, "the comment is never closed")
		}
		p.pos += length + 1
		return nil, nil
	case p.take("="), p.take("!"):
		p.lacks("no look-ahead")
		return p.inside(&node{kind: lookAhead, pos: pos, not: p.src[p.pos-1] == '!'})
	case p.take("P<"):
		if err := p.name(pos); err != nil {
			return nil, err
		}
		return p.inside(&node{kind: group, pos: pos, capture: true})
	}
	if err := p.untranslatable(pos); err != nil {
		return nil, err
	}
	return p.withFlags(pos, first)
}

// inside reads a group's content and its closing parenthesis. Flags that are set
// inside end with it.
func (p *parser) inside(n *node) (*node, error) {
	outer := p.flags
	content, err := p.alternatives(false)
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, p.problem(n.pos, "this ( is never closed; to match the character itself, write \\(")
	}
	p.flags = outer
	n.subs = []*node{content}
	return n, nil
}

// name reads the name of a group, which serves nothing but must be right.
func (p *parser) name(pos int) error {
	length := strings.IndexByte(p.src[p.pos:], '>')
	if length < 0 {
		return p.problem(pos, "the group's name does not end: write (?P<name>...)")
	}
	name := p.src[p.pos : p.pos+length]
	p.pos += length + 1
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			name = ""
			break
		}
	}
	if name == "" {
		return p.problem(pos, "the group's name must consist of letters, digits and _, and begin with none of the digits")
	}
	if p.names[name] {
		return p.problem(pos, "there are two groups of the name %s", name)
	}
	p.names[name] = true
	return nil
}

// untranslatable is for what Python accepts and no RE2 expression can say.
func (p *parser) untranslatable(pos int) error {
	switch {
	case p.take("P="):
		return p.backReference(pos, "(?P=...)")
	case p.take("<="), p.take("<!"):
		return p.problem(pos, "a look-behind cannot be translated, for RE2 has none: "+
			"match what comes before as part of the expression, or, to leave out what has an ending, write {regex: '.*ENDING$', negate: true}")
	case p.take("<"):
		return p.problem(pos, "together with what is not RE2, a group's name is written (?P<name>...)")
	case p.take(">"):
		return p.problem(pos, "an atomic group cannot be translated, for RE2 has none: write (?:...)")
	case p.take("("):
		return p.problem(pos, "a group that depends on another one cannot be translated, for RE2 has none: write the cases as alternatives, (?:...|...)")
	}
	return nil
}

func (p *parser) backReference(pos int, written string) error {
	return p.problem(pos, `the back reference %s cannot be translated, for RE2 has none: write out what it may repeat, as in (?:aa|bb) for ([ab])\1`, written)
}

// withFlags reads (?i) for the whole expression, or (?i:...) for a group.
func (p *parser) withFlags(pos int, first bool) (*node, error) {
	outer := p.flags
	on := p.letters()
	off := ""
	if p.take("-") {
		off = p.letters()
		if off == "" || p.peek() != ':' {
			return nil, p.problem(pos, "flags are switched off for a group only, as in (?-i:...)")
		}
	}
	switch {
	case p.peek() != ':' && p.peek() != ')', on+off == "":
		p.next()
		return nil, p.problem(pos, "neither RE2 nor Python knows a group that begins with %s", p.src[pos:p.pos])
	case strings.ContainsAny(on, "L"), strings.ContainsAny(off, "aLu"), strings.ContainsAny(on, off):
		return nil, p.problem(pos, "the flags (?%s) do not go together", strings.Trim(on+"-"+off, "-"))
	case strings.Contains(on, "a"):
		return nil, p.problem(pos, `the flag a cannot be translated: leave it out, for in RE2 \d, \s and \w are ASCII as they are`)
	case strings.Contains(on, "x"):
		return nil, p.problem(pos, "the flag x, which ignores spaces, cannot be translated: write the expression without it, and without the spaces and comments")
	case strings.Contains(on, "u"):
		p.lacks("no flag u")
	}
	p.set(on, true)
	p.set(off, false)
	if p.take(":") {
		n, err := p.inside(&node{kind: group, pos: pos})
		p.flags = outer
		return n, err
	}
	p.pos++ // )
	if !first {
		return nil, p.problem(pos, "flags for the whole expression must stand at its start; for a part, write (?%s:...)", on)
	}
	return nil, nil
}

func (p *parser) letters() string {
	begin := p.pos
	for p.pos < len(p.src) && strings.IndexByte("aiLmsux", p.src[p.pos]) >= 0 {
		p.pos++
	}
	return p.src[begin:p.pos]
}

func (p *parser) set(letters string, on bool) {
	for _, l := range letters {
		switch l {
		case 'i':
			p.flags.fold = on
		case 'm':
			p.flags.lines = on
		case 's':
			p.flags.dotAll = on
		}
	}
}
