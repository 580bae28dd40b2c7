// Package configsource brings a tenant's configuration from git to layout: it
// asks the merger for branches and files, and keeps what it read by commit, and
// what it parsed by content; neither changes ever.
package configsource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

// Connections tells which connections a tenant may use.
type Connections interface {
	Connections(ctx context.Context, tenantNamespace string) (map[string]layout.Connection, error)
}

// Loader reads configuration.
type Loader struct {
	Merger merger.Merger
	Hosts  Connections

	parsed parsed

	mu      sync.Mutex
	files   map[string]fileSet
	layouts map[string]*Config
}

// Bounds on what is kept; what is over is read again.
const (
	maxFileSets = 8192
	maxLayouts  = 64
)

// Config is a layout, and the jobs that were made of it.
type Config struct {
	*layout.Layout
	Jobs jobgraph.Cache
	// Digest says whether two are the same.
	Digest string
}

// fileSet is what one commit says.
type fileSet struct {
	files  []layout.File
	errors []string
}

// Project of a tenant.
type Project struct {
	model.Project
	Trusted bool
	Spec    tenantfile.Project
}

// Projects of the tenant in the order in which they are read: config projects first.
func (l *Loader) Projects(ctx context.Context, t *gozer.Tenant) ([]Project, error) {
	connections, err := l.Hosts.Connections(ctx, t.Namespace)
	if err != nil {
		return nil, err
	}
	spec := convert.TenantValue(t)
	var out []Project
	for _, m := range spec.Projects() {
		c, ok := connections[m.Connection]
		if !ok {
			return nil, fmt.Errorf("the tenant %s has sources of the connection %s, which is not there or does not allow it (spec.allowedTenants)", t.Name, m.Connection)
		}
		out = append(out, Project{Project: model.Project{Connection: m.Connection, Hostname: c.Hostname, Name: m.Project.Name}, Trusted: m.Trusted, Spec: m.Project})
	}
	return out, nil
}

// Overlay replaces the commit that a branch's configuration is read from.
type Overlay struct {
	Project string // canonical name
	Branch  string
	Commit  string
	// EvenTrusted overlays a config project too: to check a proposal, never to put it in force.
	EvenTrusted bool
}

// digest of the configuration that these commits give.
func digest(t *gozer.Tenant, connections map[string]layout.Connection, heads []gozer.ConfigHead, overlays []Overlay) string {
	raw, err := json.Marshal([]any{t.Spec, connections, heads, overlays})
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// Layout is the configuration of a tenant at the heads, with overlays.
func (l *Loader) Layout(ctx context.Context, t *gozer.Tenant, heads []gozer.ConfigHead, overlays []Overlay) (*Config, error) {
	connections, err := l.Hosts.Connections(ctx, t.Namespace)
	if err != nil {
		return nil, err
	}
	projects, err := l.Projects(ctx, t)
	if err != nil {
		return nil, err
	}
	overlays = effective(projects, heads, overlays)
	key := digest(t, connections, heads, overlays)
	if c := l.known(key); c != nil {
		return c, nil
	}
	if len(overlays) == 0 {
		built, err := l.build(ctx, t, connections, projects, heads)
		if err != nil {
			return nil, err
		}
		return l.keep(key, built), nil
	}
	base, err := l.Layout(ctx, t, heads, nil)
	if err != nil {
		return nil, err
	}
	proposal := slices.ContainsFunc(overlays, func(o Overlay) bool { return o.EvenTrusted })
	changes, err := l.changes(ctx, projects, overlays)
	if err != nil {
		return nil, err
	}
	return l.keep(key, base.With(proposal, changes...)), nil
}

func (l *Loader) known(key string) *Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.layouts[key]
}

func (l *Loader) keep(key string, built *layout.Layout) *Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.layouts == nil || len(l.layouts) >= maxLayouts {
		l.layouts = map[string]*Config{}
	}
	c := &Config{Layout: built, Digest: key}
	l.layouts[key] = c
	return c
}

