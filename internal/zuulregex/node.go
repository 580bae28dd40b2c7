package zuulregex

import "regexp"

type kind int

const (
	character    kind = iota // one character
	class                    // one character of a set
	assertion                // matches between characters
	end                      // $ that is not (?m): at the end, or before a line break at the end
	sequence                 // all parts in order
	alternatives             // one of the parts
	group                    // the part in parentheses
	repeat                   // the part, several times
	lookAhead                // the part matches here, or does not, and is not consumed
)

// node is a piece of an expression that was read by Python's rules.
type node struct {
	kind kind
	pos  int // in bytes, for errors
	subs []*node

	text  string // of a character, class or assertion: exactly the same in RE2
	short string // the same as people write it; alike for ASCII
	fold  bool   // upper and lower case are the same

	caseless bool // of a single character: there is no other case, so fold does not matter

	wide bool // of a class: it has a range that goes beyond ASCII

	start   bool // of an assertion: at the start of the text
	last    bool // of an end: nothing follows it
	dollar  bool // of a look-ahead: it was a $ that something follows
	capture bool // of a group
	not     bool // of a look-ahead
	lazy    bool // of a repeat
	min     int  // of a repeat
	max     int  // of a repeat; below 0 there is none
}

// unbounded is the max of a repeat without one.
const unbounded = -1

// single says whether the node matches exactly one character.
func (n *node) single() bool { return n.kind == character || n.kind == class }

// finds gives the first look-ahead in a node, or $ that must be treated as one.
func (n *node) finds() *node {
	if n.kind == lookAhead || n.kind == end && !n.last {
		return n
	}
	for _, s := range n.subs {
		if found := s.finds(); found != nil {
			return found
		}
	}
	return nil
}

// markLast tells each $ whether it is the last thing of the whole expression, or
// of a look-ahead. Only there it may become \n?\z, which consumes a line break.
func (n *node) markLast(last bool) {
	switch n.kind {
	case end:
		n.last = last
	case sequence:
		for i, s := range n.subs {
			s.markLast(last && i == len(n.subs)-1)
		}
	case repeat:
		n.subs[0].markLast(last && n.max >= 0 && n.max <= 1)
	default:
		for _, s := range n.subs {
			s.markLast(last || n.kind == lookAhead)
		}
	}
}

// wideRanges counts the classes that cost time because case does not matter.
func wideRanges(nodes []*node) (count int) {
	for _, n := range nodes {
		if n.wide && n.fold {
			count++
		}
		count += wideRanges(n.subs)
	}
	return count
}

// maxWidth keeps nested repeats from overflowing; nothing longer compiles.
const maxWidth = 1 << 20

// width is how many characters a node matches, if that is always the same number.
func (n *node) width() (width int, fixed bool) {
	switch n.kind {
	case character, class:
		return 1, true
	case assertion, end, lookAhead:
		return 0, true
	case group:
		return n.subs[0].width()
	case repeat:
		w, fixed := n.subs[0].width()
		if fixed && (w == 0 || n.min == n.max && w*n.min < maxWidth) {
			return w * max(n.min, 0), true
		}
		return 0, false
	case sequence:
		return widthOf(n.subs)
	}
	for i, s := range n.subs { // alternatives
		w, fixed := s.width()
		if !fixed || i > 0 && w != width {
			return 0, false
		}
		width = w
	}
	return width, true
}

func widthOf(nodes []*node) (width int, fixed bool) {
	for _, n := range nodes {
		w, fixed := n.width()
		if !fixed || width+w >= maxWidth {
			return 0, false
		}
		width += w
	}
	return width, true
}

// begins says what a match can begin with: a line break, or nothing at all
// because it can be empty.
func (n *node) begins() (lineBreak, empty bool) {
	switch n.kind {
	case character, class:
		re, err := regexp.Compile(`\A(?:` + n.text + `)`)
		return err != nil || re.MatchString("\n"), false
	case assertion, end, lookAhead:
		return false, true
	case group:
		return n.subs[0].begins()
	case repeat:
		lineBreak, empty = n.subs[0].begins()
		return lineBreak, empty || n.min == 0
	case sequence:
		empty = true
		for i := 0; i < len(n.subs) && empty; i++ {
			var l bool
			l, empty = n.subs[i].begins()
			lineBreak = lineBreak || l
		}
		return lineBreak, empty
	}
	for _, s := range n.subs { // alternatives
		l, e := s.begins()
		lineBreak, empty = lineBreak || l, empty || e
	}
	return lineBreak, empty
}
