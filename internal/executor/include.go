package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/gozer-dev/gozer/internal/ansible"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/returned"
)

// includeVars makes the job's variables: what parents have returned, the files of
// the job in their order, and what the job itself says; the later counts more
// (Zuul: include-vars).
func (b *build) includeVars(context.Context) *problem {
	vars := unreserved(b.parentVars)
	for _, in := range b.plan.includes {
		more, err := in.read(b.opts.path(areaPrivate, in.repo))
		if errors.Is(err, fs.ErrNotExist) {
			if in.Required {
				return &problem{model.BuildError, fmt.Errorf("Required vars file %s not found", in.Path)} //nolint:staticcheck // Zuul's words
			}
			continue
		}
		if err != nil {
			return &problem{model.BuildError, fmt.Errorf("the file of variables %s of %s: %w", in.Path, in.Project, err)}
		}
		vars = returned.Deep(vars, unreserved(more))
	}
	b.spec.Vars = returned.Deep(vars, b.spec.Vars)
	return nil
}

// read reads the file in its checkout: YAML of strangers.
func (in include) read(repo string) (map[string]any, error) {
	root, err := os.OpenRoot(repo)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	raw, err := readPlain(root, filepath.FromSlash(in.Path))
	if err != nil {
		return nil, err
	}
	var content any
	if err := yaml.Unmarshal(raw, &content); err != nil {
		return nil, fmt.Errorf("it is no YAML: %w", err)
	}
	if content == nil {
		return nil, nil
	}
	// By way of JSON: what has no place there is no variable either.
	var asJSON bytes.Buffer
	if err := json.NewEncoder(&asJSON).Encode(content); err != nil {
		return nil, errors.New("its variables must have names that are texts, and values that JSON has")
	}
	v, err := decodeJSON(asJSON.Bytes())
	if err != nil {
		return nil, err
	}
	vars, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is not a mapping of variables")
	}
	return vars, nil
}

// unreserved are the variables without those that a job cannot set either.
func unreserved(vars map[string]any) map[string]any {
	out := maps.Clone(vars)
	maps.DeleteFunc(out, func(name string, _ any) bool {
		return ansible.Steers(name) || name == "zuul" || name == "nodepool" || name == "unsafe_vars"
	})
	return out
}
