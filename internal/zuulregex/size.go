package zuulregex

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Bounds of one expression, over everything that it is translated to.
const (
	maxInstructions = 20_000
	maxRunes        = 1 << 20 // bounds of character ranges: one \pL has more than a thousand

	// Where case does not matter, each range costs milliseconds if it reaches far.
	maxWideRanges = 8
)

// size is what an expression takes when it is compiled.
type size struct{ instructions, runes int }

// add counts a tree before anything is compiled. Go's parser allows repeats of
// repeats up to a thousand, so nothing overflows here.
func (s *size) add(tree *syntax.Regexp) error {
	instructions, runes := measure(tree)
	s.instructions += instructions
	s.runes += runes
	if s.instructions > maxInstructions || s.runes > maxRunes {
		return fmt.Errorf("the expression is too large: it takes a program of more than %d instructions; repeat less, or write fewer alternatives", maxInstructions)
	}
	return nil
}

// checkRanges refuses too many wide ranges before they are parsed. It counts
// what looks like one, which is good enough: hardly anybody writes any.
func checkRanges(pattern string) error {
	if !strings.Contains(pattern, "(?") {
		return nil // without flags, case matters
	}
	wide := 0
	for i, c := range pattern {
		if c != '-' {
			continue
		}
		next := pattern[i+1:]
		if next != "" && next[0] >= utf8.RuneSelf || strings.HasPrefix(next, `\x`) || strings.HasPrefix(next, `\u`) || strings.HasPrefix(next, `\U`) {
			wide++
		}
	}
	if wide > maxWideRanges {
		return fmt.Errorf("the expression has %d ranges of characters that go beyond ASCII, and %d are allowed: write a class such as \\pL", wide, maxWideRanges)
	}
	return nil
}

// weight is about how many bytes a Regex holds once it was used in every way.
func (s *size) weight() int { return 1000 + 3*(40*s.instructions+4*s.runes) }

func measure(re *syntax.Regexp) (instructions, runes int) {
	for _, sub := range re.Sub {
		i, r := measure(sub)
		instructions += i
		runes += r
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune), len(re.Rune)
	case syntax.OpCharClass:
		return 1, len(re.Rune)
	case syntax.OpConcat:
		return instructions, runes
	case syntax.OpAlternate:
		return instructions + len(re.Sub), runes
	case syntax.OpRepeat:
		// Copies share their ranges, not their instructions.
		if re.Max < 0 {
			return max(re.Min, 1)*instructions + 1, runes
		}
		return max(re.Max, 1)*(instructions+1) + 1, runes
	default:
		return instructions + 2, runes
	}
}

// problem is an error at a place, counted as an editor counts.
func problem(src string, pos int, format string, args ...any) error {
	return fmt.Errorf("at character %d: "+format, append([]any{utf8.RuneCountInString(src[:pos]) + 1}, args...)...)
}

// inWords says why Go's parser refused what Python would accept.
func inWords(src string, refused error) error {
	var e *syntax.Error
	if !errors.As(refused, &e) {
		return refused
	}
	var words string
	switch e.Code {
	case syntax.ErrInvalidRepeatSize:
		words = fmt.Sprintf("%s repeats too often: at most 1000 times, in all where repeats are nested", e.Expr)
	case syntax.ErrNestingDepth:
		return errors.New("the groups of the expression are nested too deeply")
	case syntax.ErrLarge:
		return errors.New("the expression is too large: repeat less, or write fewer alternatives")
	default:
		words = fmt.Sprintf("%s: %s", e.Code, e.Expr)
	}
	if pos := strings.Index(src, e.Expr); pos >= 0 && e.Expr != "" {
		return problem(src, pos, "%s", words)
	}
	return errors.New(words)
}
