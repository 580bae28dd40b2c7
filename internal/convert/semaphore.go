package convert

import (
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

// jobSemaphores of a job, sorted by name; global are the names of those that the
// tenant shares with others.
func jobSemaphores(j *jobgraph.Job, global []string) []gozer.JobSemaphore {
	var out []gozer.JobSemaphore
	for _, s := range j.Semaphores {
		if n := len(out); n > 0 && out[n-1].Name == s.Name {
			// Named by two definitions: it is needed as early as one of them says.
			out[n-1].ResourcesFirst = out[n-1].ResourcesFirst && s.ResourcesFirst
			continue
		}
		out = append(out, gozer.JobSemaphore{Name: s.Name, Global: slices.Contains(global, s.Name), ResourcesFirst: s.ResourcesFirst})
	}
	return out
}

// playbookSemaphores of one playbook.
func playbookSemaphores(names, global []string) []gozer.JobSemaphore {
	var out []gozer.JobSemaphore
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		out = append(out, gozer.JobSemaphore{Name: name, Global: slices.Contains(global, name)})
	}
	return out
}

// NeedsSemaphores says whether a build needs any, at whatever time.
func NeedsSemaphores(j gozer.FrozenJob) bool {
	return len(j.Semaphores) > 0 || slices.ContainsFunc(slices.Concat(j.PreRun, j.Run, j.PostRun), func(p gozer.Playbook) bool { return len(p.Semaphores) > 0 })
}

// OfPlaybook are the semaphores of these names that a playbook of a build needs; nil
// when there is no such playbook.
func OfPlaybook(b *gozer.Build, names []string) []gozer.JobSemaphore {
	for _, p := range slices.Concat(b.Spec.Job.PreRun, b.Spec.Job.Run, b.Spec.Job.PostRun) {
		if len(names) > 0 && slices.EqualFunc(p.Semaphores, names, func(s gozer.JobSemaphore, name string) bool { return s.Name == name }) {
			return p.Semaphores
		}
	}
	return nil
}

// SemaphoreKeys of what a build needs: the namespaces and names of Semaphores.
func SemaphoreKeys(b *gozer.Build, operator string) []semaphore.Key {
	var out []semaphore.Key
	for _, s := range b.Spec.Job.Semaphores {
		out = append(out, SemaphoreKey(b.Namespace, operator, s))
	}
	return out
}

// SemaphoreKey of what a job of a tenant names.
func SemaphoreKey(tenant, operator string, s gozer.JobSemaphore) semaphore.Key {
	if s.Global {
		return semaphore.Key{Scope: operator, Name: s.Name}
	}
	return semaphore.Key{Scope: tenant, Name: naming.Semaphore(s.Name)}
}

// SemaphoresBeforeNodes says whether a build has its semaphores before it asks for
// nodes. One that has nodes and waits for some semaphores while it holds others
// would hold up more than it needs: they come together, and with nodes only if all
// of them may.
func SemaphoresBeforeNodes(b *gozer.Build) bool {
	return slices.ContainsFunc(b.Spec.Job.Semaphores, func(s gozer.JobSemaphore) bool { return !s.ResourcesFirst })
}

// maxHolders is what a Semaphore's status has room for.
const maxHolders = 1024

// SemaphoreSpec of a semaphore of a tenant.
func SemaphoreSpec(name string, most int64) gozer.SemaphoreSpec {
	spec := gozer.SemaphoreSpec{Max: int32(max(0, min(most, maxHolders)))} //nolint:gosec // it is bounded
	if naming.Semaphore(name) != name {
		spec.Name = name
	}
	return spec
}
