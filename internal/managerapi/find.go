package managerapi

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/logstore"
)

// Found is a build that was looked for by the beginning of its name.
type Found struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
}

// Find finds builds in the cluster, of any tenant, that are named so, or with
// LeastPrefix bytes at least, whose names begin so. More than MaxFound of these
// are of no use.
type Find func(ctx context.Context, prefix string) ([]Found, error)

const (
	// MaxFound is enough to say that there are several.
	MaxFound = 10
	// LeastPrefix of a name is looked for: less is in too many.
	LeastPrefix = 8
)

// findByPrefix finds builds that Kubernetes has by the beginning of their names,
// and older ones by all of it.
func (s *server) findByPrefix(w http.ResponseWriter, r *http.Request) {
	prefix := r.PathValue("prefix")
	if _, err := logstore.ParseKey("tenant", prefix, "0"); err != nil {
		writeJSON(w, []Found{})
		return
	}
	found, err := s.Find(r.Context(), prefix)
	if err != nil {
		s.fail(w, err)
		return
	}
	past, err := s.History.Builds(r.Context(), history.Filter{Name: prefix})
	if err != nil {
		s.fail(w, err)
		return
	}
	for _, b := range past {
		found = append(found, Found{Tenant: b.Tenant, Name: b.Name})
	}
	slices.SortFunc(found, func(a, b Found) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Tenant, b.Tenant)) })
	found = slices.Compact(found)
	if i := slices.IndexFunc(found, func(f Found) bool { return f.Name == prefix }); i >= 0 {
		found = slices.DeleteFunc(found, func(f Found) bool { return f.Name != prefix }) // that one is meant
	}
	if found == nil {
		found = []Found{}
	}
	writeJSON(w, found[:min(len(found), MaxFound)])
}
