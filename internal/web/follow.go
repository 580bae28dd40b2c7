package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/gozer-dev/gozer/internal/logfollow"
	"github.com/gozer-dev/gozer/internal/logstore"
)

// follow hands on a log as it grows. All who follow it share what comes from the manager.
func (s *server) follow(w http.ResponseWriter, r *http.Request, path string) {
	leave, ok := s.enter(w, r)
	if !ok {
		return
	}
	defer leave()
	offset := int64(0)
	var err error
	if q := r.URL.Query().Get("offset"); q != "" {
		if offset, err = strconv.ParseInt(q, 10, 64); err != nil {
			offset = -1
		}
	}
	out := &patient{ResponseWriter: w, rc: http.NewResponseController(w)}
	begun := false
	err = s.hub.Follow(r.Context(), path, offset, func(st logfollow.State) {
		begun = true
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
		h.Set("Cache-Control", "private, no-cache")
		h.Set("X-Accel-Buffering", "no") // proxies are not to keep it back
		h.Set(logstore.HeaderAttempt, strconv.Itoa(st.Attempt))
		h.Set(logstore.HeaderFinal, strconv.FormatBool(st.Final))
		w.WriteHeader(http.StatusOK)
		_ = out.rc.Flush()
	}, func(b []byte) error {
		if _, err := out.Write(b); err != nil {
			return err
		}
		return out.rc.Flush()
	})
	switch {
	case err == nil || r.Context().Err() != nil:
	case begun:
		panic(http.ErrAbortHandler) // the reader is to see that it broke off
	default:
		s.notFollowed(w, err, path)
	}
}

// enter takes a place for one who follows, or says that there is none.
func (s *server) enter(w http.ResponseWriter, r *http.Request) (leave func(), ok bool) {
	leave, ok = s.from.enter(r)
	if !ok {
		w.Header().Set("Retry-After", "10")
		http.Error(w, tooManyOfOne, http.StatusServiceUnavailable)
	}
	return leave, ok
}

// notFollowed says why a log cannot be followed.
func (s *server) notFollowed(w http.ResponseWriter, err error, path string) {
	switch {
	case errors.Is(err, logfollow.ErrNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, logfollow.ErrOffset):
		http.Error(w, err.Error(), http.StatusRequestedRangeNotSatisfiable)
	case errors.Is(err, logfollow.ErrFull):
		w.Header().Set("Retry-After", "10")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		s.log.Error(err, "A log cannot be followed", "path", path)
		http.Error(w, unreachable, http.StatusBadGateway)
	}
}
