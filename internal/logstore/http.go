package logstore

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/token"
)

const (
	// maxBody bounds one upload; an executor sends far less at a time.
	maxBody = 8 << 20
	// slowest is how long a reader may take for one write, a writer for one upload.
	slowest = 60 * time.Second
)

// Headers of answers that serve a log.
const (
	// HeaderAttempt is the attempt that is served.
	HeaderAttempt = "Gozer-Log-Attempt"
	// HeaderFinal is "true" when the log was complete at the start of the answer.
	HeaderFinal = "Gozer-Log-Final"
)

// Server serves a store over HTTP:
//
//	POST or PUT /logs/<namespace>/<build>/<attempt>?offset=N[&final=true]
//	GET         /logs/<namespace>/<build>/<attempt>[?offset=N][&follow=true]
//	GET         /logs/<namespace>/<build>            the newest attempt
type Server struct {
	Store *Store
	// Key checks tokens of writers: purpose log, subject "<namespace>/<build>/<attempt>".
	Key token.Key
	// MayRead decides who may GET; nil is nobody.
	MayRead func(*http.Request) bool
}

// Handler routes below /logs/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /logs/{namespace}/{build}/{attempt}", s.append)
	mux.HandleFunc("PUT /logs/{namespace}/{build}/{attempt}", s.append)
	mux.HandleFunc("GET /logs/{namespace}/{build}/{attempt}", s.get)
	mux.HandleFunc("GET /logs/{namespace}/{build}", s.get)
	return mux
}

func (s *Server) append(w http.ResponseWriter, r *http.Request) {
	k, err := ParseKey(r.PathValue("namespace"), r.PathValue("build"), r.PathValue("attempt"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !s.Key.Valid(token.Log, k.String(), bearer) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "the token does not open this log", http.StatusUnauthorized)
		return
	}
	offset, err := strconv.ParseInt(r.URL.Query().Get("offset"), 10, 64)
	if err != nil || offset < 0 {
		http.Error(w, "offset must be the number of bytes before these", http.StatusBadRequest)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(slowest))
	body := http.MaxBytesReader(w, r.Body, maxBody)
	size, err := s.Store.Append(k, offset, body, r.URL.Query().Get("final") == "true")
	answerSize(w, size, err)
}

// answerSize tells the writer where the log ends, whatever happened.
func answerSize(w http.ResponseWriter, size int64, err error) {
	var tooLarge *http.MaxBytesError
	code := http.StatusOK
	switch {
	case err == nil:
	case errors.Is(err, ErrGap):
		code = http.StatusConflict
	case errors.Is(err, ErrFinal):
		code = http.StatusGone
	case errors.Is(err, ErrTooLarge), errors.As(err, &tooLarge):
		code = http.StatusRequestEntityTooLarge
	default:
		code = http.StatusInternalServerError // the disk, or the writer's connection
	}
	answer := struct {
		Size  int64  `json:"size"`
		Error string `json:"error,omitempty"`
	}{Size: size}
	if err != nil {
		answer.Error = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	if s.MayRead == nil || !s.MayRead(r) {
		http.Error(w, "you may not read this log", http.StatusForbidden)
		return
	}
	k, err := s.keyToRead(r)
	var info Info
	if err == nil {
		info, err = s.Store.Stat(k)
	}
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

func (s *Server) keyToRead(r *http.Request) (Key, error) {
	ns, build, attempt := r.PathValue("namespace"), r.PathValue("build"), r.PathValue("attempt")
	if attempt == "" {
		return s.Store.Latest(ns, build)
	}
	return ParseKey(ns, build, attempt)
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
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Cache-Control", "private, no-cache")
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
	if follow {
		// An error shows as the end of the stream; the reader comes again with an offset.
		_ = s.Store.Follow(r.Context(), info.Key, offset, out, out.rc.Flush)
		return
	}
	_, _ = s.Store.copyRange(info.Key, offset, info.Size, out)
}

// patient gives every write its own deadline: a follower may stay for hours,
// but one that does not read goes.
type patient struct {
	w  io.Writer
	rc *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(slowest))
	return p.w.Write(b)
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
