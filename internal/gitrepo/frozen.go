package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"slices"

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
		kind, err := m.objects.kind(ctx, r.Commit())
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
