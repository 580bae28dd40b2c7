package localrepo

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/testkit/corpus"
)

// TestOpen: what may lie in a root, which branches it has, and what zuul.yaml is on each.
func TestOpen(t *testing.T) {
	tests := map[string]struct {
		setup  func(t *testing.T, root string)
		given  string
		exists bool
		want   []string // branch=content
	}{
		"nothing":          {func(*testing.T, string) {}, "master", false, []string{"master="}},
		"nothing, unnamed": {func(*testing.T, string) {}, "", false, []string{"master="}},
		"a folder":         {func(t *testing.T, root string) { write(t, root+"/a/p", map[string]string{"zuul.yaml": "x"}) }, "main", true, []string{"main=x"}},
		"branch folders": {func(t *testing.T, root string) {
			write(t, root+"/a/p", map[string]string{"zuul.yaml": "x"})
			write(t, root+"/a/p@stable+2025.1", map[string]string{"zuul.yaml": "s"})
			write(t, root+"/a/p@main", map[string]string{"zuul.yaml": "hidden"})
			write(t, root+"/a/p@", map[string]string{"zuul.yaml": "no branch"})
			write(t, root+"/a/p@..+up", map[string]string{"zuul.yaml": "no branch"})
			write(t, root+"/a", map[string]string{"p@file": "no folder"})
			write(t, root+"/a/pp@other", map[string]string{"zuul.yaml": "another project"})
		}, "master", true, []string{"master=x", "main=hidden", "stable/2025.1=s"}},
		"only a branch folder": {func(t *testing.T, root string) {
			write(t, root+"/a/p@b", map[string]string{"zuul.yaml": "b"})
		}, "master", false, []string{"b=b"}},
		"a checkout": {func(t *testing.T, root string) {
			checkout(t, root+"/a/p", "main", map[string]string{"zuul.yaml": "committed"}, "stable/1")
			write(t, root+"/a/p", map[string]string{"zuul.yaml": "changed"})
			write(t, root+"/a/p@next", map[string]string{"zuul.yaml": "next"})
		}, "main", true, []string{"main=changed", "next=next", "stable/1=stable/1"}},
		"a checkout of another branch": {func(t *testing.T, root string) {
			checkout(t, root+"/a/p", "master", map[string]string{"zuul.yaml": "committed"}, "feature")
			write(t, root+"/a/p", map[string]string{"zuul.yaml": "changed"})
		}, "feature", true, []string{"feature=changed", "master=committed"}},
		"a checkout that has no such branch": {func(t *testing.T, root string) {
			checkout(t, root+"/a/p", "main", map[string]string{"zuul.yaml": "x"})
		}, "master", true, []string{"main=x"}},
		"a checkout, unnamed": {func(t *testing.T, root string) {
			checkout(t, root+"/a/p", "main", map[string]string{"zuul.yaml": "x"})
		}, "", true, []string{"main=x"}},
		"a bare repository": {func(t *testing.T, root string) {
			bare(t, root+"/a/p", "main", map[string]string{"zuul.yaml": "m"}, "a", "stable/1")
		}, "master", true, []string{"main=m", "a=a", "stable/1=stable/1"}},
		"a bare repository beside": {func(t *testing.T, root string) {
			bare(t, root+"/a/p.git", "main", map[string]string{"zuul.yaml": "m"})
			write(t, root+"/a/p/q", map[string]string{"zuul.yaml": "another project"})
		}, "main", true, []string{"main=m"}},
		"an empty bare repository": {func(t *testing.T, root string) {
			repository(t, root+"/a/p", "main")
		}, "main", true, []string{"main="}},
		"a .git that is a file": {func(t *testing.T, root string) {
			checkout(t, root+"/other", "main", map[string]string{"zuul.yaml": "other"})
			write(t, root+"/a/p", map[string]string{"zuul.yaml": "x", ".git": "gitdir: ../../other/.git"})
		}, "master", true, []string{"master=x"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			tc.setup(t, root)
			r := open(t, "a/p", root)
			if r.Exists() != tc.exists {
				t.Errorf("exists: %v", r.Exists())
			}
			var got []string
			for _, b := range r.Branches(tc.given) {
				files, err := r.ConfigFiles(b, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, b+"="+files["zuul.yaml"])
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The first root that has the project counts, but folders of branches may be in any.
func TestSeveralRoots(t *testing.T) {
	one, two, three := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, one, map[string]string{"q/zuul.yaml": "q", "p@b/zuul.yaml": "b of one"})
	write(t, two, map[string]string{"p/zuul.yaml": "two", "p@b/zuul.yaml": "b of two", "p@c/zuul.yaml": "c"})
	write(t, three, map[string]string{"p/zuul.yaml": "three", "p@d/zuul.yaml": "d"})
	r := open(t, "p", one, two, three)
	got := map[string]string{}
	for _, b := range r.Branches("master") {
		files, err := r.ConfigFiles(b, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got[b] = files["zuul.yaml"]
	}
	want := map[string]string{"master": "two", "b": "b of one", "c": "c", "d": "d"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := (Roots{filepath.Join(one, "missing")}).Open("p"); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("a root that is not there: %v", err)
	}
}

// Which files are configuration: the same on disk and in a commit.
func TestConfigFiles(t *testing.T) {
	files := map[string]string{
		"zuul.yaml": "1", ".zuul.yaml": "2", "zuul.d/a.yaml": "3", "zuul.d/deep/er/b.yaml": "4", "zuul.d/no.yml": "-", "zuul.d/README": "-",
		"zuul.d/skip/.zuul.ignore": "", "zuul.d/skip/c.yaml": "-", "zuul.d/skip/deep/d.yaml": "-", "zuul.d/skipped/e.yaml": "5",
		".zuul.d/f.yaml": "6", ".zuul.d/.hidden.yaml": "7", "playbooks/run.yaml": "-", "sub/zuul.yaml": "-",
		"extra/g.yaml": "8", "extra/h.txt": "-", "odd.name": "9", "dir.yaml/i.yaml": "-", "zuul.d/is.yaml/j.yaml": "10",
	}
	want := []string{".zuul.d/.hidden.yaml=7", ".zuul.d/f.yaml=6", ".zuul.yaml=2", "extra/g.yaml=8", "odd.name=9", "zuul.d/a.yaml=3",
		"zuul.d/deep/er/b.yaml=4", "zuul.d/is.yaml/j.yaml=10", "zuul.d/skipped/e.yaml=5", "zuul.yaml=1"}
	root := t.TempDir()
	write(t, root+"/folder", files)
	bare(t, root+"/bare", "master", files)
	for _, project := range []string{"folder", "bare"} {
		t.Run(project, func(t *testing.T) {
			got, err := open(t, project, root).ConfigFiles("master", []string{"odd.name", "missing.yaml", "dir.yaml", "zuul.yaml/x"}, []string{"extra/", "odd.name", "missing", "zuul.d/deep/"})
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, name := range slices.Sorted(maps.Keys(got)) {
				list = append(list, name+"="+got[name])
			}
			if diff := cmp.Diff(want, list); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknownBranch(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/folder", map[string]string{"zuul.yaml": "x"})
	checkout(t, root+"/checkout", "main", map[string]string{"zuul.yaml": "x"})
	bare(t, root+"/bare", "main", map[string]string{"zuul.yaml": "x"})
	for project, want := range map[string]error{"folder": nil, "missing": nil, "checkout": ErrNoBranch, "bare": ErrNoBranch} {
		if _, err := open(t, project, root).ConfigFiles("release", nil, nil); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", project, err, want)
		}
	}
}

// Files of real projects lie in roots like these.
func TestRealProjects(t *testing.T) {
	known := filepath.Join(corpus.Dir(t), "corpus")
	projects, err := os.ReadDir(filepath.Join(known, "openstack"))
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, p := range projects {
		r := open(t, "openstack/"+p.Name(), known, filepath.Join(known, "branches"), filepath.Join(known, "standins"))
		for _, b := range r.Branches("master") {
			found, err := r.ConfigFiles(b, nil, nil)
			if err != nil {
				t.Error(err)
			}
			files += len(found)
		}
	}
	nova := open(t, "openstack/nova", known, filepath.Join(known, "branches"))
	if got := nova.Branches("master"); len(got) < 3 || got[0] != "master" || !slices.Contains(got, "stable/2025.1") {
		t.Errorf("branches of nova: %v", got)
	}
	if files < 200 {
		t.Errorf("only %d files", files)
	}
}
