package changequeue

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/model"
)

// TestTally reads a story: "f" a failure, "s" a success, "-" what does not
// count, "r" a failure that is reported again, "g" a new spec.
func TestTally(t *testing.T) {
	for name, tc := range map[string]struct {
		story string
		limit int32
		want  string // failures, and "!" when disabled
	}{
		"no limit":                {"ffff", 0, "0"},
		"counts":                  {"ff", 3, "2"},
		"success resets":          {"ffsf", 3, "1"},
		"at the limit":            {"fff", 3, "3!"},
		"a limit of one":          {"f", 1, "1!"},
		"disabled stays":          {"fffsss", 3, "3!"},
		"disabled does not go on": {"fffff", 3, "3!"},
		"others do not count":     {"f-f-", 3, "2"},
		"once each":               {"frrr", 3, "1"},
		"a new spec":              {"fffg", 3, "3"},
		"begins anew":             {"fffgf", 3, "1"},
		"and is disabled again":   {"fffgfff", 3, "3!"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &gozer.Pipeline{}
			p.Generation, p.Spec.DisableAfterConsecutiveFailures = 1, tc.limit
			verdicts := map[rune]verdict{'f': failed, 'r': failed, 's': succeeded, '-': uncounted}
			item := 0
			for _, event := range tc.story {
				if event == 'g' {
					p.Generation++
					continue
				}
				if event != 'r' {
					item++
				}
				next, changed := tally(p, fmt.Sprint("item-", item), verdicts[event])
				if same := cmp.Equal(next, p.Status); same == changed {
					t.Fatalf("changed %v, from %+v to %+v", changed, p.Status, next)
				}
				p.Status = next
			}
			got := fmt.Sprint(p.Status.ConsecutiveFailures)
			if disabled(p) {
				got += "!"
			}
			if got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestTallyIsBounded(t *testing.T) {
	p := &gozer.Pipeline{}
	p.Spec.DisableAfterConsecutiveFailures = 1000
	for n := range 2 * maxCounted {
		p.Status, _ = tally(p, fmt.Sprint(n), failed)
	}
	if n, last := len(p.Status.CountedItems), p.Status.CountedItems[maxCounted-1]; n != maxCounted || last != fmt.Sprint(2*maxCounted-1) {
		t.Errorf("%d items, the last %s", n, last)
	}
}

func TestReporters(t *testing.T) {
	of := func(occasion string) []gozer.ReportAction { return []gozer.ReportAction{{Connection: occasion}} }
	all := gozer.Reporters{Enqueue: of("enqueue"), Start: of("start"), Success: of("success"), Failure: of("failure"), MergeConflict: of("merge-conflict"),
		ConfigError: of("config-error"), NoJobs: of("no-jobs"), Dequeue: of("dequeue"), Disabled: of("disabled")}
	results := []model.ItemResult{model.ItemSuccess, model.ItemFailure, model.ItemMergeFailure, model.ItemMergeConflict, model.ItemConfigError, model.ItemNoJobs, model.ItemDequeued}
	for name, tc := range map[string]struct {
		reporters gozer.Reporters
		disabled  bool
		want      string
	}{
		"none":     {gozer.Reporters{}, false, "- - - - - - - begins - -"},
		"all":      {all, false, "success failure failure merge-conflict config-error no-jobs dequeue begins enqueue start"},
		"failure":  {gozer.Reporters{Failure: of("failure")}, false, "- failure failure failure failure - - begins - -"},
		"disabled": {all, true, "disabled disabled disabled disabled disabled disabled - begins - -"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &gozer.Pipeline{Spec: gozer.PipelineSpec{Reporters: tc.reporters, DisableAfterConsecutiveFailures: 1}, Status: gozer.PipelineStatus{Disabled: tc.disabled}}
			var got []string
			show := func(actions []gozer.ReportAction) {
				word := "-"
				if len(actions) > 0 {
					word = actions[0].Connection
				}
				got = append(got, word)
			}
			for _, r := range results {
				show(reporters(p, r))
			}
			got = append(got, "begins")
			enqueue, start := beginnings(p)
			show(enqueue)
			show(start)
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
