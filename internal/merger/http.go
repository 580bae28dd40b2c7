package merger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/repostate"
	"github.com/gozer-dev/gozer/internal/token"
)

// maxBody bounds requests and answers.
const maxBody = 32 << 20

type projectRequest struct {
	Project model.Project `json:"project"`
	Branch  string        `json:"branch,omitempty"`
	Object  string        `json:"object,omitempty"`
}

type scopeRequest struct {
	Scope string `json:"scope"`
}

// Handler serves a Service to the manager (/v1/) and prepared states to the
// Pods of their buildset (/git/). What others published is had from peers; there
// are none when peers is nil.
func Handler(s *Service, key token.Key, peers *Peers, log *slog.Logger) http.Handler {
	const manager, anyMerger = identity.Manager, identity.Merger
	mux := http.NewServeMux()
	mux.Handle("POST /v1/prepare", call(manager, log, s.Prepare))
	mux.Handle("POST /v1/release", call(manager, log, func(ctx context.Context, r scopeRequest) (struct{}, error) {
		return struct{}{}, s.Release(ctx, r.Scope)
	}))
	mux.Handle("POST /v1/branches", call(manager, log, func(ctx context.Context, r projectRequest) (BranchList, error) {
		return s.Branches(ctx, r.Project)
	}))
	mux.Handle("POST /v1/refs", call(manager, log, func(ctx context.Context, r projectRequest) (repostate.State, error) {
		return s.Refs(ctx, r.Project)
	}))
	mux.Handle("POST /v1/containing", call(manager, log, func(ctx context.Context, r projectRequest) ([]string, error) {
		return s.Containing(ctx, r.Project, r.Object)
	}))
	mux.Handle("POST /v1/tip", call(manager, log, func(ctx context.Context, r projectRequest) (Commit, error) {
		return s.Tip(ctx, r.Project, r.Branch)
	}))
	mux.Handle("POST /v1/files", call(manager, log, s.Files))
	mux.Handle("POST /v1/serves", call(anyMerger, log, s.serves))
	mux.HandleFunc("/git/{tenant}/{buildset}/{path...}", func(w http.ResponseWriter, r *http.Request) { s.serveGit(w, r, key, peers) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}

// call makes a handler of one method, for processes of one role: JSON in, JSON
// or error out.
func call[In, Out any](role string, log *slog.Logger, method func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := identity.Role(r); got != role {
			writeJSON(w, http.StatusForbidden, &Error{Kind: Denied, Message: fmt.Sprintf("this is for a %s's certificate of this installation, and was asked with %q", role, got)})
			return
		}
		var in In
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
			writeJSON(w, http.StatusBadRequest, &Error{Kind: BadRequest, Message: "the request is not the JSON that is expected: " + err.Error()})
			return
		}
		out, err := method(r.Context(), in)
		if err != nil {
			e := asError(err)
			log.InfoContext(r.Context(), "request failed", "path", r.URL.Path, "kind", string(e.Kind), "error", e.Message)
			writeJSON(w, e.Kind.status(), e)
			return
		}
		writeJSON(w, http.StatusOK, out)
	})
}

func asError(err error) *Error {
	var e *Error
	if errors.As(classify(err), &e) {
		return &Error{Kind: e.Kind, Message: err.Error()}
	}
	return &Error{Kind: Transient, Message: err.Error()}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

// gitPaths are what follows the name of a repository in git's HTTP protocols;
// all but the first two are refused by name further on.
var gitPaths = []string{"/info/refs", "/git-upload-pack", "/git-receive-pack", "/HEAD"}

// serveGit serves /git/<tenant>/<buildset>/<host>/<project>/<service>.
func (s *Service) serveGit(w http.ResponseWriter, r *http.Request, key token.Key, peers *Peers) {
	scope, err := gitrepo.ParseScope(r.PathValue("tenant") + "/" + r.PathValue("buildset"))
	_, password, _ := r.BasicAuth()
	if err != nil || !key.Valid(token.Git, scope.String(), password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="gozer"`)
		http.Error(w, "a git token of this buildset is needed as password", http.StatusUnauthorized)
		return
	}
	repo, service := splitGitPath(r.PathValue("path"))
	host, name, ok := strings.Cut(repo, "/")
	if service == "" || !ok {
		http.Error(w, "only git fetch and git clone over smart HTTP are served here", http.StatusForbidden)
		return
	}
	m, err := s.store.Served(scope, host, name)
	switch {
	case err == nil:
		m.ServeUploadPack(w, r, scope, service)
	case peers == nil || r.Header.Get(forwardedHeader) != "":
		notPublished(w, repo)
	default:
		peers.forward(w, r, servesRequest{Scope: scope.String(), Host: host, Name: name})
	}
}

func splitGitPath(path string) (repo, service string) {
	for _, p := range gitPaths {
		if repo, ok := strings.CutSuffix(path, p); ok {
			return repo, p[1:]
		}
	}
	return path, ""
}
