package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/hosts"
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
	namespace, tokenKey, dataDir, bind string
	limits                             limitFlags
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
	c.Flags().StringVar(&f.bind, "bind", ":8080", "address to listen on")
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
	metrics := prometheus.NewRegistry()
	if err := service.Register(metrics); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", merger.Handler(service, key, log))
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	go sweep(ctx, service, log)
	return serve(ctx, f.bind, mux, log)
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
	s := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	done := make(chan error, 1)
	go func() { done <- s.ListenAndServe() }()
	log.Info("Listening", "address", addr)
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
