// Command gozer has a subcommand for every role, and `return` for scripts of jobs: manager, web, merger
// and finger are long-running, and all is the first three in one process; executor and node run inside
// the Pods of builds.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/nodeagent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := command().ExecuteContext(ctx)
	var exit *nodeagent.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.Code) //nolint:gocritic // nothing is left to stop
	case err != nil:
		fmt.Fprintln(os.Stderr, "gozer:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "gozer",
		Short:         "Gozer tests every proposed change exactly as it will be merged, and merges only what passed.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(managerCommand(), webCommand(), mergerCommand(), fingerCommand(), allCommand(), executorCommand(), nodeCommand(), returnCommand())
	return root
}

// logger writes one JSON object a line to stderr.
func logger() *slog.Logger {
	l := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctrl.SetLogger(logr.FromSlogHandler(l.Handler()))
	return l
}

// scheme has every kind that a role reads or writes.
func scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	return s, errors.Join(clientgoscheme.AddToScheme(s), gozer.AddToScheme(s))
}
