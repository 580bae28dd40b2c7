package spec

import (
	"encoding/json"
	"slices"
	"strings"
)

// fill gives a value all that its schema requires. What is there stays as it
// is; what is not gets the emptiest value that may be.
func (s *schemas) fill(url string, v any) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.node(url)
	if err != nil {
		return nil, err
	}
	f := filler{s}
	return f.present(n, v, false), nil
}

type filler struct{ s *schemas }

// present completes a value. One builder serves several descriptions of a thing,
// so what a description does not allow is left out of the things within.
func (f filler) present(n, v any, within bool) any {
	switch v := v.(type) {
	case Object:
		shape := f.shape(n, v)
		for name, value := range v {
			if schema := shape.properties[name]; schema != nil {
				v[name] = f.present(schema, value, true)
			} else if within && shape.closed {
				delete(v, name)
			}
		}
		for _, name := range shape.required {
			if _, ok := v[name]; !ok {
				v[name] = f.absent(shape.properties[name], 0)
			}
		}
	case []any:
		items := f.shape(n, nil).items
		for i := range v {
			v[i] = f.present(items, v[i], true)
		}
	}
	return v
}

func (f filler) absent(n any, depth int) any {
	shape := f.shape(n, nil)
	switch {
	case shape.null || depth > 8:
		return nil
	case len(shape.enum) > 0:
		return shape.enum[0]
	}
	switch shape.kind {
	case "object":
		o := Object{}
		for _, name := range shape.required {
			o[name] = f.absent(shape.properties[name], depth+1)
		}
		return o
	case "array":
		return []any{}
	case "integer", "number":
		return json.Number("0")
	case "boolean":
		return false
	}
	return text(shape.format)
}

// text is the emptiest of a format.
func text(format string) string {
	switch format {
	case "date-time":
		return "2020-01-01T00:00:00Z"
	case "date":
		return "2020-01-01"
	case "uri", "uri-template":
		return "https://github.invalid/"
	case "email":
		return "nobody@github.invalid"
	}
	return ""
}

// shape is a schema with its references followed and its parts put together.
type shape struct {
	kind, format string
	null, closed bool
	enum         []any
	properties   Object
	required     []string
	items        any
}

// shape of a schema; of alternatives the one that fits the value best.
func (f filler) shape(n any, v Object) shape {
	out := shape{properties: Object{}}
	f.add(&out, n, v, 0)
	if out.kind == "" && len(out.properties) > 0 {
		out.kind = "object"
	}
	return out
}

func (f filler) add(out *shape, n any, v Object, depth int) {
	o, ok := n.(Object)
	if !ok || depth > 20 {
		return
	}
	if ref, ok := o["$ref"].(string); ok {
		if target, err := f.s.node(ref); err == nil {
			f.add(out, target, v, depth+1)
		}
		return
	}
	out.read(o)
	all, _ := o["allOf"].([]any)
	for _, part := range all {
		f.add(out, part, v, depth+1)
	}
	for _, kind := range []string{"oneOf", "anyOf"} {
		if list, _ := o[kind].([]any); len(list) > 0 {
			f.add(out, f.choose(list, v), v, depth+1)
		}
	}
}

func (out *shape) read(o Object) {
	switch kind := o["type"].(type) {
	case string:
		out.kind = kind
		out.null = kind == "null"
	case []any:
		out.null = slices.Contains(kind, any("null"))
		if i := slices.IndexFunc(kind, func(k any) bool { return k != "null" }); i >= 0 {
			out.kind, _ = kind[i].(string)
		}
	}
	if o["additionalProperties"] == false {
		out.closed = true
	}
	if format, ok := o["format"].(string); ok {
		out.format = format
	}
	if enum, ok := o["enum"].([]any); ok {
		out.enum = enum
	}
	if constant, ok := o["const"]; ok {
		out.enum = []any{constant}
	}
	if items := o["items"]; items != nil {
		out.items = items
	}
	properties, _ := o["properties"].(Object)
	for name, p := range properties {
		out.properties[name] = p
	}
	required, _ := o["required"].([]any)
	for _, name := range required {
		if text, ok := name.(string); ok && !slices.Contains(out.required, text) {
			out.required = append(out.required, text)
		}
	}
}

// choose takes the alternative that has the most of the value's properties;
// for no value, null before anything else.
func (f filler) choose(list []any, v Object) any {
	best, score := list[0], -1
	for _, n := range list {
		s := f.shape(n, nil)
		now := 0
		switch {
		case v == nil && s.null:
			now = 1000
		case v != nil && s.kind == "object":
			now = f.fit(s, v)
		}
		if now > score {
			best, score = n, now
		}
	}
	return best
}

func (f filler) fit(s shape, v Object) int {
	score := 1
	for name, value := range v {
		p := s.properties[name]
		if p == nil {
			continue
		}
		score += 2
		if enum := f.shape(p, nil).enum; len(enum) > 0 && !slices.Contains(enum, value) {
			return 0
		}
	}
	for _, name := range s.required {
		if _, ok := v[name]; !ok && !strings.HasSuffix(name, "url") {
			score--
		}
	}
	return max(score, 0)
}
