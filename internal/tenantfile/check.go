package tenantfile

import (
	"fmt"
	"slices"
)

// Check finds what Parse would have found, in a tenant that comes from
// elsewhere. With the host names of all connections it also finds what can
// only be seen with those: connections that do not exist, and projects that
// are the same one. Zuul does not load such a tenant.
func (t *Tenant) Check(hostnames map[string]string) []Error {
	c := checker{tenant: t}
	c.tell("default-ansible-version", t.DefaultAnsibleVersion, func(s string) fault {
		if s != "" && !versionText.MatchString(s) {
			return fault{message: show(s) + " is not a version of Ansible"}
		}
		return fault{}
	})
	if t.WebRoot != "" {
		c.tell("web-root", t.WebRoot, urlFault)
	}
	c.regexps("allowed-labels", t.AllowedLabels)
	c.regexps("disallowed-labels", t.DisallowedLabels)
	for _, m := range t.Projects() {
		c.project(m.Project, m.Trusted)
	}
	c.same(hostnames)
	if c.failures == 0 {
		for _, f := range forbidden(t, &c.seen, hostnames) {
			c.add(Error{Line: t.Line, Message: f.message, Hint: f.hint})
		}
	}
	return c.list()
}

// checker collects what is wrong with one tenant.
type checker struct {
	complaints
	tenant *Tenant
	seen   regexps
}

func (c *checker) tell(where, text string, check func(string) fault) {
	if f := check(text); f.message != "" {
		c.add(Error{Line: c.tenant.Line, Message: where + ": " + f.message, Hint: f.hint})
	}
}

func (c *checker) regexps(where string, list []string) {
	for _, s := range list {
		c.tell(where, s, c.seen.fault)
	}
}

func (c *checker) project(p Project, trusted bool) {
	c.tell("a project", p.Name, projectFault)
	for _, class := range p.Include {
		c.tell(p.Name, class, func(s string) fault {
			if slices.Contains(AllClasses(), s) {
				return fault{}
			}
			return fault{"there is no class of objects " + show(s), didYouMean(s, AllClasses(), "")}
		})
	}
	for _, path := range p.ExtraConfigPaths {
		c.tell(p.Name+": extra-config-paths", path, pathFault)
	}
	c.regexps(p.Name+": include-branches", p.IncludeBranches)
	c.regexps(p.Name+": exclude-branches", p.ExcludeBranches)
	c.regexps(p.Name+": always-dynamic-branches", p.AlwaysDynamicBranches)
	c.regexps(p.Name+": configure-projects", p.ConfigureProjects)
	if trusted && len(p.ConfigureProjects) > 0 {
		c.add(Error{Line: c.tenant.Line, Message: p.Name + ": configure-projects is for untrusted projects", Hint: "remove it: a config project may configure all"})
	}
}

// same finds projects that are in the tenant twice, and unknown connections.
func (c *checker) same(hostnames map[string]string) {
	through := map[string]string{}
	for _, s := range c.tenant.Sources {
		host, known := hostnames[s.Connection]
		if !known {
			host = "connection:" + s.Connection
		}
		if !known && hostnames != nil {
			c.add(Error{Line: c.tenant.Line, Name: NameUnknownConnection, Message: "there is no connection " + show(s.Connection) + " that has projects"})
		}
		for _, p := range slices.Concat(s.ConfigProjects, s.UntrustedProjects) {
			switch other, there := through[host+"/"+p.Name]; {
			case !there:
				through[host+"/"+p.Name] = s.Connection
			case other == s.Connection:
				c.add(Error{Line: c.tenant.Line, Message: fmt.Sprintf("the project %s is there twice", show(p.Name)), Hint: "remove one of them"})
			default:
				c.add(Error{Line: c.tenant.Line, Hint: "remove one of them",
					Message: fmt.Sprintf("the project %s is there twice: the connections %s and %s are of the same host", show(p.Name), other, s.Connection)})
			}
		}
	}
}

// forbidden finds untrusted projects that could configure config projects. Names
// count as they are, and with the host where that is known.
func forbidden(t *Tenant, r *regexps, hostnames map[string]string) []fault {
	var out []fault
	configs := configNames(t, hostnames)
	reached := map[string]string{} // by regular expression: a config project
	for _, m := range t.Projects() {
		for _, source := range m.Project.ConfigureProjects {
			config, done := reached[source]
			if !done {
				var tooMuch bool
				if config, tooMuch = r.reaches(source, configs); tooMuch {
					return append(out, fault{message: "configure-projects is too much work to compare with the config projects"})
				}
				reached[source] = config
			}
			if config != "" {
				out = append(out, fault{fmt.Sprintf("the untrusted project %s may not configure the config project %s", show(m.Project.Name), show(config)),
					"write configure-projects so that it does not match"})
			}
		}
	}
	return out
}

// configNames are the names of every config project.
func configNames(t *Tenant, hostnames map[string]string) [][]string {
	var out [][]string
	for _, s := range t.Sources {
		for _, p := range s.ConfigProjects {
			names := []string{p.Name}
			if host := hostnames[s.Connection]; host != "" {
				names = append(names, host+"/"+p.Name)
			}
			out = append(out, names)
		}
	}
	return out
}
