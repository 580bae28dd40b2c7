package main

import (
	"context"
	"fmt"
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/projectkeys"
	"github.com/gozer-dev/gozer/internal/returned"
)

// managerAPI is what builds and the web role ask of the manager; it adds what
// is found in the cluster to the options.
func managerAPI(o managerapi.Options, c client.Client, keys *projectkeys.Store, projects projectkeys.Finder) http.Handler {
	o.PublicKey = func(ctx context.Context, tenant, name string) ([]byte, error) {
		project, err := projects.Project(ctx, tenant, name)
		if err != nil {
			return nil, err
		}
		return keys.PublicKey(ctx, project)
	}
	o.Live = func(ctx context.Context, namespace, name string) (managerapi.BuildInfo, error) {
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
	}
	o.Keep = func(ctx context.Context, of logstore.Key, all returned.Results) error {
		err := build.Keep(ctx, c, of.Namespace, of.Build, int32(of.Attempt), all, true)
		if client.IgnoreNotFound(err) == nil && err != nil {
			return managerapi.ErrNotFound
		}
		return err
	}
	return managerapi.New(o)
}
