package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// Limits of one ReadFiles.
const (
	MaxFileBytes  = 4 << 20
	MaxFilesBytes = 16 << 20
	MaxFiles      = 2000
	maxTrees      = 5000
	maxDepth      = 32
	maxPaths      = 200
	ignoreFile    = ".zuul.ignore"
)

// File is one file of a commit.
type File struct {
	Path    string `json:"path"`
	Content string `json:"content"`
}

// ReadFiles reads files of a commit without checking it out. A path is a file,
// or a directory with a slash at its end, of which every *.yaml is read, its
// subdirectories too, sorted; a directory with a .zuul.ignore is passed over.
// What does not exist is left out. What cannot be read (too large, no text)
// is told in words, for the author of the change.
func (m *Mirror) ReadFiles(commit string, paths []string) ([]File, []string, error) {
	if err := checkCommits(commit); err != nil {
		return nil, nil, err
	}
	if err := checkPaths(paths); err != nil {
		return nil, nil, err
	}
	r := fileReader{seen: map[string]bool{}}
	err := m.objects.with(func(s storer.EncodedObjectStorer) error {
		c, err := object.GetCommit(s, plumbing.NewHash(commit))
		if err != nil {
			return err
		}
		root, err := object.GetTree(s, c.TreeHash)
		if err != nil {
			return err
		}
		r.store = s
		return r.readAll(root, paths)
	})
	if err != nil {
		return nil, nil, notFound(err, m.Project, commit)
	}
	return r.files, r.errors, nil
}

func checkPaths(paths []string) error {
	if len(paths) > maxPaths {
		return invalid(fmt.Errorf("at most %d paths can be read at once; %d were asked for", maxPaths, len(paths)))
	}
	for _, p := range paths {
		clean := strings.TrimSuffix(p, "/")
		if clean == "" || path.Clean("/"+clean) != "/"+clean || strings.ContainsRune(p, 0) {
			return invalid(fmt.Errorf("%q is not a path inside a repository; write it like dir/file or dir/", clip(p)))
		}
	}
	return nil
}

var errLimit = errors.New("limit reached")

// fileReader collects the files of one ReadFiles.
type fileReader struct {
	store  storer.EncodedObjectStorer
	files  []File
	errors []string
	seen   map[string]bool
	bytes  int64
	trees  int
}

func (r *fileReader) readAll(root *object.Tree, paths []string) error {
	for _, p := range paths {
		name := strings.TrimSuffix(p, "/")
		entry, err := r.find(root, name)
		switch {
		case err != nil:
			return err
		case entry == nil:
			continue
		case strings.HasSuffix(p, "/") && entry.Mode == filemode.Dir:
			err = r.directory(entry.Hash, name, 0)
		case !strings.HasSuffix(p, "/"):
			err = r.file(*entry, name)
		}
		if errors.Is(err, errLimit) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// find gives the entry at a path, or nil.
func (r *fileReader) find(t *object.Tree, name string) (*object.TreeEntry, error) {
	dir, rest, deeper := strings.Cut(name, "/")
	i := slices.IndexFunc(t.Entries, func(e object.TreeEntry) bool { return e.Name == dir })
	switch {
	case i < 0:
		return nil, nil
	case !deeper:
		return &t.Entries[i], nil
	case t.Entries[i].Mode != filemode.Dir:
		return nil, nil
	}
	sub, err := object.GetTree(r.store, t.Entries[i].Hash)
	if err != nil {
		return nil, err
	}
	return r.find(sub, rest)
}

func (r *fileReader) directory(tree plumbing.Hash, dir string, depth int) error {
	if r.trees++; r.trees > maxTrees || depth > maxDepth {
		r.complain("%s: more than %d directories, or deeper than %d; the rest is not read", dir, maxTrees, maxDepth)
		return errLimit
	}
	t, err := object.GetTree(r.store, tree)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(t.Entries, func(e object.TreeEntry) bool { return e.Name == ignoreFile }) {
		return nil
	}
	entries := slices.Clone(t.Entries)
	slices.SortFunc(entries, func(a, b object.TreeEntry) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		switch {
		case e.Mode == filemode.Dir:
			err = r.directory(e.Hash, name, depth+1)
		case strings.HasSuffix(e.Name, ".yaml"):
			err = r.file(e, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file reads one file; links and submodules are no files.
func (r *fileReader) file(e object.TreeEntry, name string) error {
	if r.seen[name] || (e.Mode != filemode.Regular && e.Mode != filemode.Executable && e.Mode != filemode.Deprecated) {
		return nil
	}
	r.seen[name] = true
	blob, err := object.GetBlob(r.store, e.Hash)
	if err != nil {
		return err
	}
	if blob.Size > MaxFileBytes {
		r.complain("%s: the file is larger than %d bytes and is not read", name, MaxFileBytes)
		return nil
	}
	if r.bytes += blob.Size; r.bytes > MaxFilesBytes || len(r.files) == MaxFiles {
		r.complain("%s: more than %d files or %d bytes together; the rest is not read", name, MaxFiles, MaxFilesBytes)
		return errLimit
	}
	content, err := readAll(blob, MaxFileBytes)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !utf8.ValidString(content) {
		r.complain("%s: the file is not UTF-8 text and is not read; save it as UTF-8", name)
		return nil
	}
	r.files = append(r.files, File{Path: name, Content: content})
	return nil
}

func (r *fileReader) complain(format string, args ...any) {
	r.errors = append(r.errors, strings.ToValidUTF8(fmt.Sprintf(format, args...), "?"))
}

func readAll(o interface{ Reader() (io.ReadCloser, error) }, most int64) (string, error) {
	rd, err := o.Reader()
	if err != nil {
		return "", err
	}
	defer func() { _ = rd.Close() }()
	b, err := io.ReadAll(io.LimitReader(rd, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("larger than %d bytes", most)
	}
	return string(b), err
}
