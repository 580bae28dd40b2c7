package main

import (
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/gozer-dev/gozer/internal/token"
)

// installationFlags say which installation a long-running role is of.
type installationFlags struct{ namespace, tokenKey string }

func (f *installationFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.namespace, "namespace", "gozer-system", "the operator's namespace, where Connections, NodePools and TriggerEvents are")
	flags.StringVar(&f.tokenKey, "token-key", "/etc/gozer/token/key", "file with the installation's key")
}

// installation is what long-running roles have in common.
type installation struct {
	namespace string
	key       token.Key
	log       *slog.Logger
}

func (f *installationFlags) open() (installation, error) {
	key, err := token.ReadKey(f.tokenKey)
	return installation{namespace: f.namespace, key: key, log: logger()}, err
}
