package convert

import (
	"regexp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

// DefaultTenant has what the API server fills in. A manifest that did not go
// through one is decoded into it, so that 0 differs from what was not given.
func DefaultTenant() *gozer.Tenant {
	return &gozer.Tenant{
		TypeMeta: metav1.TypeMeta{APIVersion: gozer.GroupVersion.String(), Kind: "Tenant"},
		Spec: gozer.TenantSpec{
			DefaultParent: tenantfile.DefaultParent, MaxNodesPerJob: tenantfile.DefaultMaxNodesPerJob, MaxJobTimeout: tenantfile.DefaultMaxJobTimeout,
		},
	}
}

// TenantValue of a custom resource. Defaults that the API server fills in are
// taken to be there; the others, and what follows from other fields, are
// filled in. Its Check says whether it can be used.
func TenantValue(t *gozer.Tenant) tenantfile.Tenant {
	s := t.Spec
	v := tenantfile.Tenant{
		Name: t.Name, MaxDependencies: copied(s.MaxDependencies), MaxChangesPerPipeline: copied(s.MaxChangesPerPipeline),
		MaxNodesPerJob: s.MaxNodesPerJob, MaxJobTimeout: s.MaxJobTimeout,
		ExcludeUnprotectedBranches: s.ExcludeUnprotectedBranches, ExcludeLockedBranches: s.ExcludeLockedBranches,
		DefaultParent: s.DefaultParent, DefaultAnsibleVersion: s.DefaultAnsibleVersion,
		AllowedTriggers: list(s.AllowedTriggers), AllowedReporters: list(s.AllowedReporters),
		AllowedLabels: some(s.AllowedLabels), DisallowedLabels: some(s.DisallowedLabels),
		WebRoot: tenantfile.WithSlash(s.WebRoot), AuthenticationRealm: s.AuthenticationRealm,
		AdminRules: some(s.AdminRules), AccessRules: some(s.AccessRules), Semaphores: some(s.Semaphores),
	}
	for _, source := range s.Sources {
		v.Sources = append(v.Sources, tenantfile.Source{
			Connection:        source.Connection,
			ConfigProjects:    projectValues(source.ConfigProjects, true),
			UntrustedProjects: projectValues(source.UntrustedProjects, false),
		})
	}
	return v
}

func projectValues(in []gozer.TenantProject, trusted bool) []tenantfile.Project {
	var out []tenantfile.Project
	for _, p := range in {
		var include []string
		if p.Include != nil {
			include = texted(*p.Include)
		}
		out = append(out, tenantfile.Project{
			Name: p.Name, Include: tenantfile.EffectiveClasses(include, texted(p.Exclude), trusted), Shadow: some(p.Shadow),
			ExcludeUnprotectedBranches: copied(p.ExcludeUnprotectedBranches), ExcludeLockedBranches: copied(p.ExcludeLockedBranches),
			IncludeBranches: list(p.IncludeBranches), ExcludeBranches: tenantfile.WithDynamic(p.ExcludeBranches, p.AlwaysDynamicBranches),
			AlwaysDynamicBranches: some(p.AlwaysDynamicBranches), ImpliedBranchMatchers: copied(p.ImpliedBranchMatchers),
			ExtraConfigPaths: some(p.ExtraConfigPaths), LoadBranch: p.LoadBranch, ConfigureProjects: some(p.ConfigureProjects),
		})
	}
	return out
}

// TenantManifest is the custom resource of a tenant. It is named as the tenant
// is where that is the name of an object, and as the namespace otherwise.
// TenantValue makes the same tenant of it.
func TenantManifest(v tenantfile.Tenant, namespace string) *gozer.Tenant {
	t := DefaultTenant()
	t.Namespace, t.Name = namespace, namespace
	if IsObjectName(v.Name) {
		t.Name = v.Name
	}
	t.Spec = gozer.TenantSpec{
		MaxDependencies: copied(v.MaxDependencies), MaxChangesPerPipeline: copied(v.MaxChangesPerPipeline),
		MaxNodesPerJob: v.MaxNodesPerJob, MaxJobTimeout: v.MaxJobTimeout,
		ExcludeUnprotectedBranches: v.ExcludeUnprotectedBranches, ExcludeLockedBranches: v.ExcludeLockedBranches,
		DefaultParent: v.DefaultParent, DefaultAnsibleVersion: v.DefaultAnsibleVersion,
		AllowedTriggers: optional(v.AllowedTriggers), AllowedReporters: optional(v.AllowedReporters),
		AllowedLabels: some(v.AllowedLabels), DisallowedLabels: some(v.DisallowedLabels),
		WebRoot: v.WebRoot, AuthenticationRealm: v.AuthenticationRealm,
		AdminRules: some(v.AdminRules), AccessRules: some(v.AccessRules), Semaphores: some(v.Semaphores),
	}
	for _, s := range v.Sources {
		t.Spec.Sources = append(t.Spec.Sources, gozer.TenantSource{
			Connection:        s.Connection,
			ConfigProjects:    tenantProjects(s.ConfigProjects, true),
			UntrustedProjects: tenantProjects(s.UntrustedProjects, false),
		})
	}
	return t
}

func tenantProjects(in []tenantfile.Project, trusted bool) []gozer.TenantProject {
	var out []gozer.TenantProject
	for _, p := range in {
		m := gozer.TenantProject{
			Name: p.Name, Shadow: some(p.Shadow),
			ExcludeUnprotectedBranches: copied(p.ExcludeUnprotectedBranches), ExcludeLockedBranches: copied(p.ExcludeLockedBranches),
			IncludeBranches: optional(p.IncludeBranches), ExcludeBranches: withoutDynamic(p.ExcludeBranches, p.AlwaysDynamicBranches),
			AlwaysDynamicBranches: some(p.AlwaysDynamicBranches), ImpliedBranchMatchers: copied(p.ImpliedBranchMatchers),
			ExtraConfigPaths: some(p.ExtraConfigPaths), LoadBranch: p.LoadBranch, ConfigureProjects: some(p.ConfigureProjects),
		}
		m.Include, m.Exclude = classes(p.Include, trusted)
		out = append(out, m)
	}
	return out
}

// classes that are loaded, said as shortly as possible: nothing for the
// default, what is missing of it, or all of them.
func classes(effective []string, trusted bool) (include *[]gozer.ConfigClass, exclude []gozer.ConfigClass) {
	for _, c := range tenantfile.DefaultClasses(trusted) {
		if !slices.Contains(effective, c) {
			exclude = append(exclude, gozer.ConfigClass(c))
		}
	}
	missing := texted(exclude)
	if len(missing) < len(effective) && slices.Equal(tenantfile.EffectiveClasses(nil, missing, trusted), effective) {
		return nil, exclude
	}
	all := make([]gozer.ConfigClass, 0, len(effective))
	for _, c := range effective {
		all = append(all, gozer.ConfigClass(c))
	}
	return &all, nil
}

// withoutDynamic are the excluded branches without those that are excluded for being always dynamic.
func withoutDynamic(exclude, dynamic []string) []string {
	for n := range exclude {
		if slices.Equal(tenantfile.WithDynamic(exclude[:n], dynamic), exclude) {
			return some(exclude[:n])
		}
	}
	return some(exclude)
}

// texted are classes as texts, never nil.
func texted(in []gozer.ConfigClass) []string {
	out := make([]string, 0, len(in))
	for _, c := range in {
		out = append(out, string(c))
	}
	return out
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// some is a copy, nil when there is nothing.
func some(in []string) []string {
	if len(in) == 0 {
		return nil
	}
	return slices.Clone(in)
}

// list is a copy, nil only when it is not given.
func list(in *[]string) []string {
	if in == nil {
		return nil
	}
	return append([]string{}, *in...)
}

func optional(in []string) *[]string {
	if in == nil {
		return nil
	}
	out := append([]string{}, in...)
	return &out
}

var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// IsObjectName says whether a text can be the name of every object, of a namespace too.
func IsObjectName(text string) bool { return objectName.MatchString(text) }
