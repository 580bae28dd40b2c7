package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/logstore"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/projectkeys"
	"github.com/gozer-dev/gozer/internal/returned"
)

// managerAPI is what builds and the web role ask of the manager; it adds what
// is found in the cluster to the options.
func managerAPI(o managerapi.Options, c client.Client, semaphores build.Semaphores, keys *projectkeys.Store, projects projectkeys.Finder) http.Handler {
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
	o.Find = func(ctx context.Context, prefix string) ([]managerapi.Found, error) {
		var all gozer.BuildList
		if err := c.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil { // they are only looked at
			return nil, err
		}
		return findIn(all.Items, prefix), nil
	}
	o.Keep = func(ctx context.Context, of logstore.Key, all returned.Results, final bool) error {
		return found(build.Keep(ctx, c, of.Namespace, of.Build, int32(of.Attempt), all, final))
	}
	o.Progress = func(ctx context.Context, of logstore.Key, p buildspec.Progress) error {
		return found(build.Note(ctx, c, of.Namespace, of.Build, int32(of.Attempt), p))
	}
	o.GoesOn = func(ctx context.Context, of logstore.Key) (bool, error) {
		on, err := build.GoesOn(ctx, c, of.Namespace, of.Build, int32(of.Attempt))
		return on, found(err)
	}
	o.AskSemaphores = func(ctx context.Context, of logstore.Key, names []string) error {
		err := semaphores.Ask(ctx, of.Namespace, of.Build, int32(of.Attempt), names)
		switch {
		case errors.Is(err, build.ErrNoPlaybook):
			return managerapi.ErrBadAsk
		case errors.Is(err, build.ErrNotGivenBack):
			return managerapi.ErrLater
		}
		return found(err)
	}
	o.HoldsSemaphores = func(ctx context.Context, of logstore.Key) (bool, error) {
		held, err := semaphores.Held(ctx, of.Namespace, of.Build, int32(of.Attempt))
		return held, found(err)
	}
	return managerapi.New(o)
}

// findIn finds the builds that are named so, and those whose names begin so, as
// many as are needed to say that there are several.
func findIn(all []gozer.Build, prefix string) []managerapi.Found {
	var out []managerapi.Found
	begin := 0
	for i := range all {
		b := &all[i]
		if b.Name != prefix {
			if len(prefix) < managerapi.LeastPrefix || begin > managerapi.MaxFound || !strings.HasPrefix(b.Name, prefix) {
				continue
			}
			begin++
		}
		out = append(out, managerapi.Found{Tenant: b.Namespace, Name: b.Name})
	}
	return out
}

// found says that there is no such build as the API says it.
func found(err error) error {
	if apierrors.IsNotFound(err) {
		return managerapi.ErrNotFound
	}
	return err
}
