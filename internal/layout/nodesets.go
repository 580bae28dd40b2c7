package layout

import (
	"strconv"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// maxAlternatives bounds what one nodeset can stand for.
const maxAlternatives = 100

// flatten lists the nodesets to try, in order. One that is met twice is a loop,
// or tried in vain; one is another's twin when it has the same text.
func (l *Layout) flatten(a *configlang.Alternative, texts nodeSetTexts) ([]*configlang.NodeSet, *problem) {
	var out []*configlang.NodeSet
	seen := map[string]bool{}
	var walk func(a *configlang.Alternative) *problem
	walk = func(a *configlang.Alternative) *problem {
		ns := a.NodeSet
		if ns == nil {
			d := l.nodeSets.first(a.Name)
			if d == nil {
				return problemf(configlang.NameNodesetNotFound, "define it, or name another", "The nodeset %q was not found.", a.Name).at(a.Name)
			}
			ns = d.Value
		}
		text := texts.of(ns)
		if seen[text] {
			return problemf("", "name each alternative once", "Nodeset cycle detected on %q", ns.Name)
		}
		if seen[text] = true; len(seen) > maxAlternatives {
			return problemf("", "use fewer alternatives", "Nodeset %q has more than %d alternatives", a.Name, maxAlternatives)
		}
		if len(ns.Alternatives) == 0 {
			out = append(out, ns)
			return nil
		}
		for i := range ns.Alternatives {
			if p := walk(&ns.Alternatives[i]); p != nil {
				return p
			}
		}
		return nil
	}
	p := walk(a)
	return out, p
}

// NodeSets lists the nodesets that a job's choice stands for, to try in order.
func (l *Layout) NodeSets(named string, written *configlang.NodeSet) ([]*configlang.NodeSet, error) {
	out, p := l.flatten(&configlang.Alternative{Name: named, NodeSet: written}, nodeSetTexts{})
	if p != nil {
		return nil, &ReferenceError{Name: p.name, Message: p.message}
	}
	return out, nil
}

// nodeSetTexts keeps the texts of nodesets that many others lead to.
type nodeSetTexts map[*configlang.NodeSet]string

func (t nodeSetTexts) of(ns *configlang.NodeSet) string {
	text, ok := t[ns]
	if !ok {
		text = string(appendNodeSet(nil, ns))
		t[ns] = text
	}
	return text
}

// appendNodeSet writes everything of a nodeset but the places where it stands;
// what is quoted cannot run into its neighbour.
func appendNodeSet(b []byte, ns *configlang.NodeSet) []byte {
	b = append(strconv.AppendQuote(b, ns.Name), '{')
	for _, n := range ns.Nodes {
		b = append(strconv.AppendQuote(appendQuoted(b, n.Names), n.Label), ';')
	}
	b = append(b, '}')
	for _, g := range ns.Groups {
		b = append(appendQuoted(strconv.AppendQuote(b, g.Name), g.Nodes), ';')
	}
	b = append(b, '[')
	for _, a := range ns.Alternatives {
		if a.NodeSet == nil {
			b = append(strconv.AppendQuote(b, a.Name), ',')
		} else {
			b = append(appendNodeSet(append(b, '='), a.NodeSet), ',')
		}
	}
	return append(b, ']')
}

func appendQuoted(b []byte, list []string) []byte {
	b = append(b, '(')
	for _, s := range list {
		b = append(strconv.AppendQuote(b, s), ',')
	}
	return append(b, ')')
}
