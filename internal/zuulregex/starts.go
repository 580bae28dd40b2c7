package zuulregex

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// starts says of every place in the text, in bytes, whether a match starts
// there. For this the reversed expression runs backwards over the text, and
// starts anew at every place: where it accepts, the forward match starts. That
// is one pass, for all places.
func (l *leaf) starts(s string) []bool {
	out := make([]bool, len(s)+1)
	prog := l.program()
	if prog == nil {
		return out
	}
	t := &threads{prog: prog, seen: make([]int, len(prog.Inst))}
	after := rune(-1) // the character that was passed last; none yet
	for at := len(s); ; {
		before, n := rune(-1), 0
		if at > 0 {
			before, n = utf8.DecodeLastRuneInString(s[:at])
		}
		out[at] = t.follow(syntax.EmptyOpContext(after, before))
		if at == 0 {
			return out
		}
		t.read(before)
		after = before
		at -= n
	}
}

// threads are the places in a program that a text can have led to.
type threads struct {
	prog    *syntax.Prog
	waiting []uint32 // to be followed
	reading []uint32 // instructions that read a character
	seen    []int    // in which round an instruction was met
	round   int
}

// follow goes on, also from the program's start, as far as no character is
// read. It says whether the program accepts.
func (t *threads) follow(context syntax.EmptyOp) (accepted bool) {
	t.round++
	t.reading = t.reading[:0]
	t.waiting = append(t.waiting, uint32(t.prog.Start))
	for len(t.waiting) > 0 {
		last := len(t.waiting) - 1
		pc := t.waiting[last]
		t.waiting = t.waiting[:last]
		if t.seen[pc] == t.round {
			continue
		}
		t.seen[pc] = t.round
		switch i := &t.prog.Inst[pc]; i.Op {
		case syntax.InstMatch:
			accepted = true
		case syntax.InstAlt, syntax.InstAltMatch:
			t.waiting = append(t.waiting, i.Out, i.Arg)
		case syntax.InstCapture, syntax.InstNop:
			t.waiting = append(t.waiting, i.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(i.Arg)&^context == 0 {
				t.waiting = append(t.waiting, i.Out)
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			t.reading = append(t.reading, pc)
		}
	}
	return accepted
}

// read passes a character.
func (t *threads) read(r rune) {
	for _, pc := range t.reading {
		if i := &t.prog.Inst[pc]; i.MatchRune(r) {
			t.waiting = append(t.waiting, i.Out)
		}
	}
}

// program gives the program of the reversed expression.
func (l *leaf) program() *syntax.Prog {
	l.backwards.once.Do(func() {
		tree, err := syntax.Parse(l.text, syntax.Perl)
		if err != nil {
			return // it was parsed before; without a program nothing matches
		}
		if prog, err := syntax.Compile(reversed(tree).Simplify()); err == nil {
			l.backwards.prog = prog
		}
	})
	return l.backwards.prog
}

// reversed gives a tree that matches reversed text.
func reversed(re *syntax.Regexp) *syntax.Regexp {
	out := *re
	out.Sub = make([]*syntax.Regexp, len(re.Sub))
	for i, sub := range re.Sub {
		out.Sub[i] = reversed(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		out.Rune = slices.Clone(re.Rune)
		slices.Reverse(out.Rune)
	case syntax.OpConcat:
		slices.Reverse(out.Sub)
	case syntax.OpBeginText:
		out.Op = syntax.OpEndText
	case syntax.OpEndText:
		out.Op = syntax.OpBeginText
	case syntax.OpBeginLine:
		out.Op = syntax.OpEndLine
	case syntax.OpEndLine:
		out.Op = syntax.OpBeginLine
	}
	return &out
}
