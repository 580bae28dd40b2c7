package logstore

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// get serves a log: from the store while it is there, else from the archive.
func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	k, ok := s.reader(w, r)
	if !ok {
		return
	}
	info, err := s.stat(r.Context(), k)
	if err != nil {
		refuse(w, err)
		return
	}
	offset := int64(0)
	if q := r.URL.Query().Get("offset"); q != "" {
		offset, err = strconv.ParseInt(q, 10, 64)
	}
	if err != nil || offset < 0 || offset > info.Size {
		http.Error(w, "offset must be a number of bytes within the log", http.StatusRequestedRangeNotSatisfiable)
		return
	}
	s.serve(w, r, info, offset)
}

// reader is the key that a request may read, or its refusal has been answered.
func (s *Server) reader(w http.ResponseWriter, r *http.Request) (Key, bool) {
	if s.MayRead == nil || !s.MayRead(r) {
		http.Error(w, "you may not read this log", http.StatusForbidden)
		return Key{}, false
	}
	k, err := s.keyToRead(r)
	if err != nil {
		refuse(w, err)
	}
	return k, err == nil
}

func (s *Server) keyToRead(r *http.Request) (Key, error) {
	ns, build, attempt := r.PathValue("namespace"), r.PathValue("build"), r.PathValue("attempt")
	if attempt != "" {
		return ParseKey(ns, build, attempt)
	}
	live, err := s.Store.Latest(ns, build)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return live, err
	}
	kept, kerr := s.archive().Latest(r.Context(), ns, build)
	switch {
	case err != nil || kerr == nil && kept.Attempt >= live.Attempt:
		return kept, kerr
	default:
		return live, err
	}
}

// stat of a log, wherever it is. It only ever moves from the store to the archive.
func (s *Server) stat(ctx context.Context, k Key) (Info, error) {
	info, err := s.Store.Stat(k)
	if !errors.Is(err, ErrNotFound) {
		return info, err
	}
	kept, err := s.statKept(ctx, k)
	return Info{Key: k, Size: kept.Size, Final: true, Modified: kept.Modified}, err
}

func refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, ErrBadKey):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, ErrNotFound):
		http.Error(w, "no such log: it has not begun, or it is older than logs are kept", http.StatusNotFound)
	default:
		http.Error(w, "the log cannot be read", http.StatusInternalServerError)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, info Info, offset int64) {
	follow := r.URL.Query().Get("follow") == "true"
	h := w.Header()
	harmless(h, "text/plain; charset=utf-8")
	h.Set(HeaderAttempt, strconv.Itoa(info.Key.Attempt))
	h.Set(HeaderFinal, strconv.FormatBool(info.Final))
	if !follow {
		h.Set("Content-Length", strconv.FormatInt(info.Size-offset, 10))
	} else {
		h.Set("X-Accel-Buffering", "no") // proxies are not to keep it back
	}
	if r.Method == http.MethodHead {
		return
	}
	out := &patient{w: w, rc: http.NewResponseController(w)}
	// An error shows as the end of the stream; the reader comes again with an offset.
	if follow {
		_ = s.follow(r.Context(), info.Key, offset, out)
		return
	}
	n, err := s.Store.copyRange(info.Key, offset, info.Size, out)
	if errors.Is(err, ErrNotFound) {
		_ = s.copyKept(r.Context(), info.Key, offset+n, out)
	}
}

// follow goes on in the archive when the log was moved there meanwhile.
func (s *Server) follow(ctx context.Context, k Key, offset int64, out *patient) error {
	before := out.n
	err := s.Store.Follow(ctx, k, offset, out, out.rc.Flush)
	if errors.Is(err, ErrNotFound) {
		return s.copyKept(ctx, k, offset+out.n-before, out)
	}
	return err
}

func (s *Server) copyKept(ctx context.Context, k Key, offset int64, out io.Writer) error {
	r, err := s.archive().Open(ctx, k, buildspec.LogName, offset)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(out, r)
	return err
}

// harmless are the headers of everything that strangers have written: no
// browser takes it for anything else, runs it, or shows it inside a page.
func harmless(h http.Header, contentType string) {
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "private, no-cache")
}
