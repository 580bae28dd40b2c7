package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	maxStderrBytes = 4 << 10
	maxStdoutBytes = 64 << 20
	// grace is what git gets to remove its lock files before it is killed.
	grace = 2 * time.Second
)

type configPair struct{ key, value string }

// baseConfig holds for every command. There is no other configuration than
// this and what `git init` wrote into the mirror.
var baseConfig = []configPair{
	{"core.hooksPath", os.DevNull},
	{"core.attributesFile", os.DevNull},
	{"core.excludesFile", os.DevNull},
	{"credential.helper", ""},
	{"gc.auto", "0"},
	{"maintenance.auto", "false"},
	{"protocol.allow", "never"},
	{"protocol.http.allow", "always"},
	{"protocol.https.allow", "always"},
	// Each thread has memory of its own.
	{"pack.threads", "2"},
	// A pack is there whole or not at all; loose objects of a killed fetch are not.
	{"fetch.unpackLimit", "1"},
	{"fetch.fsckObjects", "true"},
	// Old mistakes that real histories have and that hurt nobody.
	{"fetch.fsck.zeroPaddedFilemode", "ignore"},
	{"fetch.fsck.badTimezone", "ignore"},
	{"fetch.fsck.missingSpaceBeforeDate", "ignore"},
	{"fetch.fsck.zeroPaddedDate", "ignore"},
	{"fetch.fsck.missingNameBeforeEmail", "ignore"},
	{"fetch.fsck.missingEmail", "ignore"},
	{"fetch.fsck.badEmail", "ignore"},
	{"fetch.fsck.multipleAuthors", "ignore"},
	// Mistakes that nobody makes by accident.
	{"fetch.fsck.hasDot", "error"},
	{"fetch.fsck.hasDotdot", "error"},
	{"fetch.fsck.hasDotgit", "error"},
	{"fetch.fsck.fullPathname", "error"},
}

// command is one run of git.
type command struct {
	args   []string
	config []configPair
	env    []string
	stdin  io.Reader
	// stdout, when set, takes the output instead of the result.
	stdout io.Writer
	// okExit are exit codes beside 0 that are answers and not failures.
	okExit  []int
	timeout time.Duration
	redact  func(string) string
	// fileBytes bounds each file that git writes; 0 does not.
	fileBytes int64
}

var errDeadline = errors.New("did not end")

// run runs git in a mirror's directory and gives its output and exit code.
func (s *Store) run(ctx context.Context, dir string, c command) ([]byte, int, error) {
	timeout := c.timeout
	if timeout == 0 {
		timeout = s.opts.Timeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w within %s", errDeadline, timeout))
	defer cancel()
	out := &bounded{most: maxStdoutBytes}
	stderr := &tail{most: maxStderrBytes}
	cmd := exec.CommandContext(ctx, s.opts.GitBinary, c.args...)
	cmd.Dir, cmd.Env = dir, s.environment(dir, c)
	limited := make(chan struct{})
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.stdin, out, stderr
	if c.stdin != nil {
		cmd.Stdin = &heldBack{Reader: c.stdin, until: limited}
	}
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	err := runGroup(cmd, func() error {
		defer close(limited)
		return limit(cmd.Process.Pid, s.opts.MaxGitMemory, c.fileBytes)
	})
	code := cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && err != nil:
		err = context.Cause(ctx)
	case out.over:
		err = errTooMuchOutput
	case errors.As(err, &exit) && exit.Exited():
		err = nil
	}
	if err == nil && (code == 0 || contains(c.okExit, code)) {
		return out.buf, code, nil
	}
	said := strings.ToValidUTF8(string(stderr.buf), "?")
	if c.redact != nil {
		said = c.redact(said)
	}
	return nil, code, &CommandError{Op: c.args[0], ExitCode: code, Stderr: said, Err: err}
}

func contains(codes []int, code int) bool {
	for _, c := range codes {
		if c == code {
			return true
		}
	}
	return false
}

// heldBack is read when its time has come: git must not get to work before it
// is limited, or what it starts is not.
type heldBack struct {
	io.Reader
	until <-chan struct{}
}

func (h *heldBack) Read(p []byte) (int, error) {
	<-h.until
	return h.Reader.Read(p)
}

// runGroup runs a command in its own process group. When its context ends, the
// group is asked to stop, so that git removes its lock files, then killed.
func runGroup(cmd *exec.Cmd, started func() error) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 2 * grace
	var kill *time.Timer
	cmd.Cancel = func() error {
		group := -cmd.Process.Pid
		kill = time.AfterFunc(grace, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
		return syscall.Kill(group, syscall.SIGTERM)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := started(); err != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return errors.Join(fmt.Errorf("limits of git: %w", err), cmd.Wait())
	}
	err := cmd.Wait()
	if kill != nil {
		kill.Stop()
	}
	if kill != nil || err != nil && !cmd.ProcessState.Exited() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
	}
	return err
}

// environment is made from nothing, so no GIT_* of the host gets in.
func (s *Store) environment(dir string, c command) []string {
	env := []string{
		"HOME=/nonexistent",
		"XDG_CONFIG_HOME=/nonexistent",
		"LC_ALL=C",
		"PATH=" + os.Getenv("PATH"),
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=/bin/false",
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_NO_REPLACE_OBJECTS=1",
	}
	for _, name := range []string{"https_proxy", "HTTPS_PROXY", "http_proxy", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	env = append(env, "GIT_DIR="+dir)
	env = append(env, c.env...)
	return append(env, configEnv(append(s.config(dir), c.config...))...)
}

func (s *Store) config(dir string) []configPair {
	c := append([]configPair{{"safe.directory", dir}}, baseConfig...)
	if s.opts.AllowFile {
		c = append(c, configPair{"protocol.file.allow", "always"})
	}
	if s.opts.CAFile != "" {
		c = append(c, configPair{"http.sslCAInfo", s.opts.CAFile})
	}
	return c
}

// configEnv hands configuration to git without a file and without arguments.
func configEnv(pairs []configPair) []string {
	env := make([]string, 0, 2*len(pairs)+1)
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(pairs)))
	for i, p := range pairs {
		env = append(env,
			fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, p.key),
			fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, p.value))
	}
	return env
}

// splitOutput splits output in which every entry ends with sep.
func splitOutput(out []byte, sep byte) []string {
	out = bytes.TrimSuffix(out, []byte{sep})
	if len(out) == 0 {
		return nil
	}
	return strings.Split(string(out), string(sep))
}
