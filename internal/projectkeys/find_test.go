package projectkeys

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/model"
)

func connection(name, host string, allowed ...string) client.Object {
	return &gozer.Connection{ObjectMeta: metav1.ObjectMeta{Namespace: "gozer-system", Name: name},
		Spec: gozer.ConnectionSpec{Driver: "gitea", URL: "https://" + host + ":3000", SecretName: "s", AllowedTenants: allowed}}
}

func source(connection, config string, untrusted ...string) gozer.TenantSource {
	s := gozer.TenantSource{Connection: connection}
	if config != "" {
		s.ConfigProjects = []gozer.TenantProject{{Name: config}}
	}
	for _, p := range untrusted {
		s.UntrustedProjects = append(s.UntrustedProjects, gozer.TenantProject{Name: p})
	}
	return s
}

func tenant(namespace, name string, age time.Duration, sources ...gozer.TenantSource) client.Object {
	created := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(-age))
	return &gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: created}, Spec: gozer.TenantSpec{Sources: sources}}
}

func newFinder(t *testing.T, calls interceptor.Funcs) *Finder {
	t.Helper()
	c := fake.NewClientBuilder().WithScheme(scheme(t)).WithInterceptorFuncs(calls).WithObjects(
		connection("gitea", "git.example.com"), connection("mirror", "git.example.com"), connection("hub", "hub.example.com"), connection("private", "private.example.com", "other"),
		tenant("acme", "acme", time.Hour,
			source("gitea", "acme/config", "acme/web", "acme/both", "web", "hub.example.com/acme/tricky"), source("mirror", "", "acme/web"),
			source("hub", "", "acme/both", "acme/tricky"), source("private", "", "acme/hidden", "acme/web"), source("gone", "", "acme/gone")),
		tenant("acme", "usurper", time.Minute, source("gitea", "", "acme/stolen")),
		tenant("other", "other", time.Minute, source("private", "", "acme/hidden")),
	).Build()
	return &Finder{Reader: c, Namespace: "gozer-system"}
}

func TestProject(t *testing.T) {
	gitea := func(name string) model.Project {
		return model.Project{Connection: "gitea", Hostname: "git.example.com", Name: name}
	}
	hub := func(name string) model.Project {
		return model.Project{Connection: "hub", Hostname: "hub.example.com", Name: name}
	}
	f := newFinder(t, interceptor.Funcs{})
	for name, tc := range map[string]struct {
		tenant, project string
		want            model.Project
		unknown         string
	}{
		"config project":            {tenant: "acme", project: "acme/config", want: gitea("acme/config")},
		"untrusted, two ways":       {tenant: "acme", project: "acme/web", want: gitea("acme/web")},
		"canonical":                 {tenant: "acme", project: "git.example.com/acme/web", want: gitea("acme/web")},
		"of several, canonical":     {tenant: "acme", project: "hub.example.com/acme/both", want: hub("acme/both")},
		"canonical comes first":     {tenant: "acme", project: "hub.example.com/acme/tricky", want: hub("acme/tricky")},
		"a name within another":     {tenant: "acme", project: "web", want: gitea("web")},
		"another tenant's host":     {tenant: "other", project: "acme/hidden", want: model.Project{Connection: "private", Hostname: "private.example.com", Name: "acme/hidden"}},
		"several":                   {tenant: "acme", project: "acme/both", unknown: `tenant acme has several projects "acme/both"; write git.example.com/acme/both or hub.example.com/acme/both`},
		"unknown tenant":            {tenant: "nobody", project: "acme/web", unknown: `there is no tenant "nobody"`},
		"unknown project":           {tenant: "acme", project: "acme/wep", unknown: `tenant acme has no project "acme/wep"`},
		"unknown host":              {tenant: "acme", project: "evil.example.com/acme/web", unknown: "does not allow the tenant"},
		"of another tenant":         {tenant: "other", project: "acme/web", unknown: `tenant other has no project "acme/web"`},
		"of a tenant that came in":  {tenant: "acme", project: "acme/stolen", unknown: `tenant acme has no project "acme/stolen"`},
		"a part of a name":          {tenant: "acme", project: "config", unknown: `tenant acme has no project "config"`},
		"connection not allowed":    {tenant: "acme", project: "acme/hidden", unknown: "the connection private, through which tenant acme has the project, does not allow the tenant"},
		"connection is not there":   {tenant: "acme", project: "acme/gone", unknown: `there is no connection "gone"`},
		"empty":                     {tenant: "acme", project: "", unknown: `tenant acme has no project ""`},
		"hostile":                   {tenant: "acme", project: "a\x1b[31m\n", unknown: `tenant acme has no project "a\x1b[31m\n"`},
		"longer than any name":      {tenant: "acme", project: strings.Repeat("a/", 300), unknown: "a name of 600 characters"},
		"Connections are no tenant": {tenant: "gozer-system", project: "acme/web", unknown: `there is no tenant "gozer-system"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := f.Project(t.Context(), tc.tenant, tc.project)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if tc.unknown == "" && err != nil {
				t.Fatal(err)
			}
			var unknown *UnknownError
			if tc.unknown != "" && (!errors.As(err, &unknown) || !strings.Contains(unknown.Error(), tc.unknown)) {
				t.Errorf("%v, want %q", err, tc.unknown)
			}
		})
	}
}

// TestProjectWhenTheServerFails: that is not the same as not being there.
func TestProjectWhenTheServerFails(t *testing.T) {
	broken := errors.New("etcd is away")
	for name, calls := range map[string]interceptor.Funcs{
		"tenants": {List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return broken }},
		"connections": {Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return broken
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newFinder(t, calls).Project(t.Context(), "acme", "acme/web")
			var unknown *UnknownError
			if !errors.Is(err, broken) || errors.As(err, &unknown) {
				t.Errorf("%v", err)
			}
		})
	}
}
