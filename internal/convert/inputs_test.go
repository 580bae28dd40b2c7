package convert

import (
	"slices"
	"testing"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestInputs: only what a build sees counts, and not in which order it is listed.
func TestInputs(t *testing.T) {
	state := func(project, commit, tree string) gozer.PreparedState {
		return gozer.PreparedState{BranchState: gozer.BranchState{Project: gozer.ProjectRef{Hostname: "h", Name: project}, Branch: "main", Base: "base of " + project, Commit: commit, Tree: tree}, BaseTree: "was " + project}
	}
	digest := func(states ...gozer.PreparedState) string {
		t.Helper()
		job := gozer.FrozenJob{Name: "unit", RequiredProjects: []gozer.ProjectRef{{Hostname: "h", Name: "lib"}},
			Run: []gozer.Playbook{{Path: "ci/unit.sh", Project: gozer.ProjectRef{Hostname: "h", Name: "jobs"}, Branch: "main", Commit: states[slices.IndexFunc(states, func(s gozer.PreparedState) bool { return s.Project.Name == "jobs" })].Commit}}}
		d, err := Inputs(states, job, gozer.ChangeRef{Project: gozer.ProjectRef{Hostname: "h", Name: "api"}, Number: 1, Patchset: "p"})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	api, lib, jobs, other := state("api", "c1", "a"), state("lib", "c2", "l"), state("jobs", "c3", "j"), state("other", "c4", "o")
	was := digest(api, lib, jobs, other)
	for name, tc := range map[string]struct {
		states []gozer.PreparedState
		same   bool
	}{
		"another order":                       {[]gozer.PreparedState{other, jobs, lib, api}, true},
		"other commits with the same trees":   {[]gozer.PreparedState{state("api", "x", "a"), state("lib", "y", "l"), state("jobs", "z", "j"), other}, true},
		"a project that it does not see":      {[]gozer.PreparedState{api, lib, jobs, state("other", "x", "changed")}, true},
		"its project":                         {[]gozer.PreparedState{state("api", "x", "changed"), lib, jobs, other}, false},
		"a project that it requires":          {[]gozer.PreparedState{api, state("lib", "x", "changed"), jobs, other}, false},
		"the project of its playbook":         {[]gozer.PreparedState{api, lib, state("jobs", "x", "changed"), other}, false},
		"a required project that is not told": {[]gozer.PreparedState{api, jobs, other}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := digest(tc.states...) == was; got != tc.same {
				t.Errorf("the same: %v, want %v", got, tc.same)
			}
		})
	}
}
