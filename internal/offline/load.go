package offline

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
	"github.com/gozer-dev/gozer/internal/localrepo"
	"github.com/gozer-dev/gozer/internal/tenantfile"
	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// Options say where things lie.
type Options struct {
	// TenantFile is Zuul's main.yaml.
	TenantFile string
	// Roots have the projects, the first that has one wins.
	Roots []string
	// Connections is a zuul.conf or a list; empty guesses by name.
	Connections string
	// Branches is a JSON file of branches by project, the default branch first; empty asks the repositories.
	Branches string
}

// Source is a tenant file with everything that its tenants are loaded from.
type Source struct {
	File *tenantfile.File
	// Errors of the tenant file; what they are about is left out.
	Errors []tenantfile.Error

	roots       localrepo.Roots
	connections map[string]layout.Connection
	branches    map[string][]string
	cache       parseCache
}

// Open reads the tenant file and the settings.
func Open(o Options) (*Source, error) {
	content, err := os.ReadFile(o.TenantFile)
	if err != nil {
		return nil, err
	}
	s := &Source{roots: o.Roots}
	if s.File, s.Errors = tenantfile.Parse(content); s.File == nil {
		return nil, fmt.Errorf("%s cannot be used: %w", o.TenantFile, s.Errors[0])
	}
	for _, r := range o.Roots {
		if info, err := os.Stat(r); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("the root %s is not a folder", r)
		}
	}
	if s.connections, err = connections(o.Connections, s.File); err != nil {
		return nil, err
	}
	if o.Branches != "" {
		raw, err := os.ReadFile(o.Branches)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &s.branches); err != nil {
			return nil, fmt.Errorf("%s is not a JSON object of branches by project: %w", o.Branches, err)
		}
	}
	return s, nil
}

// Tenants are the names of the tenants, in order.
func (s *Source) Tenants() []string {
	var out []string
	for _, t := range s.File.Tenants {
		out = append(out, t.Name)
	}
	return out
}

// Load builds the layout of a tenant.
func (s *Source) Load(tenant string) (*layout.Layout, error) {
	t, err := s.Read(tenant)
	if err != nil {
		return nil, err
	}
	return layout.Build(t), nil
}

// Read reads and parses the files of a tenant.
func (s *Source) Read(tenant string) (*layout.Tenant, error) {
	i := slices.IndexFunc(s.File.Tenants, func(t tenantfile.Tenant) bool { return t.Name == tenant })
	if i < 0 {
		return nil, fmt.Errorf("the tenant file has no tenant %q; it has: %s", tenant, strings.Join(s.Tenants(), ", "))
	}
	spec := &s.File.Tenants[i]
	t, err := layout.NewTenant(spec, s.connections)
	if err != nil {
		return nil, err
	}
	members := spec.Projects()
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range t.Projects {
		group.Go(func() error { return s.project(p, members[i].Project) })
	}
	return t, group.Wait()
}

// project reads the branches of a project that the tenant wants.
func (s *Source) project(p *layout.Project, spec tenantfile.Project) error {
	if len(spec.Include) == 0 && s.branches == nil {
		// Nothing is read from it.
		p.Branches = []layout.Branch{{Name: p.DefaultBranch}}
		return nil
	}
	repo, err := s.roots.Open(p.Name)
	if err != nil {
		return fmt.Errorf("project %s: %w", p.Name, err)
	}
	names := s.branchesOf(p, repo)
	if len(names) > 0 {
		p.DefaultBranch = names[0]
	}
	for _, name := range wanted(p, spec, names) {
		b := layout.Branch{Name: name}
		if len(spec.Include) > 0 {
			if b.Files, err = s.files(repo, spec, name); err != nil {
				// One branch that cannot be read does not stop the others.
				b.Unreadable = []string{err.Error()}
			}
		}
		p.Branches = append(p.Branches, b)
	}
	return nil
}

// branchesOf lists the branches, the default branch first.
func (s *Source) branchesOf(p *layout.Project, repo *localrepo.Repo) []string {
	for _, name := range []string{p.Name, p.Canonical()} {
		if listed, ok := s.branches[name]; ok {
			return listed
		}
	}
	if s.branches != nil {
		return []string{p.DefaultBranch}
	}
	return repo.Branches(p.DefaultBranch)
}

// wanted selects the branches that the tenant loads.
func wanted(p *layout.Project, spec tenantfile.Project, names []string) []string {
	if p.Trusted {
		load := spec.LoadBranch
		switch {
		case load != "":
		case slices.Contains(names, "master") || len(names) == 0:
			load = "master" // as in Zuul
		default:
			load = names[0]
		}
		return []string{load}
	}
	names = slices.Clone(names)
	slices.Sort(names[min(1, len(names)):])
	return slices.DeleteFunc(names, func(b string) bool {
		if spec.IncludeBranches != nil {
			return !anyWhole(spec.IncludeBranches, b)
		}
		return anyWhole(spec.ExcludeBranches, b)
	})
}

func anyWhole(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		re, err := zuulregex.Compile(p)
		return err == nil && re.FullMatch(name)
	})
}

// files reads and parses the configuration of one branch.
func (s *Source) files(repo *localrepo.Repo, spec tenantfile.Project, branch string) (out []layout.File, err error) {
	var extra, folders []string
	for _, path := range spec.ExtraConfigPaths {
		if strings.HasSuffix(path, "/") {
			folders = append(folders, strings.TrimSuffix(path, "/"))
		} else {
			extra = append(extra, path)
		}
	}
	found, err := repo.ConfigFiles(branch, extra, folders)
	if err != nil {
		return nil, err
	}
	for path, content := range found {
		out = append(out, layout.File{Path: path, File: s.cache.parse(content)})
	}
	slices.SortFunc(out, func(a, b layout.File) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// parseCache parses the same text once.
type parseCache struct {
	mu    sync.Mutex
	files map[string]*configlang.File
}

func (c *parseCache) parse(content string) *configlang.File {
	c.mu.Lock()
	f := c.files[content]
	c.mu.Unlock()
	if f != nil {
		return f
	}
	f = configlang.Parse(content)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[string]*configlang.File{}
	}
	c.files[content] = f
	return f
}
