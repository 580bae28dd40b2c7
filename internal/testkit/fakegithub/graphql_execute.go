package fakegithub

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// object answers what is asked of one object.
func (e *execution) object(typename string, value Object, set ast.SelectionSet, path []any) Object {
	out := Object{}
	for _, a := range e.collect(typename, set, nil) {
		if a.field.Name == "__typename" {
			out[a.key] = typename
			continue
		}
		at := append(slices.Clone(path), a.key)
		v, known := value[a.field.Name]
		if !known {
			e.c.s.mistake("the fake does not know %s.%s", typename, a.field.Name)
			v = gqlError{"", "the fake does not know " + typename + "." + a.field.Name}
		}
		if l, ok := v.(lazy); ok {
			v = l(a.field.ArgumentMap(e.vars))
		}
		if c, ok := v.(connection); ok {
			v = c.page(a.field.Name, a.field.ArgumentMap(e.vars))
		}
		out[a.key] = e.value(a.field.Definition.Type, v, a, at)
	}
	return out
}

// value makes a value what its type says.
func (e *execution) value(t *ast.Type, v any, a *asked, path []any) any {
	switch v := v.(type) {
	case gqlError:
		e.fail(v, a, path)
		return nil
	case nil:
		if t.NonNull {
			e.c.s.mistake("the fake's own answer: %v must not be null", path)
		}
		return nil
	case []any:
		out := make([]any, 0, len(v))
		for i, item := range v {
			out = append(out, e.value(t.Elem, item, a, append(slices.Clone(path), i)))
		}
		return out
	case Object:
		name, ok := v["__typename"].(string)
		if !ok {
			name = t.Name()
		}
		if !e.is(name, t.Name()) {
			e.c.s.mistake("the fake's own answer: %v is a %s, and no %s", path, name, t.Name())
		}
		return e.object(name, v, a.set, path)
	}
	e.leaf(t, v, path)
	return v
}

// leaf checks a value against its type.
func (e *execution) leaf(t *ast.Type, v any, path []any) {
	def := e.schema.Types[t.Name()]
	good := true
	switch text, isText := v.(string); {
	case def.Kind == ast.Enum:
		good = isText && def.EnumValues.ForName(text) != nil
	case t.Name() == "Int":
		_, err := number(v)
		good = err == nil
	case t.Name() == "Boolean":
		_, good = v.(bool)
	case t.Name() != "BigInt" && t.Name() != "Float":
		good = isText
	}
	if !good || t.Elem != nil {
		e.c.s.mistake("the fake's own answer: %v is %v, and no %s", path, v, t)
	}
}

func (e *execution) fail(v gqlError, a *asked, path []any) {
	o := Object{"message": v.message, "path": path}
	if v.kind != "" {
		o["type"] = v.kind
	}
	if p := a.field.Position; p != nil {
		o["locations"] = []any{Object{"line": p.Line, "column": p.Column}}
	}
	e.errors = append(e.errors, o)
}

// connection is a list that is asked for in pages.
type connection struct {
	nodes []any
	more  Object // fields of the connection itself
}

func connect(nodes []any) connection { return connection{nodes: nodes} }

// page gives what is asked for. GitHub wants first or last, and at most 100.
func (k connection) page(name string, args Object) any {
	from, to := 0, len(k.nodes)
	if i, ok := fromCursor(args["after"]); ok {
		from = min(i+1, to)
	}
	if i, ok := fromCursor(args["before"]); ok {
		to = max(min(i, to), from)
	}
	first, noFirst := number(args["first"])
	last, noLast := number(args["last"])
	switch {
	case noFirst != nil && noLast != nil:
		return gqlError{"MISSING_PAGINATION_BOUNDARIES", fmt.Sprintf("You must provide a `first` or `last` value to properly paginate the `%s` connection.", name)}
	case first > 100 || last > 100:
		return gqlError{"EXCESSIVE_PAGINATION", fmt.Sprintf("Requesting %d records on the `%s` connection exceeds the `first` limit of 100 records.", max(first, last), name)}
	case noFirst == nil:
		to = min(to, from+first)
	default:
		from = max(from, to-last)
	}
	return k.slice(from, to)
}

func (k connection) slice(from, to int) Object {
	nodes, edges := []any{}, []any{}
	for i := from; i < to; i++ {
		nodes = append(nodes, k.nodes[i])
		edges = append(edges, Object{"node": k.nodes[i], "cursor": cursor(i)})
	}
	info := Object{"hasNextPage": to < len(k.nodes), "hasPreviousPage": from > 0, "startCursor": nil, "endCursor": nil}
	if from < to {
		info["startCursor"], info["endCursor"] = cursor(from), cursor(to-1)
	}
	out := Object{"nodes": nodes, "edges": edges, "totalCount": len(k.nodes), "pageInfo": info}
	for name, v := range k.more {
		out[name] = v
	}
	return out
}

func cursor(i int) string {
	return base64.StdEncoding.EncodeToString([]byte("cursor:v2:" + strconv.Itoa(i)))
}

func fromCursor(v any) (int, bool) {
	text, _ := v.(string)
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || text == "" {
		return 0, false
	}
	i, err := strconv.Atoi(strings.TrimPrefix(string(b), "cursor:v2:"))
	return i, err == nil
}
