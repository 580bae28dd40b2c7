// Package gitrepotest makes throw-away git repositories with worktrees, and
// serves them over smart HTTP the way a code host does.
package gitrepotest

import (
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Repo is a repository with a worktree, on branch main.
type Repo struct {
	t testing.TB
	// Dir is the worktree; as a remote it can be used like it is.
	Dir string
}

// New makes an empty repository.
func New(t testing.TB) *Repo {
	t.Helper()
	r := &Repo{t: t, Dir: t.TempDir()}
	r.Git("init", "--quiet", "--initial-branch=main")
	r.Git("config", "uploadpack.allowAnySHA1InWant", "false")
	return r
}

// Env is an environment without any configuration of the host.
func Env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_AUTHOR_DATE=1700000000 +0100",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org", "GIT_COMMITTER_DATE=1700000000 +0100",
	}
}

// Try runs git in a directory.
func Try(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...) //nolint:noctx // for tests, which have a deadline of their own
	cmd.Dir, cmd.Env = dir, Env()
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// Git runs git in the worktree; it must succeed.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	out, err := Try(r.Dir, args...)
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Write writes files into the worktree; empty content deletes.
func (r *Repo) Write(files map[string]string) {
	r.t.Helper()
	for name, content := range files {
		path := filepath.Join(r.Dir, name)
		if content == "" {
			if err := os.Remove(path); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

// Commit writes files and commits them on what is checked out.
func (r *Repo) Commit(message string, files map[string]string) string {
	r.t.Helper()
	r.Write(files)
	r.Git("add", "-A")
	r.Git("commit", "--quiet", "--allow-empty", "-m", message)
	return r.Git("rev-parse", "HEAD")
}

// Change commits files on top of a start, puts the commit at a ref, and goes
// back to where it was.
func (r *Repo) Change(ref, start, message string, files map[string]string) string {
	r.t.Helper()
	was := r.Git("rev-parse", "--abbrev-ref", "HEAD")
	r.Git("checkout", "--quiet", "--detach", start)
	head := r.Commit(message, files)
	r.Git("update-ref", ref, head)
	r.Git("checkout", "--quiet", was)
	return head
}

// Tree gives the tree of a commit.
func (r *Repo) Tree(commit string) string {
	r.t.Helper()
	return r.Git("rev-parse", commit+"^{tree}")
}

// Host serves a directory of repositories like a code host.
type Host struct {
	URL string
	// User and Password are asked for when not empty.
	User, Password string
	// Down makes every request fail; Requests counts them.
	Down     atomic.Bool
	Requests atomic.Int64

	root string
	// between stands between clients and the host; see Between.
	between atomic.Pointer[func(http.Handler) http.Handler]
}

// Between puts a handler between clients and the host, in place of the one before.
func (h *Host) Between(f func(host http.Handler) http.Handler) { h.between.Store(&f) }

// NewHost starts a code host without repositories.
func NewHost(t testing.TB, user, password string) *Host {
	t.Helper()
	execPath, err := Try("/", "--exec-path")
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{User: user, Password: password, root: t.TempDir()}
	backend := &cgi.Handler{
		Path:   filepath.Join(execPath, "git-http-backend"),
		Stderr: io.Discard,
		Env:    append(Env(), "GIT_PROJECT_ROOT="+h.root, "GIT_HTTP_EXPORT_ALL=1"),
	}
	host := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Requests.Add(1)
		user, password, _ := r.BasicAuth()
		switch {
		case h.Down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case user != h.User || password != h.Password:
			w.Header().Set("WWW-Authenticate", `Basic realm="host"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			backend.ServeHTTP(w, r)
		}
	})
	h.Between(func(next http.Handler) http.Handler { return next })
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*h.between.Load())(host).ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	h.URL = srv.URL
	return h
}

// Add serves a repository under a name and gives its URL.
func (h *Host) Add(t testing.TB, name string, r *Repo) string {
	t.Helper()
	path := filepath.Join(h.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(r.Dir, ".git"), path); err != nil {
		t.Fatal(err)
	}
	return h.URL + "/" + name
}
