package configlang

import (
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

var varName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// forbiddenVars are set by the gate; a job that sets them could leave its node or its user.
var forbiddenVars = []string{"zuul", "nodepool", "unsafe_vars", "ansible_connection", "ansible_host",
	"ansible_python_interpreter", "ansible_shell_executable", "ansible_user"}

// wordChars are what the name of a variable is made of, also where it may begin with a digit.
var wordChars = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// SecretVarError says what is wrong with the name that playbooks see a secret by.
func SecretVarError(name string) string {
	switch {
	case !wordChars.MatchString(name):
		return "Variable names may only contain letters, numbers, and underscores"
	case slices.Contains(forbiddenVars, name):
		return fmt.Sprintf("Defining a variable named %q is not allowed", name)
	default:
		return ""
	}
}

// vars reads a mapping of variables.
func (p *parser) vars(n *yaml.Node) map[string]any {
	if kindOf(n) != kindMapping {
		p.wrong(n, "a mapping of variables")
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if kindOf(key) != kindString || !varName.MatchString(key.Value) {
			p.fail(posOf(key), "begin with a letter and use letters, digits and underscores", "Invalid Ansible variable name %q", brief(key.Value))
		}
		if slices.Contains(forbiddenVars, key.Value) {
			p.fail(posOf(key), "choose another name", "Defining a variable named %q is not allowed", key.Value)
		}
	}
	out, _ := p.value(n).(map[string]any)
	return out
}

// hostVars reads variables by host or by group.
func (p *parser) hostVars(n *yaml.Node) map[string]any {
	if kindOf(n) != kindMapping {
		p.wrong(n, "a mapping of variables by name")
		return nil
	}
	out := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[p.str(n.Content[i])] = p.vars(n.Content[i+1])
	}
	return out
}

// value is what a node says, in values that JSON has.
func (p *parser) value(n *yaml.Node) any {
	switch k := kindOf(n); k {
	case kindMapping:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[keyText(n.Content[i])] = p.value(n.Content[i+1])
		}
		return out
	case kindSequence:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			out = append(out, p.value(c))
		}
		return out
	case kindTagged:
		p.fail(posOf(n), "only the data of a secret can be encrypted; !override and !inherit stand before a whole attribute", "the tag %s is not possible here", n.Tag)
		return nil
	default:
		return scalarValue(n, k)
	}
}
