package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/gozer-dev/gozer/hack/cluster/internal/supervise"
)

var errNotUp = errors.New("the cluster does not run: start it with \"up\"")

// status shows what runs.
func status(ctx context.Context, s *session) error {
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
	bad := 0
	for _, u := range all {
		if u.State != supervise.StateRunning {
			bad++
		}
		fmt.Printf("%-24s %-8s %8s  started %d time(s)  %s\n",
			u.Unit.Name, u.State, time.Since(u.Since).Round(time.Second), u.Started, u.Reason)
	}
	fmt.Printf("node %s, supervisor process %d, logs in %s\n", s.NodeIP, id.PID, s.Path("logs"))
	if bad > 0 {
		return fmt.Errorf("%d of %d programs do not run; \"up\" waits for them", bad, len(all))
	}
	return nil
}

// enter runs a command in all namespaces of the cluster.
func enter(ctx context.Context, s *session) error {
	id, err := s.supervisor()
	if err != nil {
		return err
	}
	if !id.Alive() {
		return errNotUp
	}
	args := s.args
	if len(args) == 0 {
		args = []string{"sh"}
	}
	nsenter := []string{"--target", strconv.Itoa(id.PID), "--net", "--mount", "--pid", "--ipc", "--"}
	return interactive(exec.CommandContext(ctx, "nsenter", append(nsenter, args...)...)) //nolint:gosec // the caller is root already
}

// ctr looks at images and containers.
func ctr(ctx context.Context, s *session) error {
	return interactive(s.ctrCommand(ctx, s.args...))
}

// interactive gives a command this program's own input and output.
func interactive(cmd *exec.Cmd) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
