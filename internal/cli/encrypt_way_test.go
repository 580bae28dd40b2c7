package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/managerapi"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/projectkeys"
	"github.com/gozer-dev/gozer/internal/secretcrypt"
	"github.com/gozer-dev/gozer/internal/token"
	"github.com/gozer-dev/gozer/internal/web"
)

// TestEncryptAllTheWay: the command, the API server's proxy, the web role, the
// manager, and the key that it makes; what is printed is decrypted with it.
func TestEncryptAllTheWay(t *testing.T) {
	scheme := Scheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api := fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		&gozer.Connection{ObjectMeta: metav1.ObjectMeta{Namespace: "gozer-system", Name: "gitea"}, Spec: gozer.ConnectionSpec{URL: "https://git.example.com"}},
		&gozer.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "acme"}, Spec: gozer.TenantSpec{Sources: []gozer.TenantSource{
			{Connection: "gitea", UntrustedProjects: []gozer.TenantProject{{Name: "acme/web"}}}}}},
	).Build()
	keys, projects, key := projectkeys.New(api, "gozer-system"), projectkeys.Finder{Reader: api, Namespace: "gozer-system"}, token.NewKey()
	manager := httptest.NewServer(managerapi.New(managerapi.Options{Key: key, Log: logr.Discard(),
		PublicKey: func(ctx context.Context, tenant, name string) ([]byte, error) {
			p, err := projects.Project(ctx, tenant, name)
			if err != nil {
				return nil, err
			}
			return keys.PublicKey(ctx, p)
		}}))
	t.Cleanup(manager.Close)
	pages, err := web.New(web.Options{Intake: http.NotFoundHandler(), ManagerURL: manager.URL, Key: key, Log: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	kube := httptest.NewServer(http.StripPrefix("/api/v1/namespaces/gozer-system/services/http:gozer-web:http/proxy", pages))
	t.Cleanup(kube.Close)
	gozerctl := func(project string) (int, string) {
		stdin(t, "hunter2\n")
		e, out := cluster(t)
		if e.proxy, err = proxyOf(&rest.Config{Host: kube.URL}); err != nil { //nolint:bodyclose // it makes a client
			t.Fatal(err)
		}
		code := run(t.Context(), e, []string{"gozerctl", "encrypt", "-n", "acme", "--project", project})
		return code, out.String()
	}
	for _, project := range []string{"acme/web", "git.example.com/acme/web"} {
		code, out := gozerctl(project)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, out)
		}
		private, err := keys.Private(t.Context(), model.Project{Hostname: "git.example.com", Name: "acme/web"})
		if err != nil {
			t.Fatal(err)
		}
		_, list, _ := strings.Cut(out, secretcrypt.Tag+"\n")
		text, err := secretcrypt.Decrypt(private, []string{strings.TrimPrefix(strings.TrimSpace(list), "- ")})
		if err != nil || string(text) != "hunter2" {
			t.Errorf("%v in\n%s", err, out)
		}
	}
	if code, out := gozerctl("acme/wep"); code != 1 || out != `error: there is no such key: tenant acme has no project "acme/wep"`+"\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
}
