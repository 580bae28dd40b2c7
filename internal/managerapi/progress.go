package managerapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/token"
)

// ofBuild lets whoever has the token of an attempt speak for it.
func (s *server) ofBuild(h func(http.ResponseWriter, *http.Request, logstore.Key)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		k, err := logstore.ParseKey(r.PathValue("namespace"), r.PathValue("build"), r.PathValue("attempt"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !s.Key.Valid(token.Log, k.String(), bearer) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "the token is not that of this build", http.StatusUnauthorized)
			return
		}
		h(w, r, k)
	}
}

// taken answers to what was given.
func (s *server) taken(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		s.fail(w, err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// maxProgress bounds what an attempt says before its end.
const maxProgress = 16 << 10

// progress takes what an attempt says before its end.
func (s *server) progress(w http.ResponseWriter, r *http.Request, k logstore.Key) {
	var p buildspec.Progress
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxProgress)).Decode(&p); err != nil {
		http.Error(w, `this is not {"paused": true, "failing": "why"}: `+err.Error(), http.StatusBadRequest)
		return
	}
	s.taken(w, s.Progress(r.Context(), k, p))
}

// How long a paused attempt waits for an answer, and how often it is looked for.
const (
	holdAnswer = 20 * time.Second
	lookEvery  = 250 * time.Millisecond
)

// resume says whether a paused attempt is to end; it says no only after a while.
func (s *server) resume(w http.ResponseWriter, r *http.Request, k logstore.Key) {
	ctx, cancel := context.WithTimeout(r.Context(), holdAnswer)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		on, err := s.GoesOn(ctx, k)
		if err != nil && ctx.Err() == nil {
			s.taken(w, err)
			return
		}
		if on || ctx.Err() != nil {
			writeJSON(w, buildspec.Resume{Resume: on})
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
}
