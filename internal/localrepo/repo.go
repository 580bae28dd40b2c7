package localrepo

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
)

// Repo is a project on disk. It is not for use by several goroutines at once.
type Repo struct {
	Name string

	// tree is the folder that stands for the default branch; zero if there is none.
	tree place
	// gitDir has refs and objects; zero if there are none.
	gitDir place
	// folders of further branches.
	folders map[string]place
	// refs are the commits of refs/heads; head is the branch that HEAD names.
	refs map[string]plumbing.Hash
	head string
	// byDefault is the branch that tree stands for.
	byDefault string
	objects   *objects
}

// ErrNoBranch is the error about a branch that a project does not have.
var ErrNoBranch = errors.New("there is no such branch")

// Exists says whether the project itself is in one of the roots.
func (r *Repo) Exists() bool { return r.tree.root != "" || r.gitDir.root != "" }

// Branches lists the branches, the default one first, then sorted. The default
// one of a bare repository is that of its HEAD. For a folder it is the one
// given, and from then on the folder stands for that branch. Without one, or
// when git does not know it, it is the branch that is checked out. An empty
// repository has the default branch only, and nothing in it.
func (r *Repo) Branches(defaultBranch string) []string {
	all := map[string]bool{}
	for b := range r.refs {
		all[b] = true
	}
	for b := range r.folders {
		all[b] = true
	}
	first := r.defaultBranch(defaultBranch)
	if r.tree.root != "" || len(all) == 0 {
		r.byDefault = first
		all[first] = true
	}
	sorted := slices.Sorted(maps.Keys(all))
	if i := slices.Index(sorted, first); i > 0 {
		sorted = slices.Insert(slices.Delete(sorted, i, i+1), 0, first)
	}
	return sorted
}

// defaultBranch is the one given, unless git knows better.
func (r *Repo) defaultBranch(given string) string {
	isBare := r.gitDir.root != "" && r.tree.root == ""
	_, born := r.refs[r.head]
	_, known := r.refs[given]
	switch {
	case r.head != "" && (given == "" || isBare && born || !isBare && !known):
		return r.head
	case given != "":
		return given
	}
	return "master"
}

// ConfigFiles reads, from a branch, zuul.yaml, .zuul.yaml, all that ends in
// .yaml below zuul.d and .zuul.d, and the same of extra files and folders (with
// or without a slash at the end), by their paths in the repository. A folder
// that has a .zuul.ignore is passed over, with all below it. A folder without
// git stands for any branch that has no folder of its own.
func (r *Repo) ConfigFiles(branch string, extraFiles, extraDirs []string) (map[string]string, error) {
	tree, done, err := r.source(branch)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	defer done()
	c := collector{source: tree, files: map[string]string{}}
	if tree != nil {
		err = c.all(extraFiles, extraDirs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s, branch %s: %w", r.Name, branch, err)
	}
	return c.files, nil
}

// source of a branch's files; nil for an empty repository.
func (r *Repo) source(branch string) (source, func(), error) {
	nothing := func() {}
	if folder, ok := r.folders[branch]; ok {
		return openFolder(folder)
	}
	commit, known := r.refs[branch]
	switch {
	case r.tree.root != "" && (r.gitDir.root == "" || branch == r.defaultBranch(r.byDefault)):
		return openFolder(r.tree)
	case known:
		s, err := r.objects.commit(commit)
		return s, nothing, err
	case !r.Exists(), len(r.refs) == 0:
		return nil, nothing, nil
	}
	return nil, nothing, fmt.Errorf("%w: %s", ErrNoBranch, branch)
}

func isNotFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
