package scenario

import (
	"fmt"
	"slices"

	"github.com/gozer-dev/gozer/internal/model"
)

// cmdProject declares projects: the first one of a story takes the place of the
// default ones. Later it is the tenant admin who adds one.
func (p *player) cmdProject(c command) error {
	if !p.declared && !p.running {
		p.declared = true
		p.tenant.projects = p.tenant.projects[:1]
		p.host.branches = p.host.branches[:1]
		for at := range p.host.tips {
			if at.Project.Name != configProject {
				delete(p.host.tips, at)
			}
		}
	}
	branches := c.list("branches")
	if branches == nil {
		branches = []string{"main"}
	}
	for _, name := range c.args {
		if at, err := p.projectNamed(name); err == nil && p.running {
			p.tenant.projects = append(p.tenant.projects, at)
			p.host.version++
			continue
		}
		p.declare(name, branches)
	}
	return nil
}

// cmdRemove takes a project out of the tenant.
func (p *player) cmdRemove(c command) error {
	project, err := p.projectNamed(c.arg(0))
	p.host.version++
	p.tenant.projects = slices.DeleteFunc(p.tenant.projects, func(x model.Project) bool { return x == project })
	return err
}

func (p *player) cmdTenant(c command) error {
	p.tenant.options = c.text
	p.host.version++
	return nil
}

// cmdConfig replaces a file of the config project: pipelines, jobs, or the projects' stanzas.
func (p *player) cmdConfig(c command) error {
	file := map[string]string{"pipelines": "zuul.d/1.yaml", "jobs": "zuul.d/2.yaml", "config": "zuul.d/3.yaml"}[c.name]
	return p.pushed(configProject, "main", map[string]string{file: c.text})
}

// cmdFile is "file PROJECT BRANCH PATH <<EOF".
func (p *player) cmdFile(c command) error {
	text := c.text
	if !c.hasText {
		text = deleted
	}
	return p.pushed(c.arg(0), c.arg(1), map[string]string{c.arg(2): text})
}

// cmdPush is a push by hand: "push PROJECT BRANCH files=a,b".
func (p *player) cmdPush(c command) error {
	return p.pushed(c.arg(0), c.arg(1), filesOf(c))
}

func (p *player) pushed(project, branch string, files map[string]string) error {
	at, err := p.projectNamed(project)
	if err != nil {
		return err
	}
	ref := model.BranchRef{Project: at, Branch: branch}
	before, ok := p.host.tips[ref]
	if !ok {
		return fmt.Errorf("no branch %s", branch)
	}
	p.host.push(ref, files)
	if p.running {
		p.emitPush(ref, before)
	}
	return nil
}

// cmdBranch makes a branch of main: "branch PROJECT NAME".
func (p *player) cmdBranch(c command) error {
	at, err := p.projectNamed(c.arg(0))
	if err != nil {
		return err
	}
	p.newBranch(model.BranchRef{Project: at, Branch: c.arg(1)}, p.host.tips[model.BranchRef{Project: at, Branch: "main"}])
	return nil
}

// filesOf are the files that a command names; what stands below it is configuration.
func filesOf(c command) map[string]string {
	out := map[string]string{}
	for _, path := range c.list("files") {
		out[path] = "text"
	}
	if c.hasText {
		path := c.options["path"]
		if path == "" {
			path = ".zuul.yaml"
		}
		out[path] = c.text
	}
	return out
}
