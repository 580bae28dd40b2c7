package localrepo

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// Bounds on what is read of one branch.
const (
	MaxFileBytes = 4 << 20
	MaxBytes     = 16 << 20
	MaxFiles     = 2000
	maxFolders   = 5000
	maxDepth     = 32
	// maxEntries of one folder.
	maxEntries = 100_000
	maxExtra   = 200
)

const ignoreFile = ".zuul.ignore"

// source is a tree of files.
type source interface {
	// entries of a folder, by name; not ok when there is no such folder.
	entries(dir string) (list []entry, ok bool, err error)
	// read gives a file; not ok when there is no such file.
	read(file string) (content string, ok bool, err error)
}

// entry of a folder. What is neither a folder nor a file is a link, or worse.
type entry struct {
	name          string
	isDir, isFile bool
}

// collector reads files until there are too many.
type collector struct {
	source  source
	files   map[string]string
	bytes   int
	folders int
}

func (c *collector) all(extraFiles, extraDirs []string) error {
	if n := len(extraFiles) + len(extraDirs); n > maxExtra {
		return fmt.Errorf("at most %d extra paths can be read; there are %d", maxExtra, n)
	}
	for _, f := range slices.Concat([]string{"zuul.yaml", ".zuul.yaml"}, extraFiles) {
		if err := checkPath(f); err != nil {
			return err
		}
		if err := c.file(f); err != nil {
			return err
		}
	}
	for _, d := range slices.Concat([]string{"zuul.d", ".zuul.d"}, extraDirs) {
		d = strings.TrimSuffix(d, "/")
		if err := checkPath(d); err != nil {
			return err
		}
		if err := c.folder(d, 0); err != nil {
			return err
		}
	}
	return nil
}

// checkPath refuses what is no plain path within a repository.
func checkPath(p string) error {
	inGit := slices.ContainsFunc(strings.Split(p, "/"), func(part string) bool { return strings.EqualFold(part, ".git") })
	if p == "" || p == "." || path.Clean(p) != p || !filepath.IsLocal(p) || inGit || strings.ContainsFunc(p, unicode.IsControl) {
		return fmt.Errorf("%q is not a path within a repository; write it like dir/file.yaml", p)
	}
	return nil
}

func (c *collector) folder(dir string, depth int) error {
	if c.folders++; c.folders > maxFolders || depth > maxDepth {
		return fmt.Errorf("%s: there are more than %d folders, or they are more than %d deep; a %s keeps a folder from being read", dir, maxFolders, maxDepth, ignoreFile)
	}
	entries, ok, err := c.source.entries(dir)
	if err != nil || !ok {
		return err
	}
	if slices.ContainsFunc(entries, func(e entry) bool { return e.name == ignoreFile }) {
		return nil
	}
	for _, e := range entries {
		name := path.Join(dir, e.name)
		switch {
		case e.isDir && strings.EqualFold(e.name, ".git"):
		case e.isDir:
			err = c.folder(name, depth+1)
		case e.isFile && strings.HasSuffix(e.name, ".yaml"):
			err = c.file(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) file(name string) error {
	if _, there := c.files[name]; there {
		return nil
	}
	content, ok, err := c.source.read(name)
	if err != nil || !ok {
		return err
	}
	if c.bytes += len(content); c.bytes > MaxBytes || len(c.files) == MaxFiles {
		return fmt.Errorf("the configuration has more than %d files, or more than %d bytes", MaxFiles, MaxBytes)
	}
	c.files[name] = content
	return nil
}

func tooLarge(name string, size int64) error {
	return fmt.Errorf("%s has %d bytes; at most %d are read of one file", name, size, MaxFileBytes)
}
