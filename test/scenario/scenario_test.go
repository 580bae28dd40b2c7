package scenario

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the outcomes in testdata")

func storyFiles(tb testing.TB) []string {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no stories in testdata: %v", err)
	}
	return files
}

func storyName(file string) string { return strings.TrimSuffix(filepath.Base(file), ".txt") }

// TestStories plays the stories in testdata: in the default order of the
// controllers' turns, where the outcome is the one written down, and in many
// others, where the end is the same. Rewrite them with -update and review the diff.
func TestStories(t *testing.T) {
	for _, file := range storyFiles(t) {
		t.Run(storyName(file), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parse(string(raw))
			if err != nil {
				t.Fatal(err)
			}
			shared := newConfigs()
			got, w, err := s.play(shared, nil)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(strings.Split(string(raw), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("the story changed (-want +got); -update accepts it:\n%s", diff)
			}
			want := w.end()
			for seed := range uint64(orders) {
				inOrder(t, s, shared, seed, want)
			}
		})
	}
}

// inOrder plays a story in a random order of turns.
func inOrder(t *testing.T, s *story, c *configs, seed uint64, want string) {
	t.Helper()
	_, w, err := s.play(c, rand.New(rand.NewPCG(seed, 1)))
	if err != nil {
		t.Fatalf("in random order %d: %v", seed, err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(w.end(), "\n")); diff != "" && s.anyOrder == "" {
		t.Fatalf("in random order %d the end is another one (-default +random):\n%s", seed, diff)
	}
}
