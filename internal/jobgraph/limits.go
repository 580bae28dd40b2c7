package jobgraph

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
)

// Bounds on what is stored of a buildset and of a build.
const (
	maxJobs      = 1024
	maxEntries   = 256
	maxNodes     = 64
	maxVarsBytes = 256 << 10
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
	case len(j.Semaphores) > 0:
		return "uses semaphores"
	case len(j.Requires) > 0:
		return "requires artifacts"
	case j.HoldFollowingChanges:
		return "holds following changes"
	case len(j.ExtraVars)+len(j.HostVars)+len(j.GroupVars) > 0:
		return "has extra-vars, host-vars or group-vars"
	case len(j.IncludeVars) > 0:
		return "includes files of variables"
	case len(j.CleanupRun) > 0:
		return "has cleanup-run playbooks"
	case len(j.NodeSets[0].Nodes) == 0:
		return "has no node to run its scripts on"
	case j.OverrideCheckout != nil || j.OverrideBranch != nil:
		return "overrides the checkout"
	case j.WorkspaceScheme != "golang":
		return "has the workspace scheme " + j.WorkspaceScheme
	case j.ImageBuildName != "":
		return "builds an image"
	}
	for _, r := range j.RequiredProjects {
		if r.OverrideBranch != "" || r.OverrideCheckout != "" {
			return "overrides the checkout of " + r.Name
		}
	}
	for _, p := range slices.Concat(j.PreRun, j.Run, j.PostRun) {
		switch ext := path.Ext(p.Path); {
		case ext == ".yaml" || ext == ".yml":
			return "runs the Ansible playbook " + p.Path + " (scripts do, for example `run: ci/test.sh`)"
		case len(p.Secrets) > 0:
			return "gives secrets to " + p.Path
		case len(p.Semaphores) > 0:
			return "uses semaphores"
		}
	}
	return ""
}

// bounded refuses a job that is too large to be stored.
func (j *Job) bounded() error {
	for _, list := range []struct {
		what string
		n    int
	}{
		{"pre-run playbooks", len(j.PreRun)}, {"run playbooks", len(j.Run)}, {"post-run playbooks", len(j.PostRun)},
		{"required projects", len(j.RequiredProjects)}, {"dependencies", len(j.Dependencies)},
	} {
		if list.n > maxEntries {
			return fmt.Errorf("job %s has %d %s; at most %d are possible", j.Name, list.n, list.what, maxEntries)
		}
	}
	if n := len(j.NodeSets[0].Nodes); n > maxNodes {
		return fmt.Errorf("job %s has %d nodes; at most %d are possible", j.Name, n, maxNodes)
	}
	raw, err := json.Marshal(j.Vars)
	if err != nil {
		return fmt.Errorf("the variables of job %s cannot be stored: %w", j.Name, err)
	}
	if len(raw) > maxVarsBytes {
		return fmt.Errorf("the variables of job %s have %d bytes; at most %d are possible", j.Name, len(raw), maxVarsBytes)
	}
	if j.Attempts < 1 {
		return fmt.Errorf("job %s has %d attempts; it needs one", j.Name, j.Attempts)
	}
	return nil
}
