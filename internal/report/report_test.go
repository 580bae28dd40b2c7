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
		"rescued": func(i *Item) {
			i.Result, i.RescuedBy, i.Builds = model.ItemSuccess, "acme/api#13", []Build{failed, passed}
		},
		"rescued-others": func(i *Item) {
			i.Result, i.Reason, i.Rescued = model.ItemMergeFailure, "The branch is protected: 1 approval is missing.", []string{"acme/api#11", "acme/api#12"}
			i.Builds = []Build{passed}
		},
		"success": func(i *Item) { i.Result, i.Builds = model.ItemSuccess, []Build{passed} },
		"merge-conflict": func(i *Item) {
			i.Result, i.Details = model.ItemMergeConflict, "Conflicting files:\n\n- `a.go`, also changed by acme/api#11"
		},
		"refused": func(i *Item) {
			i.Result, i.Reason = model.ItemMergeFailure, "The branch is protected: 1 approval is missing."
		},
		"config-error": func(i *Item) {
			i.Result = model.ItemConfigError
			i.ConfigErrors = []ConfigError{
				{Project: "git.example/acme/web", Branch: "main", Text: "acme/web .zuul.yaml:3:5: unknown attribute \"nodset\" of job \"unit\"\n   3 |     nodset: debian"},
				{Project: "git.example/acme/web", Branch: "main", Text: "acme/web .zuul.yaml:9:1: another"},
				{Project: "git.example/acme/api", Branch: "stable", Text: "acme/api zuul.yaml:1:1: a third"},
			}
		},
		"freeze-error": func(i *Item) {
			i.Result, i.Reason = model.ItemConfigError, FreezeError("Job unit depends on build which was not run.")
		},
		"needs-config-project": func(i *Item) {
			i.Result, i.Cause = model.ItemConfigError, NeedsConfigProject
			i.ConfigErrors = []ConfigError{{Project: "git.example/acme/web", Branch: "main", Text: "acme/web .zuul.yaml:3:5: job \"new\" is not defined"}}
		},
		"needs-invalid": func(i *Item) {
			i.Result, i.Cause, i.Reason = model.ItemFailure, NeedsInvalid, "it needs acme/api#11: 1 error in the proposed configuration"
		},
		"dequeued": func(i *Item) {
			i.Result, i.Reason, i.Builds = model.ItemDequeued, "patchset 2 was uploaded", []Build{passed}
		},
		"dequeue-message": func(i *Item) { i.Result, i.Messages.Dequeue = model.ItemDequeued, "Gone: {item_url} stays." },
		"need-gone": func(i *Item) {
			i.Result, i.Cause, i.Needed, i.Reason = model.ItemFailure, NeedsGone, []string{"https://git/11"}, "it needs acme/api#11, which will not merge"
		},
		"needs-gone": func(i *Item) {
			i.Result, i.Cause, i.Needed, i.Merges, i.Recheck = model.ItemFailure, NeedsGone, []string{"https://git/11", "https://git/12"}, false, true
			i.Changes = []model.Change{{Number: 1}, {Number: 2}}
		},
		"requirement": func(i *Item) {
			i.Result, i.Cause, i.Reason = model.ItemMergeFailure, LostRequirement, "it became a draft"
		},
		"not-prepared": func(i *Item) {
			i.Result, i.Cause, i.Reason = model.ItemMergeFailure, NotPrepared, "the branch stable does not exist"
		},
		"cycle": func(i *Item) {
			i.Result, i.Builds, i.Changes = model.ItemFailure, []Build{failed, passed}, []model.Change{{Number: 1}, {Number: 2}}
			i.Related = []Related{{URL: "https://git/1"}, {URL: "https://git/2", ConfigError: true}}
		},
		"fail-fast": func(i *Item) {
			i.Result, i.Builds = model.ItemFailure, []Build{failed, {Job: "slow", Result: model.Canceled, Voting: true, Reason: "Canceled: job unit failed, and the project asks for fail-fast"}}
		},
		"returned": func(i *Item) {
			told := failed
			told.Warnings = []string{"it is `slow` | [click](http://evil)"}
			told.FileComments = []FileComment{
				{Path: "a.py", Line: 7, Level: "error", Message: "unused import\nos"},
				{Path: "b|`.py", Message: "**bold** @somebody"},
			}
			for n := range int64(25) {
				told.FileComments = append(told.FileComments, FileComment{Path: "c.py", Line: n + 1, Level: "info", Message: "again"})
			}
			i.Result, i.Builds = model.ItemFailure, []Build{told}
		},
		"child-jobs": func(i *Item) {
			left := Build{Job: "left", Result: model.Skipped, Voting: true, Reason: model.SkippedByChildJobs + "unit"}
			i.Result, i.Builds = model.ItemFailure, []Build{failed, left, left, {Job: "after", Result: model.Skipped, Voting: true, Reason: "Skipped due to failed job unit"}}
		},
		"messages": func(i *Item) {
			a, b := failed, passed
			a.FailureMessage, b.SuccessMessage = "broken | see the\nwiki", "all <b>fine</b>"
			i.Result, i.Builds = model.ItemFailure, []Build{a, b}
			i.Messages = Messages{Failure: "It did not work.", Footer: "Questions: #ci"}
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
	got := row(Build{Job: "a|b\n<i>", Result: model.Failure, Voting: true, FirstFailure: hostile}, "")
	if n := strings.Count(got, "\n"); n != 1 {
		t.Errorf("%d lines in one row: %q", n, got)
	}
	inner := strings.TrimSuffix(strings.SplitN(got, "`", 2)[1], "` |\n")
	if strings.ContainsAny(inner, "`|\n\x00") {
		t.Errorf("a way out of the quotes: %q", inner)
	}
}

