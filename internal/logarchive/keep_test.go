package logarchive

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gozer-dev/gozer/internal/buildspec"
)

// TestMoveIsTriedAgainLater: what can never be moved is not tried every time.
func TestMoveIsTriedAgainLater(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	a, s := openArchive(t, "file://"+dir, Options{Now: func() time.Time { return now }}), openStore(t)
	appendLog(t, s, attemptA, "the log\n", true)
	inTheWay := filepath.Join(dir, attemptA.String(), buildspec.LogName+buildspec.NotesSuffix)
	if err := os.MkdirAll(filepath.Join(inTheWay, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	tries := 0
	for range 2 * 60 * 24 {
		if err := a.MoveAll(t.Context(), s); err != nil {
			tries++
		}
		now = now.Add(30 * time.Second)
	}
	if tries < 40 || tries > 60 {
		t.Errorf("tried %d times in a day", tries)
	}
	if err := os.RemoveAll(inTheWay); err != nil {
		t.Fatal(err)
	}
	now = now.Add(longestWait)
	if err := a.MoveAll(t.Context(), s); err != nil || len(a.later) != 0 {
		t.Errorf("%v, %v", err, a.later)
	}
	if got := content(t, a, attemptA, buildspec.LogName, 0); got != "the log\n" {
		t.Errorf("moved: %q", got)
	}
}

// TestShorterLogIsNotMoved: one that was begun anew while the bucket was away.
func TestShorterLogIsNotMoved(t *testing.T) {
	a, s := openArchive(t, "mem://", Options{}), openStore(t)
	appendLog(t, s, attemptA, "all of the log\n", true)
	if err := a.MoveAll(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	appendLog(t, s, attemptA, "", true)
	if err := a.MoveAll(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := content(t, a, attemptA, buildspec.LogName, 0); got != "all of the log\n" {
		t.Errorf("kept: %q", got)
	}
	if _, err := s.Stat(attemptA); err == nil {
		t.Error("the shorter one is still there")
	}
}

// TestMoveHasADeadline: others wait behind a bucket that does not answer.
func TestMoveHasADeadline(t *testing.T) {
	for size, want := range map[int64]time.Duration{0: time.Minute, 72 << 20: time.Minute + 288*time.Second} {
		if got := timeOf(size); got != want {
			t.Errorf("%d bytes: %s", size, got)
		}
	}
}
