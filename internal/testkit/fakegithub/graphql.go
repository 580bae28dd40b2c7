package fakegithub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
)

// graphql answers a query: always with 200, whatever is wrong with it.
func (s *Server) graphql(c *call) *reply {
	var in struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	d := json.NewDecoder(bytes.NewReader(c.raw))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		s.mistake("a GraphQL query: %v", err)
		return problem(http.StatusBadRequest, "Problems parsing JSON")
	}
	schema, err := s.spec.GraphQL()
	s.must(err)
	doc, list := s.spec.Query(in.Query)
	if len(list) > 0 {
		s.mistake("a GraphQL query: %v", list)
		return gqlRefused(list)
	}
	op := doc.Operations.ForName(in.OperationName)
	if op == nil || op.Operation != ast.Query {
		s.mistake("a GraphQL query: there is no query %q, and the fake has no mutations", in.OperationName)
		return gqlProblem("", "An operation name is required")
	}
	vars, err := validator.VariableValues(schema, op, in.Variables)
	if err != nil {
		s.mistake("a GraphQL query: %v", err)
		return gqlProblem("", err.Error())
	}
	return (&execution{c: c, schema: schema, vars: vars, looked: map[*Pull]bool{}}).run(op)
}

func gqlRefused(list gqlerror.List) *reply {
	var out []any
	for _, e := range list {
		o := Object{"message": e.Message, "locations": e.Locations}
		if e.Rule != "" {
			o["extensions"] = Object{"code": e.Rule}
		}
		out = append(out, o)
	}
	return &reply{status: http.StatusOK, body: Object{"errors": out}, done: true}
}

func gqlProblem(kind, message string) *reply {
	o := Object{"message": message}
	if kind != "" {
		o["type"] = kind
	}
	return &reply{status: http.StatusOK, body: Object{"errors": []any{o}}, done: true}
}

// execution is one query while it is answered.
type execution struct {
	c      *call
	schema *ast.Schema
	vars   map[string]any
	errors []any
	nodes  int
	cost   int
	looked map[*Pull]bool // at their mergeability
}

// lazy is a value that is worked out when it is asked for.
type lazy func(args Object) any

// gqlError is a value that is not to be had.
type gqlError struct{ kind, message string }

func (e *execution) run(op *ast.OperationDefinition) *reply {
	if err := e.measure(op.SelectionSet, 1); err != nil {
		return gqlProblem("MAX_NODE_LIMIT_EXCEEDED", err.Error())
	}
	e.cost = max((e.cost+99)/100, 1)
	e.c.limit.used += e.cost - 1 // one is spent already
	data := e.object("Query", e.root(), op.SelectionSet, nil)
	for p := range e.looked {
		p.worked()
	}
	body := Object{"data": data}
	if len(e.errors) > 0 {
		body["errors"] = e.errors
	}
	return &reply{status: http.StatusOK, body: body, done: true}
}

// maxNodes is how many a query may ask for.
const maxNodes = 500_000

// measure counts what is asked for as GitHub does: every connection costs a
// request per node that it stands in, and has as many nodes as it may.
func (e *execution) measure(set ast.SelectionSet, times int) error {
	for _, sel := range set {
		var err error
		switch sel := sel.(type) {
		case *ast.Field:
			inner := times
			if n, ok := e.size(sel); ok {
				e.cost += times
				inner = times * n
				e.nodes += inner
			}
			if e.nodes > maxNodes {
				return fmt.Errorf("this query requests up to %d possible nodes, which exceeds the maximum limit of 500,000", e.nodes)
			}
			err = e.measure(sel.SelectionSet, inner)
		case *ast.InlineFragment:
			err = e.measure(sel.SelectionSet, times)
		case *ast.FragmentSpread:
			err = e.measure(sel.Definition.SelectionSet, times)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *execution) size(f *ast.Field) (int, bool) {
	args := f.ArgumentMap(e.vars)
	for _, name := range []string{"first", "last"} {
		if n, err := number(args[name]); err == nil {
			return n, true
		}
	}
	return 0, false
}

func number(v any) (int, error) {
	switch v := v.(type) {
	case int64:
		return int(v), nil
	case int:
		return v, nil
	case json.Number:
		n, err := v.Int64()
		return int(n), err
	}
	return 0, errors.New("not a number")
}

// asked is a field of the answer, with all that is asked of it.
type asked struct {
	key   string
	field *ast.Field
	set   ast.SelectionSet
}

// collect lists the fields that are asked of a type, through its fragments.
func (e *execution) collect(typename string, set ast.SelectionSet, out []*asked) []*asked {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			if e.skipped(sel.Directives) {
				continue
			}
			out = add(out, sel)
		case *ast.InlineFragment:
			if e.is(typename, sel.TypeCondition) && !e.skipped(sel.Directives) {
				out = e.collect(typename, sel.SelectionSet, out)
			}
		case *ast.FragmentSpread:
			if e.is(typename, sel.Definition.TypeCondition) && !e.skipped(sel.Directives) {
				out = e.collect(typename, sel.Definition.SelectionSet, out)
			}
		}
	}
	return out
}

func add(out []*asked, f *ast.Field) []*asked {
	for _, a := range out {
		if a.key == f.Alias {
			a.set = append(append(ast.SelectionSet{}, a.set...), f.SelectionSet...)
			return out
		}
	}
	return append(out, &asked{key: f.Alias, field: f, set: f.SelectionSet})
}

func (e *execution) skipped(list ast.DirectiveList) bool {
	for _, d := range list {
		on := d.ArgumentMap(e.vars)["if"] == true
		if d.Name == "skip" && on || d.Name == "include" && !on {
			return true
		}
	}
	return false
}

// is says whether a type is another, or one of those that another stands for.
func (e *execution) is(typename, condition string) bool {
	if condition == "" || condition == typename {
		return true
	}
	for _, d := range e.schema.PossibleTypes[condition] {
		if d.Name == typename {
			return true
		}
	}
	return false
}
