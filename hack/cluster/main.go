// Command cluster runs a one-node Kubernetes and a Gitea on this machine, from
// binaries that this project builds, in network, mount and process namespaces of
// their own. Nothing else of the machine is changed, and "down" leaves nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/gozer-dev/gozer/hack/cluster/internal/layout"
	"github.com/gozer-dev/gozer/hack/cluster/internal/steps"
	"github.com/gozer-dev/gozer/hack/cluster/internal/supervise"
)

const usage = `usage: cluster COMMAND [FLAG...] [ARGUMENT...]

commands:
  up          start the cluster; does nothing when it runs already
  down        end the cluster and Gitea; keeps imported images (--purge: does not)
  status      show what runs; exit code 1 when something does not
  gitea-up    start Gitea and make its administrator
  gitea-down  end Gitea and delete its data
  enter       run a command (default: a shell) where the cluster runs
  ctr         run containerd's ctr on the cluster's images and containers

flags:
`

// command is one subcommand.
type command func(context.Context, *session) error

var commands = map[string]command{
	"up":         up,
	"down":       down,
	"status":     status,
	"gitea-up":   giteaUp,
	"gitea-down": giteaDown,
	"enter":      enter,
	"ctr":        ctr,
}

// session is one call of this program.
type session struct {
	layout.Layout
	log   *steps.Log
	args  []string // what follows the flags
	purge bool

	wasRunning bool // up: an earlier call had started the cluster
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode())
	default:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == supervise.Command {
		return supervise.Main(args[1])
	}
	s := &session{log: steps.New(os.Stdout)}
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	var o layout.Options
	flags.StringVar(&o.Name, "name", "gozer-demo", "name of the cluster, its node and its network device")
	flags.IntVar(&o.Index, "index", 0, "0 to 7; clusters that run at the same time need different ones")
	flags.StringVar(&o.Network, "network", "10.213.0.0/16", "private network that this machine does not use otherwise")
	flags.StringVar(&o.Dir, "dir", ".build/cluster", "directory for all files of the cluster")
	flags.StringVar(&o.Bin, "bin", ".build/bin", "directory of the binaries kube, coredns and gitea")
	flags.BoolVar(&s.purge, "purge", false, "down: delete everything, imported images too")
	flags.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flags.PrintDefaults()
	}
	if len(args) == 0 || commands[args[0]] == nil {
		flags.Usage()
		return flag.ErrHelp
	}
	if err := flags.Parse(args[1:]); err != nil {
		return flag.ErrHelp
	}
	var err error
	if s.Layout, err = layout.New(o); err != nil {
		return err
	}
	s.args = flags.Args()
	return commands[args[0]](ctx, s)
}
