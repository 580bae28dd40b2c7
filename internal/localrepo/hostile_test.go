package localrepo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCheckProject(t *testing.T) {
	for _, good := range []string{"a", "acme/api", "a.b/c-d_e+f~g", "a@b", "..a", "zuul.git", "ä/ö", ".gitea"} {
		if err := CheckProject(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "../x", "a/../b", "a/..", "/etc", "a//b", "a/", "./a", "a/./b", "a/.git", ".GIT/x", "a\x00b", "a\nb", `a\b`, "a\xffb", strings.Repeat("a", 256), strings.Repeat("a/", 30) + "a"} {
		if err := CheckProject(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
		if _, err := (Roots{t.TempDir()}).Open(bad); err == nil {
			t.Errorf("%q is opened", bad)
		}
	}
}

func TestExtraPaths(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"secret.yaml": "secret", "p/zuul.yaml": "x", "p/.git/config.yaml": "git"})
	for _, bad := range []string{"../secret.yaml", "/etc/passwd", "", ".", "..", "a/../../secret.yaml", ".git/config.yaml", "./zuul.yaml", "a\x00b"} {
		for _, extra := range [][2][]string{{{bad}, nil}, {nil, {bad}}} {
			if files, err := open(t, "p", root).ConfigFiles("master", extra[0], extra[1]); err == nil {
				t.Errorf("%q is read: %v", bad, files)
			}
		}
	}
	if _, err := open(t, "p", root).ConfigFiles("master", make([]string, maxExtra+1), nil); err == nil || !strings.Contains(err.Error(), "at most 200") {
		t.Errorf("many: %v", err)
	}
}

// Links are not followed, wherever they lead; what is no file is not opened.
func TestLinks(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"secret.yaml": "secret", "secret.d/a.yaml": "secret", "p/real.yaml": "real", "p/real.d/a.yaml": "real", "p/zuul.d/real.yaml": "fine"})
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("../secret.yaml", "p/zuul.yaml")
	link(root+"/secret.yaml", "p/.zuul.yaml")
	link("../secret.d", "p/.zuul.d")
	link("../real.yaml", "p/zuul.d/inside.yaml")
	link("../../secret.d", "p/zuul.d/outside")
	link("../real.d", "p/zuul.d/folder")
	link(".", "p/zuul.d/loop")
	link("../secret.d", "p/extra")
	if err := syscall.Mkfifo(filepath.Join(root, "p/zuul.d/pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(project string) string {
		t.Helper()
		files, err := open(t, project, root).ConfigFiles("master", []string{"zuul.d/pipe.yaml", "extra/a.yaml", "real.yaml"}, []string{"extra"})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(files)
	}
	want := "map[real.yaml:real zuul.d/real.yaml:fine]"
	if got := read("p"); got != want {
		t.Errorf("on disk: %s, want %s", got, want)
	}
	// The same in a commit.
	bare(t, root+"/q", "master", map[string]string{"real.yaml": "real", "zuul.d/real.yaml": "fine", "zuul.yaml": "->../secret.yaml", ".zuul.yaml": "->" + root + "/secret.yaml",
		".zuul.d": "->../secret.d", "zuul.d/inside.yaml": "->../real.yaml", "zuul.d/outside": "->../../secret.d", "extra": "->../secret.d"})
	if got := read("q"); got != want {
		t.Errorf("in a commit: %s, want %s", got, want)
	}
}

// A project may be a link of its owner's within the root, but not one that leads out.
func TestLinkedProjects(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	write(t, root, map[string]string{"real/zuul.yaml": "x", "a/zuul.yaml": "a"})
	write(t, outside, map[string]string{"zuul.yaml": "secret"})
	checkout(t, outside+"/repo", "master", map[string]string{"zuul.yaml": "secret"})
	for name, target := range map[string]string{"inside": "real", "out": outside, "a/out": outside, "repo.git": outside + "/repo/.git", "real/.git": outside + "/repo/.git", "real@b": outside} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for project, want := range map[string]string{"inside": "[master] x", "real": "[master] x"} {
		r := open(t, project, root)
		branches := r.Branches("master")
		files, err := r.ConfigFiles("master", nil, nil)
		if got := fmt.Sprint(branches, " ", files["zuul.yaml"]); err != nil || got != want {
			t.Errorf("%s: %s, %v", project, got, err)
		}
	}
	for _, project := range []string{"out", "a/out", "repo"} {
		if _, err := (Roots{root}).Open(project); err == nil || !strings.Contains(err.Error(), "must not lead out of the root") {
			t.Errorf("%s: %v", project, err)
		}
	}
}

func TestBounds(t *testing.T) {
	many := map[string]string{}
	for i := range MaxFiles + 1 {
		many[fmt.Sprintf("zuul.d/%d.yaml", i)] = ""
	}
	folders := map[string]string{}
	for i := range maxFolders {
		folders[fmt.Sprintf("zuul.d/%d/README", i)] = ""
	}
	heavy := map[string]string{}
	for i := range MaxBytes/MaxFileBytes + 1 {
		heavy[fmt.Sprintf("zuul.d/%d.yaml", i)] = strings.Repeat("#", MaxFileBytes)
	}
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"a large file":   {map[string]string{"zuul.yaml": strings.Repeat("#", MaxFileBytes+1)}, "at most 4194304 are read of one file"},
		"just not large": {map[string]string{"zuul.yaml": strings.Repeat("#", MaxFileBytes)}, ""},
		"many files":     {many, "more than 2000 files"},
		"many bytes":     {heavy, "more than 16777216 bytes"},
		"deep folders":   {map[string]string{"zuul.d/" + strings.Repeat("a/", maxDepth+1) + "b.yaml": ""}, "more than 32 deep"},
		"many folders":   {folders, "more than 5000 folders"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write(t, root+"/folder", tc.files)
			bare(t, root+"/bare", "master", tc.files)
			for _, project := range []string{"folder", "bare"} {
				_, err := open(t, project, root).ConfigFiles("master", nil, nil)
				if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: %v, want %q", project, err, tc.want)
				}
			}
		})
	}
}
