package nodeagent

import (
	"context"
	"fmt"
	"net"
	"os"
)

// Run is the role: it serves until ctx ends, which is the caller's SIGTERM.
// As the first process of a container it becomes the init and runs itself once
// more, with the same arguments, as the server.
func Run(ctx context.Context, o Options) error {
	if os.Getpid() == 1 {
		return runInit(ctx)
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
		o.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
		if err != nil {
			return fmt.Errorf("node agent: %w", err)
		}
	}
	o.Logf("node agent: serving SSH on %s, home %s", o.Listener.Addr(), srv.who.home)
	return srv.serve(ctx, o.Listener)
}
