package main

import (
	"context"
	"fmt"
	"net"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

type allFlags struct {
	installation                       installationFlags
	manager                            managerFlags
	limits                             limitFlags
	mergerDataDir, mergerBind, webBind string
	fingerBind                         string
	pages                              pageFlags
}

func allCommand() *cobra.Command {
	var f allFlags
	c := &cobra.Command{
		Use: "all", Short: "Run manager, merger and web in one process, for small installations", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runAll(c.Context(), f, metrics.Registry) },
	}
	f.add(c.Flags())
	return c
}

func (f *allFlags) add(fs *pflag.FlagSet) {
	f.installation.add(fs)
	f.manager.add(fs)
	f.limits.add(fs)
	fs.StringVar(&f.mergerDataDir, "merger-data-dir", "/var/lib/gozer-merger", "directory of the mirrors")
	fs.StringVar(&f.mergerBind, "merger-bind", ":8443", "address that builds fetch from, with TLS")
	f.pages.add(fs)
	fs.StringVar(&f.fingerBind, "finger-bind", "", "address for finger; it is not answered when empty")
	fs.StringVar(&f.webBind, "web-bind", ":8090", "address for webhooks and pages")
}

// runAll runs the three roles. The manager has the merge service in-process, and
// one /metrics has the numbers of both; web asks the manager as it does anywhere,
// with a token, by way of this machine. When one role ends, all do.
func runAll(ctx context.Context, f allFlags, reg prometheus.Registerer) error {
	in, err := f.installation.open()
	if err != nil {
		return err
	}
	managerURL, err := ownURL(f.manager.apiBind)
	if err != nil {
		return err
	}
	f.pages.origins = append(originsOf(f.manager.webURL), f.pages.origins...)
	pages, err := webHandler(in, managerURL, f.pages)
	if err != nil {
		return err
	}
	m, err := openMerger(in, f.mergerDataDir, f.limits)
	if err != nil {
		return err
	}
	defer m.close()
	if err := m.service.Register(reg); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return manage(ctx, in, f.manager, m.service, m.self.AuthorityPEM()) })
	g.Go(func() error { return m.run(ctx, f.mergerBind, nil) })
	g.Go(func() error { return serve(ctx, f.webBind, pages, in.log) })
	if f.fingerBind != "" {
		g.Go(func() error { return serveFinger(ctx, in, managerURL, f.fingerBind) })
	}
	return g.Wait()
}

// originsOf is the host whose pages people look at, which a proxy may have replaced
// in what arrives here.
func originsOf(webURL string) []string {
	if u, err := url.Parse(webURL); err == nil && u.Host != "" {
		return []string{u.Host}
	}
	return nil
}

// ownURL is where this process reaches a server of its own.
func ownURL(bind string) (string, error) {
	host, port, err := net.SplitHostPort(bind)
	if err != nil {
		return "", fmt.Errorf("--api-bind=%s is not an address like :8080: %w", bind, err)
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
