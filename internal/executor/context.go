package executor

import (
	"cmp"
	"fmt"
	"path"
	"strings"
)

// playbookContext tells what was checked out for playbooks of Ansible, and where
// each of them finds roles (Zuul: zuul.playbook_context). Paths begin at what Zuul
// calls its working directory: trusted/, untrusted/ and ansible/.
func (b *build) playbookContext() map[string]any {
	projects := map[string]any{}
	for _, c := range b.plan.checkouts {
		if name := areaNames[c.area]; name != "" {
			projects[path.Join(name, c.dir)] = map[string]any{"canonical_name": c.project.Canonical(), "checkout": c.name(), "commit": c.commit}
		}
	}
	playbooks := []any{}
	for _, phase := range b.inPhases() {
		for n, st := range phase.steps {
			if st.playbook.Ansible() {
				playbooks = append(playbooks, map[string]any{
					"path": path.Join(areaNames[st.area], st.repo, st.playbook.Path), "roles": b.roleVars(path.Join("ansible", turnDir(phase.name, n)), st),
				})
			}
		}
	}
	return map[string]any{"playbook_projects": projects, "playbooks": playbooks}
}

// areaNames are those of the directories that only playbooks use.
var areaNames = map[area]string{areaTrusted: "trusted", areaUntrusted: "untrusted"}

// roleVars are the repositories in which a playbook finds roles.
func (b *build) roleVars(dir string, st step) []any {
	out := []any{}
	for i, role := range st.playbook.Roles {
		link := path.Join(dir, fmt.Sprintf("role_%d", i), role.Name)
		v := map[string]any{"checkout": cmp.Or(role.Branch, role.Tag), "link_name": link, "link_target": path.Join(areaNames[st.area], st.roles[i])}
		switch repo := b.opts.path(st.area, st.roles[i]); {
		case isDir(repo, "tasks"):
			v["role_path"] = path.Dir(link)
		case isDir(repo, "roles"):
			v["role_path"] = path.Join(link, "roles")
		default:
			continue // it has none
		}
		out = append(out, v)
	}
	return out
}

// phase is a list of playbooks with its name.
type phase struct {
	name  string
	steps []step
}

// inPhases are the playbooks of the build, in order.
func (b *build) inPhases() []phase {
	return []phase{{phasePre, b.plan.preRun}, {phaseRun, b.plan.run}, {phasePost, b.plan.after}}
}

// turnDir is the directory of a playbook's files, below that for Ansible.
func turnDir(phase string, n int) string {
	return fmt.Sprintf("%s_playbook_%d", strings.ReplaceAll(phase, "-", "_"), n)
}
