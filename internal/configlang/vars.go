package configlang

import (
	"math"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

var varName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

var forbiddenVars = []string{"zuul", "nodepool", "unsafe_vars", "ansible_connection", "ansible_host",
	"ansible_python_interpreter", "ansible_shell_executable", "ansible_user"}

// vars reads a mapping of variables.
func (p *parser) vars(to *map[string]any) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			p.fail(p.pos(n), "", "variables must be a mapping")
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				continue // told by value
			}
			if !varName.MatchString(key.Value) {
				p.fail(p.pos(key), "use letters, digits and underscores", "%q cannot be the name of a variable", key.Value)
			}
			if slices.Contains(forbiddenVars, key.Value) {
				p.fail(p.pos(key), "choose another name", "the variable %q is set by the gate", key.Value)
			}
		}
		*to, _ = p.value(n).(map[string]any)
	}
}

// value is what a node says, in values that JSON has: the variables of a job
// are stored as JSON. Keys become strings, times keep their text.
func (p *parser) value(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				p.fail(p.pos(key), "", "the key of a mapping must be a string")
				continue
			}
			if isMerge(key) {
				p.badMerge(key)
			}
			if _, twice := out[key.Value]; twice {
				p.fail(p.pos(key), "remove one of them", "the key %q is given twice", key.Value)
			}
			out[key.Value] = p.value(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			out = append(out, p.value(c))
		}
		return out
	}
	return p.scalar(n)
}

func (p *parser) scalar(n *yaml.Node) any {
	if n.Tag == "!!timestamp" {
		return n.Value
	}
	var v any
	if err := n.Decode(&v); err != nil {
		p.fail(p.pos(n), "put it in quotes", "the value %q cannot be read: %v", n.Value, err)
		return nil
	}
	if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		p.fail(p.pos(n), "put it in quotes", "the value %q is not a number that a variable can have", n.Value)
		return nil
	}
	return v
}
