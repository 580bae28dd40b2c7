package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gozer-dev/gozer/internal/repostate"
)

// frozenRefs name, by the digest of a repository's state, a commit that has all
// commits of that state as parents: it keeps them from gc as long as the state is used.
const frozenRefs = "refs/gozer/frozen/"

// Frozen gives the commit that keeps a state, and marks it as wanted; empty when
// the state is not kept here.
func (m *Mirror) Frozen(ctx context.Context, digest string) (string, error) {
	commit, ok := m.known.frozen.Get(digest)
	if !ok {
		var err error
		if commit, err = m.ResolveRef(ctx, frozenRefs+digest); err != nil || commit == "" {
			return "", err
		}
		m.known.frozen.Put(digest, commit)
	}
	m.TouchRef(frozenRefs + digest)
	return commit, nil
}

// Freeze keeps a state whose objects are all here.
func (m *Mirror) Freeze(ctx context.Context, s repostate.State) (string, error) {
	var commits []string
	for _, r := range s.Refs {
		// Tags may name files and directories as well.
		kind, err := m.kind(ctx, r.Commit())
		if err != nil {
			return "", err
		}
		if kind == "commit" {
			commits = append(commits, r.Commit())
		}
	}
	digest := s.Digest()
	commit, err := m.keep(frozenRefs+digest, sorted(commits))
	if err == nil {
		m.known.frozen.Put(digest, commit)
	}
	return commit, err
}

// keep makes a commit with the given parents, for git to see that they are used.
func (m *Mirror) keep(ref string, parents []string) (string, error) {
	tree, err := m.writeObject("tree", nil)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\n", tree)
	for _, p := range parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	const nobody = "Gozer <gozer@localhost> 0 +0000"
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\nKeeps its parents.\n", nobody, nobody)
	id, err := m.writeObject("commit", b.Bytes())
	if err != nil {
		return "", err
	}
	return id.String(), m.KeepCommits(map[string]string{ref: id.String()})
}

// Wants are the objects of a state, for Fetch.
func Wants(s repostate.State) []Want {
	out := make([]Want, 0, len(s.Refs))
	for _, r := range s.Refs {
		out = append(out, Want{Commit: r.Object, Ref: r.Name, Any: true})
	}
	return slices.Clip(out)
}

// Containing tells which branches of a state, all of which is here, have a commit
// in their history, or the commit that a tag stands for.
func (m *Mirror) Containing(ctx context.Context, object string, st repostate.State) ([]string, error) {
	out, _, err := m.run(ctx, command{args: []string{"rev-parse", "--verify", "--quiet", "--end-of-options", object + "^{commit}"}, okExit: []int{1}})
	commit := strings.TrimSpace(string(out))
	if err != nil || commit == "" {
		return nil, err // a tag of a file: no branch has it
	}
	// Git looks at many refs at once; those of the mirror are not those of the state.
	dir, err := m.scratch(st.Refs)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the next start removes it
	if out, _, err = m.runIn(ctx, dir, command{args: []string{"for-each-ref", "--format=%(refname:lstrip=2)", "--contains=" + commit, "refs/heads"}}); err != nil {
		return nil, err
	}
	return splitOutput(out, '\n'), nil
}

// scratch makes a repository with some refs, for one question.
func (m *Mirror) scratch(refs repostate.Refs) (dir string, err error) {
	err = m.write(func() error {
		within := filepath.Join(m.dir, publishedName)
		if err := os.MkdirAll(within, 0o700); err != nil {
			return err
		}
		if dir, err = os.MkdirTemp(within, "tmp_"); err != nil {
			return err
		}
		return m.writeRepository(dir, "none", refs)
	})
	return dir, err
}
