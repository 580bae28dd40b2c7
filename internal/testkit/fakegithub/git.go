package fakegithub

import (
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Zero is the commit that is none.
const Zero = "0000000000000000000000000000000000000000"

// git runs git in the repository, as somebody.
func (r *Repo) git(who string, env []string, args ...string) (string, error) {
	cmd := exec.Command("git", args...) //nolint:noctx // short commands of tests, which have a deadline of their own
	cmd.Dir = r.dir
	cmd.Env = append(r.s.gitEnv(who), env...)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, problem.String())
	}
	return strings.TrimRight(string(out), "\n"), nil
}

func (s *Server) gitEnv(who string) []string {
	date := s.now().Format(time.RFC3339)
	email := who + "@users.noreply.github.invalid"
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		// Nothing goes on in the background, and fetches may ask for what GitHub lets them ask for.
		"GIT_CONFIG_COUNT=3", "GIT_CONFIG_KEY_0=gc.auto", "GIT_CONFIG_VALUE_0=0", "GIT_CONFIG_KEY_1=uploadpack.allowAnySHA1InWant",
		"GIT_CONFIG_VALUE_1=true", "GIT_CONFIG_KEY_2=uploadpack.allowFilter", "GIT_CONFIG_VALUE_2=true",
		"GIT_AUTHOR_NAME=" + who, "GIT_AUTHOR_EMAIL=" + email, "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=" + who, "GIT_COMMITTER_EMAIL=" + email, "GIT_COMMITTER_DATE=" + date,
	}
}

// gitHandler serves all repositories to who has a token that sees them.
func (s *Server) gitHandler() (http.Handler, error) {
	path, err := exec.Command("git", "--exec-path").Output() //nolint:noctx // says it and ends
	if err != nil {
		return nil, err
	}
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env: append(s.gitEnv("git"), "GIT_PROJECT_ROOT="+s.options.Dir, "GIT_HTTP_EXPORT_ALL=1")}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
		s.mu.Lock()
		allowed := s.gitAllowed(r, name)
		s.counts["git "+name]++
		s.mu.Unlock()
		if allowed != http.StatusOK {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
			w.WriteHeader(allowed)
			return
		}
		backend.ServeHTTP(w, r)
	}), nil
}

// gitAllowed checks the token, which is the password. Pushing is for people.
func (s *Server) gitAllowed(r *http.Request, name string) int {
	_, password, given := r.BasicAuth()
	repo := s.find(name)
	switch {
	case !given && repo != nil && !repo.private:
	case !given:
		return http.StatusUnauthorized
	default:
		who := s.tokens[password]
		if who == nil || who.expired(s.now()) {
			return http.StatusUnauthorized
		}
		if repo == nil || !who.sees(repo) || !who.may("contents", "read") {
			return http.StatusNotFound
		}
	}
	if r.FormValue("service") == "git-receive-pack" || strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
		return http.StatusForbidden
	}
	return http.StatusOK
}

// initialize makes the repository on disk.
func (r *Repo) initialize() error {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	_, err := r.git("git", nil, "init", "--quiet", "--bare", "--initial-branch="+r.defaultBranch)
	return err
}

// commit makes one with files that are added, replaced, or (empty) deleted.
func (r *Repo) commit(who, message string, files map[string]string, parents ...string) (string, error) {
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(r.dir, "index.tmp")}
	defer os.Remove(filepath.Join(r.dir, "index.tmp")) //nolint:errcheck // the next one begins with read-tree
	args := []string{"read-tree", "--empty"}
	if len(parents) > 0 {
		args = []string{"read-tree", parents[0]}
	}
	if _, err := r.git(who, index, args...); err != nil {
		return "", err
	}
	for name, content := range files {
		if err := r.stage(index, name, content); err != nil {
			return "", err
		}
	}
	tree, err := r.git(who, index, "write-tree")
	if err != nil {
		return "", err
	}
	return r.commitTree(who, message, tree, parents...)
}

func (r *Repo) stage(index []string, name, content string) error {
	if content == "" {
		_, err := r.git("git", index, "update-index", "--force-remove", name)
		return err
	}
	blob := filepath.Join(r.dir, "blob.tmp")
	if err := os.WriteFile(blob, []byte(content), 0o644); err != nil {
		return err
	}
	defer os.Remove(blob) //nolint:errcheck // the next one overwrites it
	sha, err := r.git("git", nil, "hash-object", "-w", "--no-filters", blob)
	if err == nil {
		_, err = r.git("git", index, "update-index", "--add", "--cacheinfo", "100644,"+sha+","+name)
	}
	return err
}

func (r *Repo) commitTree(who, message, tree string, parents ...string) (string, error) {
	args := []string{"commit-tree", tree, "-m", message}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	return r.git(who, nil, args...)
}

// mergeTree is what two commits make together; not ok when they conflict.
func (r *Repo) mergeTree(ours, theirs string) (tree string, ok bool) {
	out, err := r.git("git", nil, "merge-tree", "--write-tree", ours, theirs)
	if err != nil {
		return "", false
	}
	tree, _, _ = strings.Cut(out, "\n")
	return tree, true
}

// replay puts the commits of a head on top of a base, one by one.
func (r *Repo) replay(who, base, head string) (string, error) {
	list, err := r.git(who, nil, "rev-list", "--reverse", "--no-merges", base+".."+head)
	if err != nil {
		return "", err
	}
	tip := base
	for commit := range strings.FieldsSeq(list) {
		// A commit with the tip's tree and the parent of what is replayed makes
		// that parent the merge base.
		stand, err := r.commitTree(who, "stand-in", tip+"^{tree}", commit+"^")
		if err != nil {
			return "", err
		}
		tree, ok := r.mergeTree(stand, commit)
		if !ok {
			return "", errConflict
		}
		message, err := r.git(who, nil, "log", "-1", "--format=%B", commit)
		if err != nil {
			return "", err
		}
		if tip, err = r.commitTree(who, message, tree, tip); err != nil {
			return "", err
		}
	}
	return tip, nil
}

// setRef moves a ref; to Zero deletes it.
func (r *Repo) setRef(ref, sha string) error {
	if sha == Zero {
		_, err := r.git("git", nil, "update-ref", "-d", ref)
		return err
	}
	_, err := r.git("git", nil, "update-ref", ref, sha)
	return err
}

// contains says whether one commit is in the history of another.
func (r *Repo) contains(ancestor, commit string) bool {
	_, err := r.git("git", nil, "merge-base", "--is-ancestor", ancestor, commit)
	return err == nil
}
