package tenantfile

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// Keys of projects and groups without effect.
var (
	unusedOfProject = unused{
		"allow-circular-dependencies": isLegacy + "a queue says whether it allows them",
		"allow-base-jobs":             "every config project may define base jobs",
		"allow-reporter-jobs":         "there are no reporter jobs",
		"include-provider-config":     byPools,
	}
	unusedOfGroup = unused{"include-provider-config": byPools}
)

// sources reads the projects by connection.
func (p *parser) sources(to *[]Source) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*to = []Source{}
		p.pairs(n, "the source", func(key, value *yaml.Node) {
			if len(*to) == maxSources {
				p.fail(key, "", "a tenant has at most %d connections", maxSources)
				return
			}
			s, seen := Source{}, map[string]bool{}
			p.text(&s.Connection, short(maxConnection))(key)
			p.mapping(value, "a connection of a tenant", attrs{
				"config-projects":    p.projects(&s.ConfigProjects, seen, true),
				"untrusted-projects": p.projects(&s.UntrustedProjects, seen, false),
			}, nil)
			*to = append(*to, s)
		})
	}
}

// projects reads a list of projects and groups of projects. Those seen are of
// the same connection and tenant.
func (p *parser) projects(to *[]Project, seen map[string]bool, trusted bool) func(*yaml.Node) {
	most := maxUntrusted
	if trusted {
		most = maxConfig
	}
	return func(n *yaml.Node) {
		add := func(n *yaml.Node, classes []string) {
			before := p.failures
			project := p.readProject(n, classes, trusted)
			switch {
			case p.failures > before:
			case seen[project.Name]:
				p.fail(n, "remove one of them", "the project %s is there twice", show(project.Name))
			case len(*to) == most:
				p.fail(n, "", "at most %d projects are possible here", most)
			default:
				seen[project.Name] = true
				*to = append(*to, project)
			}
		}
		p.each(n, maxNodes, func(n *yaml.Node) {
			if isGroup(n) {
				p.group(n, trusted, add)
				return
			}
			add(n, DefaultClasses(trusted))
		})
	}
}

// isGroup tells a group of projects from a project with settings. One that is
// called "projects" is a project when it has settings.
func isGroup(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "projects" && (len(n.Content) > 2 || n.Content[i+1].Kind == yaml.SequenceNode) {
			return true
		}
	}
	return false
}

// group gives its classes to every project that says nothing else.
func (p *parser) group(n *yaml.Node, trusted bool, add func(*yaml.Node, []string)) {
	var include, exclude []string
	var members *yaml.Node
	p.mapping(n, "a group of projects", attrs{
		"include":  p.oneOf(&include, AllClasses()),
		"exclude":  p.oneOf(&exclude, AllClasses()),
		"projects": func(n *yaml.Node) { members = n },
	}, unusedOfGroup)
	classes := EffectiveClasses(include, exclude, trusted)
	p.each(members, maxNodes, func(n *yaml.Node) {
		if isGroup(n) {
			p.fail(n, "list its projects here", "a group of projects holds no further groups")
			return
		}
		add(n, classes)
	})
}

// readProject reads a name, or a name with settings. The classes are those that it
// has unless it says otherwise.
func (p *parser) readProject(n *yaml.Node, classes []string, trusted bool) Project {
	project := Project{Include: slices.Clone(classes)}
	switch {
	case n.Kind == yaml.MappingNode && len(n.Content) == 2:
		p.project = n.Content[0].Value
		p.text(&project.Name, projectFault)(n.Content[0])
		p.settings(n.Content[1], &project, trusted)
		p.project = ""
	case n.Kind == yaml.MappingNode && len(n.Content) > 2:
		p.fail(n, "indent the settings of a project further than its name", "a project has exactly one key, its name; a group has the key projects")
	case n.Kind == yaml.ScalarNode:
		p.text(&project.Name, projectFault)(n)
	default:
		p.fail(n, "write its name, or its name and settings", "this is not a project")
	}
	return project
}

func (p *parser) settings(n *yaml.Node, project *Project, trusted bool) {
	if isNull(n) {
		p.fail(n, "leave out the colon, or add settings", "the project %s has no settings", show(project.Name))
		return
	}
	var include, exclude []string
	regexps := func(to *[]string) func(*yaml.Node) { return p.given(to, maxList, p.regexps.fault) }
	known := attrs{
		"include":                      p.oneOf(&include, AllClasses()),
		"exclude":                      p.oneOf(&exclude, AllClasses()),
		"shadow":                       p.given(&project.Shadow, maxList, short(maxReference)),
		"exclude-unprotected-branches": p.optBoolean(&project.ExcludeUnprotectedBranches),
		"exclude-locked-branches":      p.optBoolean(&project.ExcludeLockedBranches),
		"include-branches":             p.texts(&project.IncludeBranches, maxList, p.regexps.fault),
		"exclude-branches":             regexps(&project.ExcludeBranches),
		"always-dynamic-branches":      regexps(&project.AlwaysDynamicBranches),
		"implied-branch-matchers":      p.optBoolean(&project.ImpliedBranchMatchers),
		"extra-config-paths":           p.paths(&project.ExtraConfigPaths),
		"load-branch":                  p.text(&project.LoadBranch, short(maxName)),
	}
	known["configure-projects"] = regexps(&project.ConfigureProjects)
	if trusted {
		known["configure-projects"] = func(n *yaml.Node) {
			p.fail(n, "remove it: a config project may configure all", "configure-projects is for untrusted projects")
		}
	}
	p.mapping(n, "the project "+show(project.Name), known, unusedOfProject)
	if include == nil {
		include = project.Include
	}
	project.Include = EffectiveClasses(include, exclude, trusted)
	project.ExcludeBranches = WithDynamic(project.ExcludeBranches, project.AlwaysDynamicBranches)
}

// paths reads extra files and folders, each once.
func (p *parser) paths(to *[]string) func(*yaml.Node) {
	seen := map[string]bool{}
	return p.given(to, maxPaths, pathFault, func(s string) fault {
		if seen[s] {
			return fault{show(s) + " is there twice", "remove one of them"}
		}
		seen[s] = true
		return fault{}
	})
}
