package nodeagent

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Pack is `gozer node pack DIR`: it writes the plain files below dir as a tar
// stream, with names that begin below it. Links are left out, wherever they
// point, and so is all else that is not a file; a directory that is not there
// is an empty stream. What grows or shrinks meanwhile is cut, or filled with zeros.
func Pack(w io.Writer, dir string) error {
	out := tar.NewWriter(w)
	if err := packDir(out, filepath.Clean(dir)); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return out.Close()
}

func packDir(out *tar.Writer, dir string) error {
	fi, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !fi.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what cannot be read is left out, the rest is not
		}
		fi, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it is gone
		}
		f, err := root.Open(name)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		defer f.Close()
		if err := out.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: fi.Size(), ModTime: fi.ModTime()}); err != nil {
			return err
		}
		n, _ := io.CopyN(out, f, fi.Size())
		_, err = io.CopyN(out, zeros{}, fi.Size()-n)
		return err
	})
}

// zeros fill up a file that became shorter.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
