package layout

import (
	"maps"
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
	config := d.Value.Config
	for _, s := range sections {
		config = mergeConfig(s.Value.Config, config)
	}
	for _, list := range []struct {
		kind    string
		defined func(string) bool
	}{
		{"images", func(n string) bool { return l.images.first(n) != nil }},
		{"flavors", func(n string) bool { return l.flavors.first(n) != nil }},
		{"labels", func(n string) bool { return l.labels.first(n) != nil }},
	} {
		entries, _ := config[list.kind].([]any)
		for _, e := range entries {
			if name := entryName(e); !list.defined(name) {
				return problemf("", "define it, or name another", "The provider %q references %q in its %s, which is not defined", d.name, name, list.kind)
			}
		}
	}
	connection, _ := config["connection"].(string)
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

// mergeConfig lays one mapping over another; lists are put behind each other.
func mergeConfig(below, above map[string]any) map[string]any {
	out := maps.Clone(below)
	for k, v := range above {
		switch b := out[k].(type) {
		case map[string]any:
			if a, ok := v.(map[string]any); ok {
				v = mergeConfig(b, a)
			}
		case []any:
			if a, ok := v.([]any); ok {
				v = slices.Concat(b, a)
			}
		}
		if out == nil {
			out = map[string]any{}
		}
		out[k] = v
	}
	return out
}
