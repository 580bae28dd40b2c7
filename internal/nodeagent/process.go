package nodeagent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
)

// process is the program of one session, leader of its own process group.
type process struct {
	cmd *exec.Cmd
	// exited is closed when the leader has been waited for.
	exited chan struct{}
	// doomed is set when the client asked for the end of the program: then its
	// group ends with the leader.
	doomed atomic.Bool

	// tty is the terminal's master, or nil; then the three pipes are used.
	tty            *os.File
	stdin          *os.File
	stdout, stderr *os.File
}

type exitState struct {
	code   int
	signal syscall.Signal
	dumped bool
}

// startProcess runs command by the user's shell, or the shell itself. The
// shell is not a login shell: /etc/profile would take the image's PATH away.
func startProcess(who identity, command string, env []string, size *pty.Winsize) (*process, error) {
	args := []string{"-c", command}
	if command == "" {
		args = nil
	}
	cmd := exec.Command(who.shell, args...) //nolint:noctx // the session ends its whole process group itself
	cmd.Env = env
	cmd.Dir = who.home
	if _, err := os.Stat(who.home); err != nil {
		cmd.Dir = "/"
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	if size != nil {
		return p, p.startOnTTY(size)
	}
	return p, p.startOnPipes()
}

func (p *process) startOnTTY(size *pty.Winsize) error {
	tty, slave, err := openTTY(size)
	if err != nil {
		return err
	}
	defer slave.Close()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		tty.Close()
		return fmt.Errorf("start %s: %w", p.cmd.Path, err)
	}
	p.tty = tty
	return nil
}

// startOnPipes makes its own pipes: os/exec would lose output that a slow
// client has not read yet, or wait for background processes for ever.
func (p *process) startOnPipes() error {
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var pipes [6]*os.File
	for i := 0; i < len(pipes); i += 2 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(pipes[:])
			return err
		}
		pipes[i], pipes[i+1] = r, w
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = pipes[0], pipes[3], pipes[5]
	p.stdin, p.stdout, p.stderr = pipes[1], pipes[2], pipes[4]
	err := p.cmd.Start()
	closeAll([]*os.File{pipes[0], pipes[3], pipes[5]})
	if err != nil {
		closeAll([]*os.File{pipes[1], pipes[2], pipes[4]})
		return fmt.Errorf("start %s: %w", p.cmd.Path, err)
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// run carries the streams until the leader has exited and its output is out.
func (p *process) run(ch ssh.Channel, linger time.Duration) exitState {
	var out sync.WaitGroup
	if p.tty != nil {
		go func() { _, _ = io.Copy(p.tty, ch) }()
		out.Go(func() { p.carry(ch, p.tty) })
	} else {
		go func() {
			_, _ = io.Copy(p.stdin, ch)
			p.stdin.Close() // the client's EOF is the program's
		}()
		out.Go(func() { p.carry(ch, p.stdout) })
		out.Go(func() { p.carry(ch.Stderr(), p.stderr) })
	}
	err := p.cmd.Wait()
	close(p.exited)
	if p.doomed.Load() {
		p.kill(syscall.SIGKILL)
	}
	for _, f := range []*os.File{p.tty, p.stdout, p.stderr} {
		if f != nil {
			_ = f.SetReadDeadline(time.Now().Add(linger))
		}
	}
	out.Wait()
	return stateOf(p.cmd.ProcessState, err)
}

func stateOf(ps *os.ProcessState, err error) exitState {
	if ps == nil {
		return exitState{code: 127}
	}
	st, ok := ps.Sys().(syscall.WaitStatus)
	switch {
	case ok && st.Signaled():
		return exitState{signal: st.Signal(), dumped: st.CoreDump()}
	case ok:
		return exitState{code: st.ExitStatus()}
	case err != nil:
		return exitState{code: 1}
	}
	return exitState{}
}

const (
	// leftover is more than a pipe can hold of what a leader wrote before it exited.
	leftover = 1 << 20
	// idle is how long a pipe must have nothing to count as empty.
	idle = 50 * time.Millisecond
)

// carry copies the program's output to the client. It ends with the output,
// or, once the leader has exited and the deadline set then has passed, when
// nothing is left of what the leader wrote. What background processes write
// after that goes nowhere, but does not kill them.
func (p *process) carry(w io.Writer, r *os.File) {
	buf := make([]byte, 32<<10)
	budget, late := leftover, false
	for budget > 0 {
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				w = io.Discard // the client is gone; the program is not to block
			}
		}
		if late {
			budget -= max(n, leftover/64) // something that drips must not hold the session
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && late && n == 0:
			budget = 0
		case errors.Is(err, os.ErrDeadlineExceeded):
			late = true
		case err != nil:
			if r != p.tty {
				r.Close()
			} else {
				p.closeTTY()
			}
			return
		}
		if late {
			_ = r.SetReadDeadline(time.Now().Add(idle))
		}
	}
	_ = r.SetReadDeadline(time.Time{})
	go func() {
		_, _ = io.Copy(io.Discard, r)
		r.Close()
	}()
}

// closeTTY waits for the leader: closing hangs the terminal up.
func (p *process) closeTTY() {
	<-p.exited
	p.tty.Close()
}

// kill sends a signal to the process group. The group's id cannot be another's
// as long as the leader has not been waited for or the group has members.
func (p *process) kill(sig syscall.Signal) bool {
	return syscall.Kill(-p.cmd.Process.Pid, sig) == nil
}

// end ends the process group: politely, then not.
func (p *process) end(grace time.Duration) {
	p.kill(syscall.SIGHUP)
	p.kill(syscall.SIGTERM)
	p.kill(syscall.SIGCONT)
	select {
	case <-p.exited:
	case <-time.After(grace):
	}
	p.kill(syscall.SIGKILL)
}
