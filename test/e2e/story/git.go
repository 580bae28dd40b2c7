package story

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// worktree is a clone of one repository in a directory of its own, as a user.
type worktree struct {
	dir  string
	repo string
	as   Gitea
}

// clone brings the repository's main branch into a new directory; an empty
// repository has none yet.
func clone(ctx context.Context, as Gitea, repo string) (*worktree, error) {
	dir, err := os.MkdirTemp("", "gozer-story-")
	if err != nil {
		return nil, err
	}
	w := &worktree{dir: dir, repo: repo, as: as}
	if _, err := w.git(ctx, "init", "--quiet", "--initial-branch=main"); err != nil {
		return nil, w.fail(err)
	}
	remote, err := as.cloneURL(repo)
	if err != nil {
		return nil, w.fail(err)
	}
	if _, err := w.git(ctx, "remote", "add", "origin", remote); err != nil {
		return nil, w.fail(err)
	}
	heads, err := w.git(ctx, "ls-remote", "--heads", "origin", "main")
	if err != nil {
		return nil, w.fail(err)
	}
	if heads == "" {
		return w, nil
	}
	if _, err := w.git(ctx, "fetch", "--quiet", "origin", "main"); err != nil {
		return nil, w.fail(err)
	}
	_, err = w.git(ctx, "checkout", "--quiet", "-B", "main", "origin/main")
	return w, w.fail(err)
}

// fail removes the directory when there is an error.
func (w *worktree) fail(err error) error {
	if err != nil {
		w.remove()
	}
	return err
}

func (w *worktree) remove() { _ = os.RemoveAll(w.dir) }

// cloneURL has the user's token as the password.
func (g Gitea) cloneURL(repo string) (string, error) {
	u, err := url.Parse(g.URL + "/" + repo + ".git")
	if err != nil {
		return "", err
	}
	u.User = url.UserPassword(g.User, g.Token)
	return u.String(), nil
}

const gitTimeout = time.Minute

// git runs one command. Nothing of the caller's own configuration is read.
func (w *worktree) git(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = w.dir
	name := w.as.User
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=" + name, "GIT_AUTHOR_EMAIL=" + name + "@acme.invalid",
		"GIT_COMMITTER_NAME=" + name, "GIT_COMMITTER_EMAIL=" + name + "@acme.invalid",
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s in %s: %w: %s", args[0], w.repo, err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// write replaces files and says whether that changed anything. Scripts are executable.
func (w *worktree) write(ctx context.Context, content map[string]string) (changed bool, err error) {
	for _, name := range slices.Sorted(maps.Keys(content)) {
		path := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return false, err
		}
		mode := os.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(content[name]), mode); err != nil {
			return false, err
		}
		if _, err := w.git(ctx, "add", "--", name); err != nil {
			return false, err
		}
	}
	out, err := w.git(ctx, "status", "--porcelain")
	return out != "", err
}

// commit makes a branch of main with one commit that writes the files.
func (w *worktree) commit(ctx context.Context, branch, message string, content map[string]string) error {
	if branch != "main" {
		if _, err := w.git(ctx, "checkout", "--quiet", "-B", branch, "main"); err != nil {
			return err
		}
	}
	if _, err := w.write(ctx, content); err != nil {
		return err
	}
	_, err := w.git(ctx, "commit", "--quiet", "-m", message)
	return err
}

// push sends branches to a repository of the user.
func (w *worktree) push(ctx context.Context, repo string, branches ...string) error {
	remote, err := w.as.cloneURL(repo)
	if err != nil {
		return err
	}
	_, err = w.git(ctx, append([]string{"push", "--quiet", "--force", remote}, branches...)...)
	return err
}
