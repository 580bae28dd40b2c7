package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// initGrace is how long the server may take to end its sessions; Kubernetes
// gives it as long before it kills the container.
const initGrace = 10 * time.Second

// ExitError is how the server under the init ended; the init's own exit code
// should be Code.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("node agent ended with code %d", e.Code) }

func runInit(ctx context.Context, grace time.Duration) error {
	code, err := superviseAndReap(ctx, "/proc/self/exe", os.Args, grace)
	if err != nil {
		return err
	}
	if code != 0 {
		return &ExitError{Code: code}
	}
	return nil
}

// superviseAndReap runs a program and reaps every child that this process has
// or inherits until the program ends; then it returns the program's exit code.
// Nothing else in this process may start children: it would find them reaped.
// ForkExec rather than os.StartProcess: the latter may wait by itself.
func superviseAndReap(ctx context.Context, path string, argv []string, grace time.Duration) (int, error) {
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return 0, fmt.Errorf("node agent: start %s: %w", path, err)
	}
	ended := make(chan struct{})
	defer close(ended)
	go stopOnDone(ctx, pid, grace, ended)
	for {
		var st syscall.WaitStatus
		got, err := syscall.Wait4(-1, &st, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("node agent: wait for children: %w", err)
		case got == pid && st.Signaled():
			return 128 + int(st.Signal()), nil
		case got == pid && st.Exited():
			return st.ExitStatus(), nil
		}
	}
}

func stopOnDone(ctx context.Context, pid int, grace time.Duration, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(grace):
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
