package tenantfile

import (
	"maps"
	"math"
	"slices"

	"go.yaml.in/yaml/v3"
)

// attrs are the keys that an object may have, and how each is read.
type attrs map[string]func(*yaml.Node)

// unused are keys that are accepted and have no effect, each with the reason.
type unused map[string]string

// mapping reads an object. Unknown and doubled keys are errors.
func (p *parser) mapping(n *yaml.Node, what string, known attrs, ignored unused) {
	p.pairs(n, what, func(key, value *yaml.Node) {
		if read, ok := known[key.Value]; ok {
			read(value)
			return
		}
		if reason, ok := ignored[key.Value]; ok {
			p.ignore(key, reason)
			return
		}
		if p.full() {
			p.failures++
			return
		}
		words := slices.Concat(slices.Collect(maps.Keys(known)), slices.Collect(maps.Keys(ignored)))
		p.fail(key, didYouMean(key.Value, words, ""), "unknown key %s of %s", show(key.Value), what)
	})
}

// pairs calls do for every key and value of a mapping whose keys are different texts.
func (p *parser) pairs(n *yaml.Node, what string, do func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, "", "%s must be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || isNull(key):
			p.fail(key, "", "a key of %s must be text", what)
		case seen[key.Value]:
			p.fail(key, "remove one of them", "the key %s of %s is given twice", show(key.Value), what)
		default:
			seen[key.Value] = true
			do(key, value)
		}
	}
}

func (p *parser) ignore(key *yaml.Node, reason string) {
	p.ignored = append(p.ignored, Ignored{Line: key.Line, Tenant: p.tenant, Project: p.project, Key: key.Value, Reason: reason})
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// text reads a scalar that is text and fulfils the checks.
func (p *parser) text(to *string, checks ...func(string) fault) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch {
		case n.Kind != yaml.ScalarNode || isNull(n):
			p.fail(n, "", "this must be text")
			return
		case n.ShortTag() != "!!str":
			p.fail(n, "put it in quotes", "this must be text, not %s", show(n.Value))
			return
		}
		for _, check := range checks {
			if f := check(n.Value); f.message != "" {
				p.fail(n, f.hint, "%s", f.message)
				return
			}
		}
		*to = n.Value
	}
}

// texts reads a list of at most so many texts, or a single one.
func (p *parser) texts(to *[]string, most int, checks ...func(string) fault) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*to = []string{}
		p.each(n, most, func(n *yaml.Node) {
			var s string
			p.text(&s, checks...)(n)
			*to = append(*to, s)
		})
	}
}

// given is as texts, and nil for an empty list where that means the same.
func (p *parser) given(to *[]string, most int, checks ...func(string) fault) func(*yaml.Node) {
	return func(n *yaml.Node) {
		p.texts(to, most, checks...)(n)
		if len(*to) == 0 {
			*to = nil
		}
	}
}

// each reads a list of at most so many values, or a single value.
func (p *parser) each(n *yaml.Node, most int, read func(*yaml.Node)) {
	switch {
	case isNull(n):
		p.fail(n, "write [] for an empty list", "this must be a list")
	case n.Kind != yaml.SequenceNode:
		read(n)
	case len(n.Content) > most:
		p.fail(n, "", "the list has %d entries; at most %d are possible", len(n.Content), most)
	default:
		for _, c := range n.Content {
			read(c)
		}
	}
}

// oneOf reads texts out of a few, each once.
func (p *parser) oneOf(to *[]string, words []string) func(*yaml.Node) {
	return p.texts(to, 10*len(words), func(s string) fault {
		if slices.Contains(words, s) {
			return fault{}
		}
		return fault{"there is no class of objects " + show(s), didYouMean(s, words, "")}
	})
}

// The words that YAML 1.1 knows, as Zuul does.
var (
	yes = []string{"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}
	no  = []string{"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}
)

func (p *parser) boolean(to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		plain := n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
		switch {
		case plain && slices.Contains(yes, n.Value):
			*to = true
		case plain && slices.Contains(no, n.Value):
			*to = false
		default:
			p.fail(n, "", "this must be true or false")
		}
	}
}

func (p *parser) optBoolean(to **bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*to = new(bool)
		p.boolean(*to)(n)
	}
}

// integer reads a whole number of at least the minimum.
func (p *parser) integer(to *int32, minimum int32) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var v int64
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&v) != nil || v < int64(minimum) || v > math.MaxInt32 {
			p.fail(n, "", "this must be a whole number from %d to %d", minimum, math.MaxInt32)
			return
		}
		*to = int32(v)
	}
}

func (p *parser) optInteger(to **int32, minimum int32) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*to = new(int32)
		p.integer(*to, minimum)(n)
	}
}

// plainTags are those that say no more than YAML does itself.
var plainTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!timestamp", "!!binary"}

// value is any value of the file as Go has it.
func (p *parser) value(n *yaml.Node) any {
	if !slices.Contains(plainTags, n.ShortTag()) {
		p.fail(n, "remove it", "the tag %s means nothing here", show(n.Tag))
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		p.pairs(n, "a mapping", func(key, value *yaml.Node) { out[key.Value] = p.value(value) })
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			out = append(out, p.value(c))
		}
		return out
	}
	var v any
	switch n.ShortTag() {
	case "!!int", "!!float", "!!bool", "!!null":
		if n.Decode(&v) == nil {
			return v
		}
	}
	return n.Value
}
