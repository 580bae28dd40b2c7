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
	"github.com/gozer-dev/gozer/internal/token"
)

// Housekeeping of the merger: how often, and what is old.
const (
	sweepEvery = time.Hour
	stateAge   = 24 * time.Hour
	scopeAge   = 7 * 24 * time.Hour
)

type mergerFlags struct {
	namespace, tokenKey, dataDir, bind, metricsBind string
	peers                                           []string
	limits                                          limitFlags
}

func mergerCommand() *cobra.Command {
	var f mergerFlags
	c := &cobra.Command{
		Use: "merger", Short: "Merge speculative states and serve them to builds", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runMerger(c.Context(), f) },
	}
	c.Flags().StringVar(&f.namespace, "namespace", "gozer-system", "the operator's namespace, where Connections are")
	c.Flags().StringVar(&f.tokenKey, "token-key", "/etc/gozer/token/key", "file with the installation's key")
	c.Flags().StringVar(&f.dataDir, "data-dir", "/var/lib/gozer", "directory of the mirrors")
	c.Flags().StringVar(&f.bind, "bind", ":8080", "address to listen on, with TLS")
	c.Flags().StringVar(&f.metricsBind, "metrics-bind", ":8082", "address of /metrics, without TLS; 0 for none")
	c.Flags().StringSliceVar(&f.peers, "peers", nil, "URLs of all replicas of the merger, this one among them; not needed for one")
	f.limits.add(c.Flags())
	return c
}

func runMerger(ctx context.Context, f mergerFlags) error {
	log := logger()
	key, err := token.ReadKey(f.tokenKey)
	if err != nil {
		return err
	}
	reader, err := plainClient()
	if err != nil {
		return err
	}
	options, err := f.limits.options(f.dataDir + "/mirrors")
	if err != nil {
		return err
	}
	options.Log = log
	store, err := gitrepo.NewStore(options)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // the process ends
	service := merger.New(store, &hosts.Registry{Reader: reader, Namespace: f.namespace, Now: time.Now})
	self, err := identity.New(key, identity.Merger, time.Now)
	if err != nil {
		return err
	}
	peers, err := peersOf(f.peers, self)
	if err != nil {
		return err
	}
	metrics, err := mergerMetrics(service)
	if err != nil {
		return err
	}
	go sweep(ctx, service, log)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return serveTLS(ctx, f.bind, merger.Handler(service, key, peers, log), self.Server(), log)
	})
	if f.metricsBind != "0" {
		g.Go(func() error { return serve(ctx, f.metricsBind, metrics, log) })
	}
	return g.Wait()
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
