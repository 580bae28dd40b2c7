package zuulregex

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quote writes a character so that it stands for itself, in a class as well.
func quote(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case !utf8.ValidRune(r) || r == utf8.RuneError || !unicode.IsPrint(r):
		return fmt.Sprintf(`\x{%x}`, r)
	}
	return regexp.QuoteMeta(string(r))
}

// escape reads what begins with a backslash outside of a class.
func (p *parser) escape() (*node, error) {
	pos := p.pos
	p.pos++ // the backslash
	at := func(text string) (*node, error) {
		p.pos++
		return &node{kind: assertion, pos: pos, text: text, start: text == `\A`}, nil
	}
	switch c := p.peek(); c {
	case 'A':
		return at(`\A`)
	case 'Z':
		p.lacks(`no \Z (but \z)`)
		return at(`\z`)
	case 'z':
		return at(`\z`)
	case 'b', 'B':
		return at(`\` + string(c))
	case 'd', 'D', 's', 'S', 'w', 'W':
		p.pos++
		return p.classNode(pos, alone(c), `\`+string(c)), nil
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if r, ok := p.octal(3); ok {
			return p.character(pos, r), p.inRange(pos, r)
		}
		begin := p.pos
		for isDigit(p.peek()) {
			p.pos++
		}
		return nil, p.backReference(pos, `\`+p.src[begin:p.pos])
	}
	r, err := p.escaped(pos)
	if err != nil {
		return nil, err
	}
	return p.character(pos, r), nil
}

// octal reads exactly so many octal digits, if they are there.
func (p *parser) octal(digits int) (rune, bool) {
	if len(p.src)-p.pos < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(p.src[p.pos:p.pos+digits], 8, 16)
	if err != nil {
		return 0, false
	}
	p.pos += digits
	return rune(n), true
}

// inRange refuses what Python does: octal digits write one byte.
func (p *parser) inRange(pos int, r rune) error {
	if r > 0o377 {
		return p.problem(pos, `%s is too large: octal digits go up to \377`, p.src[pos:p.pos])
	}
	return nil
}

// escaped reads a character that is written with a backslash, which was read.
func (p *parser) escaped(pos int) (rune, error) {
	r, ok := p.next()
	if !ok {
		return 0, p.problem(pos, `the \ at the end stands before nothing; to match the character itself, write \\`)
	}
	if at := strings.IndexRune("afnrtv", r); at >= 0 {
		return rune("\a\f\n\r\t\v"[at]), nil
	}
	switch r {
	case '0':
		for digits := 2; digits > 0; digits-- {
			if o, ok := p.octal(digits); ok {
				return o, nil
			}
		}
		return 0, nil
	case 'x':
		return p.hex(pos, 2)
	case 'u':
		p.lacks(`no \u (but \x{...})`)
		return p.hex(pos, 4)
	case 'U':
		p.lacks(`no \U (but \x{...})`)
		return p.hex(pos, 8)
	case 'N':
		return 0, p.problem(pos, `\N cannot be translated: write the character itself`)
	case 'p', 'P':
		return 0, p.problem(pos, `\%c is RE2 and does not go together with what is not RE2, as Python's rules apply then: write the characters as a set [...]`, r)
	}
	if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return 0, p.problem(pos, `\%c means nothing`, r)
	}
	return r, nil
}

func (p *parser) hex(pos, digits int) (rune, error) {
	if len(p.src)-p.pos >= digits {
		n, err := strconv.ParseUint(p.src[p.pos:p.pos+digits], 16, 32)
		if err == nil && n <= unicode.MaxRune {
			p.pos += digits
			return rune(n), nil
		}
	}
	return 0, p.problem(pos, `\%c must be followed by the %d hexadecimal digits of a character`, p.src[p.pos-1], digits)
}
