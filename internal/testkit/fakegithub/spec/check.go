package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// CheckQuery lists what is wrong with the parameters of a query.
func (o *Operation) CheckQuery(q url.Values) []string {
	var wrong []string
	for name, values := range q {
		schema, known := o.query[name]
		if !known {
			wrong = append(wrong, fmt.Sprintf("there is no parameter %q", name))
			continue
		}
		if err := o.spec.schemas.check(o.url("query/"+name), typed(schema, values[0])); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s=%s: %s", name, values[0], strings.Join(Reasons(err), "; ")))
		}
	}
	for _, name := range o.required {
		if !q.Has(name) {
			wrong = append(wrong, fmt.Sprintf("the parameter %q is missing", name))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// typed reads a parameter as what its schema wants.
func typed(schema any, text string) any {
	o, _ := schema.(Object)
	switch o["type"] {
	case "integer", "number", "boolean":
		if v, err := jsonschema.UnmarshalJSON(strings.NewReader(text)); err == nil {
			return v
		}
	case "array":
		return []any{text}
	}
	return text
}

// CheckBody reads a request's body and lists what is wrong with it.
func (o *Operation) CheckBody(body []byte) (any, []string) {
	if len(bytes.TrimSpace(body)) == 0 {
		if o.bodyMust {
			return nil, []string{"the body is missing"}
		}
		return nil, nil
	}
	if !o.body {
		return nil, []string{"there is a body where GitHub wants none"}
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return nil, []string{"Problems parsing JSON"}
	}
	if err := o.spec.schemas.check(o.url("body"), v); err != nil {
		return v, Reasons(err)
	}
	return v, nil
}

// Complete gives an answer with all that GitHub promises, and says what of it
// is not as promised.
func (o *Operation) Complete(status int, v any) ([]byte, error) {
	schema, described := o.answers[status]
	if !described {
		return json.Marshal(v)
	}
	return o.spec.complete(schema, v)
}

// CompleteWebhook does the same with the payload of a webhook. Events without
// actions have none.
func (s *Spec) CompleteWebhook(event, action string, payload any) ([]byte, error) {
	if action == "" {
		action = "event"
	}
	return s.complete(hooks+event+"$"+action, payload)
}

// CheckWebhook checks a payload as it is.
func (s *Spec) CheckWebhook(event, action string, payload []byte) error {
	if action == "" {
		action = "event"
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return err
	}
	return s.schemas.check(hooks+event+"$"+action, v)
}

func (s *Spec) complete(schema string, v any) ([]byte, error) {
	n, err := normal(v)
	if err != nil {
		return nil, err
	}
	n, err = s.schemas.fill(schema, n)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	if err := s.schemas.check(schema, n); err != nil {
		return b, fmt.Errorf("%s is not as GitHub describes it: %s", schema, strings.Join(Reasons(err), "; "))
	}
	return b, nil
}