func TestBeginnings(t *testing.T) {
	item := Item{Pipeline: "gate", URL: "https://gozer/x", BuildSet: "bs-1",
		Change: model.Change{Project: model.Project{Hostname: "git", Name: "acme/api"}, Number: 11, Patchset: "3f2c", Branch: "main", URL: "https://git/11"}}
	item.Changes = []model.Change{item.Change, {Project: model.Project{Name: "acme/web"}, Number: 7}}
	for name, tc := range map[string]struct{ message, want string }{
		"default":          {"", "Starting gate jobs."},
		"item":             {"{pipeline.name}: {item_url} {status_url}", "gate: https://gozer/x https://gozer/x"},
		"change":           {"{change.project} {change.project.canonical_name} {change.number},{change.patchset} {change.branch} {change.url}", "acme/api git/acme/api 11,3f2c main https://git/11"},
		"changes":          {"{change} {changes} {changes[1].number}", "acme/api#11 acme/api#11, acme/web#7 7"},
		"format":           {"{change.number!r:>10}", "11"},
		"braces":           {"{{pipeline.name}} {{}}", "{pipeline.name} {}"},
		"no field":         {"{nobody} {change.secret} {changes[9].number} {changes[x]} {}", "{nobody} {change.secret} {changes[9].number} {changes[x]} {}"},
		"open":             {"{pipeline.name {change.number", "{pipeline.name {change.number"},
		"closed":           {"pipeline.name} }{", "pipeline.name} }{"},
		"percent and back": {`%s $1 \1`, `%s $1 \1`},
	} {
		t.Run(name, func(t *testing.T) {
			i := item
			i.Messages.Start, i.Messages.Enqueue, i.Messages.NoJobs = tc.message, tc.message, tc.message
			if diff := cmp.Diff(tc.want+"\n\n<!-- gozer: bs-1  -->\n", Start(i)); diff != "" {
				t.Errorf("start (-want +got):\n%s", diff)
			}
			if tc.message == "" {
				tc.want = ""
			}
			for mark, got := range map[string]string{"ENQUEUED": Enqueue(i), "NO_JOBS": Comment(withResult(i, model.ItemNoJobs))} {
				want := ""
				if tc.want != "" {
					want = tc.want + "\n\n<!-- gozer: bs-1 " + mark + " -->\n"
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", mark, diff)
				}
			}
		})
	}
	item.Messages.Footer = "Questions: #ci"
	if got, want := Enqueue(item), "Questions: #ci\n\n<!-- gozer: bs-1 ENQUEUED -->\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func withResult(i Item, r model.ItemResult) Item {
	i.Result = r
	return i
}

// The sentences are what people search for.
func TestTexts(t *testing.T) {
	one, two := []string{"u1"}, []string{"u1", "u2"}
	for want, got := range map[string]string{
		"This change depends on a change that failed to merge.\n\nChange u1 is needed.":                          NeedGone(1, one),
		"These changes depend on a change that failed to merge.\n\nChanges u1, u2 are needed.":                   NeedGone(2, two),
		"This change depends on a change that failed to merge.":                                                  NeedGone(0, nil),
		"This change is unable to merge due to a missing merge requirement.":                                     RequirementLost(1),
		"These changes are unable to merge due to a missing merge requirement.":                                  RequirementLost(2),
		"This change was not merged by the code review system.":                                                  NotMerged(0),
		"These changes were not merged by the code review system.":                                               NotMerged(2),
		"Change u1 can not be merged.":                                                                           CanNotMerge(one),
		"Changes u1, u2 can not be merged.":                                                                      CanNotMerge(two),
		"Dependency cycle change u1 abandoned.":                                                                  CycleAbandoned("u1"),
		"Dependency cycle detected and project a/b doesn't allow circular dependencies":                          CycleForbidden("a/b"),
		"Change 1 in project a/b does not share a change queue with 2 in c/d":                                    QueueMismatch(1, "a/b", 2, "c/d"),
		"Unable to enqueue change: 3 additional changes would exceed pipeline max of 5 under current conditions": PipelineLimit(3, 5),
		"6 changes to enqueue greater than pipeline max of 5":                                                    PipelineLimit(6, 5),
		"Unable to freeze job graph: Job x not defined":                                                          FreezeError("Job x not defined"),
		"Comments left for invalid file a.go":                                                                    BadFile("a.go"),
		"Skipped 1 job":                                                                                          skipped(1),
		"Skipped 3 jobs":                                                                                         skipped(3),
		"Related changes:\n  - u1\n  - u2 (config error)\n":                                                      related([]Related{{URL: "u1"}, {URL: "u2", ConfigError: true}}),
		"Gozer encountered a syntax error while parsing its configuration in the repo a/b on branch main.  The problem was:\n\n    x": ConfigErrors([]ConfigError{{"a/b", "main", "x"}}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDescriptionFits(t *testing.T) {
	got := Description(Item{Result: model.ItemFailure, Reason: strings.Repeat("wörd ", 100)})
	if n := len([]rune(got)); n > maxDescription {
		t.Errorf("%d characters", n)
	}
}
