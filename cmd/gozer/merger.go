package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/identity"
	"github.com/gozer-dev/gozer/internal/merger"
)

// Housekeeping of the merger: how often, and what is old.
const (
	sweepEvery = time.Hour
	stateAge   = 24 * time.Hour
	scopeAge   = 7 * 24 * time.Hour
)

type mergerFlags struct {
	installation               installationFlags
	dataDir, bind, metricsBind string
	peers                      []string
	limits                     limitFlags
}

func mergerCommand() *cobra.Command {
	var f mergerFlags
	c := &cobra.Command{
		Use: "merger", Short: "Merge speculative states and serve them to builds", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runMerger(c.Context(), f) },
	}
	f.installation.add(c.Flags())
	c.Flags().StringVar(&f.dataDir, "data-dir", "/var/lib/gozer", "directory of the mirrors")
	c.Flags().StringVar(&f.bind, "bind", ":8080", "address to listen on, with TLS")
	c.Flags().StringVar(&f.metricsBind, "metrics-bind", ":8082", "address of /metrics, without TLS; 0 for none")
	c.Flags().StringSliceVar(&f.peers, "peers", nil, "URLs of all replicas of the merger, this one among them; not needed for one")
	f.limits.add(c.Flags())
	return c
}

func runMerger(ctx context.Context, f mergerFlags) error {
	in, err := f.installation.open()
	if err != nil {
		return err
	}
	m, err := openMerger(in, f.dataDir, f.limits)
	if err != nil {
		return err
	}
	defer m.close()
	peers, err := peersOf(f.peers, m.self)
	if err != nil {
		return err
	}
	numbers, err := mergerMetrics(m.service)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.run(ctx, f.bind, peers) })
	if f.metricsBind != "0" {
		g.Go(func() error { return serve(ctx, f.metricsBind, numbers, in.log) })
	}
	return g.Wait()
}

// mergerRole is the merge service with its mirrors, and who it is to others.
type mergerRole struct {
	installation
	store   *gitrepo.Store
	service *merger.Service
	self    *identity.Identity
}

// openMerger opens the mirrors in a directory, which no other process may use until close.
func openMerger(in installation, dataDir string, limits limitFlags) (*mergerRole, error) {
	self, err := identity.New(in.key, identity.Merger, time.Now)
	if err != nil {
		return nil, err
	}
	reader, err := plainClient()
	if err != nil {
		return nil, err
	}
	options, err := limits.options(dataDir + "/mirrors")
	if err != nil {
		return nil, err
	}
	options.Log = in.log
	store, err := gitrepo.NewStore(options)
	if err != nil {
		return nil, err
	}
	service := merger.New(store, &hosts.Registry{Reader: reader, Namespace: in.namespace, Now: time.Now})
	return &mergerRole{installation: in, store: store, service: service, self: self}, nil
}

func (m *mergerRole) close() { _ = m.store.Close() } // the process ends

// run serves the merge service with TLS, and keeps house.
func (m *mergerRole) run(ctx context.Context, bind string, peers *merger.Peers) error {
	go sweep(ctx, m.service, m.log)
	return serveTLS(ctx, bind, merger.Handler(m.service, m.key, peers, m.log), m.self.Server(), m.log)
}

func mergerMetrics(s *merger.Service) (http.Handler, error) {
	reg := prometheus.NewRegistry()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return mux, s.Register(reg)
}

func sweep(ctx context.Context, s *merger.Service, log *slog.Logger) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := s.Sweep(ctx, stateAge, scopeAge); err != nil {
				log.Error("Housekeeping failed", "error", err)
			}
		}
	}
}

// plainClient reads the API server without a cache.
func plainClient() (client.Client, error) {
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("no access to Kubernetes: %w", err)
	}
	s, err := scheme()
	if err != nil {
		return nil, err
	}
	return client.New(cfg, client.Options{Scheme: s})
}

// Bounds on slow or stuck HTTP clients. There is no bound on a whole request:
// logs are followed for as long as a build takes.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 5 * time.Second
)

// serve runs an HTTP server until the context ends.
func serve(ctx context.Context, addr string, h http.Handler, log *slog.Logger) error {
	s := &http.Server{Addr: addr, Handler: h}
	return run(ctx, s, s.ListenAndServe, log)
}

// serveTLS does the same with TLS. Who is no client of ours fails to connect,
// which is not worth a line.
func serveTLS(ctx context.Context, addr string, h http.Handler, config *tls.Config, log *slog.Logger) error {
	s := &http.Server{Addr: addr, Handler: h, TLSConfig: config, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	return run(ctx, s, func() error { return s.ListenAndServeTLS("", "") }, log)
}

func run(ctx context.Context, s *http.Server, listen func() error, log *slog.Logger) error {
	s.ReadHeaderTimeout, s.IdleTimeout = headerTimeout, idleTimeout
	done := make(chan error, 1)
	go func() { done <- listen() }()
	log.Info("Listening", "address", s.Addr)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if s.Shutdown(drain) != nil {
			return s.Close()
		}
		return nil
	}
}
