package gitrepo

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
)

// maxWants bounds what a client may say before it gets its pack.
const maxWants = 32 << 20

const uploadPack = "git-upload-pack"

// uploadConfig: only what is reachable from an advertised ref may be asked for.
var uploadConfig = []configPair{
	{"uploadpack.allowTipSHA1InWant", "false"},
	{"uploadpack.allowReachableSHA1InWant", "false"},
	{"uploadpack.allowAnySHA1InWant", "false"},
	{"uploadpack.allowFilter", "false"},
	{"pack.threads", "1"},
}

// ServeUploadPack answers one request of git's smart HTTP protocol for the
// refs of a scope; service is the path after the repository's. It only reads:
// pushes and the dumb protocol are refused. The caller has checked who asks.
//
// What keeps one buildset from reading the objects of another, which lie in
// the same mirror, is protocol version 0: there, git checks that every wanted
// object is reachable from a ref that it advertised, and the scope's repository
// has no others. In version 2 a client may ask for any object. Its Git-Protocol
// header is therefore not handed on.
func (m *Mirror) ServeUploadPack(w http.ResponseWriter, r *http.Request, scope Scope, service string) {
	w.Header().Set("Cache-Control", "no-cache")
	switch {
	case service == "info/refs" && r.Method == http.MethodGet && r.URL.Query().Get("service") == uploadPack:
		m.serve(w, r, m.advertise, scope)
	case service == uploadPack && r.Method == http.MethodPost:
		m.serve(w, r, m.upload, scope)
	default:
		http.Error(w, "only git fetch and git clone over smart HTTP are served here; these refs cannot be pushed to", http.StatusForbidden)
	}
}

func (m *Mirror) serve(w http.ResponseWriter, r *http.Request, answer func(http.ResponseWriter, *http.Request, Scope) error, scope Scope) {
	select {
	case m.store.serving <- struct{}{}:
		defer func() { <-m.store.serving }()
	case <-r.Context().Done():
		return
	}
	m.markUsed()
	if err := answer(w, r, scope); err != nil && r.Context().Err() == nil {
		// Nothing was sent yet, or else this has no effect and the client sees a short pack.
		http.Error(w, "git could not serve this", http.StatusInternalServerError)
	}
}

func (m *Mirror) advertise(w http.ResponseWriter, r *http.Request, scope Scope) error {
	out, err := m.uploadPack(r.Context(), scope, nil, nil, "--http-backend-info-refs")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	_, err = w.Write(append([]byte("001e# service=git-upload-pack\n0000"), out...))
	return err
}

func (m *Mirror) upload(w http.ResponseWriter, r *http.Request, scope Scope) error {
	var body io.Reader = http.MaxBytesReader(w, r.Body, maxWants)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, "the body is not gzip", http.StatusBadRequest)
			return nil //nolint:nilerr // the client has its answer
		}
		body = io.LimitReader(zipped, maxWants)
	}
	// Read whole, so that a slow client holds no git process.
	wants, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return nil //nolint:nilerr // the client has its answer
	}
	out := &startedWriter{w: w}
	_, err = m.uploadPack(r.Context(), scope, bytes.NewReader(wants), out)
	if out.started && err != nil {
		return nil //nolint:nilerr // git told the client in the protocol
	}
	return err
}

func (m *Mirror) uploadPack(ctx context.Context, scope Scope, in io.Reader, out io.Writer, flags ...string) ([]byte, error) {
	args := append([]string{"upload-pack", "--strict", "--stateless-rpc"}, flags...)
	dir := publishedDir(m.dir, scope)
	said, _, err := m.runIn(ctx, dir, command{
		args:    append(args, dir),
		config:  uploadConfig,
		stdin:   in,
		stdout:  out,
		timeout: m.store.opts.NetworkTimeout,
	})
	return said, err
}

// startedWriter sends what git writes at once and remembers that it did.
type startedWriter struct {
	w       http.ResponseWriter
	started bool
}

func (s *startedWriter) Write(p []byte) (int, error) {
	if !s.started {
		s.w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		s.started = true
	}
	n, err := s.w.Write(p)
	if flushErr := http.NewResponseController(s.w).Flush(); err == nil && !errors.Is(flushErr, http.ErrNotSupported) {
		err = flushErr
	}
	return n, err
}
