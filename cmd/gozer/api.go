package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/history"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/projectkeys"
	"github.com/gozer-dev/gozer/internal/token"
)

// managerAPI is what builds and the web role ask of the manager.
func managerAPI(logs *logstore.Store, past *history.Store, c client.Reader, keys *projectkeys.Store, projects projectkeys.Finder, key token.Key, log *slog.Logger) http.Handler {
	return managerapi.New(managerapi.Options{
		Logs: logs, History: past, Key: key, Log: logr.FromSlogHandler(log.Handler()),
		PublicKey: func(ctx context.Context, tenant, name string) ([]byte, error) {
			project, err := projects.Project(ctx, tenant, name)
			if err != nil {
				return nil, err
			}
			return keys.PublicKey(ctx, project)
		},
		Live: func(ctx context.Context, namespace, name string) (managerapi.BuildInfo, error) {
			var b gozer.Build
			if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &b); err != nil {
				if client.IgnoreNotFound(err) == nil {
					return managerapi.BuildInfo{}, managerapi.ErrNotFound
				}
				return managerapi.BuildInfo{}, fmt.Errorf("build %s/%s: %w", namespace, name, err)
			}
			var set gozer.BuildSet
			if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: b.Spec.BuildSet}, &set); client.IgnoreNotFound(err) != nil {
				return managerapi.BuildInfo{}, err
			}
			return managerapi.BuildInfo{Build: build.HistoryOf(&b, &set), Phase: string(b.Status.Phase)}, nil
		},
	})
}
