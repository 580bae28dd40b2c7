package projectkeys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/hosts"
	"github.com/gozer-dev/gozer/internal/model"
)

// UnknownError says that there is no such tenant or project. It is for
// whoever asked.
type UnknownError struct{ message string }

func (e *UnknownError) Error() string { return e.message }

func unknown(format string, args ...any) error { return &UnknownError{fmt.Sprintf(format, args...)} }

// maxName bounds the name of a project that is asked for: a host and a path.
const maxName = 512

// Finder finds projects of tenants by name.
type Finder struct {
	// Reader of Tenants and Connections; it may cache them.
	Reader client.Reader
	// Namespace of the operator, where Connections are.
	Namespace string
}

// Project of a tenant, which is named by its namespace. The project is named
// as in the Tenant, or canonically: "host/path". An UnknownError says that
// there is none, or that the name fits several.
func (f *Finder) Project(ctx context.Context, tenant, name string) (model.Project, error) {
	t, err := f.tenant(ctx, tenant)
	if err != nil {
		return model.Project{}, err
	}
	if len(name) > maxName {
		return model.Project{}, unknown("tenant %s has no project with a name of %d characters", tenant, len(name))
	}
	var byName, byCanonical []model.Project
	var problem error
	for _, s := range t.Spec.Sources {
		for _, p := range slices.Concat(s.ConfigProjects, s.UntrustedProjects) {
			if p.Name != name && !strings.HasSuffix(name, "/"+p.Name) {
				continue
			}
			hostname, err := f.hostname(ctx, s.Connection, tenant)
			if unknown := (*UnknownError)(nil); errors.As(err, &unknown) {
				problem = err
				continue // the name may mean another
			}
			if err != nil {
				return model.Project{}, err
			}
			project := model.Project{Connection: s.Connection, Hostname: hostname, Name: p.Name}
			if project.Canonical() == name {
				byCanonical = append(byCanonical, project)
			}
			if p.Name == name {
				byName = append(byName, project)
			}
		}
	}
	if len(byName)+len(byCanonical) == 0 && problem != nil {
		return model.Project{}, problem
	}
	return choose(tenant, name, byName, byCanonical)
}

// choose prefers the canonical name. Two connections to one host are one project.
func choose(tenant, name string, byName, byCanonical []model.Project) (model.Project, error) {
	if len(byCanonical) > 0 {
		return byCanonical[0], nil
	}
	var names []string
	for _, p := range byName {
		names = append(names, p.Canonical())
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch len(names) {
	case 0:
		return model.Project{}, unknown("tenant %s has no project %q", tenant, name)
	case 1:
		return byName[0], nil
	}
	return model.Project{}, unknown("tenant %s has several projects %q; write %s", tenant, name, strings.Join(names, " or "))
}

// tenant of a namespace: the eldest, for others have no say in it.
func (f *Finder) tenant(ctx context.Context, namespace string) (*gozer.Tenant, error) {
	var list gozer.TenantList
	if err := f.Reader.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("tenant %s: %w", namespace, err)
	}
	if len(list.Items) == 0 {
		return nil, unknown("there is no tenant %q", namespace)
	}
	eldest := slices.MinFunc(list.Items, func(a, b gozer.Tenant) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return &eldest, nil
}

// hostname of a connection that the tenant may use.
func (f *Finder) hostname(ctx context.Context, connection, tenant string) (string, error) {
	var c gozer.Connection
	err := f.Reader.Get(ctx, client.ObjectKey{Namespace: f.Namespace, Name: connection}, &c)
	if apierrors.IsNotFound(err) {
		return "", unknown("there is no connection %q, through which tenant %s has the project", connection, tenant)
	}
	if err != nil {
		return "", fmt.Errorf("connection %s: %w", connection, err)
	}
	if !hosts.Allows(&c, tenant) {
		return "", unknown("the connection %s, through which tenant %s has the project, does not allow the tenant", connection, tenant)
	}
	return hosts.HostnameOf(&c), nil
}
