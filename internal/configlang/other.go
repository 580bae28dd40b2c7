package configlang

import (
	"encoding/base64"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (p *parser) pragma(n *yaml.Node) {
	pr := Pragma{}
	p.attributes(n, "the pragma", []string{"implied-branch-matchers", "implied-branches"}, nil, func(key string, v *yaml.Node) bool {
		switch key {
		case "implied-branch-matchers":
			pr.ImpliedBranchMatchers = p.boolean(v)
		case "implied-branches":
			pr.ImpliedBranches = p.matchers(v, key)
		default:
			return false
		}
		return true
	})
	if p.broken {
		return
	}
	if pr.ImpliedBranchMatchers != nil {
		p.file.Pragma.ImpliedBranchMatchers = pr.ImpliedBranchMatchers
	}
	if pr.ImpliedBranches != nil {
		p.file.Pragma.ImpliedBranches = pr.ImpliedBranches
	}
}

func (p *parser) secret(n *yaml.Node) *Secret {
	s := &Secret{Pos: p.stanza.Pos}
	p.attributes(n, "the secret", []string{"name", "data"}, []string{"name", "data"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			s.Name = p.name(v)
		case "data":
			if kindOf(v) != kindMapping {
				p.wrong(v, "a mapping")
				return true
			}
			s.Data, _ = p.secretValue(v).(map[string]any)
		default:
			return false
		}
		return true
	})
	return s
}

// secretValue is like value, and knows encrypted data.
func (p *parser) secretValue(n *yaml.Node) any {
	switch kindOf(n) {
	case kindMapping:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[keyText(n.Content[i])] = p.secretValue(n.Content[i+1])
		}
		return out
	case kindSequence:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			out = append(out, p.secretValue(c))
		}
		return out
	}
	if n.Tag != tagEncrypted {
		return p.value(n)
	}
	e := Encrypted{}
	p.each(untagged(n), func(c *yaml.Node) {
		if c.Kind != yaml.ScalarNode || !isBase64(c.Value) {
			p.fail(posOf(n), "write what `gozerctl encrypt` prints", "the encrypted value is not base64")
			return
		}
		e.Chunks = append(e.Chunks, strings.Join(strings.Fields(c.Value), ""))
	})
	return e
}

func untagged(n *yaml.Node) *yaml.Node {
	plain := *n
	plain.Tag = ""
	return &plain
}

func isBase64(s string) bool {
	_, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return err == nil
}

func (p *parser) semaphore(n *yaml.Node) *Semaphore {
	s := &Semaphore{Pos: p.stanza.Pos, Max: 1}
	p.attributes(n, "the semaphore", []string{"name", "max"}, []string{"name"}, func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			s.Name = p.name(v)
		case "max":
			s.Max = p.integer(v)
		default:
			return false
		}
		return true
	})
	return s
}

func (p *parser) queue(n *yaml.Node) *Queue {
	q := &Queue{Pos: p.stanza.Pos}
	known := []string{"name", "per-branch", "allow-circular-dependencies", "dependencies-by-topic"}
	p.attributes(n, "the queue", known, known[:1], func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			q.Name = p.name(v)
		case "per-branch":
			q.PerBranch = *p.boolean(v)
		case "allow-circular-dependencies":
			q.AllowCircularDependencies = *p.boolean(v)
		case "dependencies-by-topic":
			q.DependenciesByTopic = *p.boolean(v)
		default:
			return false
		}
		return true
	})
	if q.DependenciesByTopic && !q.AllowCircularDependencies {
		p.fail(posOf(n), "add allow-circular-dependencies: true", "The 'allow-circular-dependencies' setting must be enabled in order to use dependencies-by-topic")
	}
	return q
}
