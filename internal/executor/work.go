package executor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gozer-dev/gozer/internal/ansible"
)

// maxRead bounds what is read of a file that playbooks have written.
const maxRead = 4 << 20

// readObject reads a JSON object below a directory that others write to. The
// directory itself must be one that they cannot replace: a mounted one.
func readObject(dir, name string) (map[string]any, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	raw, err := readPlain(root, name)
	if err != nil {
		return nil, err
	}
	v, err := decodeJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is not a JSON object", name)
	}
	return object, nil
}

// readPlain reads a plain file below root; what a link leads to counts as long as it is there.
func readPlain(root *os.Root, name string) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !fi.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a plain file", name)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err == nil && int64(len(raw)) > maxRead {
		err = fmt.Errorf("%s has more than %d bytes", name, maxRead)
	}
	return raw, err
}

// decodeJSON keeps numbers as they are written.
func decodeJSON(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// shareFacts gives the facts that playbooks of one container have cached to the
// other. Of what an untrusted one says, trusted playbooks do not get anything
// that Ansible itself goes by.
func (b *build) shareFacts(from *runner) {
	a := b.ansible
	to := a.trusted
	if from == a.trusted {
		to = a.untrusted
	}
	if to == nil {
		return
	}
	for _, h := range append([]ansible.Host{{Name: ansible.Localhost}}, a.hosts...) {
		if strings.ContainsAny(h.Name, "/\x00") || strings.HasPrefix(h.Name, ".") {
			continue // Ansible caches nothing under such a name
		}
		facts, err := readObject(from.dir, factsDir+"/"+h.Name)
		if err != nil {
			continue // none, or nothing that is one
		}
		known, err := readObject(to.dir, factsDir+"/"+h.Name)
		if err != nil {
			known = map[string]any{}
		}
		for name, v := range facts {
			if to == a.untrusted || !goesByItself(name) {
				known[name] = v
			}
		}
		if err := writePlain(to.dir, factsDir+"/"+h.Name, known); err != nil {
			b.log.printf("the facts of %s were not kept: %v", h.Name, err)
		}
	}
}

// goesByItself tells the facts that steer Ansible.
func goesByItself(name string) bool {
	for _, prefix := range []string{"ansible_", "_ansible_", "discovered_interpreter", "module_setup", "gather_subset"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// writePlain replaces a file below a directory that others write to; see readObject.
func writePlain(dir, name string, object map[string]any) error {
	if len(object) == 0 {
		return nil
	}
	raw, err := json.Marshal(object)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	temporary := path.Dir(name) + "/." + nonce()
	if err := root.WriteFile(temporary, raw, 0o600); err != nil {
		return err
	}
	return root.Rename(temporary, name)
}

// showLog brings the copy of the log in the work directory up to date: base jobs
// upload it from there. The log itself is out of their reach.
func (b *build) showLog() {
	if b.ansible == nil {
		return
	}
	if err := b.copyLog(); err != nil {
		b.log.printf("the copy of the log in %s is not complete: %v", filepath.Join(b.opts.WorkDir, logsDir), err)
	}
}

func (b *build) copyLog() error {
	root, err := os.OpenRoot(b.opts.WorkDir)
	if err != nil {
		return err
	}
	defer root.Close()
	name := logsDir + "/" + logFile
	if _, err := root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		b.ansible.shown = 0
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return fmt.Errorf("%s is not a plain file", name) // writing to a pipe could last for ever
	}
	length := b.log.length()
	n, err := io.Copy(f, io.NewSectionReader(b.log.file, b.ansible.shown, length-b.ansible.shown))
	b.ansible.shown += n
	if err != nil {
		return err
	}
	return writePlainTo(root, logsDir+"/job-output.json", b.ansible.output.JSON())
}

func writePlainTo(root *os.Root, name string, raw []byte) error {
	temporary := logsDir + "/." + nonce()
	if err := root.WriteFile(temporary, raw, 0o644); err != nil {
		return err
	}
	return root.Rename(temporary, name)
}
