package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
)

// Folder names the environment variable that says where the descriptions are.
const Folder = "GOZER_GITHUB_DESCRIPTIONS"

// Object is a JSON object.
type Object = map[string]any

// Spec is GitHub as it describes itself. It is made once per process and may
// be used by many at once.
type Spec struct {
	dir        string
	schemas    *schemas
	operations map[string][]*Operation // by method
	webhooks   map[string]json.RawMessage
	graphql    func() (*ast.Schema, error)
}

// Load reads the descriptions, once per process.
var Load = sync.OnceValues(func() (*Spec, error) {
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	return read(dir)
})

// read reads the files of a folder. The GraphQL schema waits until it is asked for.
func read(dir string) (*Spec, error) {
	var api struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components map[string]map[string]json.RawMessage `json:"components"`
	}
	var hooks struct {
		Definitions map[string]json.RawMessage `json:"definitions"`
	}
	if err := errors.Join(decode(filepath.Join(dir, "openapi.json"), &api), decode(filepath.Join(dir, "webhooks.json"), &hooks)); err != nil {
		return nil, err
	}
	s := &Spec{dir: dir, webhooks: hooks.Definitions, operations: map[string][]*Operation{}}
	s.schemas = newSchemas(api.Components, hooks.Definitions)
	s.graphql = sync.OnceValues(s.loadGraphQL)
	for path, methods := range api.Paths {
		s.index(path, methods)
	}
	return s, nil
}

func decode(path string, out any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return missing(err)
	}
	return json.Unmarshal(b, out)
}

func missing(err error) error {
	return fmt.Errorf("GitHub's descriptions are not there: run `make github-descriptions` (or set %s): %w", Folder, err)
}

// folder is the environment's, or that of the module that the process runs in.
func folder() (string, error) {
	if dir := os.Getenv(Folder); dir != "" {
		return dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".build", "share", "github"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", missing(errors.New("no go.mod above the working directory"))
		}
		dir = parent
	}
}
