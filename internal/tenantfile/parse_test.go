package tenantfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/testkit/corpus"
)

// realFiles reads the files below a folder of the shared ones whose names end in one of some words.
func realFiles(t testing.TB, endings ...string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	root := filepath.Join(corpus.Dir(t), "corpus")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		fits := func(ending string) bool { return strings.HasSuffix("/"+d.Name(), ending) }
		if err != nil || d.IsDir() || !slices.ContainsFunc(endings, fits) {
			return err
		}
		raw, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, root)] = raw
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRealTenantFiles(t *testing.T) {
	files := realFiles(t, "/main.yaml", "-main.yaml")
	if len(files) < 3 {
		t.Fatalf("found only %d tenant files", len(files))
	}
	tenants := map[string]Tenant{}
	for name, content := range files {
		f, errs := Parse(content)
		for _, err := range errs {
			t.Errorf("%s: %v", name, err)
		}
		if f == nil {
			continue
		}
		for _, tenant := range f.Tenants {
			tenants[tenant.Name] = tenant
			for _, err := range tenant.Check(nil) {
				t.Errorf("%s: tenant %s: %v", name, tenant.Name, err)
			}
		}
	}
	openstack := tenants["openstack"]
	if openstack.MaxNodesPerJob != 10 || openstack.DefaultAnsibleVersion != "11" {
		t.Errorf("openstack: %d nodes, Ansible %q", openstack.MaxNodesPerJob, openstack.DefaultAnsibleVersion)
	}
	members := openstack.Projects()
	want := Member{Connection: "gerrit", Trusted: true, Project: Project{Name: "opendev/base-jobs", Include: []string{"job", "secret"}, Shadow: []string{"openstack/project-config"}}}
	if len(members) < 1000 || !reflect.DeepEqual(members[1], want) {
		t.Errorf("openstack has %d projects; the second is %+v", len(members), members[1])
	}
}

func TestRealConnections(t *testing.T) {
	files := realFiles(t, ".conf")
	if len(files) < 3 {
		t.Fatalf("found only %d files with connections", len(files))
	}
	for name, content := range files {
		found, errs := ParseConnections(content)
		if len(found) < 3 || len(errs) > 0 {
			t.Errorf("%s: %v, %v", name, found, errs)
		}
	}
	found, _ := ParseConnections(files["/standins/opendev.conf"])
	if want := (Connection{Name: "gerrit", Driver: "gerrit", Hostname: "opendev.org", URL: "https://review.opendev.org", Line: 2}); len(found) == 0 || found[0] != want {
		t.Errorf("got %+v, want %+v first", found, want)
	}
}

