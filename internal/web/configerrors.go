package web

import (
	"net/http"

	"github.com/gozer-dev/gozer/internal/logstore"
)

// configErrors serves what is wrong with a tenant's configuration, at Zuul's address.
func (s *server) configErrors(w http.ResponseWriter, r *http.Request) {
	k, err := logstore.ParseKey(r.PathValue("tenant"), "errors", "0") // a tenant is a namespace
	if err != nil {
		http.Error(w, "the errors of a tenant are at /api/tenant/<tenant>/config-errors", http.StatusNotFound)
		return
	}
	s.forward(w, r, "/api/tenant/"+k.Namespace+"/config-errors", nil)
}
