package gitrepo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
)

// TestResolve: what both sides changed is merged, or refused, as
// `git merge -s resolve` does.
func TestResolve(t *testing.T) {
	lines := strings.Repeat("line\n", 20)
	binary := "\x00\x01" + lines
	type side func(r *gitrepotest.Repo)
	write := func(name, content string) side {
		return func(r *gitrepotest.Repo) { r.Write(map[string]string{name: content}) }
	}
	remove := func(name string) side { return func(r *gitrepotest.Repo) { r.Git("rm", "-q", name) } }
	link := func(to string) side {
		return func(r *gitrepotest.Repo) {
			path := filepath.Join(r.Dir, "link")
			_ = os.Remove(path)
			if err := os.Symlink(to, path); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := func(sides ...side) side {
		return func(r *gitrepotest.Repo) {
			for _, s := range sides {
				s(r)
			}
		}
	}
	mode := func(r *gitrepotest.Repo) {
		if err := os.Chmod(filepath.Join(r.Dir, "dir/file"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		ours, theirs side
		conflicts    []string
	}{
		"different lines":             {write("dir/file", "ours\n"+lines), write("dir/file", lines+"theirs\n"), nil},
		"the same lines":              {write("dir/file", "ours\n"+lines), write("dir/file", "theirs\n"+lines), []string{"dir/file"}},
		"two conflicts":               {all(write("dir/file", "ours\n"), write("other", "ours\n")), all(write("dir/file", "theirs\n"), write("other", "theirs\n")), []string{"dir/file", "other"}},
		"deleted and changed":         {remove("dir/file"), write("dir/file", lines+"more\n"), []string{"dir/file"}},
		"changed and deleted":         {write("dir/file", lines+"more\n"), remove("dir/file"), []string{"dir/file"}},
		"renamed and changed":         {all(remove("dir/file"), write("dir/new", lines)), write("dir/file", lines+"more\n"), []string{"dir/file"}},
		"a directory goes, one comes": {remove("dir/file"), write("dir/new", "new\n"), nil},
		"added on both sides":         {write("new", "ours\n"), write("new", "theirs\n"), []string{"new"}},
		"added alike":                 {write("new", "same\n"), write("new", "same\n"), nil},
		"binary":                      {write("binary", binary+"ours"), write("binary", "theirs"+binary), []string{"binary"}},
		"links":                       {link("ours"), link("theirs"), []string{"link"}},
		"permissions and content":     {mode, write("dir/file", lines+"more\n"), []string{"dir/file"}},
		"file in the place of dir":    {all(remove("dir/file"), write("dir", "a file\n")), write("dir/file", lines+"more\n"), []string{"dir"}},
		"end of file without a line":  {write("dir/file", lines+"end"), write("dir/file", "begin\n"+lines), nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := gitrepotest.New(t)
			link("base")(r)
			base := r.Commit("base", map[string]string{"dir/file": lines, "other": "base\n", "binary": binary})
			commit := func(s side) string {
				r.Git("checkout", "-q", "--detach", base)
				s(r)
				return r.Commit("side", nil)
			}
			theirs, ours := commit(tc.theirs), commit(tc.ours)
			m := newMirror(t, Options{})
			fetchHead(t, m, r, ours, theirs)
			tree, conflict, err := m.quickMerge(t.Context(), Merge{Ours: ours, Theirs: theirs, NoRenames: true})
			if err != nil {
				t.Fatal(err)
			}
			_, failed := gitrepotest.Try(r.Dir, "merge", "-q", "-s", "resolve", "-m", "x", theirs)
			if (failed != nil) != (conflict != nil) {
				t.Fatalf("git: %v; here: %+v", failed, conflict)
			}
			if conflict == nil {
				if want := r.Tree("HEAD"); tree != want {
					t.Errorf("tree %s, git makes %s", tree, want)
				}
				conflict = &MergeConflict{}
			}
			if d := cmp.Diff(tc.conflicts, conflict.Files); d != "" {
				t.Error(d)
			}
			for _, file := range conflict.Files {
				if !strings.Contains(conflict.Message, "CONFLICT: "+file+": ") {
					t.Errorf("the message does not name %s: %s", file, conflict.Message)
				}
			}
		})
	}
}
