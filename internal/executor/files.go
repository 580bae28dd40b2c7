package executor

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gozer-dev/gozer/internal/ansible"
	"github.com/gozer-dev/gozer/internal/buildspec"
)

// leftFile is a file that the build leaves behind. It is opened for every attempt to send it.
type leftFile struct {
	name string
	size int64
	open func() (io.ReadCloser, error)
}

// left are the files that a build leaves behind, within bounds, and what was left out.
type left struct {
	files []leftFile
	// names are those of files, above the folders that they are in.
	names, above map[string]bool
	total        int64
	// out are the first that were left out, and more the number of all others:
	// there may be millions.
	out  []string
	more int
	// visited counts what was looked at.
	visited int
}

// maxVisited bounds the files and folders that are looked at.
const maxVisited = 20 * buildspec.MaxFiles

var errTooMany = fmt.Errorf("there are more than %d files and folders", maxVisited)

// leave notes what is left out.
func (l *left) leave(name, why string) {
	if len(l.out) == shownOut {
		l.more++
		return
	}
	l.out = append(l.out, fmt.Sprintf("%q: %s", oneLine(name, 200), why))
}

// fits says whether one more file is taken; why not is noted for people. Of two
// files of one name the first counts.
func (l *left) fits(name string, size int64) bool {
	var why string
	switch err := buildspec.CheckFileName(name); {
	case err != nil:
		why = err.Error()
	case name == buildspec.LogName || l.names[name]:
		return false // that of the executor is kept
	case l.above[name] || slices.ContainsFunc(foldersOf(name), func(f string) bool { return l.names[f] }):
		why = "a file cannot be a folder too"
	case size > buildspec.MaxFileBytes:
		why = fmt.Sprintf("it has more than %d bytes", int64(buildspec.MaxFileBytes))
	case len(l.files) >= buildspec.MaxFiles:
		why = fmt.Sprintf("there are %d files already", buildspec.MaxFiles)
	case l.total+size > buildspec.MaxFilesBytes:
		why = fmt.Sprintf("the files would have more than %d bytes together", int64(buildspec.MaxFilesBytes))
	default:
		l.total += size
		return true
	}
	l.leave(name, why)
	return false
}

// foldersOf are all folders that a file is in, by name.
func foldersOf(name string) []string {
	var out []string
	for i := range name {
		if name[i] == '/' {
			out = append(out, name[:i])
		}
	}
	return out
}

func (l *left) add(name string, size int64, open func() (io.ReadCloser, error)) {
	if l.names == nil {
		l.names, l.above = map[string]bool{}, map[string]bool{}
	}
	l.names[name] = true
	for _, f := range foldersOf(name) {
		l.above[f] = true
	}
	l.files = append(l.files, leftFile{name, size, open})
}

func (l *left) addBytes(name string, content []byte) {
	if l.fits(name, int64(len(content))) {
		l.add(name, int64(len(content)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	}
}

// leftBehind collects the executor's own files, then those of the job: what
// playbooks have put into logs/ of the work directory, and scripts into logs/ of the first node.
func (b *build) leftBehind(ctx context.Context) *left {
	l := &left{}
	if b.ansible != nil {
		l.addBytes(buildspec.OutputName, b.ansible.output.JSON())
		if content, err := (ansible.Inventory{Hosts: b.ansible.hosts, Vars: b.withZuul()}).File(); err == nil {
			l.addBytes(buildspec.InventoryName, content)
		}
		if err := l.addDir(ctx, b.opts.WorkDir, logsDir); err != nil {
			b.log.printf("Not all files in %s can be kept: %v", filepath.Join(b.opts.WorkDir, logsDir), err)
		}
	}
	if len(b.nodes) > 0 && b.spec.Scripts() {
		if err := b.fetchFiles(ctx, l); err != nil {
			b.log.printf("Not all files in %s of node %s can be kept: %v", logsDir, b.nodes[0].Name, err)
		}
	}
	return l
}

// addDir takes the plain files below a directory that strangers write to. No
// link is followed, nor is anything opened that is not a file.
func (l *left) addDir(ctx context.Context, base, name string) error {
	above, err := os.OpenRoot(base)
	if err != nil {
		return err
	}
	defer above.Close()
	fi, err := above.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !fi.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	root, err := above.OpenRoot(name)
	if err != nil {
		return err
	}
	defer root.Close()
	w := &leftWalk{left: l, root: root, dir: filepath.Join(base, name)}
	return w.walk(ctx, ".")
}

// leftWalk looks at all that is below a directory, as far as the bound allows.
type leftWalk struct {
	*left
	root *os.Root
	dir  string
}

// walk reads no more of a directory than may be looked at: it may have millions of entries.
func (w *leftWalk) walk(ctx context.Context, dir string) error {
	entries, err := w.entries(dir)
	if err != nil {
		w.leave(dir, "it is not a folder that can be read as a whole")
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		if w.visited++; w.visited > maxVisited {
			return errTooMany
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.visit(ctx, path.Join(dir, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

func (w *leftWalk) entries(dir string) ([]fs.DirEntry, error) {
	f, err := w.root.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, err := f.ReadDir(maxVisited - w.visited + 1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return out, err
}

func (w *leftWalk) visit(ctx context.Context, name string, e fs.DirEntry) error {
	switch {
	case e.IsDir() && buildspec.CheckFileName(name) != nil:
		w.leave(name, "no file can be kept below such a name") // it may be endlessly deep
		return nil                                             //nolint:nilerr // the others are kept
	case e.IsDir():
		return w.walk(ctx, name)
	case !e.Type().IsRegular():
		w.leave(name, "it is not a plain file that can be read")
		return nil
	}
	fi, err := e.Info()
	if err == nil && w.fits(name, fi.Size()) {
		w.add(name, fi.Size(), func() (io.ReadCloser, error) { return openPlain(w.dir, name) })
	}
	return nil //nolint:nilerr // it has gone meanwhile
}

// openPlain opens a plain file below a directory; a link that has taken its
// place leads to nothing outside.
func openPlain(dir, name string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() || !os.SameFile(before, fi) {
		f.Close()
		return nil, fmt.Errorf("%s is not a plain file", name)
	}
	return f, nil
}

// maxFetched bounds what a node may send, files that are then left out among it.
const maxFetched = 2 * buildspec.MaxFilesBytes

// fetchFiles brings the files of the first node here: sending them again must not
// need the node.
func (b *build) fetchFiles(ctx context.Context, l *left) error {
	s, err := b.nodes[0].client.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	out, err := s.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.Start(quote(b.opts.AgentBinary) + " node pack " + quote(path.Join(b.nodes[0].Home, logsDir))); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.opts.PrivateDir, "left-")
	if err != nil {
		return err
	}
	if err := l.addTar(io.LimitReader(out, maxFetched), dir); err != nil {
		return err
	}
	return s.Wait()
}

// addTar spools the plain files of a stream that a stranger may have written.
func (l *left) addTar(r io.Reader, dir string) error {
	in := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if l.visited++; l.visited > maxVisited {
			return errTooMany
		}
		if h.Typeflag != tar.TypeReg || !l.fits(h.Name, h.Size) {
			continue
		}
		spool := filepath.Join(dir, fmt.Sprint(n))
		f, err := os.OpenFile(spool, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, in) //nolint:gosec // its size was looked at
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
		l.add(h.Name, h.Size, func() (io.ReadCloser, error) { return os.Open(spool) })
	}
}
