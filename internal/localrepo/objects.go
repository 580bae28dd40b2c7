package localrepo

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

const (
	cacheBytes = 8 << 20
	// maxObject bounds commits and trees.
	maxObject = 16 << 20
	maxRefs   = 100_000
)

// objects of a git repository. Paths are resolved within its folder, so
// neither links nor alternates lead out of it.
type objects struct {
	*filesystem.Storage
}

func openObjects(p place) (*objects, error) {
	files, done, err := openFolder(p)
	if err != nil {
		return nil, err
	}
	defer done()
	switch _, isReftable, err := files.entries("reftable"); {
	case err != nil:
		return nil, err
	case isReftable:
		return nil, errors.New("its refs are in a reftable, which cannot be read; `git refs migrate --ref-format=files` changes that")
	}
	return &objects{filesystem.NewStorageWithOptions(osfs.New(p.String(), osfs.WithBoundOS()), cache.NewObjectLRU(cacheBytes),
		filesystem.Options{LargeObjectThreshold: MaxFileBytes})}, nil
}

// guard turns a panic over what a stranger wrote into an error.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the repository is broken: %v", r)
	}
}

// readRefs reads HEAD and refs/heads.
func (r *Repo) readRefs() (err error) {
	defer guard(&err)
	if r.objects, err = openObjects(r.gitDir); err != nil {
		return err
	}
	if head, err := r.objects.Reference(plumbing.HEAD); err == nil && head.Target().IsBranch() {
		r.head = head.Target().Short()
	}
	iter, err := r.objects.IterReferences()
	if err != nil {
		return err
	}
	r.refs = map[string]plumbing.Hash{}
	seen := 0
	return iter.ForEach(func(ref *plumbing.Reference) error {
		if seen++; seen > maxRefs {
			return fmt.Errorf("it has more than %d refs", maxRefs)
		}
		if !ref.Name().IsBranch() || !isBranch(ref.Name().Short()) {
			return nil
		}
		if ref.Type() != plumbing.HashReference {
			if ref, err = storer.ResolveReference(r.objects, ref.Name()); err != nil {
				return nil //nolint:nilerr // a branch that names one that is not there is no branch
			}
		}
		r.refs[ref.Name().Short()] = ref.Hash()
		return nil
	})
}

// commit is the tree of files of one.
func (o *objects) commit(id plumbing.Hash) (s source, err error) {
	defer guard(&err)
	if err := o.small(id); err != nil {
		return nil, err
	}
	c, err := object.GetCommit(o, id)
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", id, err)
	}
	return &commit{objects: o, root: c.TreeHash, trees: map[string]*object.Tree{}}, nil
}

// small refuses commits and trees that nobody made honestly.
func (o *objects) small(id plumbing.Hash) error {
	size, err := o.size(id)
	if err == nil && size > maxObject {
		err = fmt.Errorf("object %s has %d bytes; at most %d are read", id, size, maxObject)
	}
	return err
}

func (o *objects) size(id plumbing.Hash) (int64, error) {
	size, err := o.EncodedObjectSize(id)
	switch {
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return 0, fmt.Errorf("object %s is not there; a clone that has its objects elsewhere (--shared, --reference, --filter) cannot be read: %w", id, err)
	case err != nil:
		return 0, fmt.Errorf("object %s: %w", id, err)
	}
	return size, nil
}

// commit is the tree of files of a commit. Links and submodules are no files.
type commit struct {
	objects *objects
	root    plumbing.Hash
	trees   map[string]*object.Tree
}

// tree at a path; nil when there is none.
func (c *commit) tree(dir string) (*object.Tree, error) {
	if t, ok := c.trees[dir]; ok {
		return t, nil
	}
	id := c.root
	if dir != "." {
		above, err := c.tree(path.Dir(dir))
		if err != nil || above == nil {
			return nil, err
		}
		e := find(above, path.Base(dir))
		if e == nil || e.Mode != filemode.Dir {
			return nil, nil
		}
		id = e.Hash
	}
	if err := c.objects.small(id); err != nil {
		return nil, err
	}
	t, err := object.GetTree(c.objects, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	c.trees[dir] = t
	return t, nil
}

func find(t *object.Tree, name string) *object.TreeEntry {
	i := slices.IndexFunc(t.Entries, func(e object.TreeEntry) bool { return e.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Entries[i]
}

func isFile(m filemode.FileMode) bool {
	return m == filemode.Regular || m == filemode.Executable || m == filemode.Deprecated
}

func (c *commit) entries(dir string) (out []entry, ok bool, err error) {
	defer guard(&err)
	t, err := c.tree(dir)
	switch {
	case err != nil || t == nil:
		return nil, false, err
	case len(t.Entries) > maxEntries:
		return nil, false, tooMany(dir)
	}
	for _, e := range t.Entries {
		if strings.Contains(e.Name, "/") || e.Name == "." || e.Name == ".." {
			continue // git makes no such trees
		}
		out = append(out, entry{name: e.Name, isDir: e.Mode == filemode.Dir, isFile: isFile(e.Mode)})
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return out, true, nil
}

func tooMany(dir string) error {
	return fmt.Errorf("%s has more than %d entries", dir, maxEntries)
}

func (c *commit) read(file string) (content string, ok bool, err error) {
	defer guard(&err)
	t, err := c.tree(path.Dir(file))
	if err != nil || t == nil {
		return "", false, err
	}
	e := find(t, path.Base(file))
	if e == nil || !isFile(e.Mode) {
		return "", false, nil
	}
	size, err := c.objects.size(e.Hash)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("%s: %w", file, err)
	case size > MaxFileBytes:
		return "", false, tooLarge(file, size)
	}
	blob, err := object.GetBlob(c.objects, e.Hash)
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", file, err)
	}
	r, err := blob.Reader()
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", file, err)
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err == nil && len(raw) > MaxFileBytes {
		err = tooLarge(file, int64(len(raw)))
	}
	return string(raw), err == nil, err
}
