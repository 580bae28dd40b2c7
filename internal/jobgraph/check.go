package jobgraph

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"github.com/gozer-dev/gozer/internal/layout"
)

// Bounds on what is stored of a buildset and of a build.
const (
	maxJobs      = 1024
	maxEntries   = 256
	maxNodes     = 64
	maxVarsBytes = 256 << 10
)

// check enforces the rules that a job must fulfil to run.
func check(l *layout.Layout, j Job) error {
	switch {
	case j.Name == layout.Noop:
		return nil
	case j.abstract:
		return fmt.Errorf("job %s is abstract and may not be run directly; inherit from it", j.Name)
	case len(j.Run) == 0:
		return fmt.Errorf("job %s does not specify a run playbook", j.Name)
	case l.MaxNodesPerJob() >= 0 && len(j.Nodes) > l.MaxNodesPerJob():
		return fmt.Errorf("the job %q exceeds tenant max-nodes-per-job %d", j.Name, l.MaxNodesPerJob())
	case len(j.Nodes) == 0:
		return fmt.Errorf("job %s has no node to run its scripts on; give it a nodeset", j.Name)
	}
	for _, p := range slices.Concat(j.PreRun, j.Run, j.PostRun) {
		if ext := path.Ext(p.Path); ext == ".yaml" || ext == ".yml" {
			return fmt.Errorf("job %s runs the Ansible playbook %s; this version of Gozer runs scripts only, for example `run: ci/test.sh`", j.Name, p.Path)
		}
	}
	return j.bounded()
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
	if len(j.Nodes) > maxNodes {
		return fmt.Errorf("job %s has %d nodes; at most %d are possible", j.Name, len(j.Nodes), maxNodes)
	}
	raw, err := json.Marshal(j.Vars)
	if err != nil {
		return fmt.Errorf("the variables of job %s cannot be stored: %w", j.Name, err)
	}
	if len(raw) > maxVarsBytes {
		return fmt.Errorf("the variables of job %s have %d bytes; at most %d are possible", j.Name, len(raw), maxVarsBytes)
	}
	return nil
}
