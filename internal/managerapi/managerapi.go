package managerapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-logr/logr"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/returned"
	"github.com/gozer-dev/gozer/internal/token"
)

// Role is the subject of the internal token with which the manager is spoken to.
const Role = "manager"

// BuildInfo is what people see of a build, running or done.
type BuildInfo struct {
	history.Build
	// Phase is that of the Build while there is one, e.g. "Running".
	Phase string `json:"phase,omitempty"`
}

// Builds is a list of builds as it is served.
type Builds struct {
	Builds []history.Build `json:"builds"`
}

// ErrNotFound says that there is no such build.
var ErrNotFound = errors.New("there is no such build: it never was, or it is older than history is kept")

// Live finds a build of which the custom resource exists; ErrNotFound when there is none.
type Live func(ctx context.Context, namespace, build string) (BuildInfo, error)

// History is what is asked of package history.
type History interface {
	Builds(ctx context.Context, f history.Filter) ([]history.Build, error)
}

var _ History = (*history.Store)(nil)

// Options of the handler.
type Options struct {
	Logs *logstore.Store
	// Archive has logs that ended, and files of builds; nil is none.
	Archive logstore.Archive
	History History
	// Live may be nil: then running builds are not found.
	Live Live
	// Find may be nil: then builds are known by their whole names only.
	Find Find
	// PublicKey may be nil: then no project has a key.
	PublicKey PublicKey
	// Keep stores what an attempt of a build has returned; nil takes nothing. It
	// returns ErrNotFound for a build that does not exist.
	Keep func(ctx context.Context, of logstore.Key, all returned.Results, final bool) error
	// Progress takes what an attempt says before its end; GoesOn says whether a
	// paused one is to end. Both return ErrNotFound for a build that does not exist.
	Progress func(ctx context.Context, of logstore.Key, p buildspec.Progress) error
	GoesOn   func(ctx context.Context, of logstore.Key) (bool, error)
	// AskSemaphores says which semaphores an attempt needs from now on, HoldsSemaphores
	// whether it has them; nil knows none. They return ErrNotFound as well, and the
	// former ErrBadAsk for what no playbook needs.
	AskSemaphores   func(ctx context.Context, of logstore.Key, names []string) error
	HoldsSemaphores func(ctx context.Context, of logstore.Key) (bool, error)
	// ConfigErrors may be nil: then no tenant has any.
	ConfigErrors ConfigErrors
	Key          token.Key
	Log          logr.Logger
}

type server struct{ Options }

// New makes the handler.
func New(o Options) http.Handler {
	s := &server{o}
	logs := &logstore.Server{Store: o.Logs, Archive: o.Archive, Key: o.Key, MayRead: s.internal}
	mux := http.NewServeMux()
	mux.Handle("/logs/", logs.Handler())
	if o.Keep != nil {
		mux.HandleFunc("PUT /results/{namespace}/{build}/{attempt}", s.ofBuild(s.results))
		mux.HandleFunc("PUT /progress/{namespace}/{build}/{attempt}", s.ofBuild(s.progress))
		mux.HandleFunc("GET /progress/{namespace}/{build}/{attempt}", s.ofBuild(s.resume))
	}
	if o.AskSemaphores != nil {
		mux.HandleFunc("PUT /semaphores/{namespace}/{build}/{attempt}", s.ofBuild(s.askSemaphores))
		mux.HandleFunc("GET /semaphores/{namespace}/{build}/{attempt}", s.ofBuild(s.holdsSemaphores))
	}
	mux.Handle("GET /api/builds", s.guard(http.HandlerFunc(s.builds)))
	mux.Handle("GET /api/builds/{namespace}/{build}", s.guard(http.HandlerFunc(s.build)))
	if o.Find != nil {
		mux.Handle("GET /api/find/{prefix}", s.guard(http.HandlerFunc(s.findByPrefix)))
	}
	if o.PublicKey != nil {
		mux.Handle("GET /api/tenant/{tenant}/key/{project...}", s.guard(http.HandlerFunc(s.key)))
	}
	if o.ConfigErrors != nil {
		mux.Handle("GET /api/tenant/{tenant}/config-errors", s.guard(http.HandlerFunc(s.configErrors)))
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }) //nolint:errcheck // the prober has gone
	return mux
}

// internal says whether a request comes from a role of this installation.
func (s *server) internal(r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && s.Key.Valid(token.Internal, Role, given)
}

func (s *server) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.internal(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "the manager does not know this token; all roles must have the same key", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// results takes what an attempt of a build has returned.
func (s *server) results(w http.ResponseWriter, r *http.Request, k logstore.Key) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, returned.MaxBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		http.Error(w, fmt.Sprintf("a job may return %d bytes", returned.MaxBytes), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		return // the writer has gone
	}
	all, err := returned.Parse(raw)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.taken(w, s.Keep(r.Context(), k, all, r.URL.Query().Get("final") == "true"))
}

func (s *server) builds(w http.ResponseWriter, r *http.Request) {
	f, err := filter(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	found, err := s.History.Builds(r.Context(), f)
	if err != nil {
		s.fail(w, err)
		return
	}
	if found == nil {
		found = []history.Build{}
	}
	writeJSON(w, Builds{Builds: found})
}

func (s *server) build(w http.ResponseWriter, r *http.Request) {
	info, err := s.find(r.Context(), r.PathValue("namespace"), r.PathValue("build"))
	switch {
	case errors.Is(err, ErrNotFound):
		http.Error(w, ErrNotFound.Error(), http.StatusNotFound)
	case err != nil:
		s.fail(w, err)
	default:
		writeJSON(w, info)
	}
}

// find looks into the history first: what has ended does not change. What has
// not ended is as its custom resource says.
func (s *server) find(ctx context.Context, namespace, build string) (BuildInfo, error) {
	past, err := s.History.Builds(ctx, history.Filter{Tenant: namespace, Name: build})
	if err != nil {
		return BuildInfo{}, err
	}
	last := -1
	for i := range past {
		if last < 0 || past[i].Attempt > past[last].Attempt {
			last = i
		}
	}
	if last >= 0 && past[last].Result != "" && past[last].Result != "RETRY" {
		return BuildInfo{Build: past[last], Phase: "Done"}, nil
	}
	if s.Live != nil {
		info, err := s.Live(ctx, namespace, build)
		if err == nil || !errors.Is(err, ErrNotFound) {
			return info, err
		}
	}
	if last >= 0 {
		return BuildInfo{Build: past[last]}, nil
	}
	return BuildInfo{}, ErrNotFound
}

func (s *server) fail(w http.ResponseWriter, err error) {
	s.Log.Error(err, "Cannot read builds")
	http.Error(w, "builds cannot be read now; try again", http.StatusServiceUnavailable)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}
