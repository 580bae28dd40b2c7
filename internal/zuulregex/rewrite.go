package zuulregex

import (
	"regexp/syntax"
	"slices"
)

// rewriting is an RE2 expression that says the same at the start of a text.
type rewriting struct {
	regex  string
	short  string // the same for texts that are one line of ASCII, as people would write it
	negate bool
	ok     bool
}

// rest is what may follow look-aheads such that a negation still says it all:
// it says which texts it does not match.
type rest struct {
	never bool   // there are none
	exact string // an expression of them
	short string // the same for texts of one line; "" if there are none of those
}

var rests = map[string]rest{
	``:             {never: true},
	`.*`:           {never: true},
	`(?s:.)*`:      {never: true},
	`(?s:.)*\n?\z`: {never: true},
	`(?s:.)*\z`:    {never: true},
	`.*\n?\z`:      {exact: `.*\n(?s:.)`},
	`.*\z`:         {exact: `.*\n`},
	`.+`:           {exact: `\n|\z`, short: `$`},
	`(?s:.)+`:      {exact: `\z`, short: `$`},
	`.+\n?\z`:      {exact: `\n?\z|.*\n(?s:.)`, short: `$`},
	`.+\z`:         {exact: `\z|.*\n`, short: `$`},
	`(?s:.)+\n?\z`: {exact: `\z`, short: `$`},
	`(?s:.)+\z`:    {exact: `\z`, short: `$`},
}

func rewrite(f *formula) rewriting {
	var r rewriting
	if ways, ok := positive(f); ok {
		r = rewriting{regex: exactly.write(joined(ways)), short: shortly.write(joined(ways)), ok: true}
	} else if unwanted, left, ok := negative(f); ok {
		exact, short := unwanted, unwanted
		if left.exact != "" {
			exact = append(slices.Clip(exact), []*node{{kind: assertion, text: left.exact}})
		}
		if left.short != "" {
			short = append(slices.Clip(short), []*node{{kind: assertion, text: left.short}})
		}
		r = rewriting{regex: exactly.write(fromStart(exact)), short: shortly.write(fromStart(short)), negate: true, ok: true}
	}
	if r.short = usable(r.short); usable(r.regex) == "" {
		// Exact in Unicode can be longer than anybody would write.
		return rewriting{short: r.short, negate: r.negate}
	}
	return r
}

// usable gives an expression that Compile takes, or nothing.
func usable(regex string) string {
	if len(regex) > MaxLength || checkRanges(regex) != nil {
		return ""
	}
	tree, err := syntax.Parse(regex, syntax.Perl)
	var s size
	if err != nil || s.add(tree) != nil {
		return ""
	}
	return regex
}

// positive gives the alternatives that a formula without negations consists of.
// P(?=A).* is PA: whatever may follow P does.
func positive(f *formula) (ways [][]*node, ok bool) {
	for _, b := range f.branches {
		switch len(b.conditions) {
		case 0:
			ways = append(ways, b.nodes)
		case 1:
			c := b.conditions[0]
			inner, ok := positive(c.of)
			if !ok || c.not || !rests[exactly.write(b.nodes[c.at:]...)].never {
				return nil, false
			}
			ways = append(ways, inner...)
		default:
			return nil, false
		}
	}
	return ways, true
}

// negative gives what must not match. (?!A)(?!B).* is the negation of A|B.
func negative(f *formula) (unwanted [][]*node, left rest, ok bool) {
	if len(f.branches) != 1 {
		return nil, left, false
	}
	b := f.branches[0]
	for _, c := range b.conditions {
		ways, plain := positive(c.of)
		if !plain || !c.not {
			return nil, left, false
		}
		unwanted = append(unwanted, ways...)
	}
	left, ok = rests[exactly.write(withoutStart(b.nodes)...)]
	return unwanted, left, ok
}

// joined makes alternatives of sequences.
func joined(ways [][]*node) *node {
	if len(ways) == 1 {
		return &node{kind: sequence, subs: ways[0]}
	}
	n := &node{kind: alternatives}
	for _, w := range ways {
		n.subs = append(n.subs, &node{kind: sequence, subs: w})
	}
	return n
}

// fromStart writes one ^ before all alternatives. Matching begins there in any
// case, but readers see it.
func fromStart(ways [][]*node) *node {
	bare := make([][]*node, len(ways))
	for i, w := range ways {
		bare[i] = withoutStart(w)
	}
	all := []*node{{kind: assertion, text: `^`, start: true}}
	if len(bare) == 1 {
		return &node{kind: sequence, subs: append(all, bare[0]...)}
	}
	return &node{kind: sequence, subs: append(all, joined(bare))}
}

func withoutStart(nodes []*node) []*node {
	for len(nodes) > 0 && (nodes[0].start || nodes[0].text == `(?m:^)`) {
		nodes = nodes[1:]
	}
	return nodes
}
