package supervise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gozer-dev/gozer/hack/cluster/internal/procid"
)

// Command is the hidden subcommand that the supervisor's process runs.
const Command = "supervise"

// Params tell the supervisor's process what to do.
type Params struct {
	Sandbox Sandbox `json:"sandbox"`
	Socket  string  `json:"socket"`
	Hold    string  `json:"hold"` // directory on which the supervisor keeps a shared lock
}

// Start starts a supervisor in new namespaces and returns when it answers.
func Start(ctx context.Context, p Params, pidFile, logFile string) (procid.ID, error) {
	self, err := os.Executable()
	if err != nil {
		return procid.ID{}, err
	}
	params, err := json.Marshal(p)
	if err != nil {
		return procid.ID{}, err
	}
	log, err := os.Create(logFile)
	if err != nil {
		return procid.ID{}, err
	}
	defer log.Close() //nolint:errcheck // the child has its own

	hold, err := os.Open(p.Hold)
	if err != nil {
		return procid.ID{}, err
	}
	defer hold.Close() //nolint:errcheck // the child has its own
	if err := syscall.Flock(int(hold.Fd()), syscall.LOCK_SH); err != nil {
		return procid.ID{}, err
	}

	// Not CommandContext: the supervisor outlives this command.
	cmd := exec.Command(self, Command, string(params)) //nolint:gosec // this program itself
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Env = log, log, "/", baseEnv
	cmd.ExtraFiles = []*os.File{hold} // descriptor 3: its lock lasts as long as the supervisor
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
	}
	if err := cmd.Start(); err != nil {
		return procid.ID{}, fmt.Errorf("start the supervisor in namespaces of its own: %w (it needs root and CAP_SYS_ADMIN)", err)
	}
	id, err := procid.Of(cmd.Process.Pid)
	if err != nil {
		return procid.ID{}, err
	}
	if err := id.Write(pidFile); err != nil {
		return procid.ID{}, errors.Join(err, id.Signal(syscall.SIGKILL))
	}
	go func() { _ = cmd.Wait() }() // no zombie while this command still runs
	return id, awaitAnswer(ctx, id, p.Socket, logFile)
}

// Find looks through all processes for the supervisor of the cluster in a
// directory, and returns the zero ID when there is none.
func Find(dir string) procid.ID {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // fails only for a bad pattern
	for _, file := range files {
		cmdline, err := os.ReadFile(file)
		if err != nil || !supervises(cmdline, dir) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if id, err := procid.Of(pid); err == nil {
			return id
		}
	}
	return procid.ID{}
}

// supervises says whether a command line, its arguments ended by zero bytes, is
// that of the supervisor of the cluster in dir.
func supervises(cmdline []byte, dir string) bool {
	args := strings.Split(string(cmdline), "\x00")
	if len(args) < 3 || args[1] != Command {
		return false
	}
	var p Params
	return json.Unmarshal([]byte(args[2]), &p) == nil && p.Sandbox.Dir == dir
}

// awaitAnswer returns when the supervisor answers, or an error when it ended or takes too long.
func awaitAnswer(ctx context.Context, id procid.ID, socket, logFile string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := Probe(ctx, "unix:"+socket)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !id.Alive() {
			return fmt.Errorf("the supervisor does not answer (%w); see %s", err, logFile)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Main is the supervisor's process. It returns only when it fails.
func Main(params string) error {
	var p Params
	if err := json.Unmarshal([]byte(params), &p); err != nil {
		return fmt.Errorf("this command is not for people (%w): call \"up\"", err)
	}
	if err := p.Sandbox.Enter(); err != nil {
		return err
	}
	syscall.CloseOnExec(3) // the lock is the supervisor's, not its units'
	ctx := context.Background()
	s := NewSupervisor(ctx)
	go s.Reap(ctx)
	return s.Serve(p.Socket)
}
