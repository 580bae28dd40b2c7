package logstore

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/token"
)

const (
	// maxBody bounds one upload; an executor sends far less at a time.
	maxBody = 8 << 20
	// slowest is how long a reader may take for one write, a writer for one upload.
	slowest = 60 * time.Second
	// archiveTime is how long an archive may take to say whether it has a log.
	archiveTime = 5 * time.Second
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
//	PUT         /logs/<namespace>/<build>/<attempt>/<file>
//	GET         /logs/<namespace>/<build>/<attempt>[?offset=N][&follow=true]
//	GET         /logs/<namespace>/<build>            the newest attempt
//	GET         /logs/<namespace>/<build>/<attempt>/<file>
//	GET         /logs/<namespace>/<build>[/<attempt>]/  what there is, as JSON
type Server struct {
	Store *Store
	// Archive has what ended, and the files; nil is none.
	Archive Archive
	// ArchiveTime is how long it may take to say whether it has a log; default 5 s.
	ArchiveTime time.Duration
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
	mux.HandleFunc("PUT /logs/{namespace}/{build}/{attempt}/{name...}", s.put)
	mux.HandleFunc("GET /logs/{namespace}/{build}/{attempt}/{name...}", s.file)
	mux.HandleFunc("GET /logs/{namespace}/{build}/{$}", s.file)
	return mux
}

// writer is the key that a request may write, or its refusal has been answered.
func (s *Server) writer(w http.ResponseWriter, r *http.Request) (Key, bool) {
	k, err := ParseKey(r.PathValue("namespace"), r.PathValue("build"), r.PathValue("attempt"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return k, false
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !s.Key.Valid(token.Log, k.String(), bearer) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "the token does not open this log", http.StatusUnauthorized)
		return k, false
	}
	return k, true
}

func (s *Server) append(w http.ResponseWriter, r *http.Request) {
	k, ok := s.writer(w, r)
	if !ok {
		return
	}
	offset, err := strconv.ParseInt(r.URL.Query().Get("offset"), 10, 64)
	if err != nil || offset < 0 {
		http.Error(w, "offset must be the number of bytes before these", http.StatusBadRequest)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(slowest))
	body := http.MaxBytesReader(w, r.Body, maxBody)
	size, err := s.appendKept(r, k, offset, body)
	if errors.Is(err, ErrNotFound) {
		size, err = s.Store.Append(k, offset, body, r.URL.Query().Get("final") == "true")
	}
	answerSize(w, size, err)
}

// appendKept answers for a log that has ended and is in the archive: its
// executor did not hear that, and sends the end again. Where the archive cannot
// be asked the log begins anew, and what is there is written again.
func (s *Server) appendKept(r *http.Request, k Key, offset int64, body io.Reader) (int64, error) {
	if _, err := s.Store.Stat(k); !errors.Is(err, ErrNotFound) {
		return 0, ErrNotFound
	}
	kept, err := s.statKept(r.Context(), k)
	if err != nil {
		return 0, ErrNotFound
	}
	n, err := io.Copy(io.Discard, body)
	if err == nil && offset+n > kept.Size {
		err = ErrFinal
	}
	return kept.Size, err
}

// statKept asks the archive for a log. A bucket that does not answer is not waited
// for: an executor stands behind this.
func (s *Server) statKept(ctx context.Context, k Key) (File, error) {
	most := s.ArchiveTime
	if most == 0 {
		most = archiveTime
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return s.archive().Stat(ctx, k, buildspec.LogName)
}

func (s *Server) archive() Archive {
	if s.Archive == nil {
		return noArchive{}
	}
	return s.Archive
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

// patient gives every write its own deadline: a follower may stay for hours,
// but one that does not read goes.
type patient struct {
	w  io.Writer
	rc *http.ResponseController
	// n is what was written.
	n int64
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(slowest))
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