// Whatever a file has, it is read or refused within a moment, with an error that says why.
func TestHostileFiles(t *testing.T) {
	bomb := "- &a [x, x, x, x, x, x, x, x, x, x]\n"
	for i, c := range "bcdefgh" {
		last := string("abcdefgh"[i])
		bomb += "- &" + string(c) + " [" + strings.Repeat("*"+last+", ", 9) + "*" + last + "]\n"
	}
	project := func(text string) string {
		return "- tenant:\n    name: a\n    source:\n      g:\n        config-projects: [c]\n        untrusted-projects:\n" + text
	}
	var regexps strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&regexps, "          - p%d: {configure-projects: '%s%d'}\n", i, strings.Repeat(`[^a]\pL{9}`, 90), i)
	}
	tests := map[string]struct{ content, want string }{
		"too large":          {strings.Repeat("#", maxBytes+1), "at most 10485760 are read"},
		"as large as it may": {strings.Repeat("#", maxBytes), "empty"},
		"comments":           {strings.Repeat("#\n", maxNodes-1), "empty"},
		"lines":              {strings.Repeat("\n", maxBytes), "more than 500000 values"},
		"commas":             {"[" + strings.Repeat("x,", 4<<20) + "]", "more than 500000 values"},
		"values":             {"[" + strings.Repeat("x,", maxNodes-9) + "]", "more errors than are shown"},
		"unknown keys":       {"- tenant: {" + strings.Repeat("\n x: 1,", 200_000) + "}", "more errors than are shown"},
		"brackets":           {strings.Repeat("[", maxBytes), "more than 50 deep"},
		"braces":             {strings.Repeat("{a: ", 1<<20), "more than 50 deep"},
		"closed brackets":    {strings.Repeat("[", 100) + strings.Repeat("]", 100), "more than 50 deep"},
		"dashes":             {strings.Repeat("- ", 1<<20), "more than 50 deep"},
		"question marks":     {strings.Repeat("? ", 1<<20), "more than 50 deep"},
		"colons":             {strings.Repeat(": ", 1<<20), "more than 50 deep"},
		"deep by lines":      {deepLines(200), "more than 50 deep"},
		"aliases":            {bomb, "the file grows to more than 500000 values"},
		"itself":             {"- &a [*a]", "more than 50 deep"},
		"NUL":                {"- tenant:\n    name: a\x00b\n", "line 2: the file has a NUL byte"},
		"no UTF-8":           {"# fine\n- tenant: \xff\n", "line 2: the file is not valid UTF-8"},
		"UTF-16":             {"\xff\xfe-\x00", "not valid UTF-8"},
		"control characters": {"- tenant: \x07\n", "not YAML"},
		"undefined alias":    {"- *a\n", "not YAML"},
		"a long name":        {project("          - " + strings.Repeat("a", 256)), "at most 255 are possible"},
		"a large regexp":     {project("          - p: {exclude-branches: '((a{30}){30}){9}'}"), "line 7, column 35"},
		"huge classes":       {project("          - p: {exclude-branches: '((" + strings.Repeat(`\pL`, 300) + "){30}){9}'}"), "line 7"},
		"many regexps":       {project(regexps.String()), "too long together"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			_, errs := Parse([]byte(tc.content))
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
			if len(errs) == 0 || len(errs) > maxErrors+1 || !strings.Contains(list(errs), tc.want) {
				t.Errorf("%d errors, want %q:\n%.500s", len(errs), tc.want, list(errs))
			}
			for _, err := range errs {
				if len(err.Error()) > 1000 {
					t.Errorf("an error has %d bytes", len(err.Error()))
				}
			}
		})
	}
}

func deepLines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestClasses(t *testing.T) {
	if got := AllClasses(); !slices.IsSorted(got) || len(got) != 13 {
		t.Errorf("all: %v", got)
	}
	if got := DefaultClasses(true); !slices.IsSorted(got) || len(got) != 8 {
		t.Errorf("trusted: %v", got)
	}
	if got := DefaultClasses(false); !slices.IsSorted(got) || len(got) != 7 || slices.Contains(got, "pipeline") {
		t.Errorf("untrusted: %v", got)
	}
	DefaultClasses(true)[0] = "changed"
	AllClasses()[0] = "changed"
	if slices.Contains(append(DefaultClasses(true), AllClasses()...), "changed") {
		t.Error("the lists are not copies")
	}
}

func TestWithDynamic(t *testing.T) {
	tests := map[string]struct{ exclude, dynamic, want []string }{
		"nothing":      {},
		"empty":        {[]string{}, []string{}, nil},
		"only exclude": {[]string{"a"}, nil, []string{"a"}},
		"joined":       {[]string{"a", "b"}, []string{"c", "b", "c"}, []string{"a", "b", "c"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, WithDynamic(tc.exclude, tc.dynamic)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"include", "exclude", "job"}
	for word, want := range map[string]string{
		"inlcude": "include", "exclud": "exclude", "jobs": "job", "JOB": "", "": "", "x": "", "includeee": "include", "incl": "",
		strings.Repeat("include", 10): "",
	} {
		if want != "" {
			want = `did you mean "` + want + `"?`
		}
		if got := didYouMean(word, words, ""); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", word, got, want)
		}
	}
}
