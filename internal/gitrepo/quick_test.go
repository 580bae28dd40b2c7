package gitrepo

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gozer-dev/gozer/internal/model"
)

// forest writes commits straight into a mirror.
type forest struct {
	t *testing.T
	m *Mirror
	r *rand.Rand
	n int64
}

// file is what a path holds: mode and content; a gitlink has a commit.
type file struct {
	mode    uint32
	content string
}

func newForest(t *testing.T, seed uint64) *forest {
	t.Helper()
	s, err := NewStore(Options{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m, err := s.EnsureMirror(t.Context(), model.Project{Connection: "c", Hostname: "h", Name: "o/r"})
	if err != nil {
		t.Fatal(err)
	}
	return &forest{t: t, m: m, r: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // a test
}

// commit of files onto parents.
func (f *forest) commit(files map[string]file, parents ...string) string {
	f.t.Helper()
	f.n++
	who := fmt.Sprintf("Ada <ada@example.org> %d +0000", 1_700_000_000+f.n/3) // several in one second
	tree := f.tree(files)
	id, err := f.m.CommitTree(Commit{Tree: tree.String(), Parents: parents, Author: who, Committer: who, Message: fmt.Sprintf("commit %d\n", f.n)})
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f *forest) tree(files map[string]file) oid {
	f.t.Helper()
	dirs := map[string]map[string]file{}
	var entries []treeEntry
	for path, x := range files {
		if dir, rest, ok := strings.Cut(path, "/"); ok {
			if dirs[dir] == nil {
				dirs[dir] = map[string]file{}
			}
			dirs[dir][rest] = x
			continue
		}
		e := treeEntry{name: path, mode: x.mode}
		var err error
		if x.mode == modeCommit {
			copy(e.id[:], x.content+strings.Repeat("x", 20))
		} else if e.id, err = f.m.writeObject("blob", []byte(x.content)); err != nil {
			f.t.Fatal(err)
		}
		entries = append(entries, e)
	}
	for name, sub := range dirs {
		entries = append(entries, treeEntry{name: name, mode: modeTree, id: f.tree(sub)})
	}
	slices.SortFunc(entries, compareEntries)
	id, err := f.m.writeObject("tree", formatTree(entries))
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

// lines make files that git can tell are alike.
func (f *forest) lines() string {
	return fmt.Sprintf("%d\n", f.r.IntN(1000)) + strings.Repeat(fmt.Sprintf("a line of file %d\n", f.r.IntN(20)), 20)
}

// change does a few things that people do to a few files.
func (f *forest) change(files map[string]file) map[string]file {
	files = maps.Clone(files)
	for range 1 + f.r.IntN(3) {
		paths := slices.Sorted(maps.Keys(files))
		if len(paths) == 0 {
			files["again"] = file{modeFile, f.lines()}
			continue
		}
		p := paths[f.r.IntN(len(paths))]
		dir, _, inDir := strings.Cut(p, "/")
		switch f.r.IntN(11) {
		case 0, 1, 2, 3:
			files[p] = file{files[p].mode, files[p].content + fmt.Sprintf("more %d\n", f.r.IntN(50))}
		case 4, 5:
			f.put(files, fmt.Sprintf("%s/new%d", dir, f.r.IntN(6)), file{modeFile, f.lines()})
		case 6:
			delete(files, p)
		case 7: // renamed
			x := files[p]
			delete(files, p)
			f.put(files, fmt.Sprintf("d%d/moved%d", f.r.IntN(4), f.r.IntN(4)), x)
		case 8: // a directory is renamed
			if inDir {
				to := fmt.Sprintf("r%d", f.r.IntN(3))
				for _, q := range paths {
					if rest, ok := strings.CutPrefix(q, dir+"/"); ok {
						x := files[q]
						delete(files, q)
						f.put(files, to+"/"+rest, x)
					}
				}
			}
		case 9: // of another kind
			x := files[p]
			x.mode = []uint32{modeFile, modeExec, modeSymlink, modeCommit}[f.r.IntN(4)]
			files[p] = x
		case 10: // a file becomes a directory
			delete(files, p)
			f.put(files, p+"/inner", file{modeFile, f.lines()})
		}
	}
	return files
}

// put makes room for a path.
func (f *forest) put(files map[string]file, path string, x file) {
	for q := range files {
		if strings.HasPrefix(q, path+"/") || strings.HasPrefix(path, q+"/") {
			delete(files, q)
		}
	}
	files[path] = x
}

// TestQuickMergesAsGit: a merge that is made here is the one that git makes, in
// random histories with all that people do to files; and most are made here.
func TestQuickMergesAsGit(t *testing.T) {
	f := newForest(t, 7)
	quick, clean := 0, 0
	const rounds = 50
	for range rounds {
		files := map[string]file{}
		for n := range 3 + f.r.IntN(20) {
			f.put(files, fmt.Sprintf("d%d/f%d", n%4, n), file{modeFile, f.lines()})
		}
		base := f.commit(files)
		type change struct {
			head  string
			files map[string]file
		}
		var changes []change
		for range 6 {
			x := f.change(files)
			head := f.commit(x, base)
			if f.r.IntN(3) == 0 {
				x = f.change(x)
				head = f.commit(x, head)
			}
			changes = append(changes, change{head, x})
			if f.r.IntN(3) == 0 {
				files = f.change(files)
				base = f.commit(files, base)
			}
		}
		state := base
		for _, c := range changes {
			mt := Merge{Ours: state, Theirs: c.head}
			want, conflict, err := f.m.gitMerge(t.Context(), mt)
			if err != nil {
				t.Fatal(err)
			}
			if made := f.checkQuick(mt, want, conflict); made {
				quick++
			}
			f.checkChanged(base, c.head)
			if conflict != nil {
				continue
			}
			clean++
			who := fmt.Sprintf("Ada <ada@example.org> %d +0000", 1_800_000_000+f.n)
			if state, err = f.m.CommitTree(Commit{Tree: want, Parents: []string{state, c.head}, Author: who, Committer: who, Message: "merge\n"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d of %d clean merges of hard cases are made here", quick, clean)
	if clean < rounds || quick < clean/4 {
		t.Errorf("%d of %d clean merges were made here: the test does not test", quick, clean)
	}
}

// checkQuick says whether a merge is made here, and then is git's.
func (f *forest) checkQuick(mt Merge, want string, conflict *MergeConflict) bool {
	f.t.Helper()
	tree, _, err := f.m.quickMerge(f.t.Context(), mt)
	if err != nil && !errors.Is(err, errOdd) {
		f.t.Fatal(err)
	}
	if err == nil && (conflict != nil || tree != want) {
		f.t.Fatalf("merging %s into %s: here %s, with git %s %+v", mt.Theirs, mt.Ours, tree, want, conflict)
	}
	mt.NoRenames = true
	without, found, errWithout := f.m.quickMerge(f.t.Context(), mt)
	if err == nil && (errWithout != nil || found != nil || without != tree) {
		f.t.Fatalf("merging %s into %s: %s, and without renames %s %+v %v", mt.Theirs, mt.Ours, tree, without, found, errWithout)
	}
	return err == nil
}

// checkChanged: the files of a change are those that git names, and the merge base is git's.
func (f *forest) checkChanged(base, head string) {
	f.t.Helper()
	got, err := f.m.quickChanged(f.t.Context(), base, head)
	if err != nil {
		f.t.Fatal(err)
	}
	want, err := f.m.gitChanged(f.t.Context(), base, head)
	if err != nil {
		f.t.Fatal(err)
	}
	if !slices.Equal(got, sorted(want)) {
		f.t.Fatalf("files between %s and %s: here %v, with git %v", base, head, got, want)
	}
}

// TestMergeBaseAsGit: in random histories with merges, and with clocks that are
// wrong, the base is git's, or left to git.
func TestMergeBaseAsGit(t *testing.T) {
	f := newForest(t, 11)
	here := 0
	const questions = 300
	commits := []string{f.commit(map[string]file{"a": {modeFile, "a"}})}
	for n := range 150 {
		f.n = int64(n) + int64(f.r.IntN(40)) // some clocks are wrong
		parents := []string{commits[max(0, len(commits)-1-f.r.IntN(8))]}
		if other := commits[max(0, len(commits)-1-f.r.IntN(12))]; f.r.IntN(4) == 0 && other != parents[0] {
			parents = append(parents, other)
		}
		if f.r.IntN(40) == 0 {
			parents = nil
		}
		commits = append(commits, f.commit(map[string]file{"a": {modeFile, fmt.Sprint(n)}}, parents...))
	}
	for range questions {
		a, b := commits[f.r.IntN(len(commits))], commits[f.r.IntN(len(commits))]
		got, err := f.m.mergeBase(t.Context(), a, b)
		if errors.Is(err, errOdd) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		here++
		out, _, err := f.m.run(t.Context(), command{args: []string{"merge-base", "--all", a, b}, okExit: []int{1}})
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSpace(string(out)); got != want {
			t.Errorf("base of %s and %s: here %q, with git %q", a, b, got, want)
		}
	}
	if here < questions/2 {
		t.Errorf("only %d of %d were found here", here, questions)
	}
}

// TestOddTrees: directories that git would not have written are left to git.
func TestOddTrees(t *testing.T) {
	id := strings.Repeat("x", 20)
	for name, raw := range map[string]string{
		"cut":              "100644 a\x00" + id[:19],
		"no name":          "100644 \x00" + id,
		"a path":           "100644 a/b\x00" + id,
		"a mode with zero": "0100644 a\x00" + id,
		"no mode":          "x a\x00" + id,
		"another mode":     "100600 a\x00" + id,
		"twice":            "100644 a\x00" + id + "100644 a\x00" + id,
		"not sorted":       "100644 b\x00" + id + "100644 a\x00" + id,
		"not git's order":  "40000 a\x00" + id + "100644 a.b\x00" + id,
	} {
		if got, err := parseTree([]byte(raw)); !errors.Is(err, errOdd) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	good := "100644 a.b\x00" + id + "40000 a\x00" + id + "160000 b\x00" + id + "120000 c\x00" + id
	entries, err := parseTree([]byte(good))
	if err != nil || string(formatTree(entries)) != good {
		t.Errorf("%q became %q, %v", good, formatTree(entries), err)
	}
}

// TestEndlessDirectories: few objects that look like endless directories are left to git.
func TestEndlessDirectories(t *testing.T) {
	f := newForest(t, 3)
	grow := func(leaf string) oid {
		id, err := f.m.writeObject("blob", []byte(leaf))
		if err != nil {
			t.Fatal(err)
		}
		mode := uint32(modeFile)
		for range 30 {
			var entries []treeEntry
			for n := range 10 {
				entries = append(entries, treeEntry{name: fmt.Sprint(n), mode: mode, id: id})
			}
			if id, err = f.m.writeObject("tree", formatTree(entries)); err != nil {
				t.Fatal(err)
			}
			mode = modeTree
		}
		return id
	}
	commit := func(tree oid, parents ...string) string {
		id, err := f.m.CommitTree(Commit{Tree: tree.String(), Parents: parents, Author: "A <a> 1 +0000", Committer: "A <a> 1 +0000", Message: "x\n"})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	base := commit(grow("base"))
	if _, _, err := f.m.quickMerge(t.Context(), Merge{Ours: commit(grow("ours"), base), Theirs: commit(grow("theirs"), base)}); !errors.Is(err, errOdd) {
		t.Errorf("merged: %v", err)
	}
	if _, err := f.m.quickChanged(t.Context(), base, commit(grow("head"), base)); !errors.Is(err, errOdd) {
		t.Errorf("listed: %v", err)
	}
}
