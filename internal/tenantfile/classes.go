package tenantfile

import "slices"

var (
	// Sorted, as everything that comes from them.
	providerClasses = []string{"flavor", "image", "label", "provider", "section"}
	defaultClasses  = []string{"job", "nodeset", "pipeline", "project", "project-template", "queue", "secret", "semaphore"}
)

// pipelineClass is for config projects only.
const pipelineClass = "pipeline"

// DefaultClasses are the classes of objects that are loaded from a project that names none, sorted.
func DefaultClasses(trusted bool) []string {
	if trusted {
		return slices.Clone(defaultClasses)
	}
	return without(defaultClasses, []string{pipelineClass})
}

// AllClasses are all classes of objects that a project may include, sorted.
func AllClasses() []string {
	all := append(slices.Clone(defaultClasses), providerClasses...)
	slices.Sort(all)
	return all
}

// EffectiveClasses are what is loaded of include (nil: the default) less
// exclude: sorted, without doubles, never nil, and never pipelines of an
// untrusted project.
func EffectiveClasses(include, exclude []string, trusted bool) []string {
	if include == nil {
		include = DefaultClasses(trusted)
	}
	if !trusted {
		exclude = append(slices.Clone(exclude), pipelineClass)
	}
	out := without(include, exclude)
	slices.Sort(out)
	return slices.Compact(out)
}

// without is a new list, never nil.
func without(list, those []string) []string {
	out := []string{}
	for _, s := range list {
		if !slices.Contains(those, s) {
			out = append(out, s)
		}
	}
	return out
}

// WithDynamic are the excluded branches and those of the always dynamic ones that are not among them; nil when there are none.
func WithDynamic(exclude, dynamic []string) []string {
	out := slices.Clone(exclude)
	for _, d := range dynamic {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
