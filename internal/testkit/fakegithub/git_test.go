package fakegithub

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func git(t *testing.T, s *Server, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = dir, append(s.gitEnv("ann"), "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestGitIsServedToWhoMayReadIt(t *testing.T) {
	s, r, p, c := start(t)
	dir := t.TempDir()
	url := func(secret string) string {
		return strings.Replace(s.URL, "://", "://x-access-token:"+secret+"@", 1) + "/acme/api.git"
	}
	if out, err := git(t, s, dir, "clone", "--quiet", url(c.token), "api"); err != nil {
		t.Fatal(out)
	}
	clone := filepath.Join(dir, "api")
	if out, err := git(t, s, clone, "fetch", "--quiet", "origin", p.Ref()); err != nil {
		t.Fatal(out)
	}
	if got, _ := git(t, s, clone, "rev-parse", "FETCH_HEAD"); got != p.Head() {
		t.Errorf("fetched %s, not %s", got, p.Head())
	}
	if out, err := git(t, s, clone, "push", "--quiet", "origin", "main:other"); err == nil {
		t.Errorf("a push through the server: %s", out)
	}
	if out, err := git(t, s, dir, "ls-remote", s.URL+"/acme/api.git"); err != nil {
		t.Errorf("what is public: %s", out)
	}
	r.SetPrivate()
	for _, remote := range []string{s.URL + "/acme/api.git", url("wrong"), url(s.Token("eve"))} {
		if out, err := git(t, s, dir, "ls-remote", remote); err == nil {
			t.Errorf("somebody read: %s", out)
		}
	}
	if out, err := git(t, s, dir, "ls-remote", url(c.token)); err != nil {
		t.Error(out)
	}
}
