package localrepo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// write puts files below a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// repository makes an empty one.
func repository(t *testing.T, dir, head string) *filesystem.Storage {
	t.Helper()
	s := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRUDefault())
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	if err := s.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, plumbing.NewBranchReferenceName(head))); err != nil {
		t.Fatal(err)
	}
	return s
}

// store puts an object into a repository as it is, however wrong.
func store(t *testing.T, s *filesystem.Storage, kind plumbing.ObjectType, content string) plumbing.Hash {
	t.Helper()
	o := s.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if s.HasEncodedObject(o.Hash()) == nil {
		return o.Hash()
	}
	id, err := s.SetEncodedObject(o)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// rawTree is a tree object, also of entries that git itself would refuse.
func rawTree(entries ...object.TreeEntry) string {
	var b bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&b, "%o %s\x00", uint32(e.Mode), e.Name)
		b.Write(e.Hash[:])
	}
	return b.String()
}

// tree stores files; content that begins with "->" is a link.
func tree(t *testing.T, s *filesystem.Storage, files map[string]string) plumbing.Hash {
	t.Helper()
	below := map[string]map[string]string{}
	var entries []object.TreeEntry
	for name, content := range files {
		dir, rest, deeper := strings.Cut(name, "/")
		target, isLink := strings.CutPrefix(content, "->")
		switch {
		case deeper:
			if below[dir] == nil {
				below[dir] = map[string]string{}
			}
			below[dir][rest] = content
		case isLink:
			entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Symlink, Hash: store(t, s, plumbing.BlobObject, target)})
		default:
			entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: store(t, s, plumbing.BlobObject, content)})
		}
	}
	for dir, files := range below {
		entries = append(entries, object.TreeEntry{Name: dir, Mode: filemode.Dir, Hash: tree(t, s, files)})
	}
	slices.SortFunc(entries, func(a, b object.TreeEntry) int { return strings.Compare(a.Name, b.Name) })
	return store(t, s, plumbing.TreeObject, rawTree(entries...))
}

// branch commits a tree on a branch.
func branch(t *testing.T, s *filesystem.Storage, name string, tree plumbing.Hash) plumbing.Hash {
	t.Helper()
	id := store(t, s, plumbing.CommitObject, fmt.Sprintf("tree %s\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n", tree))
	if err := s.SetReference(plumbing.NewHashReference(plumbing.NewBranchReferenceName(name), id)); err != nil {
		t.Fatal(err)
	}
	return id
}

// bare makes a bare repository. The branches have a zuul.yaml with their name.
func bare(t *testing.T, dir, head string, files map[string]string, branches ...string) *filesystem.Storage {
	t.Helper()
	s := repository(t, dir, head)
	branch(t, s, head, tree(t, s, files))
	for _, b := range branches {
		branch(t, s, b, tree(t, s, map[string]string{"zuul.yaml": b}))
	}
	return s
}

// checkout makes a repository with a working tree.
func checkout(t *testing.T, dir, head string, files map[string]string, branches ...string) {
	t.Helper()
	bare(t, filepath.Join(dir, ".git"), head, files, branches...)
	write(t, dir, files)
}

func open(t *testing.T, project string, roots ...string) *Repo {
	t.Helper()
	r, err := Roots(roots).Open(project)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
