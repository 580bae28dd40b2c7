package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gozer-dev/gozer/internal/executor"
	"github.com/gozer-dev/gozer/internal/nodeagent"
)

func executorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "executor", Short: "Run one build; inside an executor Pod", Args: cobra.NoArgs, Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error { return executor.Run(c.Context(), executor.Options{}) },
	}
}

func nodeCommand() *cobra.Command {
	var socket string
	var outlast time.Duration
	node := &cobra.Command{
		Use: "node", Short: "Serve SSH; inside a node Pod", Args: cobra.NoArgs, Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error {
			return nodeagent.Run(c.Context(), nodeagent.Options{Home: os.Getenv("HOME"), Socket: socket, Outlast: outlast})
		},
	}
	node.Flags().StringVar(&socket, "socket", "", "serve on this unix socket, without keys; for the containers of an executor Pod that run Ansible")
	node.Flags().DurationVar(&outlast, "outlast", 0, "how long whoever is connected may go on after SIGTERM: for playbooks that clean up")
	node.AddCommand(
		&cobra.Command{
			Use: "install DIR", Short: "Copy this binary to DIR/gozer", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return nodeagent.Install(args[0]) },
		},
		&cobra.Command{
			Use: "unpack DIR", Short: "Unpack a tar stream on standard input into DIR", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return nodeagent.Unpack(os.Stdin, args[0]) },
		},
		&cobra.Command{
			Use: "pack DIR", Short: "Write the plain files below DIR to standard output as a tar stream", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return nodeagent.Pack(os.Stdout, args[0]) },
		},
		&cobra.Command{
			Use: "secrets", Short: "Keep standard input in a private file until a signal, and print the file's path", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				return nodeagent.HoldSecrets(c.Context(), os.Stdin, os.Stdout)
			},
		},
	)
	return node
}
