package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gozer-dev/gozer/hack/cluster/internal/cgroup"
	"github.com/gozer-dev/gozer/hack/cluster/internal/kube"
	"github.com/gozer-dev/gozer/hack/cluster/internal/steps"
	"github.com/gozer-dev/gozer/hack/cluster/internal/supervise"
)

// up starts the cluster. One that runs is left alone, one that runs only in
// part is completed, and one that cannot be completed is ended and started anew.
func up(ctx context.Context, s *session) error {
	if err := s.requireCluster(); err != nil {
		return err
	}
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if api, err := kube.NewAPI(s.Layout); err == nil && s.allRun(ctx) == nil && api.NodeReady(ctx) == nil {
		s.log.Done("the cluster runs already: %s", s.Kubeconfig())
		return nil
	}
	err = s.start(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if !s.wasRunning {
		return err
	}
	s.log.Done("it cannot be completed, so it is started anew: %v", err)
	if err := s.clean(ctx); err != nil {
		return err
	}
	return s.start(ctx)
}

// requireCluster checks what the cluster needs from the machine.
func (s *session) requireCluster() error {
	if err := requirePrograms("containerd", "ctr", "runc", "ip", "iptables", "conntrack", "nsenter", "mount"); err != nil {
		return err
	}
	if _, err := cniBin(); err != nil {
		return err
	}
	return s.requireBinaries("kube", "coredns")
}

// allRun says which program of the cluster does not run; nil when all do.
func (s *session) allRun(ctx context.Context) error {
	id, err := s.supervisor()
	if err != nil {
		return err
	}
	if !id.Alive() {
		return errNotUp
	}
	all, err := s.client().Statuses(ctx)
	if err != nil {
		return err
	}
	states := map[string]supervise.Status{}
	for _, status := range all {
		states[status.Unit.Name] = status
	}
	for _, unit := range kube.Units(s.Layout, "") {
		if status := states[unit.Name]; status.State != supervise.StateRunning {
			return fmt.Errorf("%s does not run; its log is %s (%s)", unit.Name, s.LogFile(unit.Name), status.Reason)
		}
	}
	return nil
}

// start starts what does not run and waits until Pods can be created.
func (s *session) start(ctx context.Context) error {
	if err := s.ensureSupervisor(ctx); err != nil {
		return err
	}
	if err := s.configure(); err != nil {
		return err
	}
	containerd, err := exec.LookPath("containerd")
	if err != nil {
		return err
	}
	units := kube.Complete(s.Layout, kube.Units(s.Layout, containerd))
	if err := s.client().Apply(ctx, units...); err != nil {
		return err
	}
	return s.awaitCluster(ctx)
}

// configure writes what the programs read, unless they run already.
func (s *session) configure() error {
	if _, err := os.Stat(s.Kubeconfig()); !errors.Is(err, fs.ErrNotExist) {
		s.wasRunning = true
		return err
	}
	if err := cgroup.Create(s.Name); err != nil {
		return err
	}
	if err := kube.WriteCerts(s.Layout); err != nil {
		return err
	}
	plugins, err := cniBin()
	if err != nil {
		return err
	}
	for path, data := range kube.Files(s.Layout, kube.Machine{CNIBin: plugins, Snapshotter: snapshotter(s.Dir)}) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	s.log.Done("certificates and configuration")
	return nil
}

// awaitCluster waits in the order in which things become ready.
func (s *session) awaitCluster(ctx context.Context) error {
	api, err := kube.NewAPI(s.Layout)
	if err != nil {
		return err
	}
	waits := []steps.Wait{
		{For: "containerd", Within: 30 * time.Second, LogFile: s.LogFile("containerd"), Probe: func(ctx context.Context) error {
			return supervise.Probe(ctx, "unix:"+s.HostContainerdSocket())
		}},
		{For: "kube-apiserver", Within: time.Minute, LogFile: s.LogFile("kube-apiserver"), Probe: api.Ready},
		{For: "default service account", Within: time.Minute, LogFile: s.LogFile("kube-controller-manager"), Probe: api.AcceptsPods},
		{For: "node " + s.Name, Within: time.Minute, LogFile: s.LogFile("kubelet"), Probe: api.NodeReady},
		{For: "cluster DNS", Within: 30 * time.Second, LogFile: s.LogFile("coredns"), Probe: func(ctx context.Context) error {
			return supervise.Probe(ctx, fmt.Sprintf("http://%s:8181/ready", s.NodeIP))
		}},
		{For: "cluster", Within: 30 * time.Second, Probe: s.allRun},
	}
	for _, wait := range waits {
		if err := s.log.Await(ctx, wait); err != nil {
			return fmt.Errorf("%w\nother logs are in %s; \"down\" and then \"up\" starts afresh", err, s.Path("logs"))
		}
	}
	s.log.Done("export KUBECONFIG=%s", s.Kubeconfig())
	return nil
}

// cniBin finds the directory of the CNI plugins: Debian's, or the usual one.
func cniBin() (string, error) {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin"} {
		if _, err := os.Stat(filepath.Join(dir, "ptp")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no CNI plugins in /usr/lib/cni or /opt/cni/bin; \"make apt\" installs them on Debian")
}

// snapshotter chooses how layers are stacked: overlayfs cannot be stacked on itself.
func snapshotter(dir string) string {
	const overlayMagic = 0x794c7630
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err == nil && int64(fs.Type) == overlayMagic {
		return "native"
	}
	return "overlayfs"
}
