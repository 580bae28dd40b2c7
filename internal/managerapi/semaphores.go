package managerapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
)

// ErrBadAsk says that it would be the same another time, ErrLater that it may be
// well a little later.
var (
	ErrBadAsk = errors.New("no playbook of the job needs these semaphores")
	ErrLater  = errors.New("what the playbook before has held is not given back yet; ask again")
)

// maxAsk bounds what an attempt asks for.
const maxAsk = 64 << 10

// askSemaphores takes what an attempt needs for its next playbook.
func (s *server) askSemaphores(w http.ResponseWriter, r *http.Request, k logstore.Key) {
	var a buildspec.SemaphoreAsk
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAsk)).Decode(&a); err != nil {
		http.Error(w, `this is not {"names": [...]}: `+err.Error(), http.StatusBadRequest)
		return
	}
	err := s.AskSemaphores(r.Context(), k, a.Names)
	switch {
	case errors.Is(err, ErrBadAsk):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, ErrLater):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		s.taken(w, err)
	}
}

// lookSemaphores is how often it is looked whether an attempt has its semaphores.
const lookSemaphores = 2 * time.Second

// holdsSemaphores says whether an attempt has what it asked for; it says no only
// after a while.
func (s *server) holdsSemaphores(w http.ResponseWriter, r *http.Request, k logstore.Key) {
	ctx, cancel := context.WithTimeout(r.Context(), holdAnswer)
	defer cancel()
	look := time.NewTicker(lookSemaphores)
	defer look.Stop()
	for {
		held, err := s.HoldsSemaphores(ctx, k)
		if err != nil && ctx.Err() == nil {
			s.taken(w, err)
			return
		}
		if held || ctx.Err() != nil {
			writeJSON(w, buildspec.SemaphoreAnswer{Held: held})
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
}
