package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
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
// What does not exist is left out. What cannot be read (too large, no text,
// a link) is told in words, for the author of the change.
func (m *Mirror) ReadFiles(ctx context.Context, commit string, paths []string) ([]File, []string, error) {
	if err := checkCommits(commit); err != nil {
		return nil, nil, err
	}
	if err := checkPaths(paths); err != nil {
		return nil, nil, err
	}
	c, err := m.commit(ctx, commit)
	if err != nil {
		return nil, nil, err
	}
	r := fileReader{m: m, seen: map[string]bool{}}
	if err := r.readAll(ctx, c.tree, paths); err != nil {
		return nil, nil, err
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
	m      *Mirror
	files  []File
	errors []string
	seen   map[string]bool
	bytes  int64
	trees  int
}

func (r *fileReader) readAll(ctx context.Context, root oid, paths []string) error {
	for _, p := range paths {
		name := strings.TrimSuffix(p, "/")
		entry, err := r.find(ctx, root, name)
		switch {
		case err != nil:
			return err
		case entry == treeEntry{}:
			continue
		case entry.mode == modeSymlink:
			r.link(name)
		case strings.HasSuffix(p, "/") && entry.isTree():
			err = r.directory(ctx, entry.id, name, 0)
		case !strings.HasSuffix(p, "/"):
			err = r.file(ctx, entry, name)
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

// tree reads a directory; one that git would not have written is told, and passed over.
func (r *fileReader) tree(ctx context.Context, id oid, name string) ([]treeEntry, error) {
	t, err := r.m.tree(ctx, id)
	if errors.Is(err, errOdd) {
		r.complain("%s: the directory is not as git writes it, and is not read", name)
		return nil, nil
	}
	return t, err
}

// find gives the entry at a path, or the zero entry.
func (r *fileReader) find(ctx context.Context, dir oid, name string) (treeEntry, error) {
	t, err := r.tree(ctx, dir, name)
	if err != nil {
		return treeEntry{}, err
	}
	first, rest, deeper := strings.Cut(name, "/")
	i := slices.IndexFunc(t, func(e treeEntry) bool { return e.name == first })
	switch {
	case i < 0 || deeper && !t[i].isTree():
		return treeEntry{}, nil
	case !deeper:
		return t[i], nil
	}
	return r.find(ctx, t[i].id, rest)
}

func (r *fileReader) directory(ctx context.Context, id oid, dir string, depth int) error {
	if r.trees++; r.trees > maxTrees || depth > maxDepth {
		r.complain("%s: more than %d directories, or deeper than %d; the rest is not read", dir, maxTrees, maxDepth)
		return errLimit
	}
	t, err := r.tree(ctx, id, dir)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(t, func(e treeEntry) bool { return e.name == ignoreFile }) {
		return nil
	}
	entries := slices.Clone(t)
	slices.SortFunc(entries, func(a, b treeEntry) int { return strings.Compare(a.name, b.name) })
	for _, e := range entries {
		name := path.Join(dir, e.name)
		switch {
		case e.isTree():
			err = r.directory(ctx, e.id, name, depth+1)
		case e.mode == modeSymlink && strings.HasSuffix(e.name, ".yaml"):
			r.link(name)
		case strings.HasSuffix(e.name, ".yaml"):
			err = r.file(ctx, e, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file reads one file; links and submodules are no files.
func (r *fileReader) file(ctx context.Context, e treeEntry, name string) error {
	if r.seen[name] || (e.mode != modeFile && e.mode != modeExec && e.mode != modeGroup) {
		return nil
	}
	r.seen[name] = true
	kind, content, err := r.m.read(ctx, e.id.String(), MaxFileBytes)
	switch {
	case errors.Is(err, errTooLarge):
		r.complain("%s: the file is larger than %d bytes and is not read", name, MaxFileBytes)
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case kind == "":
		return r.m.absent(e.id.String())
	}
	if r.bytes += int64(len(content)); r.bytes > MaxFilesBytes || len(r.files) == MaxFiles {
		r.complain("%s: more than %d files or %d bytes together; the rest is not read", name, MaxFiles, MaxFilesBytes)
		return errLimit
	}
	if !utf8.Valid(content) {
		r.complain("%s: the file is not UTF-8 text and is not read; save it as UTF-8", name)
		return nil
	}
	r.files = append(r.files, File{Path: name, Content: string(content)})
	return nil
}

// link tells of a link where a file is expected: it would have to be followed,
// and might lead anywhere.
func (r *fileReader) link(name string) {
	if !r.seen[name] {
		r.seen[name] = true
		r.complain("%s: it is a symbolic link and is not followed; put the file itself there", name)
	}
}

func (r *fileReader) complain(format string, args ...any) {
	r.errors = append(r.errors, strings.ToValidUTF8(fmt.Sprintf(format, args...), "?"))
}
