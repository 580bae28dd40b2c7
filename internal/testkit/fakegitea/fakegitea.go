package fakegitea

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Token is the only one that is accepted.
const Token = "s3cr3t"

// Account of the token.
const Account = "gozer-bot"

// Pull is a pull request.
type Pull struct {
	Title, Body, Author, Head, Base string
	Closed, Draft, Merged           bool
	MergeCommit                     string
	Labels                          []string
	Reviews                         []Review
	Comments                        []string
	// Refuse is answered to a merge instead of merging.
	Refuse *Refusal
	// MergedAs is the style and message of the merge.
	MergedAs, MergeMessage string
}

// Review of a pull request, as the API has it.
type Review struct {
	User      User      `json:"user"`
	State     string    `json:"state"`
	Commit    string    `json:"commit_id"`
	Official  bool      `json:"official"`
	Dismissed bool      `json:"dismissed"`
	Stale     bool      `json:"stale"`
	Submitted time.Time `json:"submitted_at"`
}

// User of Gitea.
type User struct {
	Login string `json:"login"`
}

// Refusal of a merge.
type Refusal struct {
	Code int
	// Message is worded; Raw is a body as it is, for conflicts.
	Message, Raw string
}

// Status of a commit.
type Status struct {
	Context     string `json:"context"`
	State       string `json:"state"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url"`
}

// Server is a Gitea.
type Server struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	pulls    map[string]*Pull
	added    []string
	statuses map[string][]Status
	requests []string
	// PageSize bounds pages whatever is asked for, as MAX_RESPONSE_ITEMS does.
	PageSize int
	// Mute leaves X-Total-Count out.
	Mute bool
}

// New starts a Gitea that ends with the test.
func New(t *testing.T) *Server {
	t.Helper()
	s := &Server{t: t, pulls: map[string]*Pull{}, statuses: map[string][]Status{}, PageSize: 50}
	mux := http.NewServeMux()
	const pull = "/api/v1/repos/{owner}/{repo}/pulls/{number}"
	mux.HandleFunc("GET /api/v1/user", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, User{Account}) })
	mux.HandleFunc("GET /api/v1/version", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, map[string]string{"version": "1.26.0"}) })
	mux.HandleFunc("GET /api/v1/repos/issues/search", s.searchIssues)
	mux.HandleFunc("GET "+pull, s.onPull(s.getPull))
	mux.HandleFunc("GET "+pull+"/reviews", s.onPull(s.getReviews))
	mux.HandleFunc("POST "+pull+"/merge", s.onPull(s.merge))
	mux.HandleFunc("GET /api/v1/repos/{owner}/{repo}/issues/{number}/comments", s.onPull(s.getComments))
	mux.HandleFunc("POST /api/v1/repos/{owner}/{repo}/issues/{number}/comments", s.onPull(s.addComment))
	mux.HandleFunc("POST /api/v1/repos/{owner}/{repo}/statuses/{sha}", s.addStatus)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("Gitea was asked for %s %s, which it does not have, or is not meant to be asked for", r.Method, r.URL)
		problem(w, 404, "not found")
	})
	s.Server = httptest.NewServer(s.guard(mux))
	t.Cleanup(s.Close)
	return s
}

// AddPull adds or replaces a pull request.
func (s *Server) AddPull(project string, number int64, p Pull) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pulls[key(project, number)] == nil {
		s.added = append(s.added, key(project, number))
	}
	s.pulls[key(project, number)] = &p
}

// Pull is a copy of a pull request.
func (s *Server) Pull(project string, number int64) Pull {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := *s.pulls[key(project, number)]
	p.Comments = slices.Clone(p.Comments)
	return p
}

// Statuses of a commit, in the order in which they came.
func (s *Server) Statuses(project, sha string) []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.statuses[project+"@"+sha])
}

// Requests that were made, "METHOD path?query", and forgets them.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.requests
	s.requests = nil
	return out
}

func key(project string, number int64) string { return fmt.Sprintf("%s#%d", project, number) }

// guard records, checks the token, and lets one request in at a time.
func (s *Server) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
		if r.Header.Get("Authorization") != "token "+Token {
			problem(w, http.StatusUnauthorized, "user does not exist [uid: 0, name: ]")
			return
		}
		if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/json" {
			s.t.Errorf("%s has the content type %q", r.URL, r.Header.Get("Content-Type"))
		}
		h.ServeHTTP(w, r)
	})
}

func (s *Server) onPull(f func(http.ResponseWriter, *http.Request, int64, *Pull)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
		p := s.pulls[key(r.PathValue("owner")+"/"+r.PathValue("repo"), n)]
		if err != nil || p == nil {
			problem(w, http.StatusNotFound, "The target couldn't be found.")
			return
		}
		f(w, r, n, p)
	}
}

