package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/gozer-dev/gozer/internal/mergeplan"
)

// Merge is a three-way merge to try.
type Merge struct {
	// Ours and Theirs are commits; git finds their merge base.
	Ours, Theirs string
	// NoRenames turns the detection of renames off, as far as there is one merge base.
	NoRenames bool
	// Unrelated allows histories without a common commit: the empty tree is the base.
	Unrelated bool
}

// MergeConflict is a merge that people have to finish.
type MergeConflict struct {
	// Files that conflict, sorted. Empty when the histories are unrelated.
	Files []string
	// Message is what git said about them.
	Message string
}

// MergeTree merges without a worktree and gives the resulting tree, or the conflict.
func (m *Mirror) MergeTree(ctx context.Context, mt Merge) (string, *MergeConflict, error) {
	if err := checkCommits(mt.Ours, mt.Theirs); err != nil {
		return "", nil, err
	}
	tree, conflict, err := m.quickMerge(ctx, mt)
	if !leftToGit(ctx, err) {
		return tree, conflict, err
	}
	return m.gitMerge(ctx, mt)
}

// gitMerge has git merge: it looks into files, and words conflicts.
func (m *Mirror) gitMerge(ctx context.Context, mt Merge) (string, *MergeConflict, error) {
	args := []string{"merge-tree", "--write-tree", "-z", "--name-only"}
	if mt.Unrelated {
		args = append(args, "--allow-unrelated-histories")
	}
	c := command{args: append(args, mt.Ours, mt.Theirs), okExit: []int{1}}
	out, code, err := m.run(ctx, c)
	var ce *CommandError
	if errors.As(err, &ce) && strings.Contains(ce.Stderr, "refusing to merge unrelated histories") {
		return "", &MergeConflict{Message: "The change and the branch have no commit in common."}, nil
	}
	if err != nil {
		return "", nil, m.store.refusedBy(err, 0)
	}
	tree, rest, _ := bytes.Cut(out, []byte{0})
	if err := mergeplan.CheckCommit(string(tree)); err != nil {
		return "", nil, fmt.Errorf("git merge-tree: %w", err)
	}
	if code == 0 {
		return string(tree), nil, nil
	}
	return "", parseConflict(rest), nil
}

// parseConflict reads: file NUL ... NUL NUL (count NUL path... NUL kind NUL text NUL)...
func parseConflict(out []byte) *MergeConflict {
	fields := splitOutput(out, 0)
	c := &MergeConflict{}
	for len(fields) > 0 && fields[0] != "" {
		c.Files = append(c.Files, strings.ToValidUTF8(fields[0], "?"))
		fields = fields[1:]
	}
	c.Files = sorted(c.Files)
	if len(fields) > 0 {
		c.Message = conflictText(fields[1:])
	}
	return c
}

func conflictText(fields []string) string {
	var said []string
	for len(fields) > 0 {
		n, err := strconv.Atoi(fields[0])
		if err != nil || n < 0 || len(fields) < n+3 {
			break
		}
		kind, text := fields[n+1], fields[n+2]
		if strings.HasPrefix(kind, "CONFLICT") {
			said = append(said, strings.ToValidUTF8(strings.TrimSpace(text), "?"))
		}
		fields = fields[n+3:]
	}
	return strings.Join(said, "\n")
}

// Commit is a commit to write. Author and Committer are the whole values of
// their headers: "Name <mail> 1700000000 +0000".
type Commit struct {
	Tree              string
	Parents           []string
	Author, Committer string
	// Encoding of the message, when it is not UTF-8.
	Encoding string
	Message  string
}

// CommitTree writes a commit. The same commit always has the same id.
func (m *Mirror) CommitTree(c Commit) (string, error) {
	if err := checkCommits(append([]string{c.Tree}, c.Parents...)...); err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\n", c.Tree)
	for _, p := range c.Parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n", c.Author, c.Committer)
	if c.Encoding != "" {
		fmt.Fprintf(&b, "encoding %s\n", c.Encoding)
	}
	fmt.Fprintf(&b, "\n%s", c.Message)
	id, err := m.writeObject("commit", b.Bytes())
	return id.String(), err
}

