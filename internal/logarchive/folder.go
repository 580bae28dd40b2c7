package logarchive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"

	"gocloud.dev/blob"
	"golang.org/x/sys/unix"

	"github.com/gozer-dev/gozer/internal/buildspec"

	"github.com/gozer-dev/gozer/internal/logstore"
)

// folder is what a bucket on a disk needs beyond other buckets: what was written
// survives a machine that stops, and folders that are empty go.
type folder struct {
	root *os.Root
	dir  *os.File
}

// openFolder makes the folder and completes its URL: unfinished files stay on
// its own disk, where they can be renamed.
func openFolder(u *url.URL) (*folder, error) {
	if u.Path == "" || u.Host != "" && u.Host != "." {
		return nil, errors.New("the URL of a folder for logs must be like file:///var/lib/gozer/kept")
	}
	if u.Query().Has("prefix") {
		return nil, errors.New("the URL of a folder for logs has no prefix: name the folder itself")
	}
	name := path.Join(u.Host, u.Path)
	if err := os.MkdirAll(name, 0o750); err != nil {
		return nil, fmt.Errorf("the folder for logs: %w; mount a writable volume there", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("the folder for logs: %w", err)
	}
	dir, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	q := u.Query()
	q.Set("no_tmp_dir", "true")
	if !q.Has("dir_file_mode") {
		q.Set("dir_file_mode", "0o750")
	}
	u.RawQuery = q.Encode()
	return &folder{root: root, dir: dir}, nil
}

func (f *folder) close() error {
	if f == nil {
		return nil
	}
	return errors.Join(f.dir.Close(), f.root.Close())
}

// sync returns when all that was written is on the disk. Buckets elsewhere
// say so by themselves.
func (f *folder) sync() error {
	if f == nil {
		return nil
	}
	return unix.Syncfs(int(f.dir.Fd())) //nolint:gosec // a file descriptor fits
}

// each calls do with every object below a prefix that ends with a slash or is
// empty. Pages of fileblob cannot be used: they go on after the last key, but
// come in the order of folders, where acme is before acme-dev; of keys it is
// acme-dev/ that comes before acme/.
func (f *folder) each(ctx context.Context, prefix string, do func(*blob.ListObject) error) error {
	top := path.Clean(prefix)
	return fs.WalkDir(f.root.FS(), top, func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil // there is none, or no longer; a volume may have a lost+found
		}
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() || strings.HasSuffix(name, buildspec.NotesSuffix) {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return do(&blob.ListObject{Key: name, Size: info.Size(), ModTime: info.ModTime()})
	})
}

// tidy removes the folders of an attempt that has no objects any more, with what
// a process that was killed left half written there. Folders above it stay as
// long as they hold anything.
func (f *folder) tidy(k logstore.Key) {
	if f == nil {
		return
	}
	for i, dir := range attemptDirs(k) {
		if i == 0 {
			_ = f.root.RemoveAll(dir) // tried again with the next attempt that goes
			continue
		}
		_ = f.root.Remove(dir) // fails while others are in it
	}
}
