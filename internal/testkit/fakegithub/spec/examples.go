package spec

import (
	"encoding/json"
	"path/filepath"
)

// Example is one payload of a webhook that GitHub published.
type Example struct {
	Event   string
	Payload json.RawMessage
}

// Examples are all payloads that GitHub published.
func (s *Spec) Examples() ([]Example, error) {
	var all []struct {
		Name     string            `json:"name"`
		Examples []json.RawMessage `json:"examples"`
	}
	if err := decode(filepath.Join(s.dir, "webhook-examples.json"), &all); err != nil {
		return nil, err
	}
	var out []Example
	for _, e := range all {
		for _, payload := range e.Examples {
			out = append(out, Example{Event: e.Name, Payload: payload})
		}
	}
	return out, nil
}
