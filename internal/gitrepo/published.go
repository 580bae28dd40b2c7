package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/repostate"
)

// What is published for a scope is a repository of its own inside the mirror. It
// has one file of refs, and borrows the objects of the mirror:
//
//	<mirror>/gozer/<tenant>/<buildset>/HEAD
//	                                  /config
//	                                  /packed-refs
//	                                  /objects/info/alternates
//	                                  /refs/
//
// A ref of the mirror keeps what it needs from gc.
const (
	publishedName = "gozer"
	publishedRefs = "refs/gozer/published/"
)

// publishedDir is the repository of a scope in the mirror at a path.
func publishedDir(mirror string, s Scope) string {
	return filepath.Join(mirror, publishedName, s.Tenant, s.BuildSet)
}

// Publish makes refs readable under a scope; head is the branch that a clone
// checks out, and keep the commits from which everything can be reached. The
// caller has seen to it that the objects are here. Doing it again changes nothing.
func (m *Mirror) Publish(ctx context.Context, scope Scope, head string, refs repostate.Refs, keep []string) error {
	if err := mergeplan.CheckBranch(head); err != nil {
		return invalid(err)
	}
	for _, commit := range keep {
		// Nobody else looks: what is known of a commit may be all that is left of it.
		if kind, err := m.kind(ctx, commit); err != nil {
			return err
		} else if kind == "" {
			return m.absent(commit)
		}
	}
	if _, err := m.keep(publishedRefs+scope.String(), sorted(keep)); err != nil {
		return err
	}
	err := m.write(func() error { return m.writeRepository(publishedDir(m.dir, scope), head, refs) })
	if err != nil {
		return fmt.Errorf("publish %s: %w", scope, err)
	}
	return nil
}

// writeRepository makes a repository inside the mirror that borrows its objects.
func (m *Mirror) writeRepository(dir, head string, refs repostate.Refs) error {
	info := filepath.Join(dir, "objects", "info")
	for _, d := range []string{info, filepath.Join(dir, "refs")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	// A path of its own is relative to the directory of objects.
	objects, err := filepath.Rel(filepath.Dir(info), filepath.Join(m.dir, "objects"))
	if err != nil {
		return err
	}
	// HEAD comes last: Served takes it as the sign that all is there.
	for _, f := range []struct{ name, content string }{
		{"objects/info/alternates", objects + "\n"},
		{"config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"},
		{"packed-refs", refs.Text()},
		{"HEAD", "ref: refs/heads/" + head + "\n"},
	} {
		path := filepath.Join(dir, f.name)
		if err := m.writeFile(filepath.Dir(path), path, []byte(f.content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Unpublish takes everything of a scope away.
func (m *Mirror) Unpublish(ctx context.Context, scope Scope) error {
	dir := publishedDir(m.dir, scope)
	// HEAD goes first: without it, nothing is served.
	if err := os.Remove(filepath.Join(dir, "HEAD")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unpublish %s: %w", scope, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("unpublish %s: %w", scope, err)
	}
	_ = os.Remove(filepath.Dir(dir)) // the tenant's, if this was the last one
	ref := publishedRefs + scope.String()
	if _, err := os.Stat(filepath.Join(m.dir, filepath.FromSlash(ref))); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return m.DeleteRefs(ctx, []string{ref})
}

// published are the scopes that were published at certain times.
func (m *Mirror) published(when func(time.Time) bool) ([]Scope, error) {
	heads, err := filepath.Glob(filepath.Join(m.dir, publishedName, "*", "*", "HEAD"))
	if err != nil {
		return nil, err
	}
	var out []Scope
	for _, head := range heads {
		if st, err := os.Stat(head); err != nil || !when(st.ModTime()) {
			continue
		}
		buildset := filepath.Dir(head)
		scope, err := ParseScope(filepath.Base(filepath.Dir(buildset)) + "/" + filepath.Base(buildset))
		if err == nil {
			out = append(out, scope)
		}
	}
	return out, nil
}

func (m *Mirror) sweepScopes(ctx context.Context, before time.Time) error {
	scopes, err := m.published(func(at time.Time) bool { return at.Before(before) })
	errs := []error{err}
	for _, s := range scopes {
		errs = append(errs, m.Unpublish(ctx, s))
	}
	return errors.Join(errs...)
}
