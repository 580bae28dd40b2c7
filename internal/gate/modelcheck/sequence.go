package modelcheck

import (
	"fmt"
	"strings"
)

// sequence of what is in a branch: changes and pushes, oldest first, four bits each.
type sequence uint32

// untouched is a branch that a tested state does not have.
const untouched = ^sequence(0)

func (s sequence) len() int {
	n := 0
	for ; s != 0; s >>= 4 {
		n++
	}
	return n
}

func (s sequence) with(c change) sequence { return s | sequence(c)<<(4*s.len()) }

func (s sequence) has(c change) bool {
	for ; s != 0; s >>= 4 {
		if change(s&15) == c {
			return true
		}
	}
	return false
}

// before is the sequence without its last entry if that is the change.
func (s sequence) before(c change) sequence {
	if n := s.len(); n > 0 && change(s>>(4*(n-1))) == c {
		return s &^ (15 << (4 * (n - 1)))
	}
	return s
}

func (s sequence) String() string {
	if s == untouched {
		return "-"
	}
	var out []string
	for ; s != 0; s >>= 4 {
		if c := change(s & 15); c == pushed {
			out = append(out, "push")
		} else {
			out = append(out, fmt.Sprintf("c%d", c))
		}
	}
	return "[" + strings.Join(out, " ") + "]"
}
