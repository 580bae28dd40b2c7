package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/gozer-dev/gozer/internal/cli"
	"github.com/gozer-dev/gozer/test/e2e/story"
)

// Sequences for terminals: a screen of its own, so that what was said before
// is there again afterwards.
const (
	enterScreen = "\x1b[?1049h\x1b[H\x1b[2J"
	leaveScreen = "\x1b[?1049l"
)

// watch shows the pipeline live while something is done: it is
// `gozerctl status --watch`. Where there is no terminal it writes each change.
func watch(ctx context.Context, st *story.Stage, pipeline string, do func() error) error {
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	if terminal {
		fmt.Print(enterScreen)
	}
	go func() {
		defer close(ended)
		args := []string{"gozerctl", "status", "--watch", "--pipeline", pipeline, "--namespace", story.Tenant, "--kubeconfig", st.Kubeconfig}
		if code := cli.Main(ctx, args, cli.Streams{Out: os.Stdout, Err: os.Stderr}); code != 0 {
			fmt.Fprintf(os.Stderr, "the live view ended with exit code %d; the story goes on\n", code)
		}
	}()
	err := do()
	stop()
	<-ended
	if terminal {
		fmt.Print(leaveScreen)
	}
	return err
}

// show runs one command of gozerctl.
func show(ctx context.Context, st *story.Stage, args ...string) {
	args = append(append([]string{"gozerctl"}, args...), "--namespace", story.Tenant, "--kubeconfig", st.Kubeconfig)
	cli.Main(ctx, args, cli.Streams{Out: os.Stdout, Err: os.Stderr})
}
