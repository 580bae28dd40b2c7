// Command gozerctl shows and steers what Gozer does with proposed changes. As
// kubectl-gozer in the PATH it is `kubectl gozer`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/gozer-dev/gozer/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args, cli.Streams{Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
