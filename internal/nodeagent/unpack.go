package nodeagent

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Kinds of refusal; the stream is from the executor, its names are from repositories.
var (
	errEscapes = errors.New("the name leads out of the directory")
	errThrough = errors.New("a symlink is in the way")
	errKind    = errors.New("only files, directories and symlinks are taken")
)

// Unpack is `gozer node unpack DIR`: it reads a tar stream into dir, which is
// made if it is missing. Nothing is written outside of dir, and nothing through
// a symlink, wherever it points: a link in the way of a directory is an error,
// a link in the way of a file is replaced. Symlinks themselves keep their
// target, whatever it is: it is content.
func Unpack(r io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer root.Close()
	u := unpacker{root: root, made: map[string]bool{}}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return u.finish()
		}
		if err != nil {
			return fmt.Errorf("unpack: read the stream: %w", err)
		}
		if isSparse(h) { // a few bytes could ask for a disk full of zeros
			return fmt.Errorf("unpack %q: %w", h.Name, errKind)
		}
		if err := u.entry(h, tr); err != nil {
			return fmt.Errorf("unpack %q: %w", h.Name, err)
		}
	}
}

func isSparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

type unpacker struct {
	root *os.Root
	// made holds directories known to be directories, not links.
	made map[string]bool
	// times of directories, set at the end: writing into them changes them.
	times []dirTime
}

type dirTime struct {
	name string
	mode fs.FileMode
	mod  time.Time
}

func (u *unpacker) entry(h *tar.Header, r io.Reader) error {
	name := path.Clean(h.Name)
	if !filepath.IsLocal(name) || h.Name == "" {
		return errEscapes
	}
	if err := u.mkdir(path.Dir(name)); err != nil {
		return err
	}
	mode := h.FileInfo().Mode().Perm() // no setuid, no setgid
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.mkdir(name); err != nil {
			return err
		}
		if name != "." { // that one is the mount, perhaps of another owner
			u.times = append(u.times, dirTime{name, mode | 0o700, h.ModTime})
		}
		return nil
	case tar.TypeReg:
		return u.file(name, mode, h.ModTime, r)
	case tar.TypeSymlink:
		if err := u.clear(name); err != nil {
			return err
		}
		return u.root.Symlink(h.Linkname, name)
	}
	return errKind
}

// mkdir makes a directory and those above it.
func (u *unpacker) mkdir(name string) error {
	if name == "." || u.made[name] {
		return nil
	}
	if err := u.mkdir(path.Dir(name)); err != nil {
		return err
	}
	fi, err := u.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := u.root.Mkdir(name, 0o755); err != nil {
			return err
		}
	case err != nil:
		return err
	case !fi.IsDir():
		return errThrough
	}
	u.made[name] = true
	return nil
}

// clear takes a file or link out of the way; a directory stays and is an error later.
func (u *unpacker) clear(name string) error {
	if name == "." {
		return errEscapes
	}
	err := u.root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		delete(u.made, name)
	}
	return err
}

func (u *unpacker) file(name string, mode fs.FileMode, mod time.Time, r io.Reader) error {
	if err := u.clear(name); err != nil {
		return err
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Chmod(mode)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return u.root.Chtimes(name, mod, mod)
}

// finish sets modes and times of directories, the deepest entries last named first.
func (u *unpacker) finish() error {
	for i := len(u.times) - 1; i >= 0; i-- {
		d := u.times[i]
		fi, err := u.root.Lstat(d.name)
		if err != nil || !fi.IsDir() {
			continue // replaced by a later entry
		}
		if err := u.root.Chmod(d.name, d.mode); err != nil {
			return fmt.Errorf("unpack %q: %w", d.name, err)
		}
		_ = u.root.Chtimes(d.name, d.mod, d.mod)
	}
	return nil
}
