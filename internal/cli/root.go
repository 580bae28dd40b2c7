package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a command that was typed wrongly.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Streams are where a command reads and writes.
type Streams struct {
	Out, Err io.Writer
}

// Main runs a command line and returns the exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	return run(ctx, &env{Streams: s}, args)
}

func run(ctx context.Context, e *env, args []string) int {
	root := newRoot(e, programName(args[0]))
	root.SetArgs(args[1:])
	err := root.ExecuteContext(ctx)
	var wrong usageError
	var ends exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ends):
		if ends.Error() != "" {
			fmt.Fprintf(e.Err, "error: %v\n", err) //nolint:errcheck // nobody is left to tell
		}
		return ends.code
	case errors.As(err, &wrong):
		fmt.Fprintf(e.Err, "error: %v\nRun the command with --help for how it is used.\n", err) //nolint:errcheck // nobody is left to tell
		return 2
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 0 // Ctrl-C is how one leaves
	}
	fmt.Fprintf(e.Err, "error: %v\n", err) //nolint:errcheck // nobody is left to tell
	return 1
}

// programName is how the program was called: kubectl runs "kubectl-gozer" for "kubectl gozer".
func programName(arg0 string) string {
	name := strings.TrimSuffix(filepath.Base(arg0), ".exe")
	if plugin, ok := strings.CutPrefix(name, "kubectl-"); ok {
		return "kubectl " + strings.ReplaceAll(plugin, "_", "-")
	}
	return name
}

func newRoot(e *env, name string) *cobra.Command {
	use, _, _ := strings.Cut(name, " ")
	root := &cobra.Command{
		Use:   use,
		Short: "See and steer what Gozer does with proposed changes",
		Long: `See and steer what Gozer does with proposed changes.

A tenant is a namespace: choose it with -n, or by the context of your kubeconfig.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		// Without a command, or with an unknown one.
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	if use != name {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: name}
	}
	root.SetOut(e.Out)
	root.SetErr(e.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	e.flags(root.PersistentFlags())
	root.AddCommand(e.configCommand(name), e.tenantCommand(name), e.simulateCommand(name), e.mergeCommand(name))
	root.AddCommand(e.statusCommand(name), e.explainCommand(name), e.logsCommand(name), e.artifactsCommand(name),
		e.enqueueCommand(name), e.dequeueCommand(name), e.promoteCommand(name), e.buildsCommand(name), e.nodesCommand(name), e.encryptCommand(name))
	root.AddCommand(e.autoholdCommand(name), e.autoholdListCommand(name), e.autoholdInfoCommand(name), e.autoholdDeleteCommand(name), e.sshCommand(name))
	return root
}

// exactly so many arguments, or an error that says which.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usage("give %s", strings.Join(names, " and "))
		}
		return nil
	}
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%q is too much: this command takes flags only", args[0])
	}
	return nil
}
