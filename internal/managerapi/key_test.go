package managerapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/projectkeys"
)

// finder knows the tenant acme with the project acme/web, as the manager's does.
func finder(t *testing.T) projectkeys.Finder {
	t.Helper()
	s := runtime.NewScheme()
	if err := gozer.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(s).WithObjects(
		&gozer.Connection{ObjectMeta: metav1.ObjectMeta{Namespace: "gozer-system", Name: "gitea"}, Spec: gozer.ConnectionSpec{URL: "https://git.example.com"}},
		&gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "acme"}, Spec: gozer.TenantSpec{Sources: []gozer.TenantSource{
			{Connection: "gitea", UntrustedProjects: []gozer.TenantProject{{Name: "acme/web"}, {Name: "acme/web.pub"}}}}}},
	).Build()
	return projectkeys.Finder{Reader: c, Namespace: "gozer-system"}
}

func TestPublicKey(t *testing.T) {
	projects := finder(t)
	f := newFixture(t, func(o *Options) {
		o.PublicKey = func(ctx context.Context, tenant, name string) ([]byte, error) {
			if tenant == "broken" {
				return nil, errors.New("etcd is away")
			}
			p, err := projects.Project(ctx, tenant, name)
			if err != nil {
				return nil, fmt.Errorf("the key of a project: %w", err)
			}
			return []byte("key of " + p.Canonical() + "\n"), nil
		}
	})
	for name, tc := range map[string]struct {
		path string
		code int
		want string
	}{
		"by name":          {"acme/key/acme/web.pub", 200, "key of git.example.com/acme/web\n"},
		"by canonical":     {"acme/key/git.example.com/acme/web.pub", 200, "key of git.example.com/acme/web\n"},
		"escaped":          {"acme/key/git.example.com%2Facme%2Fweb.pub", 200, "key of git.example.com/acme/web\n"},
		"named like a key": {"acme/key/acme/web.pub.pub", 200, "key of git.example.com/acme/web.pub\n"},
		"unknown tenant":   {"nobody/key/acme/web.pub", 404, `there is no tenant "nobody"` + "\n"},
		"unknown project":  {"acme/key/acme/wep.pub", 404, `tenant acme has no project "acme/wep"` + "\n"},
		"no suffix":        {"acme/key/acme/web", 404, "a key is at /api/tenant/<tenant>/key/<project>.pub\n"},
		"nothing":          {"acme/key/", 404, "a key is at /api/tenant/<tenant>/key/<project>.pub\n"},
		"only a suffix":    {"acme/key/.pub", 404, `tenant acme has no project ""` + "\n"},
		"the inside fails": {"broken/key/acme/web.pub", 503, "the key cannot be read now; try again\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, body := f.do(t, "GET", "/api/tenant/"+tc.path, f.internal(), "")
			if code != tc.code || body != tc.want {
				t.Errorf("%d %s", code, body)
			}
			for _, bearer := range []string{"", f.key.For("internal", "merger"), f.key.For("git", Role)} {
				if code, body := f.do(t, "GET", "/api/tenant/"+tc.path, bearer, ""); code != 401 || strings.Contains(body, "acme") {
					t.Errorf("without the token: %d %s", code, body)
				}
			}
		})
	}
}

func TestWithoutKeys(t *testing.T) {
	f := newFixture(t, nil)
	if code, _ := f.do(t, "GET", "/api/tenant/acme/key/acme/web.pub", f.internal(), ""); code != 404 {
		t.Errorf("%d", code)
	}
}
