package layout

import (
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
)

// checkImages checks the family of images: labels, sections and providers.
func (l *checker) checkImages() {
	l.labels.each(func(_ string, e *entry[*Def[configlang.Label]]) {
		for _, d := range e.in {
			l.found(d.Origin, d, d.stanza(), l.checkLabel(d.Value))
		}
	})
	l.sections.each(func(_ string, e *entry[*Def[configlang.Section]]) {
		for _, d := range e.in {
			_, p := l.parents(d.Value.Parent, d)
			l.found(d.Origin, d, d.stanza(), p)
		}
	})
	l.providers.each(func(_ string, e *entry[*Def[configlang.Provider]]) {
		for _, d := range e.in {
			l.found(d.Origin, d, d.stanza(), l.checkProvider(d))
		}
	})
}

func (l *checker) checkLabel(label *configlang.Label) *problem {
	switch {
	case l.images.first(label.Image) == nil:
		return problemf("", "define it, or name another", "The label %q references an unknown image %q", label.Name, label.Image)
	case l.flavors.first(label.Flavor) == nil:
		return problemf("", "define it, or name another", "The label %q references an unknown flavor %q", label.Name, label.Flavor)
	}
	return nil
}

// maxSections bounds how many sections one can build on.
const maxSections = 100

// parents lists a section and those that it builds on.
func (l *checker) parents(name string, child *Def[configlang.Section]) ([]*Def[configlang.Section], *problem) {
	var out []*Def[configlang.Section]
	for previous := child; name != ""; {
		d := l.sections.first(name)
		switch {
		case d == nil:
			return nil, problemf("", "define it, or name another", "The section %q was not found.", name)
		case slices.Contains(out, d) || d == child:
			return nil, problemf("", "change the parent of one of them", "The section %q is its own ancestor", name)
		case len(out) == maxSections:
			return nil, problemf("", "use fewer sections", "The section %q builds on more than %d others", name, maxSections)
		case previous != nil && !d.Origin.sameProject(previous.Origin):
			return nil, problemf("", "define it in the same project", "The section %q references a section in a different project.", previous.name)
		}
		out = append(out, d)
		previous, name = d, d.Value.Parent
	}
	return out, nil
}

// checkProvider checks a provider with all its sections.
func (l *checker) checkProvider(d *Def[configlang.Provider]) *problem {
	sections, p := l.parents(d.Value.Section, nil)
	if p != nil {
		return p
	}
	configs := []map[string]any{d.Value.Config}
	for _, s := range sections {
		configs = append(configs, s.Value.Config)
	}
	for _, list := range []struct {
		kind    string
		defined func(string) bool
	}{
		{"images", func(n string) bool { return l.images.first(n) != nil }},
		{"flavors", func(n string) bool { return l.flavors.first(n) != nil }},
		{"labels", func(n string) bool { return l.labels.first(n) != nil }},
	} {
		for _, part := range slices.Backward(lists(configs, list.kind)) {
			for _, e := range part {
				if name := entryName(e); !list.defined(name) {
					return problemf("", "define it, or name another", "The provider %q references %q in its %s, which is not defined", d.name, name, list.kind)
				}
			}
		}
	}
	connection, _ := nearest(configs, "connection").(string)
	if l.Connections.Drivers[connection] == "" {
		return problemf(configlang.NameUnknownConnection, "name a connection", "Unknown connection named %q.", connection)
	}
	return nil
}

// entryName is the name of an entry: a name, or a mapping with one.
func entryName(e any) string {
	if m, ok := e.(map[string]any); ok {
		e = m["name"]
	}
	s, _ := e.(string)
	return s
}

// nearest is the value of a key that hides all further ones.
func nearest(configs []map[string]any, key string) any {
	for _, c := range configs {
		if v, ok := c[key]; ok {
			return v
		}
	}
	return nil
}

// lists is what the lists of a key are put together of, the nearest first. What
// is no list hides those further away, and is hidden by one that is nearer.
func lists(configs []map[string]any, key string) [][]any {
	var out [][]any
	for _, c := range configs {
		v, ok := c[key]
		if !ok {
			continue
		}
		if part, ok := v.([]any); ok {
			out = append(out, part)
		} else if len(out) == 0 {
			return nil
		}
	}
	return out
}
