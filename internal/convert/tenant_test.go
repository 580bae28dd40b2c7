package convert

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

// tenants in the form that Parse gives them.
func tenants() *rapid.Generator[tenantfile.Tenant] {
	return rapid.Custom(func(t *rapid.T) tenantfile.Tenant {
		word := rapid.StringMatching(`[a-z][a-z0-9./*-]{0,8}[a-z]`)
		texts := func(name string) []string {
			return some(rapid.SliceOfNDistinct(word, 0, 3, rapid.ID[string]).Draw(t, name))
		}
		optional := func(name string) []string {
			if rapid.Bool().Draw(t, name+" given") {
				return append([]string{}, texts(name)...)
			}
			return nil
		}
		number := func(name string) *int32 {
			return rapid.OneOf(rapid.Just[*int32](nil), rapid.Ptr(rapid.Int32Min(0), false)).Draw(t, name)
		}
		flag := func(name string) *bool {
			return rapid.OneOf(rapid.Just[*bool](nil), rapid.Ptr(rapid.Bool(), false)).Draw(t, name)
		}
		project := func(trusted bool) tenantfile.Project {
			dynamic := texts("dynamic")
			return tenantfile.Project{
				Name:    word.Draw(t, "project"),
				Include: tenantfile.EffectiveClasses(drawClasses(t), nil, trusted), Shadow: texts("shadow"),
				ExcludeUnprotectedBranches: flag("unprotected"), ExcludeLockedBranches: flag("locked"), ImpliedBranchMatchers: flag("implied"),
				IncludeBranches: optional("include"), ExcludeBranches: tenantfile.WithDynamic(mixed(t, texts("exclude"), dynamic), dynamic), AlwaysDynamicBranches: dynamic,
				ExtraConfigPaths: texts("paths"), LoadBranch: rapid.SampledFrom([]string{"", "main"}).Draw(t, "branch"), ConfigureProjects: texts("configure"),
			}
		}
		v := tenantfile.Tenant{
			Name:            rapid.StringMatching(`[a-z][a-z0-9-]{0,5}[a-z]`).Draw(t, "name"),
			MaxDependencies: number("dependencies"), MaxChangesPerPipeline: number("changes"),
			MaxNodesPerJob: rapid.Int32Min(-1).Draw(t, "nodes"), MaxJobTimeout: rapid.Int64Min(-1).Draw(t, "timeout"),
			ExcludeUnprotectedBranches: rapid.Bool().Draw(t, "unprotected"), ExcludeLockedBranches: rapid.Bool().Draw(t, "locked"),
			DefaultParent: word.Draw(t, "parent"), DefaultAnsibleVersion: rapid.SampledFrom([]string{"", "11"}).Draw(t, "version"),
			AllowedTriggers: optional("triggers"), AllowedReporters: optional("reporters"), AllowedLabels: texts("labels"), DisallowedLabels: texts("no labels"),
			WebRoot: rapid.SampledFrom([]string{"", "https://ci.example.com/"}).Draw(t, "root"), AuthenticationRealm: rapid.SampledFrom([]string{"", "r"}).Draw(t, "realm"),
			AdminRules: texts("admins"), AccessRules: texts("access"), Semaphores: texts("semaphores"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "sources") {
			s := tenantfile.Source{Connection: word.Draw(t, "connection")}
			for range rapid.IntRange(0, 2).Draw(t, "config projects") {
				s.ConfigProjects = append(s.ConfigProjects, project(true))
			}
			for range rapid.IntRange(0, 2).Draw(t, "untrusted projects") {
				s.UntrustedProjects = append(s.UntrustedProjects, project(false))
			}
			v.Sources = append(v.Sources, s)
		}
		return v
	})
}

// drawClasses is nil for the default.
func drawClasses(t *rapid.T) []string {
	all := append(tenantfile.AllClasses(), tenantfile.DefaultClasses(true)...)
	if some := rapid.SliceOfN(rapid.SampledFrom(all), 0, 12).Draw(t, "classes"); rapid.Bool().Draw(t, "own classes") {
		return some
	}
	return nil
}

// mixed are branches with one of the others among them, perhaps.
func mixed(t *rapid.T, branches, others []string) []string {
	if len(others) == 0 || rapid.Bool().Draw(t, "apart") {
		return branches
	}
	at := rapid.IntRange(0, len(branches)).Draw(t, "at")
	return slices.Insert(slices.Clone(branches), at, rapid.SampledFrom(others).Draw(t, "other"))
}

// A tenant survives being a custom resource, also as JSON. 0 nodes and 0
// seconds do not: Go leaves them out, so whoever writes manifests must not.
func TestTenantRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := tenants().Draw(t, "tenant")
		m := TenantManifest(want, "namespace")
		if diff := cmp.Diff(want, TenantValue(m)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back := DefaultTenant()
		if err := json.Unmarshal(raw, back); err != nil {
			t.Fatal(err)
		}
		if want.MaxNodesPerJob == 0 {
			want.MaxNodesPerJob = 5
		}
		if want.MaxJobTimeout == 0 {
			want.MaxJobTimeout = 10800
		}
		if diff := cmp.Diff(want, TenantValue(back)); diff != "" {
			t.Fatalf("as JSON (-want +got):\n%s", diff)
		}
	})
}

