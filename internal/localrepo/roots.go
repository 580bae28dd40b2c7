package localrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// Roots are folders with projects. The first that has a project gives it.
type Roots []string

const (
	maxName  = 255
	maxParts = 20
)

// CheckProject refuses names that would lead elsewhere as a path.
func CheckProject(name string) error {
	switch {
	case name == "" || len(name) > maxName || strings.Count(name, "/") >= maxParts:
		return fmt.Errorf("%.80q is not the name of a project: it is empty or too long", name)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '\\' || r == unicode.ReplacementChar }):
		return fmt.Errorf("%q is not the name of a project: it has a character that no name has", name)
	case !filepath.IsLocal(name) || path.Clean(name) != name:
		return fmt.Errorf("%q is not the name of a project: write it like acme/api", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "." || strings.EqualFold(part, ".git") {
			return fmt.Errorf("%q is not the name of a project: it has a part %q", name, part)
		}
	}
	return nil
}

// Open finds a project. One that is in no root is an empty repository.
func (r Roots) Open(project string) (*Repo, error) {
	if err := CheckProject(project); err != nil {
		return nil, err
	}
	repo := &Repo{Name: project, folders: map[string]place{}}
	for _, dir := range r {
		if err := repo.look(dir); err != nil {
			return nil, err
		}
	}
	if repo.gitDir.root != "" {
		if err := repo.readRefs(); err != nil {
			return nil, fmt.Errorf("%s: %w", repo.gitDir, err)
		}
	}
	return repo, nil
}

// place is a folder within a root.
type place struct{ root, dir string }

func (p place) String() string { return filepath.Join(p.root, filepath.FromSlash(p.dir)) }

// look takes from a root what it has of the project.
func (r *Repo) look(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("the root %s cannot be read: %w", dir, err)
	}
	defer root.Close()
	if !r.Exists() {
		if err := r.find(root, dir); err != nil {
			return err
		}
	}
	return r.findBranches(root, dir)
}

// find looks for the project itself: ROOT/NAME if that is a repository, then
// ROOT/NAME.git, then ROOT/NAME as a plain folder.
func (r *Repo) find(root *os.Root, dir string) error {
	plain, err := isFolder(root, r.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", place{dir, r.Name}, err)
	}
	bare := func(name string) bool {
		for _, part := range []string{"HEAD", "objects", "refs"} {
			if _, err := root.Lstat(path.Join(name, part)); err != nil {
				return false
			}
		}
		return true
	}
	git := path.Join(r.Name, ".git")
	isCheckout := false
	if plain {
		info, err := root.Lstat(git)
		isCheckout = err == nil && info.IsDir() && bare(git)
	}
	beside, err := isFolder(root, r.Name+".git")
	switch {
	case isCheckout:
		r.tree, r.gitDir = place{dir, r.Name}, place{dir, git}
	case plain && bare(r.Name):
		r.gitDir = place{dir, r.Name}
	case beside && bare(r.Name+".git"):
		r.gitDir = place{dir, r.Name + ".git"}
	case plain:
		r.tree = place{dir, r.Name}
	case err != nil:
		return fmt.Errorf("%s: %w", place{dir, r.Name + ".git"}, err)
	}
	return nil
}

// findBranches looks for ROOT/NAME@BRANCH; slashes in a branch are written as +.
func (r *Repo) findBranches(root *os.Root, dir string) error {
	parent := path.Dir(r.Name)
	if ok, err := isFolder(root, parent); !ok || err != nil {
		return nil //nolint:nilerr // find told already what is wrong with the way to the project
	}
	entries, err := fs.ReadDir(root.FS(), parent)
	if err != nil {
		return fmt.Errorf("%s: %w", place{dir, parent}, err)
	}
	for _, e := range entries {
		written, ok := strings.CutPrefix(e.Name(), path.Base(r.Name)+"@")
		branch := strings.ReplaceAll(written, "+", "/")
		if _, known := r.folders[branch]; !ok || known || !e.IsDir() || !isBranch(branch) {
			continue
		}
		r.folders[branch] = place{dir, path.Join(parent, e.Name())}
	}
	return nil
}

// isFolder says whether a root has a folder. Links on the way are followed as
// long as they stay in the root: they belong to whoever made the root.
func isFolder(root *os.Root, name string) (bool, error) {
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), isNotFolder(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("it cannot be read: %w; a link must not lead out of the root: give where it leads to as a root of its own", err)
	}
	return info.IsDir(), nil
}

// isBranch says whether a text can be the name of a branch.
func isBranch(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) &&
		!strings.HasPrefix(name, "/") && !slices.Contains(strings.Split(name, "/"), "..")
}
