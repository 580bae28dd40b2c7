package zuulregex

import (
	"regexp"
	"regexp/syntax"
	"sync"
)

// formula holds if one of its branches does.
type formula struct {
	branches []branch
	anchored bool // every branch begins at the start of the text
}

// branch holds where its main expression matches and its conditions are met.
type branch struct {
	main       *leaf
	conditions []condition
	nodes      []*node // what main was written from
}

// condition was a look-ahead; what precedes it is part of its formula, so that
// both are tried at the same place.
type condition struct {
	not bool
	at  int // how many nodes of the branch precede it
	of  *formula
}

// forgetNodes frees what served to say how to rewrite.
func (f *formula) forgetNodes() {
	for i := range f.branches {
		f.branches[i].nodes = nil
		for _, c := range f.branches[i].conditions {
			c.of.forgetNodes()
		}
	}
}

// holds evaluates the formula; main and ahead say whether an expression matches
// where it is evaluated, ahead for those of look-aheads.
func (f *formula) holds(main, ahead func(*leaf) bool) bool {
	for i := range f.branches {
		if f.branches[i].holds(main, ahead) {
			return true
		}
	}
	return false
}

func (b *branch) holds(main, ahead func(*leaf) bool) bool {
	if !main(b.main) {
		return false
	}
	for _, c := range b.conditions {
		if c.of.holds(ahead, ahead) == c.not {
			return false
		}
	}
	return true
}

func (f *formula) match(s string) bool {
	begins := func(l *leaf) bool { return l.begins(s) }
	return f.holds(begins, begins)
}

func (f *formula) fullMatch(s string) bool {
	return f.holds(
		func(l *leaf) bool { return l.is(s) },
		func(l *leaf) bool { return l.begins(s) })
}

func (f *formula) search(s string) bool {
	if f.anchored {
		return f.match(s)
	}
	for i := range f.branches {
		b := &f.branches[i]
		if b.main.isIn(s) && (len(b.conditions) == 0 || b.search(s)) {
			return true
		}
	}
	return false
}

// search tries the branch at every place. All places of an expression are found
// in one pass; trying one place after the other could take quadratic time.
func (b *branch) search(s string) bool {
	found := map[*leaf][]bool{}
	for at, matches := range b.main.starts(s) {
		if !matches {
			continue
		}
		here := func(l *leaf) bool {
			if found[l] == nil {
				found[l] = l.starts(s)
			}
			return found[l][at]
		}
		if b.holds(func(*leaf) bool { return true }, here) {
			return true
		}
	}
	return false
}

// leaf is one RE2 expression. Its programs are made when they are first needed.
type leaf struct {
	text string
	full string // for matching all of a text

	beginning, whole, anywhere lazyRegexp
	backwards                  lazyProgram
}

func (l *leaf) begins(s string) bool { return l.beginning.get(`\A(?:`, l.text, `)`).MatchString(s) }
func (l *leaf) is(s string) bool     { return l.whole.get(`\A(?:`, l.full, `)\z`).MatchString(s) }
func (l *leaf) isIn(s string) bool   { return l.anywhere.get(``, l.text, ``).MatchString(s) }

type lazyRegexp struct {
	once sync.Once
	re   *regexp.Regexp
}

func (l *lazyRegexp) get(before, text, after string) *regexp.Regexp {
	l.once.Do(func() {
		var err error
		if l.re, err = regexp.Compile(before + text + after); err != nil {
			// A \Q without \E has swallowed the parenthesis.
			l.re, err = regexp.Compile(before + text + `\E` + after)
		}
		if err != nil {
			// The text was parsed before, so this should not be. Then nothing matches.
			l.re = regexp.MustCompile(`[^\x{0}-\x{10FFFF}]`)
		}
	})
	return l.re
}

type lazyProgram struct {
	once sync.Once
	prog *syntax.Prog
}
