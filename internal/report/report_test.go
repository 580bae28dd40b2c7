package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/model"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestComment(t *testing.T) {
	failed := Build{Job: "unit", Result: model.Failure, Voting: true, Duration: 22*time.Second + 300*time.Millisecond,
		LogURL: "https://gozer/t/acme/build/b1", FirstFailure: "web_test.go:41: want `200`, got 500 | boom"}
	passed := Build{Job: "lint", Result: model.Success, Voting: false, Duration: 9 * time.Second, LogURL: "https://gozer/t/acme/build/b2"}
	base := Item{Tenant: "acme", Pipeline: "gate", Merges: true, Base: "acme/web@3f2c1d4e5", Ahead: []string{"acme/api#11", "acme/api#12"}, BuildSet: "bs-1"}
	for name, edit := range map[string]func(*Item){
		"failure": func(i *Item) { i.Result, i.Builds = model.ItemFailure, []Build{failed, passed} },
		"check-failure": func(i *Item) {
			i.Result, i.Builds, i.Merges, i.Recheck, i.Pipeline = model.ItemFailure, []Build{failed}, false, true, "check"
		},
		"success": func(i *Item) { i.Result, i.Builds = model.ItemSuccess, []Build{passed} },
		"merge-conflict": func(i *Item) {
			i.Result, i.Details = model.ItemMergeConflict, "Conflicting files:\n\n- `a.go`, also changed by acme/api#11"
		},
		"refused": func(i *Item) {
			i.Result, i.Reason = model.ItemMergeFailure, "The branch is protected: 1 approval is missing."
		},
		"config-error": func(i *Item) {
			i.Result, i.Details = model.ItemConfigError, "```\nacme/web .zuul.yaml:3:5: unknown attribute\n```"
		},
		"dequeued": func(i *Item) { i.Result, i.Reason = model.ItemDequeued, "patchset 2 was uploaded" },
		"need-failed": func(i *Item) {
			i.Result, i.Reason = model.ItemFailure, "This change depends on a change that failed to merge."
		},
		"need-failed-while-running": func(i *Item) {
			i.Result, i.Reason = model.ItemFailure, "it needs acme/api#11, which will not merge"
			i.Builds = []Build{{Job: "unit", Result: model.Canceled, Voting: true}, {Job: "lint", Voting: true}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := base
			edit(&i)
			golden(t, name, Comment(i))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".md")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got (-update accepts it):\n%s", diff)
	}
}

func TestHostileTextStaysInItsCell(t *testing.T) {
	hostile := "` | <script> [x](http://evil) \n| injected | row |\x00" + strings.Repeat("é", 500)
	got := row(Build{Job: "a|b\n<i>", Result: model.Failure, Voting: true, FirstFailure: hostile})
	if n := strings.Count(got, "\n"); n != 1 {
		t.Errorf("%d lines in one row: %q", n, got)
	}
	inner := strings.TrimSuffix(strings.SplitN(got, "`", 2)[1], "` |\n")
	if strings.ContainsAny(inner, "`|\n\x00") {
		t.Errorf("a way out of the quotes: %q", inner)
	}
}

func TestStart(t *testing.T) {
	got := Start("", "gate", "https://gozer/x", "bs-1")
	if want := "Starting gate jobs.\n\n<!-- gozer: bs-1  -->\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Start("{pipeline.name}: {item_url}", "gate", "https://gozer/x", "bs-1"); !strings.HasPrefix(got, "gate: https://gozer/x\n") {
		t.Error(got)
	}
}

func TestDescriptionFits(t *testing.T) {
	got := Description(Item{Result: model.ItemFailure, Reason: strings.Repeat("wörd ", 100)})
	if n := len([]rune(got)); n > maxDescription {
		t.Errorf("%d characters", n)
	}
}
