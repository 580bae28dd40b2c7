package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// GraphQL is the schema of GitHub's GraphQL API.
func (s *Spec) GraphQL() (*ast.Schema, error) { return s.graphql() }

// Query reads a query and lists what is wrong with it.
func (s *Spec) Query(text string) (*ast.QueryDocument, gqlerror.List) {
	schema, err := s.graphql()
	if err != nil {
		return nil, gqlerror.List{gqlerror.Wrap(err)}
	}
	return gqlparser.LoadQueryWithRules(schema, text, rules.NewDefaultRules())
}

func (s *Spec) loadGraphQL() (*ast.Schema, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, "schema.graphql"))
	if err != nil {
		return nil, missing(err)
	}
	doc, err := parser.ParseSchemas(validator.Prelude, &ast.Source{Name: "schema.graphql", Input: string(b)})
	if err != nil {
		return nil, fmt.Errorf("the GraphQL schema: %w", err)
	}
	for _, d := range doc.Definitions {
		once(d)
	}
	schema, err := validator.ValidateSchemaDocument(doc)
	if err != nil {
		return nil, fmt.Errorf("the GraphQL schema: %w", err)
	}
	return schema, nil
}

// once drops fields that GitHub's file has twice.
func once(d *ast.Definition) {
	seen := map[string]bool{}
	d.Fields = slices.DeleteFunc(d.Fields, func(f *ast.FieldDefinition) bool {
		twice := seen[f.Name]
		seen[f.Name] = true
		return twice
	})
}
