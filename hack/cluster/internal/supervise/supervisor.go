package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"sort"
	"sync"
	"syscall"
	"time"
)

const (
	probeEvery   = 50 * time.Millisecond
	restartAfter = time.Second
	stopPatience = 5 * time.Second
)

// baseEnv is the environment of every unit, before its own.
var baseEnv = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}

// Supervisor keeps units running. Create it with NewSupervisor.
type Supervisor struct {
	ctx context.Context

	mu    sync.Mutex // also held from fork until the child is known, so that reap never meets a stranger
	units map[string]*task
}

// task is a unit and what became of it.
type task struct {
	status Status
	cancel context.CancelFunc
	ended  chan struct{} // closed when the task has been stopped and its process is gone
	exit   chan syscall.WaitStatus
}

// NewSupervisor returns a supervisor whose units live as long as ctx.
func NewSupervisor(ctx context.Context) *Supervisor {
	return &Supervisor{ctx: ctx, units: map[string]*task{}}
}

// Apply starts a unit. One that runs as described is left alone; one whose
// description changed is stopped first.
func (s *Supervisor) Apply(u Unit) {
	s.mu.Lock()
	old := s.units[u.Name]
	if old != nil && reflect.DeepEqual(old.status.Unit, u) {
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if old != nil {
		s.Stop(u.Name)
	}

	ctx, cancel := context.WithCancel(s.ctx)
	t := &task{
		status: Status{Unit: u, State: StateWaiting, Since: time.Now()},
		cancel: cancel, ended: make(chan struct{}), exit: make(chan syscall.WaitStatus, 1),
	}
	s.mu.Lock()
	s.units[u.Name] = t
	s.mu.Unlock()
	go s.run(ctx, t)
}

// Stop ends a unit, by SIGTERM and then by SIGKILL, and forgets it.
func (s *Supervisor) Stop(name string) {
	s.mu.Lock()
	t := s.units[name]
	s.mu.Unlock()
	if t == nil {
		return
	}
	t.cancel()
	<-t.ended
	s.mu.Lock()
	delete(s.units, name)
	s.mu.Unlock()
}

// Statuses returns the state of every unit, by name.
func (s *Supervisor) Statuses() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Status, 0, len(s.units))
	for _, t := range s.units {
		all = append(all, t.status)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Unit.Name < all[j].Unit.Name })
	return all
}

// run keeps one unit running until ctx ends.
func (s *Supervisor) run(ctx context.Context, t *task) {
	defer close(t.ended)
	for ctx.Err() == nil {
		if !s.awaitNeeds(ctx, t) {
			return
		}
		if pid, err := s.fork(t); err != nil {
			s.set(t, StateEnded, err.Error(), 0)
		} else {
			s.awaitExit(ctx, t, pid)
		}
		select {
		case <-ctx.Done():
		case <-time.After(restartAfter):
		}
	}
}

// awaitNeeds returns true when everything that the unit needs has answered.
func (s *Supervisor) awaitNeeds(ctx context.Context, t *task) bool {
	for _, need := range t.status.Unit.Needs {
		for {
			err := Probe(ctx, need)
			if err == nil {
				break
			}
			s.set(t, StateWaiting, "for "+need+": "+err.Error(), 0)
			select {
			case <-ctx.Done():
				return false
			case <-time.After(probeEvery):
			}
		}
	}
	return ctx.Err() == nil
}

// awaitExit returns when the unit's process has ended, and ends it when ctx does.
func (s *Supervisor) awaitExit(ctx context.Context, t *task, pid int) {
	select {
	case exit := <-t.exit:
		s.set(t, StateEnded, describe(exit), 0)
		return
	case <-ctx.Done():
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	select {
	case <-t.exit:
	case <-time.After(stopPatience):
		_ = syscall.Kill(pid, syscall.SIGKILL)
		<-t.exit
	}
}

// fork starts the unit's process and returns its id.
func (s *Supervisor) fork(t *task) (int, error) {
	u := t.status.Unit
	log, err := os.OpenFile(u.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close() //nolint:errcheck // was only read

	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := syscall.ForkExec(u.Path, u.Args, &syscall.ProcAttr{
		Dir: u.Dir, Env: append(append([]string{}, baseEnv...), u.Env...),
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", u.Path, err)
	}
	t.status.State, t.status.Reason, t.status.PID, t.status.Since = StateRunning, "", pid, time.Now()
	t.status.Started++
	return pid, nil
}

// set notes a change of a unit's state.
func (s *Supervisor) set(t *task, state, reason string, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.status.State != state {
		t.status.Since = time.Now()
	}
	t.status.State, t.status.Reason, t.status.PID = state, reason, pid
}

// Reap waits for all children until ctx ends: units, and whatever their
// children left behind, for process 1 inherits those.
func (s *Supervisor) Reap(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	tick := time.NewTicker(time.Second) // signals may coalesce before Notify is in place
	defer tick.Stop()
	for {
		s.reapAll()
		select {
		case <-ctx.Done():
			return
		case <-signals:
		case <-tick.C:
		}
	}
}

func (s *Supervisor) reapAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var exit syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &exit, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		for _, t := range s.units {
			if t.status.State == StateRunning && t.status.PID == pid {
				t.exit <- exit
			}
		}
	}
}

// describe words how a process ended.
func describe(exit syscall.WaitStatus) string {
	if exit.Signaled() {
		return "ended by signal " + exit.Signal().String()
	}
	return fmt.Sprintf("ended with exit code %d", exit.ExitStatus())
}
