package nodeagent

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func initCommand(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-c", script)
	cmd.Env = append(os.Environ(), "NODEAGENT_TEST_INIT=1")
	return cmd
}

func TestInitPassesTheExitCode(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		want   int
	}{
		"code":                {"exit 7", 7},
		"success":             {"exit 0", 0},
		"signal":              {"kill -KILL $$", 137},
		"with orphans around": {"(sh -c 'exit 3' &) ; (sh -c 'exit 4' &); sleep 0.1; exit 7", 7},
	} {
		t.Run(name, func(t *testing.T) {
			err := initCommand(t, tc.script).Run()
			code := 0
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			}
			if code != tc.want {
				t.Errorf("code %d, want %d (%v)", code, tc.want, err)
			}
		})
	}
}

// An orphan is made that ends; the init must reap it while its own child lives on.
func TestInitReapsOrphans(t *testing.T) {
	cmd := initCommand(t, `sh -c 'sh -c "exit 3" & echo $!'; read ended`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 32)
	n, err := out.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	proc := "/proc/" + strings.TrimSpace(string(buf[:n]))
	waitFor(t, func() bool {
		_, err := os.Stat(proc) // a zombie has its entry still
		return errors.Is(err, os.ErrNotExist)
	})
	in.Close()
	_ = cmd.Wait()
}

// In a pid namespace of its own it is PID 1, as in a container.
func TestInitAsPid1(t *testing.T) {
	cmd := initCommand(t, `echo $PPID; sh -c 'sleep 0.1 &'; sleep 0.3; exit 9`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 9 || strings.TrimSpace(string(out)) != "1" {
		t.Errorf("parent %q, %v; want PID 1 and code 9", out, err)
	}
}
