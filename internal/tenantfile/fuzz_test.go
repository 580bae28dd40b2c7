package tenantfile

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seeds are the inputs of the golden files.
func seeds(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatalf("there are no files %s: %v", pattern, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(raw), line)
		f.Add([]byte(input))
	}
}

func FuzzParse(f *testing.F) {
	seeds(f, "testdata/parse/*.txt")
	f.Fuzz(func(t *testing.T, content []byte) {
		file, errs := Parse(content)
		again, _ := Parse(content)
		if diff := cmp.Diff(file, again); diff != "" {
			t.Fatalf("it is read differently the second time:\n%s", diff)
		}
		places(t, content, errs)
		if file == nil {
			if len(errs) == 0 {
				t.Fatal("neither a file nor an error")
			}
			return
		}
		for _, tenant := range file.Tenants {
			if tenant.Name == "" || len(tenant.Sources) == 0 {
				t.Fatalf("an incomplete tenant: %+v", tenant)
			}
			if errs := tenant.Check(nil); len(errs) > 0 {
				t.Fatalf("what was read has errors: %v", errs)
			}
			for _, m := range tenant.Projects() {
				p := m.Project
				if p.Include == nil || !slices.IsSorted(p.Include) || !m.Trusted && slices.Contains(p.Include, "pipeline") {
					t.Fatalf("%s includes %#v", p.Name, p.Include)
				}
				for _, d := range p.AlwaysDynamicBranches {
					if !slices.Contains(p.ExcludeBranches, d) {
						t.Fatalf("%s does not exclude %s", p.Name, d)
					}
				}
			}
		}
	})
}

func FuzzParseConnections(f *testing.F) {
	seeds(f, "testdata/connections/*.txt")
	f.Fuzz(func(t *testing.T, content []byte) {
		found, errs := ParseConnections(content)
		places(t, content, errs)
		names := map[string]bool{}
		for _, c := range found {
			if c.Name == "" || names[c.Name] || c.Hostname == "" && !hostless[c.Driver] || strings.Contains(c.Hostname, "/") {
				t.Fatalf("%+v", c)
			}
			names[c.Name] = true
		}
	})
}

// places of errors are in the file, and errors have bounds.
func places(t *testing.T, content []byte, errs []Error) {
	t.Helper()
	lines := 2 + bytes.Count(content, []byte("\n")) + bytes.Count(content, []byte("\r")) + strings.Count(string(content), "\u2028") + strings.Count(string(content), "\u2029") + strings.Count(string(content), "\u0085")
	for _, e := range errs {
		if e.Message == "" || len(e.Error()) > 2000 || e.Line < 0 || e.Line > lines {
			t.Fatalf("line %d of %d: %q", e.Line, lines, e.Error())
		}
	}
}
