package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Places of schemas, as URLs of our own: a schema is read when it is needed,
// for most of the thousand never are.
const (
	components = "openapi:///"
	strictly   = "strict:///" // the same, with no properties but those that are described
	hooks      = "webhook:///"
)

// schemas reads and compiles JSON schemas.
type schemas struct {
	components  map[string]map[string]json.RawMessage
	definitions map[string]json.RawMessage

	mu       sync.Mutex
	nodes    map[string]any // by URL
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

func newSchemas(parts map[string]map[string]json.RawMessage, definitions map[string]json.RawMessage) *schemas {
	s := &schemas{components: parts, definitions: definitions, nodes: map[string]any{}, compiled: map[string]*jsonschema.Schema{}}
	s.compiler = jsonschema.NewCompiler()
	s.compiler.DefaultDraft(jsonschema.Draft7)
	s.compiler.UseLoader(loader{s})
	return s
}

// loader reads for the compiler, which holds the lock.
type loader struct{ s *schemas }

func (l loader) Load(url string) (any, error) { return l.s.node(url) }

// node is a schema by its URL. The lock must be held.
func (s *schemas) node(url string) (any, error) {
	if n, ok := s.nodes[url]; ok {
		return n, nil
	}
	raw, place, ok := s.raw(url)
	if !ok {
		return nil, fmt.Errorf("GitHub describes no %s", url)
	}
	n, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	n = plain(n, place)
	if place == strictly {
		tighten(n, false)
	}
	s.nodes[url] = n
	return n, nil
}

func (s *schemas) raw(url string) (raw json.RawMessage, place string, ok bool) {
	for _, place = range []string{components, strictly} {
		if rest, is := strings.CutPrefix(url, place); is {
			kind, name, _ := strings.Cut(rest, "/")
			raw, ok = s.components[kind][name]
			return raw, place, ok
		}
	}
	raw, ok = s.definitions[strings.TrimPrefix(url, hooks)]
	return raw, hooks, ok
}

// put makes a schema that stands within something else known by a URL.
func (s *schemas) put(url string, node any, place string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	node = plain(node, place)
	if place == strictly {
		tighten(node, false)
	}
	s.nodes[url] = node
}

// check checks a value, as JSON has it, against a schema.
func (s *schemas) check(url string, value any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	schema := s.compiled[url]
	if schema == nil {
		var err error
		if schema, err = s.compiler.Compile(url); err != nil {
			return fmt.Errorf("the schema %s: %w", url, err)
		}
		s.compiled[url] = schema
	}
	return schema.Validate(value)
}

// plain turns what OpenAPI has on top of JSON schemas into JSON schemas, and
// references into URLs.
func plain(n any, place string) any {
	switch n := n.(type) {
	case []any:
		for i := range n {
			n[i] = plain(n[i], place)
		}
	case Object:
		for _, name := range []string{"example", "examples", "description", "title", "$schema", "default", "$id"} {
			if _, is := n[name].(Object); !is || name == "example" || name == "examples" { // a property may be called so
				delete(n, name)
			}
		}
		for name := range n {
			n[name] = plain(n[name], place)
		}
		if ref, ok := n["$ref"].(string); ok {
			n["$ref"] = place + strings.TrimPrefix(strings.TrimPrefix(ref, "#/components/"), "#/definitions/")
		}
		if n["format"] == "uri-template" { // the library knows only the plainest of them
			delete(n, "format")
		}
		if n["nullable"] == true {
			return nullable(n)
		}
	}
	return n
}

func nullable(n Object) any {
	delete(n, "nullable")
	if kind, ok := n["type"].(string); ok {
		n["type"] = []any{kind, "null"}
		if enum, ok := n["enum"].([]any); ok && !slices.Contains(enum, nil) {
			n["enum"] = append(enum, nil)
		}
		return n
	}
	return Object{"anyOf": []any{n, Object{"type": "null"}}}
}

// tighten forbids properties that are not described: GitHub ignores them, and
// who sends them is mistaken. The parts of a oneOf leave that to the whole.
func tighten(n any, part bool) {
	o, ok := n.(Object)
	if !ok {
		return
	}
	properties, _ := o["properties"].(Object)
	for _, p := range properties {
		tighten(p, false)
	}
	tighten(o["items"], false)
	for _, kind := range []string{"oneOf", "anyOf", "allOf"} {
		parts, _ := o[kind].([]any)
		for _, alternative := range parts {
			tighten(alternative, properties != nil)
			if inner, ok := alternative.(Object); ok && properties != nil {
				its, _ := inner["properties"].(Object)
				for name := range its {
					if properties[name] == nil {
						properties[name] = Object{}
					}
				}
			}
		}
	}
	if _, said := o["additionalProperties"].(Object); properties != nil && !part && !said {
		o["additionalProperties"] = false
	}
}

// normal gives a value as JSON has it.
func normal(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(b))
}

// Reasons lists what is wrong, one line per place.
func Reasons(err error) []string {
	list := strings.Split(err.Error(), "\n")
	out := map[string]bool{}
	for _, line := range list[min(1, len(list)-1):] {
		out[strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- "))] = true
	}
	return slices.Sorted(maps.Keys(out))
}
