package localrepo

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// folder is a tree of files on disk.
type folder struct{ root *os.Root }

func openFolder(p place) (source, func(), error) {
	nothing := func() {}
	outer, err := os.OpenRoot(p.root)
	if err != nil {
		return nil, nothing, err
	}
	defer outer.Close()
	inner, err := outer.OpenRoot(p.dir)
	if err != nil {
		return nil, nothing, err
	}
	return folder{inner}, func() { _ = inner.Close() }, nil
}

// lstat of a path on which there is no link.
func (f folder) lstat(name string) (info fs.FileInfo, ok bool, err error) {
	dir := ""
	for part := range strings.SplitSeq(name, "/") {
		if info != nil && !info.IsDir() {
			return nil, false, nil
		}
		dir = path.Join(dir, part)
		switch info, err = f.root.Lstat(dir); {
		case errors.Is(err, fs.ErrNotExist), isNotFolder(err):
			return nil, false, nil
		case err != nil:
			return nil, false, err
		}
	}
	return info, true, nil
}

func (f folder) entries(dir string) ([]entry, bool, error) {
	if info, ok, err := f.lstat(dir); err != nil || !ok || !info.IsDir() {
		return nil, false, err
	}
	d, err := f.root.Open(dir)
	if err != nil {
		return nil, false, err
	}
	defer d.Close()
	list, err := d.ReadDir(maxEntries + 1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, false, err
	case len(list) > maxEntries:
		return nil, false, tooMany(dir)
	}
	out := make([]entry, 0, len(list))
	for _, e := range list {
		out = append(out, entry{name: e.Name(), isDir: e.IsDir(), isFile: e.Type().IsRegular()})
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return out, true, nil
}

func (f folder) read(file string) (string, bool, error) {
	info, ok, err := f.lstat(file)
	if err != nil || !ok || !info.Mode().IsRegular() {
		return "", false, err
	}
	if info.Size() > MaxFileBytes {
		return "", false, tooLarge(file, info.Size())
	}
	r, err := f.root.Open(file)
	if err != nil {
		return "", false, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err == nil && len(content) > MaxFileBytes {
		err = tooLarge(file, int64(len(content)))
	}
	return string(content), err == nil, err
}
