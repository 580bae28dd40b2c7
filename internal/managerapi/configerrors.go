package managerapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/gozer-dev/gozer/internal/configsource"
	"github.com/gozer-dev/gozer/internal/confview"
)

// ConfigErrors are all errors of a tenant's configuration; configsource.ErrNoTenant if there is none.
type ConfigErrors func(ctx context.Context, tenant string) ([]confview.ErrorRecord, error)

// ErrorList is the errors of a tenant as they are served.
type ErrorList struct {
	Errors []confview.ErrorRecord `json:"errors"`
}

func (s *server) configErrors(w http.ResponseWriter, r *http.Request) {
	records, err := s.ConfigErrors(r.Context(), r.PathValue("tenant"))
	switch {
	case errors.Is(err, configsource.ErrNoTenant):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		s.Log.Error(err, "Cannot tell the errors of a configuration")
		http.Error(w, "the configuration cannot be read now; try again", http.StatusServiceUnavailable)
	default:
		writeJSON(w, ErrorList{Errors: records})
	}
}
