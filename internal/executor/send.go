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
	"time"
)

// sent are the parts of the work directory that nodes get.
var sent = []string{"src", "playbooks"}

// send gives a node the workspace: the checkouts with their .git, the
// variables, an empty directory for logs.
func (n *node) send(ctx context.Context, workDir, agent string, vars []byte) error {
	s, err := n.client.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	in, err := s.StdinPipe()
	if err != nil {
		return err
	}
	var errs bytes.Buffer
	s.Stderr = &limited{to: &errs, left: 16 << 10}
	if err := s.Start(quote(agent) + " node unpack " + quote(n.Home)); err != nil {
		return err
	}
	werr := writeTar(in, workDir, vars)
	in.Close()
	if err := s.Wait(); err != nil { // it says more than a broken pipe does
		return fmt.Errorf("%w: %s", err, lastLine(errs.String()))
	}
	return werr
}

func writeTar(to io.Writer, workDir string, vars []byte) error {
	w := tar.NewWriter(to)
	now := time.Now()
	err := w.WriteHeader(&tar.Header{Name: logsDir, Typeflag: tar.TypeDir, Mode: 0o755, ModTime: now})
	if err != nil {
		return err
	}
	err = w.WriteHeader(&tar.Header{
		Name: varsFile, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(vars)), ModTime: now,
	})
	if err != nil {
		return err
	}
	if _, err := w.Write(vars); err != nil {
		return err
	}
	root, err := os.OpenRoot(workDir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, part := range sent {
		if err := addTree(w, root, part); err != nil {
			return fmt.Errorf("pack the workspace: %w", err)
		}
	}
	return w.Close()
}

// addTree adds files, directories and symlinks; git makes nothing else.
func addTree(w *tar.Writer, root *os.Root, part string) error {
	if _, err := root.Lstat(part); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fs.WalkDir(root.FS(), part, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		h := &tar.Header{Name: name, Mode: int64(fi.Mode().Perm()), ModTime: fi.ModTime()}
		switch {
		case fi.IsDir():
			h.Typeflag = tar.TypeDir
		case fi.Mode()&fs.ModeSymlink != 0:
			h.Typeflag = tar.TypeSymlink
			if h.Linkname, err = root.Readlink(name); err != nil {
				return err
			}
		case fi.Mode().IsRegular():
			h.Typeflag, h.Size = tar.TypeReg, fi.Size()
		default:
			return nil
		}
		if err := w.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
			return err
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.CopyN(w, f, h.Size)
		return err
	})
}

// command runs a playbook's script: itself if it is executable, else by the shell.
func (st step) command(home string, executable bool) string {
	script := quote(path.Join(home, st.repo, st.playbook.Path))
	if !executable {
		script = "/bin/sh " + script
	}
	return "cd " + quote(path.Join(home, st.cwd)) + " && exec " + script
}

// isExecutable looks at the playbook in its checkout here. A symlink may lead
// within the checkout, not out of it.
func (st step) isExecutable(repo string) (bool, error) {
	root, err := os.OpenRoot(repo)
	if err != nil {
		return false, err
	}
	defer root.Close()
	p := st.playbook
	fi, err := root.Stat(filepath.FromSlash(p.Path))
	if err != nil {
		return false, fmt.Errorf("playbook %s cannot be run: there is no such file in %s on branch %s, or it is a link that leads out of the repository", p.Path, p.Project, p.Branch)
	}
	if !fi.Mode().IsRegular() {
		return false, fmt.Errorf("playbook %s of %s cannot be run: it is not a file", p.Path, p.Project)
	}
	return fi.Mode()&0o111 != 0, nil
}
