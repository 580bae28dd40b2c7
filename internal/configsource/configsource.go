// Package configsource brings a tenant's configuration from git to layout: it
// asks the merger for branches and files, and keeps what it read by commit,
// which never changes.
package configsource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
)

// Hostnames tells the canonical host name of a connection, to tenants that may
// use it; for others it is an error.
type Hostnames interface {
	Hostname(ctx context.Context, connection, tenantNamespace string) (string, error)
}

// Loader reads configuration.
type Loader struct {
	Merger merger.Merger
	Hosts  Hostnames

	mu      sync.Mutex
	files   map[string]fileSet
	layouts map[string]*layout.Layout
}

// Bounds on what is kept; what is over is read again.
const (
	maxFileSets = 4096
	maxLayouts  = 64
)

type fileSet struct {
	files  map[string]string
	errors []string
}

// Project of a tenant.
type Project struct {
	model.Project
	Trusted bool
	Spec    gozer.TenantProject
}

// Projects of the tenant in the order in which they are read: config projects first.
func (l *Loader) Projects(ctx context.Context, t *gozer.Tenant) ([]Project, error) {
	var trusted, untrusted []Project
	for _, s := range t.Spec.Sources {
		hostname, err := l.Hosts.Hostname(ctx, s.Connection, t.Namespace)
		if err != nil {
			return nil, err
		}
		project := func(p gozer.TenantProject, isTrusted bool) Project {
			return Project{Project: model.Project{Connection: s.Connection, Hostname: hostname, Name: p.Name}, Trusted: isTrusted, Spec: p}
		}
		for _, p := range s.ConfigProjects {
			trusted = append(trusted, project(p, true))
		}
		for _, p := range s.UntrustedProjects {
			untrusted = append(untrusted, project(p, false))
		}
	}
	return append(trusted, untrusted...), nil
}

// Heads asks which branches there are now: the default branch of each project first.
func (l *Loader) Heads(ctx context.Context, t *gozer.Tenant) ([]gozer.ConfigHead, error) {
	projects, err := l.Projects(ctx, t)
	if err != nil {
		return nil, err
	}
	var out []gozer.ConfigHead
	for _, p := range projects {
		branches, err := l.Merger.Branches(ctx, p.Project)
		if err != nil {
			return nil, fmt.Errorf("branches of %s: %w", p.Name, err)
		}
		first := branches.Default
		if p.Trusted && p.Spec.LoadBranch != "" {
			first = p.Spec.LoadBranch
		}
		add := func(branch string) {
			out = append(out, gozer.ConfigHead{Project: p.Canonical(), Branch: branch, Commit: branches.Heads[branch]})
		}
		if branches.Heads[first] != "" {
			add(first)
		}
		if p.Trusted {
			continue
		}
		for _, b := range slices.Sorted(maps.Keys(branches.Heads)) {
			if b != first {
				add(b)
			}
		}
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

// Digest of the configuration that these commits give.
func Digest(spec gozer.TenantSpec, heads []gozer.ConfigHead) string {
	raw, err := json.Marshal(struct {
		Spec  gozer.TenantSpec
		Heads []gozer.ConfigHead
	}{spec, heads})
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// Layout builds the configuration of a tenant at the heads, with overlays in
// the untrusted projects. Its digest says whether two are the same.
func (l *Loader) Layout(ctx context.Context, tenant *gozer.Tenant, heads []gozer.ConfigHead, overlays []Overlay) (*layout.Layout, string, error) {
	spec := tenant.Spec
	projects, err := l.Projects(ctx, tenant)
	if err != nil {
		return nil, "", err
	}
	heads = overlay(projects, heads, overlays)
	digest := Digest(spec, heads)
	l.mu.Lock()
	known := l.layouts[digest]
	l.mu.Unlock()
	if known != nil {
		return known, digest, nil
	}
	t := layout.Tenant{Name: tenant.Name, DefaultParent: spec.DefaultParent, MaxNodesPerJob: int(spec.MaxNodesPerJob), MaxJobTimeout: spec.MaxJobTimeout}
	for _, s := range spec.Sources {
		t.Connections = append(t.Connections, s.Connection)
	}
	var unreadable []configlang.Error
	for _, p := range projects {
		lp, errs, err := l.project(ctx, p, heads)
		if err != nil {
			return nil, "", err
		}
		unreadable = append(unreadable, errs...)
		t.Projects = append(t.Projects, lp)
	}
	built := layout.Build(t)
	built.Errors = append(unreadable, built.Errors...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.layouts == nil || len(l.layouts) >= maxLayouts {
		l.layouts = map[string]*layout.Layout{}
	}
	l.layouts[digest] = built
	return built, digest, nil
}

// overlay puts the overlays of untrusted projects in the place of the heads.
func overlay(projects []Project, heads []gozer.ConfigHead, overlays []Overlay) []gozer.ConfigHead {
	trusted := map[string]bool{}
	known := map[string]bool{}
	for _, p := range projects {
		trusted[p.Canonical()], known[p.Canonical()] = p.Trusted, true
	}
	out := slices.Clone(heads)
	for _, o := range overlays {
		if trusted[o.Project] && !o.EvenTrusted || !known[o.Project] {
			continue
		}
		i := slices.IndexFunc(out, func(h gozer.ConfigHead) bool { return h.Project == o.Project && h.Branch == o.Branch })
		if i < 0 {
			out = append(out, gozer.ConfigHead{Project: o.Project, Branch: o.Branch, Commit: o.Commit})
			continue
		}
		out[i].Commit = o.Commit
	}
	return out
}

// project reads the files of one project at the heads.
func (l *Loader) project(ctx context.Context, p Project, heads []gozer.ConfigHead) (layout.Project, []configlang.Error, error) {
	lp := layout.Project{Project: p.Project, Trusted: p.Trusted}
	if p.Spec.Include != nil {
		lp.Classes = []string{}
		for _, c := range *p.Spec.Include {
			lp.Classes = append(lp.Classes, string(c))
		}
	}
	var errs []configlang.Error
	for _, h := range heads {
		if h.Project != p.Canonical() {
			continue
		}
		if lp.DefaultBranch == "" {
			lp.DefaultBranch = h.Branch
		}
		set, err := l.read(ctx, p, h.Commit)
		if err != nil {
			return lp, nil, fmt.Errorf("configuration of %s on %s: %w", p.Name, h.Branch, err)
		}
		b := layout.Branch{Name: h.Branch}
		for _, path := range configlang.Select(set.files, p.Spec.ExtraConfigPaths) {
			b.Files = append(b.Files, &configlang.Source{Project: p.Canonical(), Branch: h.Branch, Path: path, Content: set.files[path]})
		}
		for _, e := range set.errors {
			errs = append(errs, configlang.Error{Severity: configlang.SeverityError, Message: e,
				Pos: configlang.Pos{Source: &configlang.Source{Project: p.Canonical(), Branch: h.Branch}}})
		}
		lp.Branches = append(lp.Branches, b)
	}
	return lp, errs, nil
}

// read gives the configuration files of a commit.
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
	set = fileSet{files: map[string]string{}, errors: got.Errors}
	for _, f := range got.Files {
		set.files[f.Path] = f.Content
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil || len(l.files) >= maxFileSets {
		l.files = map[string]fileSet{}
	}
	l.files[key] = set
	return set, nil
}
