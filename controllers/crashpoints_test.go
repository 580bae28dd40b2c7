package controllers_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var (
	everyWrite = flag.Bool("every-write", false, "kill the manager after every single write of the story, not after a sample of them")
	crashSeed  = flag.Uint64("crash-seed", 1, "which sample of writes the manager is killed after")
)

// sampled is how many kills are tried without -every-write.
const sampled = 12

// TestCrashAfterEachWrite kills the manager after one write of the story of
// five changes, and starts it anew: after the first write, after the second,
// and so on, each in a world of its own. What comes of it is always the same.
func TestCrashAfterEachWrite(t *testing.T) {
	total := int(tellStory(t, 0))
	kills := rand.New(rand.NewPCG(*crashSeed, 0)).Perm(total)
	if !*everyWrite {
		kills = kills[:min(sampled, total)]
	}
	slices.Sort(kills)
	t.Logf("the story has %d writes; killed after %d of them", total, len(kills))
	for _, k := range kills {
		t.Run(fmt.Sprintf("write %d", k+1), func(t *testing.T) {
			t.Parallel()
			tellStory(t, int64(k+1))
		})
	}
}

// tellStory plays the story of five changes, kills the manager after so many
// writes (0: never), and says how many there were.
func tellStory(t *testing.T, kill int64) int64 {
	t.Helper()
	w := newWorld(t)
	w.tick, w.patience = 60*time.Millisecond, 2*time.Minute // many worlds, one API server
	w.start()
	w.loaded()
	w.holdUntil(5, w.breaks("acme/api#2", "acme/web#1"))
	before := w.writes.Load()
	if kill > 0 {
		w.dieAfter.Store(before + kill)
	}
	w.approveFive()
	if kill > 0 && w.diesOrFinishes() {
		w.revive()
	}
	w.assertFiveChanges()
	w.assertNothingTwice()
	return w.writes.Load() - before
}

// assertNothingTwice: what a story leaves at the host and in the cluster does
// not tell whether somebody died on the way.
func (w *world) assertNothingTwice() {
	w.t.Helper()
	for repo, numbers := range map[string][]int64{"acme/api": {1, 2, 3}, "acme/web": {2}} {
		for _, n := range numbers {
			if got := w.host.Comments(repo, n); len(got) != 0 {
				w.t.Errorf("%s#%d, which merged, has comments: %q", repo, n, got)
			}
		}
	}
	// Which of those ahead have merged when the failure is seen is a matter of
	// time; that nobody is tested once more than needed is not.
	if n := len(w.gateBuilds()); n != 7 {
		w.t.Errorf("%d buildsets, want 7: %v", n, w.gateBuilds())
	}
}
