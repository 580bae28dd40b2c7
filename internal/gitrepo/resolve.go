package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// resolver merges what both sides changed as `git merge -s resolve` does: files
// by their lines, and nothing is looked for that may have been renamed. The other
// strategies, which `git merge-tree` has, cannot do without that.
type resolver struct {
	conflicts []string
	said      []string
}

const (
	// maxMergedFile of each side of one file; larger ones are for people.
	maxMergedFile = 32 << 20
	// maxMergedFiles of one merge.
	maxMergedFiles = 10_000
)

// onlyBase asks git for the merge base; errOdd if there are several.
func (m *Mirror) onlyBase(ctx context.Context, ours, theirs string) (string, error) {
	out, _, err := m.run(ctx, command{args: []string{"merge-base", "--all", ours, theirs}, okExit: []int{1}})
	bases := splitOutput(out, '\n')
	if err == nil && len(bases) > 1 {
		err = errOdd
	}
	return strings.Join(bases, ""), err
}

// both merges an entry that both sides changed. When it conflicts, that is noted and
// ours stands: all conflicts are told at once.
func (r *resolver) both(ctx context.Context, m *Mirror, path string, base, ours, theirs treeEntry) (treeEntry, error) {
	var why string
	switch {
	case ours.id == oid{} || theirs.id == oid{}:
		why = "deleted on one side, changed on the other"
	case base.id == oid{}:
		why = "added on both sides, with different content"
	case !plainFile(base) || !plainFile(ours) || !plainFile(theirs):
		why = "not a file on both sides, and changed on both"
	case ours.mode != theirs.mode:
		why = "changed on both sides, with different permissions"
	case len(r.said) > maxMergedFiles:
		return treeEntry{}, invalid(fmt.Errorf("the change and the branch both changed more than %d files; rebase it", maxMergedFiles))
	default:
		id, conflict, err := r.lines(ctx, m, base.id, ours.id, theirs.id)
		if err != nil || conflict == "" {
			return treeEntry{name: ours.name, mode: ours.mode, id: id}, err
		}
		why = conflict
	}
	r.conflicts = append(r.conflicts, path)
	r.said = append(r.said, fmt.Sprintf("CONFLICT: %s: %s", path, why))
	return ours, nil
}

func plainFile(e treeEntry) bool {
	return e.mode == modeFile || e.mode == modeExec || e.mode == modeGroup
}

// lines merges three versions of a file; conflict says why they cannot be.
func (r *resolver) lines(ctx context.Context, m *Mirror, base, ours, theirs oid) (merged oid, conflict string, err error) {
	dir, err := os.MkdirTemp("", "gozer-merge-")
	if err != nil {
		return oid{}, "", whenFull(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	for name, id := range map[string]oid{"base": base, "ours": ours, "theirs": theirs} {
		kind, content, err := m.read(ctx, id.String(), maxMergedFile)
		switch {
		case errors.Is(err, errTooLarge):
			return oid{}, fmt.Sprintf("changed on both sides, and larger than %d bytes", maxMergedFile), nil
		case err != nil:
			return oid{}, "", err
		case kind != "blob":
			return oid{}, "", m.absent(id.String())
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return oid{}, "", whenFull(err)
		}
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	out, code, err := m.run(ctx, command{
		args:   []string{"merge-file", "--stdout", "--quiet", file("ours"), file("base"), file("theirs")},
		okExit: conflictExits,
	})
	switch {
	case code == binaryExit:
		return oid{}, "a binary file that was changed on both sides", nil
	case err != nil:
		return oid{}, "", err
	case code != 0:
		return oid{}, "the same lines were changed on both sides", nil
	}
	merged, err = m.writeObject("blob", out)
	return merged, "", err
}

// git merge-file ends with the number of conflicts, up to 127, or with 255.
const binaryExit = 255

var conflictExits = func() []int {
	codes := []int{binaryExit}
	for n := 1; n <= 127; n++ {
		codes = append(codes, n)
	}
	return codes
}()

// conflict is that of the merge; nil if there is none.
func (r *resolver) conflict() *MergeConflict {
	if r == nil || len(r.conflicts) == 0 {
		return nil
	}
	c := &MergeConflict{Files: sorted(r.conflicts), Message: strings.ToValidUTF8(strings.Join(r.said, "\n"), "?")}
	for n := range c.Files {
		c.Files[n] = strings.ToValidUTF8(c.Files[n], "?")
	}
	return c
}
