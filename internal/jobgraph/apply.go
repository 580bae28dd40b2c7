package jobgraph

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
)

// newJob is a job with all defaults.
func newJob() *Job {
	return &Job{Voting: true, Attempts: 3, MatchOnConfigUpdates: true, Deduplicate: "auto", WorkspaceScheme: "golang", WorkspaceCheckout: "true", branches: "None"}
}

// begin makes a job of the definition that the inheritance begins with.
func begin(l *layout.Layout, v *layout.Job) (*Job, *Error) {
	j := newJob()
	j.execution(v)
	j.Final, j.abstract, j.intermediate, j.Protected = truth(v.Final), truth(v.Abstract), truth(v.Intermediate), truth(v.Protected)
	j.finals = v.Finals
	if err := j.combined(l, v, true); err != nil {
		return nil, err
	}
	j.Name, j.Path = v.Name, []*layout.Job{v}
	return j, nil
}

func truth(b *bool) bool { return b != nil && *b }

// apply lays a variant over the job. What the job shares with others is not changed.
func (j *Job) apply(l *layout.Layout, v *layout.Job) *Error {
	if err := j.permit(v); err != nil {
		return err
	}
	j.execution(v)
	if err := j.flags(v); err != nil {
		return err
	}
	if err := j.combined(l, v, false); err != nil {
		return err
	}
	j.Path = append(slices.Clip(j.Path), v)
	return j.tooLarge()
}

// maxGrown bounds what a job may gather from all its definitions. It is far
// from what anybody needs, and keeps strangers from making it endless.
const maxGrown = 5000

func (j *Job) tooLarge() *Error {
	for _, n := range []int{len(j.Path) * 10, len(j.Roles), len(j.PreRun), len(j.PostRun), len(j.CleanupRun), len(j.Semaphores), len(j.Tags), len(j.Provides),
		len(j.Requires), len(j.FailureOutput), len(j.IncludeVars), len(j.RequiredProjects), len(j.Dependencies), len(j.Files), len(j.IrrelevantFiles),
		len(j.Vars), len(j.ExtraVars), len(j.HostVars), len(j.GroupVars)} {
		if n > maxGrown {
			return errorf(kindConfiguration, "Job %s has more definitions, or longer lists, than are possible", j.Name)
		}
	}
	return nil
}

// permit refuses to change how a final or protected job runs.
func (j *Job) permit(v *layout.Job) *Error {
	attr := executionAttr(v)
	switch {
	case attr == "":
	case j.Final:
		return errorf(kindConfiguration, "Unable to modify final job %s attribute %s with variant %s", j, attr, variantText(v))
	case j.protectedBy != "" && (v.Origin == nil || j.protectedBy != v.Origin.Project.Canonical()):
		return errorf(kindConfiguration, "Job %s which is defined in %s is protected and cannot be inherited from other projects.", j, j.protectedBy)
	}
	return nil
}

// executionAttr is the first attribute of a variant that changes how the job
// runs, and not only whether and how it is reported; "" if it has none.
func executionAttr(v *layout.Job) string {
	for _, a := range []struct {
		name string
		set  bool
	}{
		{"parent", v.Parent != "" || v.Base}, {"timeout", v.Timeout != nil}, {"post_timeout", v.PostTimeout != nil},
		{"variables", len(v.Vars) > 0}, {"extra_variables", len(v.ExtraVars) > 0}, {"host_variables", len(v.HostVars) > 0},
		{"group_variables", len(v.GroupVars) > 0}, {"include_vars", len(v.IncludeVars) > 0}, {"nodeset", v.NodeSet != nil || v.NodeSetName != nil},
		{"pre_run", len(v.PreRun) > 0}, {"post_run", len(v.PostRun) > 0}, {"cleanup_run", len(v.CleanupRun) > 0}, {"run", len(v.Run) > 0},
		{"ansible_split_streams", v.AnsibleSplitStreams != nil}, {"ansible_version", v.AnsibleVersion != nil}, {"semaphores", len(v.Semaphores) > 0},
		{"attempts", v.Attempts != nil}, {"roles", len(v.Roles) > 0}, {"required_projects", v.Given.Has(configlang.AttrRequiredProjects)},
		{"allowed_projects", v.AllowedProjects != nil}, {"override_branch", v.OverrideBranch != nil}, {"override_checkout", v.OverrideCheckout != nil},
		{"post_review", v.PostReview}, {"workspace_scheme", v.WorkspaceScheme != nil}, {"workspace_checkout", v.WorkspaceCheckout != nil},
		{"failure_output", v.Given.Has(configlang.AttrFailureOutput)}, {"image_build_name", v.ImageBuildName != nil},
	} {
		if a.set {
			return a.name
		}
	}
	return ""
}

