package logarchive

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gozer-dev/gozer/internal/logstore"
)

// TestFolderOfMany: more than one page, in folders whose order is not that of the keys.
func TestFolderOfMany(t *testing.T) {
	dir := t.TempDir()
	a := openArchive(t, "file://"+dir, Options{MaxTotalBytes: 1 << 20})
	const each = 400
	attempts := []logstore.Key{
		{Namespace: "acme", Build: "b", Attempt: 1}, {Namespace: "acme", Build: "b-1", Attempt: 1},
		{Namespace: "acme-dev", Build: "b", Attempt: 1},
	}
	for _, k := range attempts {
		for _, sub := range []string{"a", "a-b", "a.b"} {
			below := filepath.Join(dir, k.String(), sub)
			if err := os.MkdirAll(below, 0o700); err != nil {
				t.Fatal(err)
			}
			for i := range each {
				if err := os.WriteFile(filepath.Join(below, fmt.Sprint(i)), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, k := range attempts {
		files, err := a.List(t.Context(), k)
		if err != nil || len(files) != 3*each {
			t.Errorf("%s: %d files, %v", k, len(files), err)
		}
	}
	if got, err := a.Sweep(t.Context()); err != nil || got != (logstore.Swept{Kept: 9 * each}) {
		t.Errorf("nothing is too much: %+v, %v", got, err)
	}
	a.opts.MaxTotalBytes = 3 * each
	if got, err := a.Sweep(t.Context()); err != nil || got != (logstore.Swept{Removed: 2, RemovedBytes: 6 * each, Kept: 3 * each}) {
		t.Errorf("all but one: %+v, %v", got, err)
	}
}

// TestUnfinishedFiles: what is being written does not count, and does not show.
func TestUnfinishedFiles(t *testing.T) {
	dir := t.TempDir()
	a := openArchive(t, "file://"+dir, Options{})
	put(t, a, attemptA, "x", "1")
	for _, name := range []string{"y.18a5.tmp", "z.attrs"} {
		if err := os.WriteFile(filepath.Join(dir, attemptA.String(), name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.used.Clear()
	u := a.usage(attemptA)
	if err := u.load(t.Context(), a, attemptA); err != nil || len(u.files) != 1 || u.total != 1 {
		t.Errorf("%v, %v", u.files, err)
	}
	if a.usage(attemptA) != u {
		t.Error("an attempt is counted twice")
	}
}
