package configlang

import "go.yaml.in/yaml/v3"

func (p *parser) image(n *yaml.Node) *Image {
	i := &Image{Pos: p.stanza.Pos}
	known := []string{"name", "type", "description"}
	p.attributes(n, "the image", known, known[:2], func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			i.Name = p.name(v)
		case "type":
			i.Type = p.oneOf(v, "zuul", "cloud")
		case "description":
			i.Description = p.str(v)
		default:
			return false
		}
		return true
	})
	return i
}

func (p *parser) flavor(n *yaml.Node) *Flavor {
	f := &Flavor{Pos: p.stanza.Pos}
	known := []string{"name", "description"}
	p.attributes(n, "the flavor", known, known[:1], func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			f.Name = p.name(v)
		case "description":
			f.Description = p.str(v)
		default:
			return false
		}
		return true
	})
	return f
}

func (p *parser) label(n *yaml.Node) *Label {
	l := &Label{Pos: p.stanza.Pos}
	known := []string{"name", "image", "flavor", "description", "min-ready", "max-ready-age"}
	p.attributes(n, "the label", known, known[:3], func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			l.Name = p.name(v)
		case "image":
			l.Image = p.name(v)
		case "flavor":
			l.Flavor = p.name(v)
		case "description":
			l.Description = p.str(v)
		case "min-ready":
			l.MinReady = p.integer(v)
		case "max-ready-age":
			l.MaxReadyAge = p.integer(v)
		default:
			return false
		}
		return true
	})
	return l
}

// section reads what every section has; the rest belongs to the driver of its connection.
func (p *parser) section(n *yaml.Node) *Section {
	s := &Section{Pos: p.stanza.Pos}
	p.attributes(n, "the section", nil, []string{"name"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			s.Name = p.name(v)
		case "parent":
			s.Parent = p.name(v)
		case "connection":
			s.Connection = p.name(v)
		case "description":
			s.Description = p.str(v)
		case "abstract":
			s.Abstract = *p.boolean(v)
		case "images", "flavors", "labels":
			p.namedEntries(v)
		}
		return true
	})
	s.Config = p.entries(n)
	return s
}

func (p *parser) provider(n *yaml.Node) *Provider {
	pr := &Provider{Pos: p.stanza.Pos}
	p.attributes(n, "the provider", nil, []string{"name", "section"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			pr.Name = p.name(v)
		case "section":
			pr.Section = p.name(v)
		case "description":
			pr.Description = p.str(v)
		case "flavor", "flavors":
			p.fail(posOf(v), "move it to the section", "Flavor configuration not permitted in Provider, only Section")
		case "images", "labels":
			p.namedEntries(v)
		}
		return true
	})
	pr.Config = p.entries(n)
	return pr
}

// namedEntries checks a list of names or of mappings with a name.
func (p *parser) namedEntries(n *yaml.Node) {
	p.list(n, func(n *yaml.Node) {
		if kindOf(n) != kindMapping {
			p.name(n)
			return
		}
		if nameOf(n) == "" {
			p.fail(posOf(n), "give it a name", "this entry has no name")
		}
	})
}

// entries is the whole stanza in JSON values.
func (p *parser) entries(n *yaml.Node) map[string]any {
	if p.broken {
		return nil
	}
	out, _ := p.value(n).(map[string]any)
	return out
}
