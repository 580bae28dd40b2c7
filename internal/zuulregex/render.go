package zuulregex

import (
	"strconv"
	"strings"
)

// style is how nodes are written as RE2.
type style struct {
	end   string // for a last $
	short bool   // as people write it, exact for ASCII only
}

var (
	// exactly is for matching at the start: Python's $ also matches before a line
	// break that ends the text. That break may be consumed, as nothing follows.
	exactly = style{end: `\n?\z`}
	// wholly is for matching all of the text: its end is the only one.
	wholly = style{end: `\z`}
	// shortly is for people. It is the same where texts are one line of ASCII.
	shortly = style{end: `$`, short: true}
)

// write gives the nodes, one after the other, as one RE2 expression.
func (st style) write(nodes ...*node) string {
	w := writer{style: st, folds: true}
	seq := &node{kind: sequence, subs: nodes}
	if !w.allFold(seq) || !w.letters {
		w.folds = false
		w.node(seq)
		return w.out.String()
	}
	w.out.WriteString(`(?i)`)
	w.node(seq)
	return w.out.String()
}

type writer struct {
	style
	out     strings.Builder
	folds   bool // (?i) is on already
	letters bool // allFold saw something that case matters to
}

// allFold says whether (?i) may stand at the start for everything.
func (w *writer) allFold(n *node) bool {
	if n.single() {
		w.letters = w.letters || !n.caseless
		return n.fold || n.caseless
	}
	for _, s := range n.subs {
		if !w.allFold(s) {
			return false
		}
	}
	return true
}

func (w *writer) node(n *node) {
	switch n.kind {
	case character, class:
		w.single(n)
	case assertion:
		w.out.WriteString(n.text)
	case end:
		w.out.WriteString(w.end)
	case sequence:
		w.sequence(n.subs)
	case alternatives:
		for i, s := range n.subs {
			if i > 0 {
				w.out.WriteByte('|')
			}
			w.node(s)
		}
	case group:
		if n.capture {
			w.out.WriteString(`(`)
		} else {
			w.out.WriteString(`(?:`)
		}
		w.node(n.subs[0])
		w.out.WriteByte(')')
	case repeat:
		w.node(n.subs[0])
		w.out.WriteString(times(n))
	}
}

func (w *writer) single(n *node) {
	if n.fold && !w.folds {
		w.folding(n)
		return
	}
	if w.short {
		w.out.WriteString(n.short)
		return
	}
	w.out.WriteString(n.text)
}

// folding writes single characters under one (?i:...).
func (w *writer) folding(nodes ...*node) {
	w.out.WriteString(`(?i:`)
	w.folds = true
	for _, n := range nodes {
		w.single(n)
	}
	w.folds = false
	w.out.WriteByte(')')
}

func (w *writer) sequence(nodes []*node) {
	for i := 0; i < len(nodes); i++ {
		n := nodes[i]
		switch {
		case n.kind == alternatives && len(nodes) > 1:
			w.out.WriteString(`(?:`)
			w.node(n)
			w.out.WriteByte(')')
		case n.single() && n.fold && !w.folds:
			run := i + 1
			for run < len(nodes) && nodes[run].single() && nodes[run].fold {
				run++
			}
			w.folding(nodes[i:run]...)
			i = run - 1
		default:
			w.node(n)
		}
	}
}

func times(n *node) string {
	var t string
	switch {
	case n.min == 0 && n.max == unbounded:
		t = "*"
	case n.min == 1 && n.max == unbounded:
		t = "+"
	case n.min == 0 && n.max == 1:
		t = "?"
	case n.max == unbounded:
		t = "{" + strconv.Itoa(n.min) + ",}"
	case n.min == n.max:
		t = "{" + strconv.Itoa(n.min) + "}"
	default:
		t = "{" + strconv.Itoa(n.min) + "," + strconv.Itoa(n.max) + "}"
	}
	if n.lazy {
		t += "?"
	}
	return t
}
