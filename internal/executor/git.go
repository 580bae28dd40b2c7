package executor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gozer-dev/gozer/internal/model"
)

const (
	gitUser = "gozer"
	// fetchesAtOnce bounds what one build asks of the merger at a time.
	fetchesAtOnce = 4
)

// git fetches repositories; what is in them is from strangers.
type git struct {
	// place is the directory of a checkout, home one for git's own use.
	place   func(checkout) string
	home    string
	baseURL string
	token   string
	// authority is a file with the certificate that the server is checked with;
	// "" leaves that to the system's.
	authority string
	timeout   time.Duration
	backoff   Backoff
	logf      func(format string, args ...any)
}

// fetchAll makes every checkout, or says in words for people which could not be made.
func (g *git) fetchAll(ctx context.Context, all []checkout) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, fetchesAtOnce)
	for _, c := range all {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := g.fetch(ctx, c); err != nil {
				cancel(err) // the first one is the reason
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

var (
	errMoved = errors.New("is not at the commit of the tested state")
	// errLost: nobody publishes it again before the manager starts another attempt.
	errLost = errors.New("is not published any more, for the merger that had it was replaced; it is published again before the next attempt")
)

func (g *git) fetch(ctx context.Context, c checkout) error {
	dir := g.place(c)
	source, err := repoURL(g.baseURL, c.project.Canonical())
	if err != nil {
		return err
	}
	g.logf("Fetching %s %s at %s", c.project.Canonical(), c.name(), model.ShortCommit(c.commit))
	for n := 0; ; n++ {
		err := g.once(ctx, c, dir, source)
		if err == nil || errors.Is(err, errMoved) || errors.Is(err, errLost) || ctx.Err() != nil {
			return err
		}
		err = fmt.Errorf("cannot fetch %s %s: %w", c.project.Canonical(), c.name(), err)
		if g.backoff.Attempts > 0 && n+1 >= g.backoff.Attempts {
			return err
		}
		pause := g.backoff.pause(n)
		g.logf("%v; trying again in %s", err, pause)
		if !wait(ctx, pause) {
			return ctx.Err()
		}
	}
}

// once makes one checkout:
//  1. an empty repository without hooks and without a remote
//  2. the branch from the prepared state; in the workspace, all branches and tags
//  3. it must be the commit that the manager recorded
//  4. the files, on the branch or at the tag
func (g *git) once(ctx context.Context, c checkout, dir, source string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if _, err := g.git(ctx, dir, false, "init", "-q", "--template=", "--initial-branch="+cmp.Or(c.branch, "none")); err != nil {
		return err
	}
	refs := []string{"+refs/heads/" + c.branch + ":refs/heads/" + c.branch}
	if c.whole {
		refs = []string{"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}
	}
	_, err := g.git(ctx, dir, true, append([]string{"fetch", "-q", "--force", "--no-tags", "--update-head-ok", "--no-recurse-submodules",
		"--no-write-fetch-head", "--end-of-options", source}, refs...)...)
	if notFound(err) {
		return fmt.Errorf("%s %s %w", c.project.Canonical(), c.name(), errLost)
	}
	if err != nil {
		return err
	}
	ref := "refs/heads/" + c.branch
	if c.tag != "" {
		ref = "refs/tags/" + c.tag
	}
	at, err := g.git(ctx, dir, false, "rev-parse", "--verify", "-q", ref+"^{commit}")
	if err != nil {
		return fmt.Errorf("%s is not in the prepared state: %w", ref, err)
	}
	if got := strings.TrimSpace(at); got != c.commit {
		return fmt.Errorf("%s %s %w: it is at %s, not %s", c.project.Canonical(), c.name(), errMoved,
			model.ShortCommit(got), model.ShortCommit(c.commit))
	}
	how := []string{"checkout", "-q", "--force", "-B", c.branch, c.commit, "--"}
	if c.tag != "" {
		how = []string{"checkout", "-q", "--force", "--detach", c.commit, "--"}
	}
	_, err = g.git(ctx, dir, false, how...)
	return err
}

// notFound says that the merger answered 404.
func notFound(err error) bool {
	return err != nil && strings.Contains(err.Error(), "fatal: repository '") && strings.HasSuffix(err.Error(), "' not found")
}

func (g *git) git(ctx context.Context, dir string, withToken bool, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = g.env(withToken)
	// git has helpers of its own; they end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &limited{to: &errs, left: 16 << 10}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, lastLine(errs.String()))
	}
	return out.String(), nil
}

// env is all that git gets. The token is in the environment rather than in a
// file or an argument, and only for the URL it is for.
func (g *git) env(withToken bool) []string {
	config := [][2]string{
		{"core.hooksPath", "/dev/null"},
		{"core.fsmonitor", "false"},
		{"gc.auto", "0"},
		{"maintenance.auto", "false"},
		{"safe.directory", "*"},
		{"submodule.recurse", "false"},
		{"advice.detachedHead", "false"},
		{"http.followRedirects", "false"},
		{"http.version", "HTTP/1.1"}, // one request after the other
		{"http.lowSpeedLimit", "1000"},
		{"http.lowSpeedTime", "60"},
		{"protocol.allow", "never"},
		{"protocol.http.allow", "always"},
		{"protocol.https.allow", "always"},
	}
	if g.authority != "" {
		config = append(config, [2]string{"http.sslCAInfo", g.authority})
	}
	if withToken {
		basic := base64.StdEncoding.EncodeToString([]byte(gitUser + ":" + g.token))
		config = append(config, [2]string{"http." + g.baseURL + ".extraHeader", "Authorization: Basic " + basic})
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + g.home, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "GIT_PROTOCOL_FROM_USER=0",
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)),
	}
	for i, kv := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv[1]))
	}
	return env
}

// limited keeps the first bytes of a text of unknown length.
type limited struct {
	to   *bytes.Buffer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), l.left)
	l.to.Write(b[:n])
	l.left -= n
	return len(b), nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return safeText(lines[len(lines)-1])
}
