package tenant

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

func TestWithoutEffect(t *testing.T) {
	yes, two := true, int32(2)
	for name, tc := range map[string]struct {
		spec gozer.TenantSpec
		want string
	}{
		"nothing": {gozer.TenantSpec{}, ""},
		"of the tenant": {gozer.TenantSpec{MaxChangesPerPipeline: &two, WebRoot: "https://x/", AdminRules: []string{"a"}, ExcludeLockedBranches: true},
			"webRoot adminRules excludeLockedBranches"},
		"of a project": {gozer.TenantSpec{Sources: []gozer.TenantSource{{UntrustedProjects: []gozer.TenantProject{{Name: "acme/web", ExcludeUnprotectedBranches: &yes}}}}},
			"excludeUnprotectedBranches"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range withoutEffect(&gozer.Tenant{Spec: tc.spec}) {
				field, _, _ := strings.Cut(strings.TrimPrefix(e.Message, "tenant : spec."), " ")
				got = append(got, field)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
