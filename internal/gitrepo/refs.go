package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gozer-dev/gozer/internal/mergeplan"
)

const stateRefs = "refs/gozer/state/"

// StateRef is where the state of a digest is kept from gc.
func StateRef(digest string) string { return stateRefs + digest }

// KeepStates sets the refs that keep states from gc. Each is a file of its own,
// in the way of git: locked by its name, and there whole.
func (m *Mirror) KeepStates(states map[string]string) error {
	var errs []error
	for digest, commit := range states {
		ref := StateRef(digest)
		if err := errors.Join(mergeplan.CheckCommit(commit), checkOwnRef(ref)); err != nil {
			return invalid(err)
		}
		errs = append(errs, m.writeRef(ref, commit))
	}
	return errors.Join(errs...)
}

func (m *Mirror) writeRef(ref, commit string) error {
	release, err := m.hold()
	if err != nil {
		return err
	}
	err = m.writeRefFile(ref, commit)
	release()
	return m.judge(err)
}

func (m *Mirror) writeRefFile(ref, commit string) error {
	path := filepath.Join(m.dir, filepath.FromSlash(ref))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("ref %s: %w", ref, err)
	}
	_, err = f.WriteString(commit + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("ref %s: %w", ref, err), os.Remove(f.Name()))
	}
	return nil
}

// UpdateRefs sets refs to commits, all or none.
func (m *Mirror) UpdateRefs(ctx context.Context, refs map[string]string) error {
	if len(refs) == 0 {
		return nil
	}
	var in bytes.Buffer
	var errs []error
	for ref, commit := range refs {
		errs = append(errs, mergeplan.CheckCommit(commit), checkOwnRef(ref))
		fmt.Fprintf(&in, "update %s\x00%s\x00\x00", ref, commit)
	}
	if err := errors.Join(errs...); err != nil {
		return invalid(err)
	}
	return m.updateRef(ctx, &in)
}

// DeleteRefs deletes refs, all or none; those that do not exist do no harm.
func (m *Mirror) DeleteRefs(ctx context.Context, refs []string) error {
	if len(refs) == 0 {
		return nil
	}
	var in bytes.Buffer
	for _, ref := range refs {
		if err := checkOwnRef(ref); err != nil {
			return invalid(err)
		}
		fmt.Fprintf(&in, "option no-deref\x00delete %s\x00\x00", ref)
	}
	return m.updateRef(ctx, &in)
}

// updateRef is one transaction. It does not end with the caller's context: a
// killed one would leave lock files behind.
func (m *Mirror) updateRef(ctx context.Context, in *bytes.Buffer) error {
	_, _, err := m.run(context.WithoutCancel(ctx), command{args: []string{"update-ref", "-z", "--stdin"}, stdin: in})
	return err
}

// checkOwnRef: a mirror has no other refs than these.
func checkOwnRef(ref string) error {
	if !strings.HasPrefix(ref, "refs/gozer/") && !strings.HasPrefix(ref, "refs/namespaces/") {
		return fmt.Errorf("%q is neither under refs/gozer/ nor refs/namespaces/", clip(ref))
	}
	const room = 600 // a namespace comes on top of a branch's length
	if len(ref) > room || strings.ContainsAny(ref, "\x00\n ") || strings.Contains(ref, "..") {
		return fmt.Errorf("%q is not a ref name", clip(ref))
	}
	return nil
}

// ResolveRef gives the commit of a ref of ours, or "".
func (m *Mirror) ResolveRef(ctx context.Context, ref string) (string, error) {
	if err := checkOwnRef(ref); err != nil {
		return "", invalid(err)
	}
	// Refs are kept loose (see Maintain), so most questions cost one read.
	b, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(ref)))
	if sha := strings.TrimSpace(string(b)); err == nil && mergeplan.CheckCommit(sha) == nil {
		return sha, nil
	}
	if _, err := os.Stat(filepath.Join(m.dir, "packed-refs")); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	out, _, err := m.run(ctx, command{args: []string{"for-each-ref", "--format=%(objectname)", ref}})
	return strings.TrimSpace(string(out)), err
}

// TouchRef says that a ref is still wanted, to the sweep.
func (m *Mirror) TouchRef(ref string) {
	now := time.Now()
	_ = os.Chtimes(filepath.Join(m.dir, filepath.FromSlash(ref)), now, now)
}

// Publish makes commits readable under a scope, as branches; head is the
// branch that a clone checks out. Doing it again changes nothing.
func (m *Mirror) Publish(ctx context.Context, scope Scope, head string, branches map[string]string) error {
	prefix := scope.refPrefix()
	refs := make(map[string]string, len(branches))
	for branch, commit := range branches {
		if err := mergeplan.CheckBranch(branch); err != nil {
			return invalid(err)
		}
		// Git does not look when the ref is there already.
		if kind, err := m.kind(ctx, commit); err != nil {
			return err
		} else if kind == "" {
			return m.absent(commit)
		}
		refs[prefix+"refs/heads/"+branch] = commit
	}
	if err := m.UpdateRefs(ctx, refs); err != nil {
		return err
	}
	for ref := range refs {
		m.TouchRef(ref)
	}
	// HEAD comes last: Served takes it as the sign that all is there.
	_, _, err := m.run(context.WithoutCancel(ctx), command{
		args: []string{"symbolic-ref", prefix + "HEAD", prefix + "refs/heads/" + head},
	})
	if err == nil {
		m.TouchRef(prefix + "HEAD")
	}
	return err
}

// Unpublish takes everything of a scope away.
func (m *Mirror) Unpublish(ctx context.Context, scope Scope) error {
	prefix := scope.refPrefix()
	dir := filepath.Join(m.dir, filepath.FromSlash(prefix))
	if !m.mayHaveRefs(dir) {
		return nil
	}
	out, _, err := m.run(ctx, command{args: []string{"for-each-ref", "--format=%(refname)", prefix + "refs"}})
	if err != nil {
		return err
	}
	// HEAD goes first: without it, nothing is served.
	refs := append([]string{prefix + "HEAD"}, splitOutput(out, '\n')...)
	for _, part := range [][]string{refs[:1], refs[1:]} {
		if err := m.DeleteRefs(ctx, part); err != nil {
			return err
		}
	}
	removeEmptyDirs(dir)
	return nil
}

func (m *Mirror) mayHaveRefs(dir string) bool {
	for _, p := range []string{dir, filepath.Join(m.dir, "packed-refs")} {
		if _, err := os.Stat(p); err == nil {
			return true
		}
	}
	return false
}

// removeEmptyDirs removes a directory tree as far as it holds no files.
func removeEmptyDirs(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			removeEmptyDirs(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir) // fails when something is in it, as it should
}
