package localrepo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

func TestBrokenRepositories(t *testing.T) {
	tests := map[string]struct {
		setup func(t *testing.T, dir string, s *filesystem.Storage)
		want  string // an error, or the files
	}{
		"names that lead elsewhere": {func(t *testing.T, _ string, s *filesystem.Storage) {
			blob := store(t, s, plumbing.BlobObject, "x")
			inner := store(t, s, plumbing.TreeObject, rawTree(
				object.TreeEntry{Name: "../up.yaml", Mode: filemode.Regular, Hash: blob}, object.TreeEntry{Name: "..", Mode: filemode.Regular, Hash: blob},
				object.TreeEntry{Name: "/abs.yaml", Mode: filemode.Regular, Hash: blob}, object.TreeEntry{Name: "a.yaml", Mode: filemode.Regular, Hash: blob}))
			branch(t, s, "master", store(t, s, plumbing.TreeObject, rawTree(object.TreeEntry{Name: "zuul.d", Mode: filemode.Dir, Hash: inner})))
		}, "map[zuul.d/a.yaml:x]"},
		"a submodule": {func(t *testing.T, _ string, s *filesystem.Storage) {
			branch(t, s, "master", store(t, s, plumbing.TreeObject, rawTree(object.TreeEntry{Name: "zuul.d", Mode: filemode.Submodule, Hash: plumbing.NewHash("1234")})))
		}, "map[]"},
		"a missing tree": {func(t *testing.T, _ string, s *filesystem.Storage) { branch(t, s, "master", plumbing.NewHash("1234")) }, "is not there"},
		"a missing file": {func(t *testing.T, _ string, s *filesystem.Storage) {
			branch(t, s, "master", store(t, s, plumbing.TreeObject, rawTree(object.TreeEntry{Name: "zuul.yaml", Mode: filemode.Regular, Hash: plumbing.NewHash("1234")})))
		}, "--filter"},
		"a file that is a tree": {func(t *testing.T, _ string, s *filesystem.Storage) {
			tree := store(t, s, plumbing.TreeObject, "")
			branch(t, s, "master", store(t, s, plumbing.TreeObject, rawTree(object.TreeEntry{Name: "zuul.yaml", Mode: filemode.Regular, Hash: tree})))
		}, "zuul.yaml: object not found"},
		"no tree at all": {func(t *testing.T, _ string, s *filesystem.Storage) {
			branch(t, s, "master", store(t, s, plumbing.TreeObject, "what is this"))
		}, "malformed tree"},
		"no commit at all": {func(t *testing.T, _ string, s *filesystem.Storage) {
			id := store(t, s, plumbing.BlobObject, "x")
			if err := s.SetReference(plumbing.NewHashReference("refs/heads/master", id)); err != nil {
				t.Fatal(err)
			}
		}, "object not found"},
		"broken objects": {func(t *testing.T, dir string, s *filesystem.Storage) {
			branch(t, s, "master", store(t, s, plumbing.TreeObject, ""))
			objects, _ := filepath.Glob(dir + "/objects/??/*")
			for _, o := range objects {
				_ = os.Chmod(o, 0o600)
				if err := os.WriteFile(o, []byte("broken"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}, "object"},
		"a broken pack": {func(t *testing.T, dir string, _ *filesystem.Storage) {
			name := "objects/pack/pack-" + strings.Repeat("1", 40)
			write(t, dir, map[string]string{name + ".pack": "PACK", name + ".idx": "\xfftOc\x00\x00\x00\x02" + strings.Repeat("\xff", 2000), "refs/heads/master": strings.Repeat("2", 40)})
		}, "object"},
		"a broken ref": {func(t *testing.T, dir string, _ *filesystem.Storage) {
			write(t, dir, map[string]string{"refs/heads/master": "\x00what"})
		}, "object"},
		"broken packed refs": {func(t *testing.T, dir string, _ *filesystem.Storage) {
			write(t, dir, map[string]string{"packed-refs": "one two three four\n"})
		}, "malformed"},
		"a ref to itself": {func(t *testing.T, dir string, _ *filesystem.Storage) {
			write(t, dir, map[string]string{"refs/heads/master": "ref: refs/heads/master"})
		}, "map[]"},
		"a ref to nothing": {func(t *testing.T, dir string, _ *filesystem.Storage) {
			write(t, dir, map[string]string{"refs/heads/master": "ref: refs/heads/x"})
		}, "map[]"},
		"a broken HEAD": {func(t *testing.T, dir string, _ *filesystem.Storage) {
			write(t, dir, map[string]string{"HEAD": "\xff"})
		}, "map[]"},
		"a reftable": {func(t *testing.T, dir string, _ *filesystem.Storage) {
			write(t, dir, map[string]string{"reftable/tables.list": ""})
		}, "git refs migrate"},
		"a hostile config": {func(t *testing.T, dir string, _ *filesystem.Storage) {
			write(t, dir, map[string]string{"config": "[core]\n\tfsmonitor = touch /tmp/x\n[broken"})
		}, "map[]"},
		"a name like an option": {func(t *testing.T, dir string, s *filesystem.Storage) {
			blob := store(t, s, plumbing.BlobObject, "x")
			branch(t, s, "master", store(t, s, plumbing.TreeObject, rawTree(object.TreeEntry{Name: "zuul.yaml", Mode: filemode.Regular, Hash: blob})))
			write(t, dir, map[string]string{"packed-refs": strings.Repeat("1", 40) + " refs/heads/../../../x\n"})
		}, "map[zuul.yaml:x]"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			tc.setup(t, root+"/p", repository(t, root+"/p", "master"))
			got := ""
			repo, err := Roots{root}.Open("p")
			if err == nil {
				for _, b := range repo.Branches("master") {
					if strings.Contains(b, "..") {
						t.Errorf("the branch %q", b)
					}
				}
				var files map[string]string
				files, err = repo.ConfigFiles("master", nil, nil)
				got = fmt.Sprint(files)
			}
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tc.want) {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// Objects that lie elsewhere are not looked for there.
func TestAlternates(t *testing.T) {
	root := t.TempDir()
	from := t.TempDir()
	s := bare(t, from, "master", map[string]string{"zuul.yaml": "secret"})
	ref, err := s.Reference("refs/heads/master")
	if err != nil {
		t.Fatal(err)
	}
	repository(t, root+"/p", "master")
	write(t, root+"/p", map[string]string{"objects/info/alternates": from + "/objects\n", "refs/heads/master": ref.Hash().String() + "\n"})
	if files, err := open(t, "p", root).ConfigFiles("master", nil, nil); err == nil || !strings.Contains(err.Error(), "--shared") {
		t.Errorf("%v, %v", files, err)
	}
}
