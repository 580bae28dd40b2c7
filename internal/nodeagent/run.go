package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// Run is the role: it serves until ctx ends, which is the caller's SIGTERM.
// As the first process of a container it becomes the init and runs itself once
// more, with the same arguments, as the server.
func Run(ctx context.Context, o Options) error {
	if os.Getpid() == 1 {
		return runInit(ctx, initGrace+o.Outlast)
	}
	if err := keepPrivate(); err != nil {
		return fmt.Errorf("node agent: %w", err)
	}
	o = o.withDefaults()
	srv, err := newServer(o)
	if err != nil {
		return err
	}
	if o.Listener == nil {
		if o.Listener, err = listen(ctx, o); err != nil {
			return fmt.Errorf("node agent: %w", err)
		}
	}
	o.Logf("node agent: serving SSH on %s, home %s", o.Listener.Addr(), srv.who.home)
	return srv.serve(ctx, o.Listener)
}

func listen(ctx context.Context, o Options) (net.Listener, error) {
	if o.Socket == "" {
		return (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	}
	// The container may have been started again in its Pod.
	if err := os.Remove(o.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return (&net.ListenConfig{}).Listen(ctx, "unix", o.Socket)
}