func TestTenantValue(t *testing.T) {
	raw := `
metadata: {name: acme, namespace: ns}
spec:
  webRoot: https://ci.example.com
  maxNodesPerJob: 0
  sources:
  - connection: gitea
    configProjects:
    - {name: acme/config}
    - {name: acme/few, exclude: [nodeset, provider]}
    untrustedProjects:
    - {name: acme/api}
    - {name: acme/none, include: []}
    - {name: acme/more, include: [pipeline, label, job, label], exclude: [job]}
    - {name: acme/branches, includeBranches: [], excludeBranches: [a], alwaysDynamicBranches: [b, a]}
`
	m := DefaultTenant()
	if err := yaml.UnmarshalStrict([]byte(raw), m); err != nil {
		t.Fatal(err)
	}
	want := tenantfile.Tenant{
		Name: "acme", DefaultParent: "base", MaxJobTimeout: 10800, WebRoot: "https://ci.example.com/",
		Sources: []tenantfile.Source{{
			Connection: "gitea",
			ConfigProjects: []tenantfile.Project{
				{Name: "acme/config", Include: tenantfile.DefaultClasses(true)},
				{Name: "acme/few", Include: []string{"job", "pipeline", "project", "project-template", "queue", "secret", "semaphore"}},
			},
			UntrustedProjects: []tenantfile.Project{
				{Name: "acme/api", Include: tenantfile.DefaultClasses(false)},
				{Name: "acme/none", Include: []string{}},
				{Name: "acme/more", Include: []string{"label"}},
				{Name: "acme/branches", Include: tenantfile.DefaultClasses(false), IncludeBranches: []string{}, ExcludeBranches: []string{"a", "b"}, AlwaysDynamicBranches: []string{"b", "a"}},
			},
		}},
	}
	if diff := cmp.Diff(want, TenantValue(m)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A manifest says no more than it must.
func TestTenantManifestIsShort(t *testing.T) {
	def := tenantfile.DefaultClasses(false)
	tests := map[string]struct {
		project tenantfile.Project
		want    string
	}{
		"default":           {tenantfile.Project{Include: def}, ""},
		"nothing":           {tenantfile.Project{Include: []string{}}, "include: []"},
		"most":              {tenantfile.Project{Include: def[1:]}, "exclude: [job]"},
		"few":               {tenantfile.Project{Include: def[:2]}, "include: [job, nodeset]"},
		"more":              {tenantfile.Project{Include: tenantfile.EffectiveClasses(append(def, "label"), nil, false)}, "include: [job, label, nodeset, project, project-template, queue, secret, semaphore]"},
		"dynamic":           {tenantfile.Project{Include: def, ExcludeBranches: []string{"a", "b"}, AlwaysDynamicBranches: []string{"b"}}, "excludeBranches: [a]\nalwaysDynamicBranches: [b]"},
		"dynamic in front":  {tenantfile.Project{Include: def, ExcludeBranches: []string{"b", "a"}, AlwaysDynamicBranches: []string{"b"}}, "excludeBranches: [b, a]\nalwaysDynamicBranches: [b]"},
		"no branch, no way": {tenantfile.Project{Include: def, IncludeBranches: []string{}}, "includeBranches: []"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.project.Name = "p"
			got := tenantProjects([]tenantfile.Project{tc.project}, false)[0]
			var want gozer.TenantProject
			if err := yaml.UnmarshalStrict([]byte("name: p\n"+tc.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTenantNames(t *testing.T) {
	for name, want := range map[string]string{"acme": "acme", "My_Tenant": "ns", "a.b": "ns", "-a": "ns", strings.Repeat("a", 64): "ns", "": "ns"} {
		if got := TenantManifest(tenantfile.Tenant{Name: name}, "ns"); got.Name != want || got.Namespace != "ns" || got.Kind != "Tenant" {
			t.Errorf("%q: %s/%s, want the name %s", name, got.Namespace, got.Name, want)
		}
	}
}

// Changing what was converted changes nothing else.
func TestTenantIsACopy(t *testing.T) {
	v := tenantfile.Tenant{AdminRules: []string{"a"}, AllowedTriggers: []string{"t"}, Sources: []tenantfile.Source{{UntrustedProjects: []tenantfile.Project{{Include: []string{"job"}, IncludeBranches: []string{"b"}}}}}}
	m := TenantManifest(v, "ns")
	back := TenantValue(m)
	m.Spec.AdminRules[0], (*m.Spec.AllowedTriggers)[0] = "x", "x"
	(*m.Spec.Sources[0].UntrustedProjects[0].IncludeBranches)[0] = "x"
	for _, got := range []tenantfile.Tenant{v, back} {
		if got.AdminRules[0] != "a" || got.AllowedTriggers[0] != "t" || got.Sources[0].UntrustedProjects[0].IncludeBranches[0] != "b" {
			t.Errorf("it is shared: %+v", got)
		}
	}
}

// What this package takes for granted is what the API server does.
func TestDefaultsAreThoseOfTheKind(t *testing.T) {
	raw, err := os.ReadFile("../../config/crd/gozer.dev_tenants.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		t.Fatal(err)
	}
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	defaults := map[string]any{}
	for name, p := range spec.Properties {
		if p.Default != nil {
			var v any
			if err := json.Unmarshal(p.Default.Raw, &v); err != nil {
				t.Fatal(err)
			}
			defaults[name] = v
		}
	}
	want := map[string]any{"defaultParent": "base", "maxNodesPerJob": 5.0, "maxJobTimeout": 10800.0}
	if diff := cmp.Diff(want, defaults); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	var classes []string
	for _, e := range spec.Properties["sources"].Items.Schema.Properties["untrustedProjects"].Items.Schema.Properties["include"].Items.Schema.Enum {
		classes = append(classes, strings.Trim(string(e.Raw), `"`))
	}
	slices.Sort(classes)
	if diff := cmp.Diff(tenantfile.AllClasses(), classes); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}
}