func (s *Server) getPull(w http.ResponseWriter, r *http.Request, n int64, p *Pull) {
	state := "open"
	if p.Closed || p.Merged {
		state = "closed"
	}
	labels := []map[string]any{}
	for i, l := range p.Labels {
		labels = append(labels, map[string]any{"id": i, "name": l, "color": "ededed"})
	}
	var commit any
	if p.Merged {
		commit = p.MergeCommit
	}
	answer(w, http.StatusOK, map[string]any{
		"id": n + 1000, "number": n, "title": p.Title, "body": p.Body, "state": state, "draft": p.Draft, "merged": p.Merged, "merge_commit_sha": commit,
		"html_url": fmt.Sprintf("%s/%s/%s/pulls/%d", s.URL, r.PathValue("owner"), r.PathValue("repo"), n), "user": User{p.Author}, "labels": labels,
		"head": map[string]any{"ref": "topic", "sha": p.Head}, "base": map[string]any{"ref": p.Base, "sha": "b"}, "mergeable": true,
	})
}

func (s *Server) getReviews(w http.ResponseWriter, r *http.Request, _ int64, p *Pull) {
	answer(w, http.StatusOK, page(s, w, r, p.Reviews))
}

func (s *Server) getComments(w http.ResponseWriter, _ *http.Request, _ int64, p *Pull) {
	out := []map[string]any{}
	for i, c := range p.Comments {
		out = append(out, map[string]any{"id": i, "body": c, "user": User{Account}})
	}
	answer(w, http.StatusOK, out)
}

func (s *Server) addComment(w http.ResponseWriter, r *http.Request, _ int64, p *Pull) {
	var in struct {
		Body string `json:"body"`
	}
	if s.read(w, r, &in) {
		p.Comments = append(p.Comments, in.Body)
		answer(w, http.StatusCreated, map[string]any{"id": len(p.Comments)})
	}
}

func (s *Server) addStatus(w http.ResponseWriter, r *http.Request) {
	var in Status
	if !s.read(w, r, &in) {
		return
	}
	if !slices.Contains([]string{"pending", "success", "error", "failure", "warning", "skipped"}, in.State) {
		problem(w, http.StatusUnprocessableEntity, "invalid state "+in.State)
		return
	}
	id := r.PathValue("owner") + "/" + r.PathValue("repo") + "@" + r.PathValue("sha")
	s.statuses[id] = append(s.statuses[id], in)
	answer(w, http.StatusCreated, in)
}

// merge reads names to the letter, as Gitea 1.26 does; those of its predecessors are let pass.
func (s *Server) merge(w http.ResponseWriter, r *http.Request, _ int64, p *Pull) {
	in := map[string]any{}
	if !s.read(w, r, &in) {
		return
	}
	for name := range in {
		if !slices.Contains([]string{"do", "head_commit_id", "merge_message_field", "merge_title_field", "Do", "MergeMessageField"}, name) {
			s.t.Errorf("a merge has no field %q", name)
		}
	}
	do, _ := in["do"].(string)
	head, _ := in["head_commit_id"].(string)
	message, _ := in["merge_message_field"].(string)
	switch {
	case !slices.Contains([]string{"merge", "rebase", "rebase-merge", "squash", "fast-forward-only"}, do):
		problem(w, http.StatusUnprocessableEntity, "[Do]: Required")
	case p.Closed:
		problem(w, http.StatusNotFound, "The target couldn't be found.")
	case p.Merged:
		problem(w, http.StatusMethodNotAllowed, "The PR is already merged")
	case p.Draft || strings.HasPrefix(p.Title, "WIP:"):
		problem(w, http.StatusMethodNotAllowed, "Work in progress PRs cannot be merged")
	case p.Refuse != nil && p.Refuse.Raw != "":
		w.WriteHeader(p.Refuse.Code)
		_, _ = io.WriteString(w, p.Refuse.Raw)
	case p.Refuse != nil:
		problem(w, p.Refuse.Code, p.Refuse.Message)
	case head != "" && head != p.Head: // none is any
		problem(w, http.StatusConflict, "head out of date")
	default:
		p.Merged, p.MergeCommit, p.MergedAs, p.MergeMessage = true, "merged-"+p.Head, do, message
		w.WriteHeader(http.StatusOK)
	}
}

// read reads a body that may have no unknown fields.
func (s *Server) read(w http.ResponseWriter, r *http.Request, out any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return false
	}
	return true
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func problem(w http.ResponseWriter, code int, message string) {
	answer(w, code, map[string]string{"message": message, "url": "https://gitea.example.com/api/swagger"})
}
