package managerapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gozer-dev/gozer/internal/projectkeys"
)

// PublicKey is the public key of a tenant's project in PEM. What is not there
// is a projectkeys.UnknownError.
type PublicKey func(ctx context.Context, tenant, project string) ([]byte, error)

// keySuffix ends the path of a key.
const keySuffix = ".pub"

func (s *server) key(w http.ResponseWriter, r *http.Request) {
	project, ok := strings.CutSuffix(r.PathValue("project"), keySuffix)
	if !ok {
		http.Error(w, "a key is at /api/tenant/<tenant>/key/<project>.pub", http.StatusNotFound)
		return
	}
	text, err := s.PublicKey(r.Context(), r.PathValue("tenant"), project)
	var unknown *projectkeys.UnknownError
	switch {
	case errors.As(err, &unknown):
		http.Error(w, unknown.Error(), http.StatusNotFound)
	case err != nil:
		s.Log.Error(err, "Cannot give a public key")
		http.Error(w, "the key cannot be read now; try again", http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(text) // the client is gone: nobody to tell
	}
}
