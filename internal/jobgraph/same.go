package jobgraph

import (
	"reflect"
	"slices"

	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/layout"
)

// SameConfig says whether two jobs are configured in the same way: where their
// definitions stand and which files they are for does not count.
func SameConfig(a, b *Job) bool {
	choice := func(j *Job) []any {
		return []any{j.Final, j.Protected, j.PostReview, j.MatchOnConfigUpdates, list(j.AllowedProjects), j.abstract, j.intermediate, j.branches}
	}
	return sameRun(a, b) && reflect.DeepEqual(choice(a), choice(b))
}

// sameRun says whether a run of one job is as good as a run of the other.
func sameRun(a, b *Job) bool {
	return reflect.DeepEqual(settings(a), settings(b)) && equalPlaybooks(a, b) && equalNodes(a, b) &&
		reflect.DeepEqual(roleNames(a.Roles), roleNames(b.Roles)) && reflect.DeepEqual(varFiles(a), varFiles(b))
}

// settings are the values of a run that can be compared as they are.
func settings(j *Job) []any {
	return []any{j.Name, j.Voting, j.HoldFollowingChanges, j.Timeout, j.PostTimeout, j.Attempts,
		j.SuccessMessage, j.FailureMessage, j.OverrideBranch, j.OverrideCheckout, j.AnsibleSplitStreams, j.AnsibleVersion, j.Deduplicate,
		j.WorkspaceScheme, j.WorkspaceCheckout, j.ImageBuildName, list(j.Dependencies), list(j.Semaphores), list(j.Tags), list(j.Provides),
		list(j.Requires), list(j.FailureOutput), list(j.RequiredProjects),
		object(j.Vars), object(j.ExtraVars), object(j.HostVars), object(j.GroupVars)}
}

// list makes none and empty the same.
func list[T any](in []T) []T {
	if len(in) == 0 {
		return nil
	}
	return in
}

func object(in map[string]any) map[string]any {
	if len(in) == 0 {
		return nil
	}
	return in
}

func roleNames(list []layout.Role) []string {
	var out []string
	for _, r := range list {
		out = append(out, r.Project.Canonical()+"\x00"+r.Name)
	}
	return out
}

func varFiles(j *Job) []string {
	var out []string
	for _, iv := range j.IncludeVars {
		name := iv.Path
		if iv.Project != nil {
			name += "\x00" + iv.Project.Canonical()
		}
		out = append(out, name)
		if iv.Required {
			out = append(out, "required")
		}
		if iv.UseRef {
			out = append(out, "ref")
		}
	}
	return out
}

func equalPlaybooks(a, b *Job) bool {
	same := func(x, y Playbook) bool {
		secret := func(s, t Secret) bool {
			return s.Alias == t.Alias && s.Project.Canonical() == t.Project.Canonical() && reflect.DeepEqual(s.Def.Value.Data, t.Def.Value.Data)
		}
		from := x.Origin.Project.Canonical() == y.Origin.Project.Canonical() && x.Origin.Project.Trusted == y.Origin.Project.Trusted
		return x.Path == y.Path && from && x.Origin.Branch == y.Origin.Branch && x.Cleanup == y.Cleanup &&
			x.NestingLevel == y.NestingLevel && slices.Equal(x.Semaphores, y.Semaphores) && slices.EqualFunc(x.Secrets, y.Secrets, secret) &&
			slices.Equal(roleNames(x.Roles), roleNames(y.Roles))
	}
	return slices.EqualFunc(a.PreRun, b.PreRun, same) && slices.EqualFunc(a.Run, b.Run, same) &&
		slices.EqualFunc(a.PostRun, b.PostRun, same) && slices.EqualFunc(a.CleanupRun, b.CleanupRun, same)
}

func equalNodes(a, b *Job) bool {
	node := func(x, y configlang.Node) bool { return slices.Equal(x.Names, y.Names) && x.Label == y.Label }
	group := func(x, y configlang.NodeGroup) bool { return x.Name == y.Name && slices.Equal(x.Nodes, y.Nodes) }
	return slices.EqualFunc(a.NodeSets, b.NodeSets, func(x, y *configlang.NodeSet) bool {
		return x.Name == y.Name && slices.EqualFunc(x.Nodes, y.Nodes, node) && slices.EqualFunc(x.Groups, y.Groups, group)
	})
}

// deduplicate makes one of equal jobs of a cycle's changes, where these want it
// (FEATURES 3.5). The job of the triggering change stays.
func deduplicate(jobs []*Job, in Input) []*Job {
	if len(in.Changes) < 2 {
		return jobs
	}
	gone := map[*Job]bool{}
	for i, j := range jobs {
		if gone[j] || j.Deduplicate == "false" {
			continue
		}
		equal := []*Job{j}
		for _, o := range jobs[i+1:] {
			if gone[o] || o.Deduplicate == "false" || o.Name != j.Name || !sameRun(j, o) {
				continue
			}
			if j.Deduplicate == "auto" && len(j.RequiredProjects) == 0 && in.Changes[j.Change].Project != in.Changes[o.Change].Project {
				continue
			}
			equal = append(equal, o)
		}
		primary := equal[0]
		for _, o := range equal {
			if o.Change == in.Triggering {
				primary = o
			}
		}
		for _, o := range equal {
			if o != primary {
				primary.Others = append(primary.Others, o.Change)
				gone[o] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(jobs), func(j *Job) bool { return gone[j] })
}