// execution takes over single values of how the job runs.
func (j *Job) execution(v *layout.Job) {
	j.Timeout, j.PostTimeout = or(v.Timeout, j.Timeout), or(v.PostTimeout, j.PostTimeout)
	j.Attempts = *or(v.Attempts, &j.Attempts)
	j.AnsibleSplitStreams = or(v.AnsibleSplitStreams, j.AnsibleSplitStreams)
	j.AnsibleVersion = *or(v.AnsibleVersion, &j.AnsibleVersion)
	j.OverrideBranch, j.OverrideCheckout = or(v.OverrideBranch, j.OverrideBranch), or(v.OverrideCheckout, j.OverrideCheckout)
	j.WorkspaceScheme, j.WorkspaceCheckout = *or(v.WorkspaceScheme, &j.WorkspaceScheme), *or(v.WorkspaceCheckout, &j.WorkspaceCheckout)
	j.ImageBuildName = *or(v.ImageBuildName, &j.ImageBuildName)
	j.PostReview = j.PostReview || v.PostReview
	if v.NodeSet != nil || v.NodeSetName != nil {
		j.nodeSet, j.nodeSetName = v.NodeSet, v.NodeSetName
	}
}

func or[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

// flags inherits final, abstract, intermediate and protected.
func (j *Job) flags(v *layout.Job) *Error {
	j.Final = j.Final || truth(v.Final)
	other := v.Name != j.Name
	// A variant cannot make a job run directly; a child can.
	j.abstract = truth(v.Abstract) || j.abstract && !other
	if j.intermediate && !truth(v.Abstract) {
		return errorf(kindConfiguration, "Intermediate job %s may only be inherited by another abstract job", j)
	}
	j.intermediate = truth(v.Intermediate) || j.intermediate && !other
	if v.Protected != nil {
		if !*v.Protected && j.protectedBy != "" {
			return errorf(kindConfiguration, "Unable to reset protected attribute of job %s by job %s", j, variantText(v))
		}
		if j.protectedBy == "" {
			j.protectedBy = v.Origin.Project.Canonical()
		}
	}
	return nil
}

// combined lays what adds up over what the job has, in Zuul's order.
func (j *Job) combined(l *layout.Layout, v *layout.Job, first bool) *Error {
	j.Roles = layout.AddRoles(j.Roles, v.Roles)
	if !first && j.nodeSetName != nil && !l.HasNodeSet(*j.nodeSetName) {
		return errorf(kindNodeset, "The nodeset %q was not found.", *j.nodeSetName)
	}
	if !first {
		if err := j.passSecrets(l, v); err != nil {
			return err
		}
	}
	if err := j.playbooks(l, v); err != nil {
		return err
	}
	if err := j.variables(v, first); err != nil {
		return err
	}
	if err := j.lists(v, first); err != nil {
		return err
	}
	if err := j.semaphoresOnce(); err != nil {
		return err
	}
	return j.context(v, first)
}

// control refuses to change an attribute that was made final, and makes it final.
func (j *Job) control(v *layout.Job, a configlang.Attr, set, first bool) *Error {
	if first {
		return nil
	}
	if set && j.finals.Has(a) {
		return errorf(kindConfiguration, "Unable to modify job %s final attribute %s with variant %s", j, a, variantText(v))
	}
	if v.Finals.Has(a) {
		j.finals = j.finals.With(a)
	}
	return nil
}

func (j *Job) variables(v *layout.Job, first bool) *Error {
	for _, x := range []struct {
		attr configlang.Attr
		to   *map[string]any
		from map[string]any
	}{
		{configlang.AttrVars, &j.Vars, v.Vars}, {configlang.AttrExtraVars, &j.ExtraVars, v.ExtraVars},
		{configlang.AttrHostVars, &j.HostVars, v.HostVars}, {configlang.AttrGroupVars, &j.GroupVars, v.GroupVars},
	} {
		if err := j.control(v, x.attr, len(x.from) > 0, first); err != nil {
			return err
		}
		if v.Override.Has(x.attr) {
			*x.to = x.from
		} else {
			*x.to = deepMerge(*x.to, x.from)
		}
	}
	return nil
}

// lists combines include-vars, projects, semaphores and failure-output.
func (j *Job) lists(v *layout.Job, first bool) *Error {
	if len(v.IncludeVars) > 0 {
		if err := j.control(v, configlang.AttrIncludeVars, true, first); err != nil {
			return err
		}
		old := j.IncludeVars
		if v.Override.Has(configlang.AttrIncludeVars) {
			old = nil
		}
		j.IncludeVars = union(old, v.IncludeVars)
	}
	if v.Given.Has(configlang.AttrRequiredProjects) {
		if err := j.control(v, configlang.AttrRequiredProjects, true, first); err != nil {
			return err
		}
		j.RequiredProjects = requiredProjects(j.RequiredProjects, v.RequiredProjects, v.Override.Has(configlang.AttrRequiredProjects))
	}
	if v.AllowedProjects != nil {
		if j.AllowedProjects == nil {
			j.AllowedProjects = v.AllowedProjects
		} else {
			j.AllowedProjects = slices.DeleteFunc(slices.Clone(j.AllowedProjects), func(p string) bool { return !slices.Contains(v.AllowedProjects, p) })
		}
	}
	if len(v.Semaphores) > 0 {
		j.Semaphores = union(j.Semaphores, v.Semaphores)
		slices.SortStableFunc(j.Semaphores, func(a, b configlang.JobSemaphore) int { return strings.Compare(a.Name, b.Name) })
	}
	if v.Given.Has(configlang.AttrFailureOutput) {
		if err := j.control(v, configlang.AttrFailureOutput, true, first); err != nil {
			return err
		}
		j.FailureOutput = combineSet(j.FailureOutput, v.FailureOutput, v.Override.Has(configlang.AttrFailureOutput))
	}
	return nil
}

// union keeps each value once, in a new list.
func union[T comparable](a, b []T) []T {
	out := slices.Clone(a)
	if len(a)*len(b) < 1000 {
		for _, v := range b {
			if !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
		return out
	}
	seen := make(map[T]bool, len(a)+len(b))
	for _, v := range a {
		seen[v] = true
	}
	for _, v := range b {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

func combineSet(old, more []string, override bool) []string {
	if override {
		return more
	}
	out := union(old, more)
	slices.Sort(out)
	return out
}

// requiredProjects keeps the place of a project that is there and takes its new settings.
func requiredProjects(old, more []configlang.RequiredProject, override bool) []configlang.RequiredProject {
	if override {
		return more
	}
	out := slices.Clone(old)
	for _, r := range more {
		if i := slices.IndexFunc(out, func(o configlang.RequiredProject) bool { return o.Name == r.Name }); i >= 0 {
			out[i] = r
		} else {
			out = append(out, r)
		}
	}
	return out
}

// context takes over what says whether the job runs and how it is reported.
func (j *Job) context(v *layout.Job, first bool) *Error {
	j.Voting, j.HoldFollowingChanges = *or(v.Voting, &j.Voting), *or(v.HoldFollowingChanges, &j.HoldFollowingChanges)
	j.FailureMessage, j.SuccessMessage = or(v.FailureMessage, j.FailureMessage), or(v.SuccessMessage, j.SuccessMessage)
	j.MatchOnConfigUpdates = *or(v.MatchOnConfigUpdates, &j.MatchOnConfigUpdates)
	j.Deduplicate = *or(v.Deduplicate, &j.Deduplicate)
	if len(v.Branches) > 0 {
		j.branches = v.BranchText()
	}
	for _, x := range []struct {
		attr configlang.Attr
		to   *[]configlang.Matcher
		from []configlang.Matcher
	}{{configlang.AttrFiles, &j.Files, v.Files}, {configlang.AttrIrrelevantFiles, &j.IrrelevantFiles, v.IrrelevantFiles}} {
		if x.from == nil {
			continue
		}
		if err := j.control(v, x.attr, true, first); err != nil {
			return err
		}
		*x.to = matchers(*x.to, x.from, v.Override.Has(x.attr))
	}
	for _, x := range []struct {
		attr configlang.Attr
		to   *[]string
		from []string
	}{{configlang.AttrTags, &j.Tags, v.Tags}, {configlang.AttrProvides, &j.Provides, v.Provides}, {configlang.AttrRequires, &j.Requires, v.Requires}} {
		if len(x.from) == 0 {
			continue
		}
		if err := j.control(v, x.attr, true, first); err != nil {
			return err
		}
		*x.to = combineSet(*x.to, x.from, v.Override.Has(x.attr))
	}
	if v.Given.Has(configlang.AttrDependencies) {
		if err := j.control(v, configlang.AttrDependencies, true, first); err != nil {
			return err
		}
		old := j.Dependencies
		if v.Override.Has(configlang.AttrDependencies) {
			old = nil
		}
		j.Dependencies = union(old, v.Dependencies)
		slices.SortFunc(j.Dependencies, func(a, b configlang.Dependency) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), boolCompare(a.Soft, b.Soft))
		})
	}
	j.ignoreAllowed = j.ignoreAllowed || v.IgnoreAllowedProjects
	return nil
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// matchers are those of both, or the later ones, sorted.
func matchers(old, more []configlang.Matcher, override bool) []configlang.Matcher {
	out := []configlang.Matcher{}
	if !override {
		out = append(out, old...)
	}
	for _, m := range more {
		if override || !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b configlang.Matcher) int { return strings.Compare(a.Regex.Pattern(), b.Regex.Pattern()) })
	return out
}

// deepMerge lays one mapping over another; mappings are merged, everything else
// is replaced. Neither is changed.
func deepMerge(below, above map[string]any) map[string]any {
	switch {
	case len(above) == 0:
		return below
	case len(below) == 0:
		return above
	}
	out := maps.Clone(below)
	for k, v := range above {
		a, aok := out[k].(map[string]any)
		b, bok := v.(map[string]any)
		if aok && bok {
			out[k] = deepMerge(a, b)
		} else {
			out[k] = v
		}
	}
	return out
}
