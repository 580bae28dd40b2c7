package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/tenantfile"
)

// largest is a tenant file at the bounds of what is read.
func largest() string {
	var b strings.Builder
	long := func(prefix string, n int) string { return prefix + strings.Repeat("x", n-len(prefix)) }
	list := func(n, length int) string {
		var items []string
		for i := range n {
			items = append(items, long(string(rune('a'+i%26))+string(rune('a'+i/26%26)), length))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	b.WriteString("- tenant:\n    name: largest\n    default-parent: " + long("p", 255) + "\n    default-ansible-version: " + long("1", 20) +
		"\n    allowed-triggers: " + list(256, 63) + "\n    allowed-reporters: " + list(256, 63) +
		"\n    allowed-labels: " + list(64, 1000) + "\n    disallowed-labels: " + list(64, 1000) +
		"\n    web-root: " + long("https://", 1023) + "\n    authentication-realm: " + long("r", 255) +
		"\n    admin-rules: " + list(64, 255) + "\n    access-rules: " + list(64, 255) +
		"\n    max-nodes-per-job: 0\n    max-job-timeout: -1\n    max-dependencies: 2147483647\n    max-changes-per-pipeline: 0\n    source:\n")
	for i := range 32 {
		b.WriteString("      " + long("c"+string(rune('a'+i%26))+string(rune('a'+i/26)), 63) + ":\n        untrusted-projects: [a, b]\n")
		if i == 0 {
			b.WriteString("        config-projects:\n        - " + long("c", 255) + ":\n            load-branch: " + long("b", 255) +
				"\n            include: [" + strings.Join(tenantfile.AllClasses(), ", ") + "]\n            shadow: " + list(64, 512) +
				"\n            extra-config-paths: " + list(32, 255) + "\n            include-branches: " + list(64, 1000) +
				"\n            exclude-branches: " + list(64, 1000) + "\n            always-dynamic-branches: " + list(64, 999) + "\n")
		}
	}
	return b.String()
}

// TestImportedManifestsAreTaken gives what import writes to a real API server.
func TestImportedManifestsAreTaken(t *testing.T) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets, _ = filepath.Abs("../../.build/envtest")
	}
	server := &envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd"}, ErrorIfCRDPathMissing: true, BinaryAssetsDirectory: assets}
	cfg, err := server.Start()
	if err != nil {
		t.Fatalf("no API server (%v); `make envtest` builds it, and KUBEBUILDER_ASSETS says where it is", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := Scheme()
	if err := scheme.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg, client.Options{Scheme: s})
	if err != nil {
		t.Fatal(err)
	}
	c = client.WithFieldValidation(c, "Strict")
	system := &corev1.Namespace{}
	system.Name = "gozer-system"
	if err := c.Create(t.Context(), system); err != nil {
		t.Fatal(err)
	}
	edge := filepath.Join(t.TempDir(), "main.yaml")
	if err := os.WriteFile(edge, []byte(largest()), 0o644); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("testdata/tenant_import/everything.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(raw), "== main.yaml\n")
	text, _, _ = strings.Cut(text, "== zuul.conf\n")
	everything := filepath.Join(t.TempDir(), "main.yaml")
	if err := os.WriteFile(everything, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{realTenantFile(t), edge, everything} {
		create(t, c, file)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, _ := tenantfile.Parse(content)
		for _, want := range f.Tenants {
			var got gozer.Tenant
			if err := c.Get(t.Context(), client.ObjectKey{Namespace: want.Name, Name: want.Name}, &got); err != nil {
				t.Fatal(err)
			}
			want.Line = 0
			if diff := cmp.Diff(want, convert.TenantValue(&got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", want.Name, diff)
			}
		}
	}
}

// create imports a tenant file and creates all that was written.
func create(t *testing.T, c client.Client, file string) {
	t.Helper()
	objects := 0
	for name, text := range imports(t, file) {
		for doc := range strings.SplitSeq(text, "\n---\n") {
			var o unstructured.Unstructured
			if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
				t.Fatal(err)
			}
			if err := c.Create(t.Context(), &o); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			objects++
		}
	}
	if objects < 2 {
		t.Errorf("%s gave only %d objects", file, objects)
	}
}
