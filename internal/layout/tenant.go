package layout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/zuulregex"
)

// Tenant is what configuration depends on besides the files.
type Tenant struct {
	Name string
	// DefaultParent of jobs that name none.
	DefaultParent string
	// DefaultAnsibleVersion of jobs that name none.
	DefaultAnsibleVersion string
	// MaxNodesPerJob and MaxJobTimeout (seconds); -1 is no bound.
	MaxNodesPerJob int
	MaxJobTimeout  int64
	// AllowedLabels of nodes; empty allows all that DisallowedLabels do not forbid.
	AllowedLabels, DisallowedLabels []*zuulregex.Regex
	Connections                     configlang.Connections
	// GlobalSemaphores that the tenant may use.
	GlobalSemaphores []string
	// Projects in the tenant's order, config projects first.
	Projects []*Project
}

// Project is a repository in a tenant, and the files that were read from it.
type Project struct {
	model.Project
	// Trusted projects are config projects.
	Trusted bool
	// Classes of objects that are loaded.
	Classes []string
	// Shadow names projects whose jobs this one may define again; its own are left out.
	Shadow []string
	// ExtraConfigPaths are further files, or folders with a trailing slash.
	ExtraConfigPaths []string
	// ImpliedBranchMatchers turns them on or off; nil decides by the branches.
	ImpliedBranchMatchers *bool
	// ConfigureProjects are names of projects that this one may configure.
	ConfigureProjects []*zuulregex.Regex
	DefaultBranch     string
	// DefaultMergeMode holds where no stanza chooses one; MergeModes are those
	// that the host can do, nil for all.
	DefaultMergeMode string
	MergeModes       []string
	// Branches that were read, the default branch first.
	Branches []Branch
}

// Branch is the configuration files of one branch.
type Branch struct {
	Name  string
	Files []File
	// Unreadable tells, in words, what could not be read.
	Unreadable []string
}

// File is one file of a branch.
type File struct {
	Path string
	*configlang.File
}

// loads says whether objects of a class are read from the project.
func (p *Project) loads(class string) bool { return slices.Contains(p.Classes, class) }

// mayConfigure says whether the project may write a stanza for another one.
func (p *Project) mayConfigure(other *Project) bool {
	switch {
	case p == other, p.Trusted:
		return true
	case other.Trusted:
		return false
	}
	return slices.ContainsFunc(p.ConfigureProjects, other.named)
}

func (p *Project) named(re *zuulregex.Regex) bool {
	return re.FullMatch(p.Name) || re.FullMatch(p.Canonical())
}

// scope is a tenant with its projects made findable. All layouts of a tenant share it.
type scope struct {
	*Tenant
	byCanonical map[string]*Project
	byName      map[string][]*Project
	hostnames   map[string]bool
	order       map[*Project]int
}

func newScope(t *Tenant) *scope {
	s := &scope{Tenant: t, byCanonical: map[string]*Project{}, byName: map[string][]*Project{}, hostnames: map[string]bool{}, order: map[*Project]int{}}
	for i, p := range t.Projects {
		s.byCanonical[p.Canonical()] = p
		s.byName[p.Name] = append(s.byName[p.Name], p)
		s.hostnames[p.Hostname] = true
		s.order[p] = i
	}
	return s
}

// project finds a project by its name, with the host in front where that is
// needed. It is nil if there is none; an ambiguous name is an error.
func (s *scope) project(name string) (*Project, error) {
	if host, _, ok := strings.Cut(name, "/"); ok && s.hostnames[host] {
		return s.byCanonical[name], nil
	}
	found := s.byName[name]
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("Project name '%s' is ambiguous, please fully qualify the project with a hostname", name) //nolint:staticcheck // as people know it from Zuul
}

// labelAllowed says whether nodes of the tenant may have the label.
func (s *scope) labelAllowed(label string) bool {
	return zuulregex.Allowed(label, s.AllowedLabels, s.DisallowedLabels)
}
