package jobgraph

import (
	"fmt"

	"github.com/gozer-dev/gozer/internal/layout"
)

// explainPart tells which variants of each job are for the change, for a stanza
// that has debug: true.
func explainPart(f *freezer, p part, c Change) []string {
	out := []string{"Freezing job graph"}
	for _, name := range p.names {
		out = append(out, "  Freezing job "+name)
		for _, v := range f.layout.Variants(name) {
			out = append(out, fmt.Sprintf("    Variant %s %s", variantText(v), matched(v.Matches(c.Ref))))
		}
		for _, v := range p.variants[name] {
			out = append(out, fmt.Sprintf("    Pipeline variant %s %s", variantText(v), matched(v.Matches(c.Ref))))
		}
	}
	return out
}

func matched(yes bool) string {
	if yes {
		return "matched"
	}
	return "did not match"
}

// Takes says whether a project takes part in a pipeline on a ref: a stanza or a
// template for it names the pipeline. An unknown template is an error.
func Takes(l *layout.Layout, canonical, pipeline string, ref layout.Ref) (bool, error) {
	p, err := project(l, canonical, pipeline, ref)
	if err != nil {
		return false, err
	}
	return p.takes, nil
}
