package tenantfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	hosts := map[string]string{"gerrit": "example.com", "mirror": "example.com", "github": "github.com"}
	of := func(sources ...Source) Tenant { return Tenant{Name: "acme", Line: 7, Sources: sources} }
	untrusted := func(connection string, projects ...Project) Source {
		return Source{Connection: connection, UntrustedProjects: projects}
	}
	config := Source{Connection: "gerrit", ConfigProjects: []Project{{Name: "acme/config"}}}
	tests := map[string]struct {
		tenant Tenant
		hosts  map[string]string
		want   string
	}{
		"fine":               {of(config, untrusted("github", Project{Name: "acme/config", ConfigureProjects: []string{"acme/api"}})), hosts, ""},
		"unknown connection": {of(untrusted("gihub", Project{Name: "a"})), hosts, "error: line 7: Unknown Connection: there is no connection \"gihub\" that has projects\n"},
		"no host names":      {of(untrusted("gihub", Project{Name: "a"})), nil, ""},
		"the same host": {of(config, untrusted("mirror", Project{Name: "acme/config"})), hosts,
			"error: line 7: the project \"acme/config\" is there twice: the connections gerrit and mirror are of the same host; remove one of them\n"},
		"another host": {of(config, untrusted("mirror", Project{Name: "acme/config"})), nil, ""},
		"twice": {of(config, untrusted("github", Project{Name: "a"}, Project{Name: "a"})), nil,
			"error: line 7: the project \"a\" is there twice; remove one of them\n"},
		"superproject by host": {of(config, untrusted("github", Project{Name: "super", ConfigureProjects: []string{"example.com/.*"}})), hosts,
			"error: line 7: the untrusted project \"super\" may not configure the config project \"acme/config\"; write configure-projects so that it does not match\n"},
		"superproject without hosts": {of(config, untrusted("github", Project{Name: "super", ConfigureProjects: []string{"example.com/.*"}})), nil, ""},
		"too much work": {of(Source{Connection: "gerrit", ConfigProjects: many(256)}, untrusted("github", superprojects(500)...)), nil,
			"error: line 7: configure-projects is too much work to compare with the config projects\n"},
		"trusted superproject": {of(Source{Connection: "gerrit", ConfigProjects: []Project{{Name: "c", ConfigureProjects: []string{"x"}}}}), nil,
			"error: line 7: c: configure-projects is for untrusted projects; remove it: a config project may configure all\n"},
		"texts": {Tenant{WebRoot: "ftp://x", DefaultAnsibleVersion: "-", AllowedLabels: []string{"("}, DisallowedLabels: []string{""}}, nil,
			"error: default-ansible-version: \"-\" is not a version of Ansible\n" +
				"error: web-root: \"ftp://x\" is not the address of a web site; write it like https://ci.example.com/\n" +
				"error: allowed-labels: \"(\" \n" +
				"error: disallowed-labels: this must not be empty\n"},
		"projects": {of(untrusted("g", Project{Name: "../x"}, Project{Name: "p", Include: []string{"jobb"}, ExtraConfigPaths: []string{"../x"}, IncludeBranches: []string{"*"}})), nil,
			"error: line 7: a project: \"../x\" is not the name of a project; write it as the code host does, e.g. acme/api\n" +
				"error: line 7: p: there is no class of objects \"jobb\"; did you mean \"job\"?\n" +
				"error: line 7: p: extra-config-paths: \"../x\" leads out of the repository; write it without ..\n" +
				"error: line 7: p: include-branches: \"*\" \n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, list(tc.tenant.Check(tc.hosts))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func many(n int) []Project {
	var out []Project
	for i := range n {
		out = append(out, Project{Name: "c" + string(rune('a'+i%26)) + string(rune('a'+i/26))})
	}
	return out
}

func superprojects(n int) []Project {
	var out []Project
	for i := range n {
		name := "s" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/26/26))
		out = append(out, Project{Name: name, ConfigureProjects: []string{"(x{100}){9}" + name}})
	}
	return out
}
