package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newStore(t *testing.T) *Store { return open(t, filepath.Join(t.TempDir(), "history.db")) }

// build is a build that succeeded in a minute, n minutes after the start.
func build(n int, change func(*Build)) Build {
	b := Build{
		Tenant: "acme", Name: fmt.Sprintf("gate-api-12-1-unit-%04d", n), UID: "u", Attempt: 1, Pipeline: "gate", Project: "git.example.com/acme/api", Branch: "main", Change: 12, ChangeURL: "https://git.example.com/acme/api/pulls/12",
		Patchset: "3f2c", Job: "unit", Voting: true, Result: "SUCCESS", LogURL: "https://g/logs/acme/x/1",
		Started: start.Add(time.Duration(n) * time.Minute), Ended: start.Add(time.Duration(n+1) * time.Minute),
		Item: "gate-api-12", BuildSet: "gate-api-12-1", Epoch: 1, TestedOn: []string{"acme/api#10", "acme/api#11"},
	}
	if change != nil {
		change(&b)
	}
	return b
}

func record(t *testing.T, s *Store, builds ...Build) {
	t.Helper()
	for _, b := range builds {
		if err := s.RecordBuild(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func list(t *testing.T, s *Store, f Filter) []Build {
	t.Helper()
	got, err := s.Builds(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRecordIsIdempotentAndFinalWins(t *testing.T) {
	running := build(0, func(b *Build) { b.Result, b.Ended = "", time.Time{} })
	retry := build(0, func(b *Build) { b.Result, b.Reason = "RETRY", "node lost" })
	success := build(0, nil)
	failure := build(0, func(b *Build) { b.Result, b.FirstFailure = "FAILURE", "want 200, got 500" })
	canceled := build(0, func(b *Build) { b.Result, b.Reason = "CANCELED", "item ahead failed" })
	second := build(0, func(b *Build) { b.Attempt = 2 })
	for name, tc := range map[string]struct{ in, want []Build }{
		"once":                             {[]Build{success}, []Build{success}},
		"again":                            {[]Build{success, success}, []Build{success}},
		"running, then done":               {[]Build{running, failure}, []Build{failure}},
		"done, then a late running":        {[]Build{failure, running}, []Build{failure}},
		"running, then canceled":           {[]Build{running, canceled}, []Build{canceled}},
		"canceled is final":                {[]Build{canceled, retry, success, running}, []Build{canceled}},
		"done, then canceled":              {[]Build{success, canceled}, []Build{success}},
		"retry, then final":                {[]Build{retry, failure}, []Build{failure}},
		"retry, then running":              {[]Build{retry, running}, []Build{retry}},
		"an attempt is a row of its own":   {[]Build{retry, second}, []Build{second, retry}},
		"running keeps its start when set": {[]Build{running, build(0, func(b *Build) { b.Started = time.Time{} })}, []Build{success}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			record(t, s, tc.in...)
			if diff := cmp.Diff(tc.want, list(t, s, Filter{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamelessBuildsAreRefused(t *testing.T) {
	s := newStore(t)
	for name, change := range map[string]func(*Build){
		"tenant": func(b *Build) { b.Tenant = "" }, "name": func(b *Build) { b.Name = "" }, "buildset": func(b *Build) { b.BuildSet = "" },
	} {
		if err := s.RecordBuild(t.Context(), build(0, change)); err == nil {
			t.Errorf("no %s: recorded", name)
		}
	}
}

func TestFilter(t *testing.T) {
	s := newStore(t)
	record(t, s,
		build(1, nil),
		build(2, func(b *Build) { b.Job, b.Result = "lint", "FAILURE" }),
		build(3, func(b *Build) { b.BuildSet, b.Pipeline = "check-api-12-1", "check" }),
		build(4, func(b *Build) { b.BuildSet, b.Project, b.Change = "gate-web-7-1", "git.example.com/acme/web", 7 }),
		build(5, func(b *Build) { b.Tenant = "other" }),
		build(6, func(b *Build) { b.Result, b.Ended = "", time.Time{} }),
	)
	for name, tc := range map[string]struct {
		f    Filter
		want string
	}{
		"all, newest first": {Filter{}, "6 5 4 3 2 1"}, // 6 began when 5 ended; then by tenant
		"tenant":            {Filter{Tenant: "acme"}, "6 4 3 2 1"},
		"pipeline":          {Filter{Tenant: "acme", Pipeline: "check"}, "3"},
		"project":           {Filter{Project: "git.example.com/acme/web"}, "4"},
		"project on host":   {Filter{Project: "acme/web"}, "4"},
		"part of a project": {Filter{Project: "web"}, ""},
		"change":            {Filter{Change: 7}, "4"},
		"job":               {Filter{Job: "lint"}, "2"},
		"result":            {Filter{Result: "FAILURE"}, "2"},
		"name":              {Filter{Tenant: "acme", Name: "gate-api-12-1-unit-0003"}, "3"},
		"since":             {Filter{Tenant: "acme", Since: start.Add(5 * time.Minute)}, "6 4"},
		"limit":             {Filter{Limit: 2}, "6 5"},
		"nothing":           {Filter{Tenant: "x' OR 1=1 --"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, b := range list(t, s, tc.f) {
				got = append(got, strings.TrimLeft(b.Name[len(b.Name)-4:], "0"))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for limit, want := range map[int]int{-1: defaultLimit, 0: defaultLimit, 7: 7, 1 << 30: MaxLimit} {
		if got := (Filter{Limit: limit}).limit(); got != want {
			t.Errorf("limit %d: %d, want %d", limit, got, want)
		}
	}
}

func TestMedians(t *testing.T) {
	s := newStore(t)
	for i, seconds := range []int{10, 90, 30} {
		record(t, s, build(i, func(b *Build) { b.Ended = b.Started.Add(time.Duration(seconds) * time.Second) }))
	}
	record(t, s,
		build(10, func(b *Build) { b.Result = "FAILURE" }),
		build(11, func(b *Build) { b.Tenant = "other" }),
		build(12, func(b *Build) { b.BuildSet, b.Project = "w", "git.example.com/acme/web" }),
		build(13, func(b *Build) { b.Started = time.Time{} }),
		build(14, func(b *Build) { b.Job, b.Ended = "lint", b.Started.Add(2*time.Second) }),
		build(15, func(b *Build) { b.Job, b.Ended = "lint", b.Started.Add(5*time.Second) }),
	)
	unit, lint := Median{30 * time.Second, 3}, Median{3500 * time.Millisecond, 2}
	for job, want := range map[string]map[string]Median{"": {"unit": unit, "lint": lint}, "unit": {"unit": unit}, "none": {}} {
		got, err := s.Medians(t.Context(), "acme", "git.example.com/acme/api", job)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("job %q: %s", job, diff)
		}
	}
}

func TestMediansAreOfTheLastBuilds(t *testing.T) {
	s := newStore(t)
	for i := range samples + 30 {
		took := time.Second
		if i < 30 {
			took = time.Hour
		}
		record(t, s, build(i*120, func(b *Build) { b.Ended = b.Started.Add(took) }))
	}
	got, err := s.Medians(t.Context(), "acme", "git.example.com/acme/api", "unit")
	if want := (Median{time.Second, samples}); err != nil || got["unit"] != want {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestPrune(t *testing.T) {
	s := newStore(t)
	record(t, s, build(1, nil), build(60, func(b *Build) { b.BuildSet = "later" }))
	n, err := s.Prune(t.Context(), start.Add(30*time.Minute))
	if err != nil || n != 1 || len(list(t, s, Filter{})) != 1 {
		t.Errorf("pruned %d, %v", n, err)
	}
	var sets int
	if err := s.db.QueryRow(`SELECT count(*) FROM buildsets`).Scan(&sets); err != nil || sets != 1 {
		t.Errorf("%d buildsets, %v", sets, err)
	}
}

func TestConcurrentWriters(t *testing.T) {
	const writers, each = 8, 15
	path := filepath.Join(t.TempDir(), "history.db")
	stores := []*Store{open(t, path), open(t, path)} // two processes for a moment, at worst
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				b := build(w*each+i, func(b *Build) { b.BuildSet = fmt.Sprintf("s-%d", i) })
				if err := stores[w%2].RecordBuild(t.Context(), b); err != nil {
					t.Error(err)
				}
				if _, err := stores[w%2].Builds(t.Context(), Filter{Limit: 5}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := list(t, stores[0], Filter{Limit: MaxLimit}); len(got) != writers*each {
		t.Errorf("%d builds, want %d", len(got), writers*each)
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "hi story?.db")
	s := open(t, path)
	record(t, s, build(1, nil))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	record(t, s, build(2, nil))
	if got := list(t, s, Filter{}); len(got) != 2 {
		t.Errorf("%d builds", len(got))
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file has another name: %v", err)
	}
}

// TestCrash opens what a killed process leaves: the file and its log, never closed.
func TestCrash(t *testing.T) {
	dir, after := t.TempDir(), t.TempDir()
	s := open(t, filepath.Join(dir, "history.db"))
	for i := range 20 {
		record(t, s, build(i, nil))
	}
	wal, err := os.ReadFile(filepath.Join(dir, "history.db-wal"))
	if err != nil || len(wal) == 0 {
		t.Fatalf("there is no write-ahead log: %v", err)
	}
	main, err := os.ReadFile(filepath.Join(dir, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		wal  []byte
		want int
	}{
		"killed between writes":     {wal, 20},
		"killed within a write":     {wal[:len(wal)-100], 19},
		"the last write is garbled": {append(wal[:len(wal)-50:len(wal)-50], make([]byte, 50)...), 19},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(after, strings.ReplaceAll(name, " ", "-")+".db")
			for file, data := range map[string][]byte{path: main, path + "-wal": tc.wal} {
				if err := os.WriteFile(file, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			again := open(t, path)
			if got := list(t, again, Filter{Limit: 100}); len(got) != tc.want {
				t.Errorf("%d builds, want %d", len(got), tc.want)
			}
			record(t, again, build(100, nil))
		})
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged.db")
	s := open(t, damaged)
	for i := range 200 {
		record(t, s, build(i, nil))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	for i := 8192; i < len(data)-4096; i++ {
		data[i] = 0x5a
	}
	newer := filepath.Join(dir, "newer.db")
	s = open(t, newer)
	if _, err := s.db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{"text.db": []byte(strings.Repeat("not a database\n", 500)), "damaged.db": data} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir.db"), 0o750); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"text.db": "a new history begins", "damaged.db": "a new history begins", "newer.db": "newer version of Gozer", "dir.db": "dir.db", "text.db/x.db": "writable volume",
	} {
		t.Run(file, func(t *testing.T) {
			s, err := Open(filepath.Join(dir, file))
			if err == nil {
				_ = s.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "history") {
				t.Errorf("got %q, want %q", err, want)
			}
		})
	}
}

func TestMigrationFromEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	var version int
	if err := s.db.QueryRow(`SELECT max(version_id) FROM goose_db_version`).Scan(&version); err != nil || version != 2 {
		t.Errorf("version %d, %v", version, err)
	}
	var mode string
	if err := s.db.QueryRow(`PRAGMA journal_mode`).Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode %s, %v", mode, err)
	}
	record(t, s, build(1, nil))
}

func TestCanceledContext(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.RecordBuild(ctx, build(1, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := list(t, s, Filter{}); len(got) != 0 {
		t.Errorf("something was recorded: %v", got)
	}
}
