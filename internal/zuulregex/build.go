package zuulregex

import (
	"fmt"
	"regexp/syntax"
	"slices"
)

// Bounds of a translation: alternatives around look-aheads multiply.
const (
	maxLeaves     = 64
	maxTranslated = 256 << 10 // bytes of RE2
)

// builder turns nodes into a formula without look-aheads.
//
// P(?!A)R matches at the start if PR does and PA does not, provided that P
// always matches the same number of characters: then A and R are tried at the
// same place. The same goes for (?=A), and for any number of them.
// Alternatives with look-aheads become branches of which one must match.
type builder struct {
	src    string
	leaves int
	length int
	wide   int
	size   size
}

func (b *builder) build(nodes []*node) (*formula, error) {
	ways, err := b.spread(nodes)
	if err != nil {
		return nil, err
	}
	f := &formula{anchored: true}
	for _, way := range ways {
		br, err := b.branch(way)
		if err != nil {
			return nil, err
		}
		f.branches = append(f.branches, br)
		f.anchored = f.anchored && len(br.nodes) > 0 && br.nodes[0].start
	}
	return f, nil
}

// branch separates what looks ahead from what is consumed.
func (b *builder) branch(nodes []*node) (branch, error) {
	var br branch
	for i, n := range nodes {
		found := n.finds()
		if found == nil {
			br.nodes = append(br.nodes, n)
			continue
		}
		var err error
		if _, fixed := widthOf(br.nodes); !fixed {
			err = b.afterVariable(found)
		} else if n.kind == repeat {
			err = b.tempered(&br, n, nodes[i+1:])
		} else {
			err = b.condition(&br, br.nodes, n.subs[0], n.not)
		}
		if err != nil {
			return br, err
		}
	}
	var err error
	br.main, err = b.leaf(br.nodes)
	return br, err
}

func (b *builder) condition(br *branch, before []*node, ahead *node, not bool) error {
	of, err := b.build(append(slices.Clip(before), ahead))
	br.conditions = append(br.conditions, condition{not: not, at: len(br.nodes), of: of})
	return err
}

// tempered translates P((?!X).)*$, which people write for "X is nowhere in it":
// P.*$ matches and P.*X does not. For this to be exact, X must not match at the
// end itself, where the look-ahead is not tried: neither nothing nor a line
// break. What stands for the dot may be any set of characters.
func (b *builder) tempered(br *branch, n *node, rest []*node) error {
	parts := n.subs
	for len(parts) == 1 && (parts[0].kind == group || parts[0].kind == sequence) {
		parts = parts[0].subs
	}
	atEnd := len(rest) == 1 && (rest[0].kind == end || rest[0].text == `\z`)
	if !atEnd || len(parts) != 2 || parts[0].kind != lookAhead || !parts[0].not || !parts[1].single() {
		return b.repeated(n.finds())
	}
	unwanted := parts[0].subs[0]
	if unwanted.finds() != nil {
		return b.repeated(unwanted.finds())
	}
	if lineBreak, empty := unwanted.begins(); lineBreak || empty {
		return problem(b.src, parts[0].pos, "this look-ahead in a repeated group can match nothing, or a line break, and then cannot be translated: "+
			"begin it with the first character of what is unwanted, as in ^((?!X).)*$")
	}
	any0 := &node{kind: repeat, pos: n.pos, subs: parts[1:], max: unbounded}
	if err := b.condition(br, append(slices.Clip(br.nodes), any0), unwanted, true); err != nil {
		return err
	}
	br.nodes = append(br.nodes, &node{kind: repeat, pos: n.pos, subs: parts[1:], min: n.min, max: n.max, lazy: n.lazy})
	return nil
}

func (b *builder) repeated(found *node) error {
	if found.kind == end {
		return problem(b.src, found.pos, "a $ inside a repeated group cannot be translated: let it follow the group")
	}
	return problem(b.src, found.pos, "a look-ahead inside a repeated group cannot be translated, except in the form ^((?!X).)*$: "+
		"to leave out what contains X, write {regex: '.*X', negate: true}")
}

func (b *builder) afterVariable(found *node) error {
	if found.kind == end || found.dollar {
		return problem(b.src, found.pos, "more follows this $, and what precedes it can match texts of different lengths, which cannot be translated: "+
			"let $ end the expression, or an alternative at its end")
	}
	return problem(b.src, found.pos, "this look-ahead follows something that can match texts of different lengths, which cannot be translated: "+
		"put it where only a fixed number of characters precedes, best at the start as in ^(?!.*X), "+
		"or write what is unwanted as {regex: '...', negate: true}")
}

// leaf makes what is left an expression of RE2, which must be within bounds.
func (b *builder) leaf(nodes []*node) (*leaf, error) {
	l := &leaf{text: exactly.write(nodes...), full: wholly.write(nodes...)}
	b.leaves++
	b.length += len(l.text)
	b.wide += wideRanges(nodes)
	if b.leaves > maxLeaves || b.length > maxTranslated || b.wide > 2*maxWideRanges {
		return nil, tooLarge()
	}
	tree, err := syntax.Parse(l.text, syntax.Perl)
	if err != nil {
		return nil, inWords(b.src, err)
	}
	return l, b.size.add(tree)
}

func tooLarge() error {
	return fmt.Errorf("translated to RE2 the expression is too large: write fewer alternatives around look-aheads, or split it into several")
}

// spread takes groups apart as far as needed to have every look-ahead at the
// top, and gives all ways through the alternatives.
func (b *builder) spread(nodes []*node) ([][]*node, error) {
	out := [][]*node{nil}
	for _, n := range nodes {
		ways, err := b.ways(n)
		if err != nil {
			return nil, err
		}
		if len(out)*len(ways) > maxLeaves {
			return nil, tooLarge()
		}
		var longer [][]*node
		for _, o := range out {
			for _, w := range ways {
				longer = append(longer, append(slices.Clip(o), w...))
			}
		}
		out = longer
	}
	return out, nil
}

func (b *builder) ways(n *node) ([][]*node, error) {
	found := n.finds()
	switch {
	case n.kind == sequence:
		return b.spread(n.subs)
	case n.kind == group && (found != nil || n.subs[0].kind != alternatives):
		return b.ways(n.subs[0])
	case n.kind == alternatives && found != nil:
		var out [][]*node
		for _, s := range n.subs {
			ways, err := b.ways(s)
			if err != nil {
				return nil, err
			}
			if out = append(out, ways...); len(out) > maxLeaves {
				return nil, tooLarge()
			}
		}
		return out, nil
	case n.kind == end && found != nil:
		last := &node{kind: end, pos: n.pos, last: true}
		return [][]*node{{{kind: lookAhead, pos: n.pos, dollar: true, subs: []*node{last}}}}, nil
	}
	return [][]*node{{n}}, nil
}
