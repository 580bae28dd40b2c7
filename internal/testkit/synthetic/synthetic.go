// Package synthetic makes a tenant of the size of a large one, always the same:
// 501 projects, 5,001 jobs, about 2.16 MB of configuration.
package synthetic

import (
	"fmt"
	"strings"
)

// Size of the tenant.
const (
	Projects       = 500 // besides the config project
	JobsPerProject = 10
	Jobs           = Projects*JobsPerProject + 1
)

// ConfigProject is the name of the trusted project.
const ConfigProject = "acme/config"

// Project is the name of an untrusted project.
func Project(i int) string { return fmt.Sprintf("acme/project-%03d", i) }

// Job is the name of a job of a project.
func Job(project, job int) string { return fmt.Sprintf("project-%03d-job-%d", project, job) }

// Files are the configuration files by project.
func Files() map[string]string {
	out := map[string]string{ConfigProject: config}
	for i := range Projects {
		out[Project(i)] = file(i)
	}
	return out
}

const config = `
- pipeline:
    name: check
    manager: independent
    trigger: {gitea: {event: pull_request, action: [opened, changed]}}
    success: {gitea: {status: success}}
- pipeline:
    name: gate
    manager: dependent
    trigger: {gitea: {event: pull_request_review, action: submitted}}
    success: {gitea: {merge: true}}
- nodeset:
    name: debian
    nodes: {name: node, label: debian}
- job:
    name: base
    parent: null
    timeout: 1800
    nodeset: debian
    pre-run: playbooks/base/pre.yaml
    post-run: playbooks/base/post.yaml
    vars:
      site: logs.example.com
`

// file is one project: a parent job with nine children, and their use.
func file(project int) string {
	var b strings.Builder
	for i := range JobsPerProject {
		parent := "base"
		if i > 0 {
			parent = Job(project, 0)
		}
		fmt.Fprintf(&b, `- job:
    name: %s
    parent: %s
    description: Runs test suite %d of project %d on the default image.
    run: playbooks/suite-%d/run.yaml
    timeout: %d
    vars:
      suite: suite-%d
      verbose: false
      targets: [unit, integration, lint]
    files:
      - ^src/suite-%d/.*$
      - ^go\.mod$
`, Job(project, i), parent, i, project, i, 600+i, i, i)
	}
	b.WriteString("- project:\n    check:\n      jobs:\n")
	for i := range JobsPerProject {
		fmt.Fprintf(&b, "        - %s\n", Job(project, i))
	}
	b.WriteString("    gate:\n      jobs:\n")
	for i := range JobsPerProject {
		fmt.Fprintf(&b, "        - %s:\n            voting: %t\n", Job(project, i), i%5 != 0)
	}
	return b.String()
}
