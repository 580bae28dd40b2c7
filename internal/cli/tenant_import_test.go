package cli

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/tenantfile"

	"github.com/gozer-dev/gozer/internal/testkit/corpus"
)

var updateImports = flag.Bool("update-imports", false, "rewrite the expected outcome in testdata/tenant_import")

var fileHeader = regexp.MustCompile(`(?m)^== (.*)\n`)

// TestTenantImport plays the files in testdata/tenant_import: a command, the
// files that are there ("== NAME"), a line of dashes; then the exit code, what
// was printed, and the files that are there now. Rewrite them with
// -update-imports and review the diff.
func TestTenantImport(t *testing.T) {
	cases, err := filepath.Glob("testdata/tenant_import/*.txt")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			name, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(raw), "----\n")
			t.Chdir(t.TempDir())
			got := play(t, input)
			if *updateImports {
				if err := os.WriteFile(name, []byte(input+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got); -update-imports accepts it:\n%s", diff)
			}
		})
	}
}

// play runs the command of a case in the present folder.
func play(t *testing.T, input string) string {
	t.Helper()
	command, files, _ := strings.Cut(input, "\n")
	given := map[string]bool{}
	heads := fileHeader.FindAllStringSubmatchIndex(files, -1)
	for i, h := range heads {
		end := len(files)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		name := files[h[2]:h[3]]
		given[name] = !strings.HasPrefix(name, "out")
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[h[1]:end]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	code := run(t.Context(), &env{Streams: Streams{Out: &out, Err: &out}}, append([]string{"gozerctl"}, strings.Fields(command)...))
	got := fmt.Sprintf("exit code %d\n%s", code, out.String())
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || given[path] {
			return err
		}
		content, err := os.ReadFile(path)
		got += fmt.Sprintf("== %s\n%s", path, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// imports writes the manifests of a tenant file and returns them by name.
func imports(t *testing.T, file string) map[string]string {
	t.Helper()
	var out bytes.Buffer
	dir := t.TempDir()
	if code := run(t.Context(), &env{Streams: Streams{Out: &out, Err: &out}}, []string{"gozerctl", "tenant", "import", file, "-o", dir}); code != 0 {
		t.Fatalf("exit code %d: %s", code, out.String())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(raw)
	}
	return all
}

// realTenantFile is openstack's, with more than a thousand projects.
func realTenantFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(corpus.Dir(t), "corpus/openstack/project-config/zuul/main.yaml")
}

// What is written says what the tenant file says, and the same every time.
func TestTenantImportOfARealFile(t *testing.T) {
	file := realTenantFile(t)
	manifests := imports(t, file)
	if diff := cmp.Diff(manifests, imports(t, file)); diff != "" {
		t.Errorf("the second time it is different:\n%s", diff)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := tenantfile.Parse(content)
	for _, want := range f.Tenants {
		_, text, _ := strings.Cut(manifests["tenant-"+want.Name+".yaml"], "---\n")
		m := convert.DefaultTenant()
		if err := yaml.UnmarshalStrict([]byte(text), m); err != nil {
			t.Fatalf("%s: %v", want.Name, err)
		}
		want.Line = 0
		if diff := cmp.Diff(want, convert.TenantValue(m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Name, diff)
		}
	}
}

func TestConnectionDriversAreThoseOfTheKind(t *testing.T) {
	raw, err := os.ReadFile("../../config/crd/gozer.dev_connections.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		t.Fatal(err)
	}
	var drivers []string
	for _, e := range crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["driver"].Enum {
		drivers = append(drivers, strings.Trim(string(e.Raw), `"`))
	}
	if diff := cmp.Diff(drivers, connectionDrivers); diff != "" {
		t.Errorf("(-of the kind +known):\n%s", diff)
	}
}

// Every field of a manifest is in the order of the type, and zero where that differs from unset.
func TestManifestOfZeros(t *testing.T) {
	text, err := manifest(&gozer.Tenant{})
	if err != nil {
		t.Fatal(err)
	}
	want := "metadata: {}\nspec:\n  sources: null\n  defaultParent: ''\n  maxNodesPerJob: 0\n  maxJobTimeout: 0\n"
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
