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

// KeepStates sets the refs that keep states from gc, by digest.
func (m *Mirror) KeepStates(states map[string]string) error {
	refs := make(map[string]string, len(states))
	for digest, commit := range states {
		refs[StateRef(digest)] = commit
	}
	return m.KeepCommits(refs)
}

// KeepCommits sets refs without a process of git. Each is a file of its own, and
// there whole; of two that are written at once, one stays.
func (m *Mirror) KeepCommits(refs map[string]string) error {
	for ref, commit := range refs {
		if err := errors.Join(mergeplan.CheckCommit(commit), checkOwnRef(ref)); err != nil {
			return invalid(err)
		}
	}
	return m.write(func() error {
		var errs []error
		for ref, commit := range refs {
			path := filepath.Join(m.dir, filepath.FromSlash(ref))
			if err := m.writeFile(filepath.Dir(path), path, []byte(commit+"\n"), 0o600); err != nil {
				errs = append(errs, fmt.Errorf("ref %s: %w", ref, err))
			}
		}
		return errors.Join(errs...)
	})
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
	if !strings.HasPrefix(ref, "refs/gozer/") {
		return fmt.Errorf("%q is not under refs/gozer/", clip(ref))
	}
	const most = 600 // the names of a tenant and a buildset
	if len(ref) > most || strings.ContainsAny(ref, "\x00\n ") || strings.Contains(ref, "..") {
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
