package gitrepo

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // git's object ids
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// writeObject writes an object as git does: to a file of its own, named by its
// content, there whole or not at all.
func (m *Mirror) writeObject(kind string, content []byte) (oid, error) {
	head := fmt.Appendf(nil, "%s %d\x00", kind, len(content))
	h := sha1.New()      //nolint:gosec // see above
	_, _ = h.Write(head) // a hash never fails
	_, _ = h.Write(content)
	id := oid(h.Sum(nil))
	name := id.String()
	dir := filepath.Join(m.dir, "objects", name[:2])
	path := filepath.Join(dir, name[2:])
	// It is wanted again, so it counts as new when old ones are deleted; git does the same.
	if now := time.Now(); os.Chtimes(path, now, now) == nil {
		return id, nil
	}
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	if err != nil {
		return oid{}, err
	}
	_, err = z.Write(head)
	if err == nil {
		_, err = z.Write(content)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return oid{}, err
	}
	return id, m.write(func() error { return m.writeFile(dir, path, packed.Bytes(), 0o444) })
}

// write lets files of the mirror be written, and judges what becomes of it.
func (m *Mirror) write(do func() error) error {
	release, err := m.hold()
	if err != nil {
		return err
	}
	err = do()
	release()
	return m.judge(err)
}

// writeFile puts a file in its place, whole and on disk. What a killed process
// leaves begins with tmp_: removeStale knows it, and so does git, which takes no
// file that ends with .lock for a ref.
func (m *Mirror) writeFile(dir, path string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "tmp_obj_*.lock")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = errors.Join(f.Chmod(mode), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
