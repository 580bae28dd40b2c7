package jobgraph

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/model"
)

// Bounds on what is stored of a buildset and of a build.
const (
	maxJobs     = 1024
	maxEntries  = 256
	maxNodes    = 64
	maxAllNodes = 256 // of all alternatives
	maxRoles    = 64
	maxIncluded = 64
	// maxPlaybookSemaphores are those that one playbook holds at once.
	maxPlaybookSemaphores = 64
	maxWatched            = 64
	maxVarsBytes          = 256 << 10
	// Of secrets: how many a job and one playbook of it get, and the bytes of all of a job's as they stand in the repository.
	maxJobSecrets      = 64
	maxPlaybookSecrets = 32
	maxSecretBytes     = 64 << 10
)

// Runnable refuses jobs that this version cannot run or store. What a job asks
// for is never left out silently: it could be a protection.
func Runnable(jobs []*Job) error {
	if len(jobs) > maxJobs {
		return fmt.Errorf("the change has %d jobs; at most %d are possible", len(jobs), maxJobs)
	}
	for _, j := range jobs {
		if j.IsNoop() {
			continue
		}
		if what := j.notYet(); what != "" {
			return fmt.Errorf("job %s %s, which this version of Gozer cannot do", j.Name, what)
		}
		if err := j.bounded(); err != nil {
			return err
		}
	}
	return nil
}

// notYet names the first thing of a job that there is no executor for.
func (j *Job) notYet() string {
	switch {
	case len(j.ExtraVars)+len(j.HostVars)+len(j.GroupVars) > 0 && !j.Ansible():
		return "has extra-vars, host-vars or group-vars, and no Ansible playbook"
	case j.scripts() && slices.ContainsFunc(j.NodeSets, func(ns *configlang.NodeSet) bool { return len(ns.Nodes) == 0 }):
		return "has no node to run its scripts on"
	case j.ImageBuildName != "":
		return "builds an image"
	}
	if slices.ContainsFunc(j.After(), func(p Playbook) bool { return p.Cleanup && len(p.Semaphores) > 0 }) {
		return "has a playbook that cleans up and uses semaphores" // it runs when the build has given all back
	}
	return ""
}

// Ansible says whether the job runs a playbook of Ansible.
func (j *Job) Ansible() bool { return slices.ContainsFunc(j.Playbooks(), Playbook.Ansible) }

// AnsiblePlaybooks are those of the job's playbooks that Ansible runs.
func (j *Job) AnsiblePlaybooks() []Playbook {
	return slices.DeleteFunc(j.Playbooks(), func(p Playbook) bool { return !p.Ansible() })
}

// OtherProjects are those whose repositories have roles for the job's playbooks, or
// files of variables; one may be there more than once.
func (j *Job) OtherProjects() []model.Project {
	var out []model.Project
	for _, iv := range j.IncludeVars {
		if iv.Project != nil {
			out = append(out, iv.Project.Project)
		}
	}
	for _, p := range j.AnsiblePlaybooks() {
		for _, r := range p.Roles {
			out = append(out, r.Project.Project)
		}
	}
	return out
}

// scripts says whether the job runs a script.
func (j *Job) scripts() bool {
	return slices.ContainsFunc(j.Playbooks(), func(p Playbook) bool { return !p.Ansible() })
}

// Ansible says whether it is a playbook of Ansible; anything else is a script.
func (p Playbook) Ansible() bool { return buildspec.IsAnsible(p.Path) }