// MergeBase gives a best common ancestor, or "" when there is none.
func (m *Mirror) MergeBase(ctx context.Context, a, b string) (string, error) {
	if err := checkCommits(a, b); err != nil {
		return "", err
	}
	base, err := m.mergeBase(ctx, a, b)
	if !leftToGit(ctx, err) {
		return base, err
	}
	out, _, err := m.run(ctx, command{args: []string{"merge-base", a, b}, okExit: []int{1}})
	return strings.TrimSpace(string(out)), err
}

// IsAncestor says whether commit a is contained in commit b.
func (m *Mirror) IsAncestor(ctx context.Context, a, b string) (bool, error) {
	if err := checkCommits(a, b); err != nil {
		return false, err
	}
	base, err := m.mergeBase(ctx, a, b)
	if !leftToGit(ctx, err) {
		return err == nil && base == a, err
	}
	_, code, err := m.run(ctx, command{args: []string{"merge-base", "--is-ancestor", a, b}, okExit: []int{1}})
	return err == nil && code == 0, err
}

// ChangedFiles gives the files that a change touches from where it left base
// up to head: sorted, at most limit, and whether there are more. A renamed file
// is two files.
func (m *Mirror) ChangedFiles(ctx context.Context, base, head string, limit int) ([]string, bool, error) {
	if err := checkCommits(base, head); err != nil {
		return nil, false, err
	}
	files, err := m.quickChanged(ctx, base, head)
	if leftToGit(ctx, err) {
		files, err = m.gitChanged(ctx, base, head)
	}
	if err != nil {
		return nil, false, err
	}
	for i := range files {
		files[i] = strings.ToValidUTF8(files[i], "?")
	}
	files = sorted(files)
	if len(files) > limit {
		return files[:limit], true, nil
	}
	return files, false, nil
}

func (m *Mirror) gitChanged(ctx context.Context, base, head string) ([]string, error) {
	out, err := m.diffNames(ctx, "--merge-base", base, head)
	if said(err, notOneBase) != "" {
		out, err = m.diffFromABase(ctx, base, head)
	}
	if errors.Is(err, errTooMuchOutput) {
		return nil, invalid(errors.New("the change touches more files than can be listed"))
	}
	return splitOutput(out, 0), m.store.refusedBy(err, 0)
}

// notOneBase is how git refuses a diff from the merge base when there are several or none.
var notOneBase = regexp.MustCompile(`(multiple merge bases|no merge base) found`)

// diffFromABase takes one of several merge bases, or the empty tree.
func (m *Mirror) diffFromABase(ctx context.Context, base, head string) ([]byte, error) {
	from, err := m.MergeBase(ctx, base, head)
	if err != nil {
		return nil, err
	}
	if from == "" {
		from = emptyTree
	}
	return m.diffNames(ctx, from, head)
}

func (m *Mirror) diffNames(ctx context.Context, what ...string) ([]byte, error) {
	args := []string{"diff-tree", "-r", "-z", "--name-only", "--no-renames"}
	out, _, err := m.run(ctx, command{args: append(args, what...)})
	return out, err
}

// emptyTree exists in every repository.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// CommitsBetween gives the commits in head that are not in state, oldest
// first, without merges. limit bounds them.
func (m *Mirror) CommitsBetween(ctx context.Context, state, head string, limit int) ([]string, error) {
	if err := checkCommits(state, head); err != nil {
		return nil, err
	}
	out, _, err := m.run(ctx, command{args: []string{
		"rev-list", "--reverse", "--topo-order", "--no-merges", head, "^" + state,
	}})
	if err != nil {
		return nil, err
	}
	commits := splitOutput(out, '\n')
	if len(commits) > limit {
		return nil, invalid(fmt.Errorf("the change has %d commits; at most %d can be picked one by one, use merge-mode merge or squash-merge", len(commits), limit))
	}
	return commits, nil
}

func checkCommits(ids ...string) error {
	for _, id := range ids {
		if err := mergeplan.CheckCommit(id); err != nil {
			return invalid(err)
		}
	}
	return nil
}
