package layout

import (
	"fmt"
	"maps"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/tenantfile"
	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// Connection is what configuration needs to know of one.
type Connection struct {
	Driver string
	// Hostname is the canonical host name of its projects.
	Hostname string
}

// DefaultAnsible is the version of jobs and tenants that name none.
const DefaultAnsible = "9"

// defaultMergeModes by driver; others merge.
var defaultMergeModes = map[string]string{"gerrit": "merge-resolve", "github": "merge-ort"}

// NewTenant is a tenant without files. It needs every connection that the
// tenant has sources of.
func NewTenant(spec *tenantfile.Tenant, connections map[string]Connection) (*Tenant, error) {
	t := &Tenant{
		Name: spec.Name, DefaultParent: spec.DefaultParent, DefaultAnsibleVersion: spec.DefaultAnsibleVersion,
		MaxNodesPerJob: int(spec.MaxNodesPerJob), MaxJobTimeout: spec.MaxJobTimeout, GlobalSemaphores: spec.Semaphores,
		Connections: configlang.Connections{Drivers: maps.Clone(configlang.BuiltinConnections), Triggers: spec.AllowedTriggers, Reporters: spec.AllowedReporters},
	}
	if t.DefaultAnsibleVersion == "" {
		t.DefaultAnsibleVersion = DefaultAnsible
	}
	for name, c := range connections {
		t.Connections.Drivers[name] = c.Driver
	}
	var err error
	if t.AllowedLabels, err = expressions(spec.AllowedLabels); err != nil {
		return nil, fmt.Errorf("allowed labels of the tenant: %w", err)
	}
	if t.DisallowedLabels, err = expressions(spec.DisallowedLabels); err != nil {
		return nil, fmt.Errorf("disallowed labels of the tenant: %w", err)
	}
	for _, m := range spec.Projects() {
		c, ok := connections[m.Connection]
		if !ok {
			return nil, fmt.Errorf("the tenant %s has sources of the connection %q, which is not known", spec.Name, m.Connection)
		}
		p, err := newProject(m.Project, m.Connection, c)
		if err != nil {
			return nil, err
		}
		p.Trusted = m.Trusted
		t.Projects = append(t.Projects, p)
	}
	return t, nil
}

func newProject(p tenantfile.Project, connection string, c Connection) (*Project, error) {
	configures, err := expressions(p.ConfigureProjects)
	if err != nil {
		return nil, fmt.Errorf("configure-projects of %s: %w", p.Name, err)
	}
	out := &Project{
		Project: model.Project{Connection: connection, Hostname: c.Hostname, Name: p.Name},
		Classes: p.Include, Shadow: p.Shadow, ExtraConfigPaths: p.ExtraConfigPaths, ImpliedBranchMatchers: p.ImpliedBranchMatchers,
		ConfigureProjects: configures, DefaultBranch: "master", DefaultMergeMode: defaultMergeModes[c.Driver],
	}
	if out.DefaultMergeMode == "" {
		out.DefaultMergeMode = "merge"
	}
	return out, nil
}

func expressions(patterns []string) ([]*zuulregex.Regex, error) {
	var out []*zuulregex.Regex
	for _, p := range patterns {
		re, err := zuulregex.Compile(p)
		if err != nil {
			return nil, err
		}
		out = append(out, re)
	}
	return out, nil
}
