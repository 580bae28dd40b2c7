package fakehost

import (
	"context"
	"fmt"
	"maps"

	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gitrepo"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/model"
)

// Remotes implements merger.Remotes.
type Remotes struct{ *Host }

// Remote of a project.
func (r Remotes) Remote(ctx context.Context, _ string, p model.Project) (gitrepo.Remote, error) {
	return r.Host.Remote(ctx, p)
}

// Hosts are several, by connection.
type Hosts map[string]*Host

// Host implements the controllers' Hosts.
func (h Hosts) Host(_ context.Context, connection string) (drivers.Host, error) {
	if host := h[connection]; host != nil {
		return host, nil
	}
	return nil, fmt.Errorf("no connection %s", connection)
}

// Connections implements the controllers' Hosts.
func (h Hosts) Connections(ctx context.Context, tenant string) (map[string]layout.Connection, error) {
	out := map[string]layout.Connection{}
	for _, host := range h {
		its, err := host.Connections(ctx, tenant)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, its)
	}
	return out, nil
}

// Remote implements merger.Remotes.
func (h Hosts) Remote(ctx context.Context, _ string, p model.Project) (gitrepo.Remote, error) {
	return h[p.Connection].Remote(ctx, p)
}
