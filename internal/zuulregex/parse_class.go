package zuulregex

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode/utf8"
)

// The sets of Python, as parts of a class of RE2. Python's know all of Unicode.
const (
	digits = `\p{Nd}`
	words  = `\p{L}\p{N}_`
	spaces = `\t-\r\x1c-\x1f \x{85}\p{Z}`
)

// everything is how people write any character, line breaks included.
var everything = map[string]bool{
	`[\s\S]`: true, `[\S\s]`: true, `[\w\W]`: true, `[\W\w]`: true, `[\d\D]`: true, `[\D\d]`: true,
}

// Inside of a class a complement must be written out, range by range.
var (
	notWords  = sync.OnceValue(func() string { return writtenOut(`[^` + words + `]`) })
	notSpaces = sync.OnceValue(func() string { return writtenOut(`[^` + spaces + `]`) })
)

// category gives a set such as \w: exactly, as part of a class, and as it is usually written.
func category(c byte) (text, short string) {
	short = `\` + string(c)
	switch c {
	case 'd':
		return digits, short
	case 'D':
		return `\P{Nd}`, short
	case 'w':
		return words, short
	case 'W':
		return notWords(), short
	case 's':
		return spaces, short
	}
	return notSpaces(), short
}

// alone makes a class of one category. There complements have a short form.
func alone(c byte) string {
	switch c {
	case 'W':
		return `[^` + words + `]`
	case 'S':
		return `[^` + spaces + `]`
	}
	text, _ := category(c)
	return `[` + text + `]`
}

func writtenOut(class string) string {
	re, err := syntax.Parse(class, syntax.Perl)
	if err != nil {
		return ""
	}
	var out strings.Builder
	for i := 0; i+1 < len(re.Rune); i += 2 {
		fmt.Fprintf(&out, `\x{%x}-\x{%x}`, re.Rune[i], re.Rune[i+1])
	}
	return out.String()
}

// class reads [...].
func (p *parser) class() (*node, error) {
	pos := p.pos
	p.pos++ // [
	var text, short strings.Builder
	text.WriteByte('[')
	short.WriteByte('[')
	if p.take("^") {
		text.WriteByte('^')
		short.WriteByte('^')
	}
	for first := true; first || p.peek() != ']'; first = false {
		if p.pos >= len(p.src) {
			return nil, p.problem(pos, `this [ is never closed; to match the character itself, write \[`)
		}
		if err := p.classItem(&text, &short); err != nil {
			return nil, err
		}
	}
	p.pos++ // ]
	text.WriteByte(']')
	short.WriteByte(']')
	if everything[short.String()] {
		return &node{kind: class, pos: pos, text: `(?s:.)`, short: short.String(), caseless: true}, nil
	}
	n := p.classNode(pos, text.String(), short.String())
	n.wide = strings.IndexFunc(n.text, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 || strings.Contains(n.text, `-\x{`)
	return n, nil
}

// classItem reads a character, a range or a category.
func (p *parser) classItem(text, short *strings.Builder) error {
	pos := p.pos
	low, lower, err := p.classEnd()
	if err != nil {
		return err
	}
	isRange := p.peek() == '-' && p.pos+1 < len(p.src) && p.src[p.pos+1] != ']'
	if !isRange {
		if lower == 0 {
			text.WriteString(inClass(low))
			short.WriteString(inClass(low))
			return nil
		}
		t, s := category(lower)
		text.WriteString(t)
		short.WriteString(s)
		return nil
	}
	p.pos++ // -
	high, upper, err := p.classEnd()
	if err != nil {
		return err
	}
	if lower != 0 || upper != 0 || high < low {
		return p.problem(pos, `%s is not a range of characters; to match - itself, write \-`, p.src[pos:p.pos])
	}
	written := inClass(low) + "-" + inClass(high)
	text.WriteString(written)
	short.WriteString(written)
	return nil
}

// classEnd reads what may be an end of a range: a character, or a category, which then is an error.
func (p *parser) classEnd() (r rune, set byte, err error) {
	pos := p.pos
	r, ok := p.next()
	if !ok {
		return 0, 0, p.problem(pos, "the set [...] is never closed")
	}
	if r != '\\' {
		return r, 0, nil
	}
	switch c := p.peek(); c {
	case 'd', 'D', 's', 'S', 'w', 'W':
		p.pos++
		return 0, c, nil
	case 'b':
		p.pos++
		return '\b', 0, nil
	case '0', '1', '2', '3', '4', '5', '6', '7':
		for n := 3; n > 0; n-- {
			if o, ok := p.octal(n); ok {
				return o, 0, p.inRange(pos, o)
			}
		}
	}
	r, err = p.escaped(pos)
	return r, 0, err
}

// inClass writes a character so that it stands for itself in a class.
func inClass(r rune) string {
	switch {
	case strings.ContainsRune(`[]^-\`, r):
		return `\` + string(r)
	case '!' <= r && r <= '~':
		return string(r)
	}
	return quote(r)
}
