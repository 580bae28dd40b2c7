package convert

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// input is a branch that a build sees, by what is in it: commits of speculative
// states differ when trees do not.
type input struct {
	Project      gozer.ProjectRef
	Branch, Tree string
}

// Inputs digests everything that a build sees of some states: its definition, its
// change, and the trees of its project, of those that it requires and of its playbooks.
//
// What changes ahead provide is not known beforehand: such a job sees anything.
func Inputs(states []gozer.PreparedState, frozen gozer.FrozenJob, own gozer.ChangeRef) (string, error) {
	if len(frozen.Requires) > 0 {
		return "", nil
	}
	job := frozen.DeepCopy()
	var seen []input
	for _, st := range states {
		if st.Project == own.Project || slices.Contains(job.RequiredProjects, st.Project) {
			seen = append(seen, input{st.Project, st.Branch, st.Tree})
		}
	}
	// The states have the order of the changes ahead, which means nothing to the build.
	slices.SortFunc(seen, func(a, b input) int {
		return cmp.Or(cmp.Compare(a.Project.Hostname, b.Project.Hostname), cmp.Compare(a.Project.Name, b.Project.Name), cmp.Compare(a.Branch, b.Branch))
	})
	for _, list := range [][]gozer.Playbook{job.PreRun, job.Run, job.PostRun} {
		for n := range list {
			list[n].Commit = treeOf(states, list[n])
		}
	}
	raw, err := json.Marshal([]any{job, own, seen})
	if err != nil {
		return "", fmt.Errorf("the inputs of job %s: %w", job.Name, err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:20]), nil
}

// treeOf a playbook's commit; the commit itself where its tree is not known.
func treeOf(states []gozer.PreparedState, p gozer.Playbook) string {
	for _, st := range states {
		switch {
		case st.Project != p.Project || st.Branch != p.Branch:
		case st.Commit == p.Commit && st.Tree != "":
			return st.Tree
		case st.Base == p.Commit && st.BaseTree != "":
			return st.BaseTree
		}
	}
	return p.Commit
}
