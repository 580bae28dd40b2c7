package gitrepo

import (
	"cmp"
	"log/slog"
	"time"
)

// Options of a Store; only Root is required.
type Options struct {
	// Root is the directory of the mirrors. One process owns it.
	Root string
	// GitBinary is "git" unless set.
	GitBinary string
	// Timeout bounds a local command (default 2 minutes), NetworkTimeout one
	// that talks to a remote or a client (default 15 minutes).
	Timeout, NetworkTimeout time.Duration
	// CAFile holds further certificates for https remotes.
	CAFile string
	// PerHost bounds the git processes that talk to one code host at once (default 8).
	PerHost int
	// MaxBytes is what all mirrors together may take on disk; 0 is no limit. Above
	// it, those that were not used for longest are deleted; see makeRoom.
	MaxBytes int64
	// KeepScopes is how old a scope is that does not keep its mirror any more (default 7 days).
	KeepScopes time.Duration
	// MaxFetchBytes bounds what one fetch may bring (default 10 GiB).
	MaxFetchBytes int64
	// MaxGitMemory bounds what one git process may allocate (default 1 GiB).
	MaxGitMemory int64
	// Now is time.Now unless set.
	Now func() time.Time
	// Log takes what an operator should know; nil is nothing.
	Log *slog.Logger
	// AllowFile lets remotes be absolute paths. For tests.
	AllowFile bool
}

func (o *Options) setDefaults() {
	o.GitBinary = cmp.Or(o.GitBinary, "git")
	o.Timeout = cmp.Or(o.Timeout, 2*time.Minute)
	o.NetworkTimeout = cmp.Or(o.NetworkTimeout, 15*time.Minute)
	o.PerHost = cmp.Or(o.PerHost, 8)
	o.KeepScopes = cmp.Or(o.KeepScopes, 7*24*time.Hour)
	o.MaxFetchBytes = cmp.Or(o.MaxFetchBytes, 10<<30)
	o.MaxGitMemory = cmp.Or(o.MaxGitMemory, 1<<30)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}
