package zuulregex

import "strconv"

// repeat reads a quantifier and puts it around the last piece of the sequence.
func (p *parser) repeat(seq *node) error {
	pos := p.pos
	n := &node{kind: repeat, pos: pos}
	var err error
	if n.min, n.max, err = p.times(); err != nil {
		return err
	}
	written := p.src[pos:p.pos]
	if len(seq.subs) == 0 {
		return p.problem(pos, "there is nothing that %s could repeat; to match the character itself, write \\%s", written, written)
	}
	of := seq.subs[len(seq.subs)-1]
	switch of.kind {
	case assertion, end:
		return p.problem(pos, "%s stands after something that matches no characters, so there is nothing to repeat", written)
	case repeat:
		return p.problem(pos, "%s repeats what is repeated already; put the inner one into parentheses (?:...)", written)
	}
	if p.take("+") {
		return p.problem(pos, "the possessive repeat %s+ cannot be translated, for RE2 has none: write %s", written, written)
	}
	n.lazy = p.take("?")
	n.subs = []*node{of}
	seq.subs[len(seq.subs)-1] = n
	return nil
}

// countFollows says whether { begins a count; otherwise it is a character.
func (p *parser) countFollows() bool {
	i := p.pos + 1
	for i < len(p.src) && isDigit(p.src[i]) {
		i++
	}
	digits := i > p.pos+1
	comma := i < len(p.src) && p.src[i] == ','
	if comma {
		for i++; i < len(p.src) && isDigit(p.src[i]); {
			i++
		}
	}
	return i < len(p.src) && p.src[i] == '}' && (digits || comma)
}

// times reads a quantifier; countFollows has seen that a count is complete.
func (p *parser) times() (least, most int, err error) {
	pos := p.pos
	r, _ := p.next()
	switch r {
	case '*':
		return 0, unbounded, nil
	case '+':
		return 1, unbounded, nil
	case '?':
		return 0, 1, nil
	}
	least = p.number(0)
	most = least
	if p.take(",") {
		most = p.number(unbounded)
	}
	p.pos++ // }
	if least > 1000 || most > 1000 {
		return 0, 0, p.problem(pos, "%s repeats too often: at most 1000 times", p.src[pos:p.pos])
	}
	if most != unbounded && most < least {
		return 0, 0, p.problem(pos, "%s has a maximum that is less than its minimum", p.src[pos:p.pos])
	}
	return least, most, nil
}

// number reads digits; without any it is what is missing. Too many digits make a
// number that is too large in any case.
func (p *parser) number(missing int) int {
	begin := p.pos
	for isDigit(p.peek()) {
		p.pos++
	}
	if begin == p.pos {
		return missing
	}
	n, err := strconv.Atoi(p.src[begin:p.pos])
	if err != nil {
		return 1 << 30
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