// effective are the overlays that change anything: of projects and branches
// that the tenant has, at other commits than the heads.
func effective(projects []Project, heads []gozer.ConfigHead, overlays []Overlay) []Overlay {
	var out []Overlay
	for _, o := range overlays {
		i := slices.IndexFunc(projects, func(p Project) bool { return p.Canonical() == o.Project })
		same := func(h gozer.ConfigHead) bool { return h.Project == o.Project && h.Branch == o.Branch }
		at := slices.IndexFunc(heads, same)
		switch {
		case i < 0 || projects[i].Trusted && (!o.EvenTrusted || at < 0) || !projects[i].Trusted && !projects[i].Dynamic(o.Branch):
		case at >= 0 && heads[at].Commit == o.Commit:
		default:
			o.EvenTrusted = projects[i].Trusted
			out = append(out, o)
		}
	}
	return out
}

// Changes are the files of branches at other commits, for layout.NewErrors and the like.
func (l *Loader) changes(ctx context.Context, projects []Project, overlays []Overlay) ([]layout.Change, error) {
	var out []layout.Change
	for _, o := range overlays {
		i := slices.IndexFunc(projects, func(p Project) bool { return p.Canonical() == o.Project })
		set, err := l.read(ctx, projects[i], o.Commit)
		if err != nil {
			return nil, fmt.Errorf("configuration of %s on %s: %w", projects[i].Name, o.Branch, err)
		}
		out = append(out, layout.Change{Project: o.Project, Branch: o.Branch, Files: set.files, Unreadable: set.errors})
	}
	return out, nil
}

// build reads all files and puts them together.
func (l *Loader) build(ctx context.Context, t *gozer.Tenant, connections map[string]layout.Connection, projects []Project, heads []gozer.ConfigHead) (*layout.Layout, error) {
	spec := convert.TenantValue(t)
	tenant, err := layout.NewTenant(&spec, connections)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, p := range tenant.Projects {
		group.Go(func() error { return l.project(ctx, projects[i], p, heads) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return layout.Build(tenant), nil
}

// project reads the files of one project at the heads.
func (l *Loader) project(ctx context.Context, p Project, to *layout.Project, heads []gozer.ConfigHead) error {
	for _, h := range heads {
		if h.Project != p.Canonical() {
			continue
		}
		if len(to.Branches) == 0 {
			to.DefaultBranch = h.Branch
		}
		set := fileSet{}
		if len(p.Spec.Include) > 0 {
			var err error
			if set, err = l.read(ctx, p, h.Commit); err != nil {
				return fmt.Errorf("configuration of %s on %s: %w", p.Name, h.Branch, err)
			}
		}
		to.Branches = append(to.Branches, layout.Branch{Name: h.Branch, Files: set.files, Unreadable: set.errors})
	}
	return nil
}

// read gives the configuration files of a commit, parsed.
func (l *Loader) read(ctx context.Context, p Project, commit string) (fileSet, error) {
	paths := append(slices.Clone(configlang.DefaultPaths), p.Spec.ExtraConfigPaths...)
	key := fmt.Sprint(p.Canonical(), " ", commit, " ", paths)
	l.mu.Lock()
	set, ok := l.files[key]
	l.mu.Unlock()
	if ok {
		return set, nil
	}
	got, err := l.Merger.Files(ctx, merger.FilesRequest{Project: p.Project, Commit: commit, Paths: paths})
	if err != nil {
		return fileSet{}, err
	}
	set = fileSet{errors: got.Errors}
	for _, f := range got.Files {
		set.files = append(set.files, layout.File{Path: f.Path, File: l.parsed.parse(f.Content)})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil || len(l.files) >= maxFileSets {
		l.files = map[string]fileSet{}
	}
	l.files[key] = set
	return set, nil
}
