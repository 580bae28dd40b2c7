package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/hack/cluster/internal/gitea"
	"github.com/gozer-dev/gozer/hack/cluster/internal/procid"
)

// down ends the cluster and Gitea and removes all that belongs to them. What
// was imported into containerd stays for the next cluster, as do the logs.
func down(ctx context.Context, s *session) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	id, err := s.supervisor()
	if err != nil {
		return err
	}
	if id.Alive() {
		s.removeContainers(ctx)
	}
	if err := s.clean(ctx); err != nil {
		return err
	}
	if err := gitea.Remove(s.Layout); err != nil {
		return err
	}
	s.log.Done("down")
	if s.purge {
		return os.RemoveAll(s.Dir)
	}
	return nil
}

// removeContainers lets containerd forget the containers, so that the next
// cluster does not find them. When that fails the next kubelet does it, slowly.
func (s *session) removeContainers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := s.client().Stop(ctx, "kubelet"); err != nil {
		return
	}
	out, err := s.ctrCommand(ctx, "containers", "list", "--quiet").Output()
	ids := strings.Fields(string(out))
	if err != nil || len(ids) == 0 {
		return
	}
	for _, verb := range [][]string{{"tasks", "rm", "--force"}, {"containers", "rm"}} {
		_ = s.ctrCommand(ctx, append(verb, ids...)...).Run()
	}
	s.log.Done("%d containers removed", len(ids))
}

// awaitEnd returns when the process, and with it all of its namespace, has ended.
func awaitEnd(ctx context.Context, id procid.ID) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for id.Alive() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d does not end: look at /proc/%d/stack for what it waits", id.PID, id.PID)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// ctrCommand is containerd's client in the namespace of Kubernetes.
func (s *session) ctrCommand(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ctr", append([]string{"--address", s.HostContainerdSocket(), "--namespace", "k8s.io"}, args...)...) //nolint:gosec // the caller is root already
}
