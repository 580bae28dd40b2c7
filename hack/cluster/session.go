package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gozer-dev/gozer/hack/cluster/internal/cgroup"
	"github.com/gozer-dev/gozer/hack/cluster/internal/network"
	"github.com/gozer-dev/gozer/hack/cluster/internal/procid"
	"github.com/gozer-dev/gozer/hack/cluster/internal/supervise"
)

// cniState is where CNI plugins keep who has which address; it cannot be configured.
const cniState = "/var/lib/cni"

// client talks to the cluster's supervisor.
func (s *session) client() *supervise.Client { return supervise.NewClient(s.ControlSocket()) }

// supervisor returns the process that holds the cluster: the zero ID when there
// is none. It may have ended. One whose pid file was deleted is found all the same.
func (s *session) supervisor() (procid.ID, error) {
	id, err := procid.Read(s.PIDFile())
	if err != nil || id != (procid.ID{}) {
		return id, err
	}
	return supervise.Find(s.Dir), nil
}

// lock keeps two calls from changing one cluster at the same time.
func (s *session) lock() (unlock func(), err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("this makes namespaces, mounts and network devices: run it as root")
	}
	if err := os.MkdirAll(s.Path("logs"), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(s.Path("lock"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// requirePrograms says which packages to install when a program is missing.
func requirePrograms(programs ...string) error {
	var missing []string
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing programs: %s; \"make apt\" installs what is needed on Debian", strings.Join(missing, ", "))
	}
	return nil
}

// requireBinaries says how to build what is missing in --bin.
func (s *session) requireBinaries(names ...string) error {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(s.Bin, name)); err != nil {
			return fmt.Errorf("%w: build it first (make does: see \"make help\"), or say where it is with --bin", err)
		}
	}
	return nil
}

// ensureSupervisor starts the supervisor and its network, when it does not run.
func (s *session) ensureSupervisor(ctx context.Context) error {
	id, err := s.supervisor()
	if err != nil {
		return err
	}
	if id.Alive() && network.Exists(s.Name) && supervise.Probe(ctx, "unix:"+s.ControlSocket()) == nil {
		return nil
	}
	if err := s.clean(ctx); err != nil {
		return fmt.Errorf("clean up after an earlier run: %w", err)
	}
	params, err := s.sandbox()
	if err != nil {
		return err
	}
	if id, err = supervise.Start(ctx, params, s.PIDFile(), s.LogFile("supervisor")); err != nil {
		return err
	}
	if err := network.Join(ctx, s.Layout, id.PID); err != nil {
		return errors.Join(err, s.clean(ctx))
	}
	s.log.Done("namespaces and network (node %s)", s.NodeIP)
	return nil
}

// sandbox prepares what the cluster will see in place of the machine's own.
func (s *session) sandbox() (supervise.Params, error) {
	binds := map[string]string{
		"/run":     s.Path("run"),
		"/var/log": s.Path("var-log"),
		cniState:   s.Path("cni"),
	}
	for _, dir := range binds {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return supervise.Params{}, err
		}
	}
	if err := os.MkdirAll(cniState, 0o755); err != nil {
		return supervise.Params{}, err
	}
	return supervise.Params{
		Sandbox: supervise.Sandbox{Dir: s.Dir, Binds: binds},
		Socket:  s.ControlSocket(),
		Hold:    cniState,
	}, nil
}

// removeCNIState removes the mount point, if it is empty and no cluster holds
// it: removing it under one would unmount what is there.
func removeCNIState() {
	f, err := os.Open(cniState)
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // only locked
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		_ = os.Remove(cniState)
	}
}

// clean ends all processes and removes all that lives as long as they: devices,
// control groups, and files of this one run. Images, logs and Gitea's data stay.
func (s *session) clean(ctx context.Context) error {
	id, err := s.supervisor()
	if err != nil {
		return err
	}
	var errs []error
	if id != (procid.ID{}) { // else a device or a group of this name belongs to another directory's cluster
		if err := id.Signal(syscall.SIGKILL); err != nil {
			return err
		}
		if err := awaitEnd(ctx, id); err != nil {
			return err
		}
		errs = append(errs, network.AwaitGone(ctx, s.Name), cgroup.Remove(s.Name))
	}
	removeCNIState()
	for _, name := range []string{
		"supervisor.sock", "run", "cni", "var-log", "sysctl", "etc", "pki", "etcd", "kubelet", "kubeconfig", "supervisor.pid",
	} {
		errs = append(errs, os.RemoveAll(s.Path(name)))
	}
	return errors.Join(errs...)
}