// bounded refuses a job that is too large to be stored.
func (j *Job) bounded() error {
	for _, list := range []struct {
		what string
		n    int
	}{
		{"pre-run playbooks", len(j.PreRun)}, {"run playbooks", len(j.Run)}, {"post-run and cleanup-run playbooks", len(j.PostRun) + len(j.CleanupRun)},
		{"required projects", len(j.RequiredProjects)}, {"dependencies", len(j.Dependencies)}, {"semaphores", len(j.Semaphores)},
		{"things that it provides", len(j.Provides)}, {"things that it requires", len(j.Requires)},
	} {
		if list.n > maxEntries {
			return fmt.Errorf("job %s has %d %s; at most %d are possible", j.Name, list.n, list.what, maxEntries)
		}
	}
	all := 0
	for _, ns := range j.NodeSets {
		if n := len(ns.Nodes); n > maxNodes {
			return fmt.Errorf("job %s has %d nodes; at most %d are possible", j.Name, n, maxNodes)
		}
		all += len(ns.Nodes)
	}
	if all > maxAllNodes {
		return fmt.Errorf("job %s has %d nodes in all of its %d nodesets; at most %d are possible", j.Name, all, len(j.NodeSets), maxAllNodes)
	}
	if n := len(j.FailureOutput); n > maxWatched {
		return fmt.Errorf("job %s has %d expressions of failure-output; at most %d are possible", j.Name, n, maxWatched)
	}
	if n := len(j.IncludeVars); n > maxIncluded {
		return fmt.Errorf("job %s includes %d files of variables; at most %d are possible", j.Name, n, maxIncluded)
	}
	for _, p := range j.Playbooks() {
		if n := len(p.Semaphores); n > maxPlaybookSemaphores {
			return fmt.Errorf("job %s has %d semaphores for %s; at most %d are possible", j.Name, n, p.Path, maxPlaybookSemaphores)
		}
		if n := len(p.Roles); n > maxRoles {
			return fmt.Errorf("job %s has %d repositories of roles for %s; at most %d are possible", j.Name, n, p.Path, maxRoles)
		}
	}
	raw, err := json.Marshal([]map[string]any{j.Vars, j.ExtraVars, j.HostVars, j.GroupVars})
	if err != nil {
		return fmt.Errorf("the variables of job %s cannot be stored: %w", j.Name, err)
	}
	if len(raw) > maxVarsBytes {
		return fmt.Errorf("the variables of job %s have %d bytes; at most %d are possible", j.Name, len(raw), maxVarsBytes)
	}
	if j.Attempts < 1 {
		return fmt.Errorf("job %s has %d attempts; it needs one", j.Name, j.Attempts)
	}
	return j.secretsBounded()
}

func (j *Job) secretsBounded() error {
	seen, total := map[string]bool{}, 0
	for _, p := range j.Playbooks() {
		if n := len(p.Secrets); n > maxPlaybookSecrets {
			return fmt.Errorf("job %s gives %d secrets to %s; at most %d are possible", j.Name, n, p.Path, maxPlaybookSecrets)
		}
		for _, s := range p.Secrets {
			if seen[s.Def.Value.Name] {
				continue
			}
			seen[s.Def.Value.Name] = true
			raw, err := json.Marshal(s.Def.Value.Data)
			if err != nil {
				return fmt.Errorf("the secret %s of job %s cannot be stored: a value of it is none that JSON has", s.Def.Value.Name, j.Name)
			}
			total += len(raw)
		}
	}
	if n := len(seen); n > maxJobSecrets {
		return fmt.Errorf("job %s has %d secrets; at most %d are possible", j.Name, n, maxJobSecrets)
	}
	if total > maxSecretBytes {
		return fmt.Errorf("the secrets of job %s have %d bytes, encrypted as they are; at most %d are possible", j.Name, total, maxSecretBytes)
	}
	return nil
}

// Playbooks are all of the job, in the order in which they run.
func (j *Job) Playbooks() []Playbook { return slices.Concat(j.PreRun, j.Run, j.After()) }

// After are the playbooks that run at the end: cleanup-run is an older name of
// post-run playbooks that clean up. One comes before those of definitions that
// are nearer to the base job.
func (j *Job) After() []Playbook {
	out := slices.Clone(j.PostRun)
	for _, c := range j.CleanupRun {
		c.Cleanup = true
		at := slices.IndexFunc(out, func(p Playbook) bool { return c.NestingLevel > p.NestingLevel })
		if at < 0 {
			at = len(out)
		}
		out = slices.Insert(out, at, c)
	}
	return out
}

// SecretsKept refuses jobs of a pre-review pipeline whose secrets could be read
// by a change that nobody has looked at. All scripts run on the same node as
// the same user: what the change itself ran may still be there, or may have put
// something into the way of what runs after it. Trusted playbooks of Ansible
// have a container of their own.
func SecretsKept(jobs []*Job) error {
	for _, j := range jobs {
		stranger := ""
		for _, p := range j.Playbooks() {
			switch {
			case len(p.Secrets) > 0 && stranger != "" && (!p.Ansible() || !p.Origin.Project.Trusted):
				return fmt.Errorf("job %s gives secrets to %s, which runs after %s on the same node; a change that was not reviewed could read them there. "+
					"Run the job in a post-review pipeline, or give them only to playbooks of config projects that run before", j.Name, p.Path, stranger)
			case !p.Origin.Project.Trusted:
				stranger = p.Path
			}
		}
	}
	return nil
}
