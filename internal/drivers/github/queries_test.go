package github

import (
	"testing"

	"github.com/vektah/gqlparser/v2"

	"github.com/gozer-dev/gozer/internal/testkit/fakegithub/spec"
)

// TestQueries: GitHub's schema has all that is asked for.
func TestQueries(t *testing.T) {
	s, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := s.GraphQL()
	if err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]string{"change": changeQuery, "said": saidQuery, "said since": saidSinceQuery, "search": searchQuery} {
		if _, errs := gqlparser.LoadQueryWithRules(schema, query, nil); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
	}
}
