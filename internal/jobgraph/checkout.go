package jobgraph

import "github.com/gozer-dev/gozer/internal/model"

// Overrides are the branches or tags that the job wants of a repository in place
// of what the item is about, in the order in which they count (Zuul:
// override-checkout, and its older name override-branch).
func (j *Job) Overrides(p model.Project) []string {
	var out []string
	for _, r := range j.RequiredProjects {
		if r.Name == p.Canonical() {
			out = append(out, r.OverrideCheckout, r.OverrideBranch)
		}
	}
	for _, o := range []*string{j.OverrideCheckout, j.OverrideBranch} {
		if o != nil {
			out = append(out, *o)
		}
	}
	return out
}
