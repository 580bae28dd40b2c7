package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
)

// TestMergeTry: a line for each ref up to the first that conflicts; the code tells the rest.
func TestMergeTry(t *testing.T) {
	repo := gitrepotest.New(t)
	base := repo.Commit("base", map[string]string{"a": "a\n", "b": "b\n"})
	x := repo.Change("refs/pull/1/head", base, "x", map[string]string{"a": "x\n"})
	repo.Change("refs/pull/2/head", base, "y", map[string]string{"a": "y\n"})
	repo.Change("refs/heads/topic", base, "z", map[string]string{"b": "z\n", "c": "new\n"})
	repo.Git("tag", "-a", "-m", "annotated", "v1", x)
	for name, c := range map[string]struct {
		args []string
		code int
		want []tried
		says string
	}{
		"all merge": {[]string{"refs/pull/1/head", "topic"}, 0, []tried{
			{Ref: "refs/pull/1/head", Merges: true, Files: []string{"a"}},
			{Ref: "topic", Merges: true, Files: []string{"b", "c"}},
		}, ""},
		"one conflicts, with whom": {[]string{"topic", "pull/1/head", "pull/2/head", "topic"}, 1, []tried{
			{Ref: "topic", Merges: true, Files: []string{"b", "c"}},
			{Ref: "pull/1/head", Merges: true, Files: []string{"a"}},
			{Ref: "pull/2/head", Files: []string{"a"}, Conflicts: []string{"a"}, With: []string{"pull/1/head"}, Message: "CONFLICT (content): Merge conflict in a"},
		}, ""},
		"a tag, and an id":  {[]string{"v1", "--mode", "squash-merge"}, 0, []tried{{Ref: "v1", Merges: true, Files: []string{"a"}}}, ""},
		"no such ref":       {[]string{"nothing"}, 2, nil, `has no ref, branch or tag "nothing"`},
		"no such branch":    {[]string{"topic", "--branch", "gone"}, 2, nil, `has no branch "gone"`},
		"no such mode":      {[]string{"topic", "--mode", "octopus"}, 2, nil, "use one of merge, merge-ort"},
		"no such folder":    {[]string{"topic", "--repo", "/nonexistent"}, 2, nil, "give a folder with a git repository"},
		"nothing to merge":  {nil, 2, nil, "name the refs to merge"},
		"a URL of any kind": {[]string{"topic", "--repo", "ext::sh -c true://x"}, 2, nil, "http"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, err bytes.Buffer
			args := append([]string{"gozerctl", "merge", "try", "--repo", repo.Dir}, c.args...)
			code := run(t.Context(), &env{Streams: Streams{Out: &out, Err: &err}}, args)
			if code != c.code || !strings.Contains(err.String(), c.says) {
				t.Errorf("code %d, want %d; it said %s", code, c.code, err.String())
			}
			var got []tried
			for d := json.NewDecoder(&out); d.More(); {
				var line tried
				if err := d.Decode(&line); err != nil {
					t.Fatal(err)
				}
				if line.Merges != (len(line.Commit) == 40 && len(line.Tree) == 40) {
					t.Errorf("what it merged as: %+v", line)
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(tried{}, "Commit", "Tree")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
