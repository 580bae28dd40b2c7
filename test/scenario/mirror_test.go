package scenario

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestPlay: a mirror is told what people did, once, and never what the gate did.
func TestPlay(t *testing.T) {
	const story = `
hold
open api#1
approve api#1
----

conflict api#2 api#3
release unit api#1
push api main
open api#2
----

merge api#2
----
`
	var told []Deeds
	var came []Summary
	err := Play(story, func(did Deeds, want Summary) error {
		told, came = append(told, did), append(came, want)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != 4 {
		t.Fatalf("%d rests, want one for each block, and one before the release", len(told))
	}
	first, last := told[0], told[3]
	if !strings.Contains(first.TenantFile, "untrusted-projects: [api, web, lib, app, doc]") || last.TenantFile != "" {
		t.Errorf("tenant files: first %q, last %q", first.TenantFile, last.TenantFile)
	}
	if len(first.Branches) != 6 || len(first.Pushed) != 1 || len(first.Events) != 2 || !first.Verdicts.Held("unit") {
		t.Errorf("at first: %+v", first)
	}
	if d := told[1]; len(d.Branches)+len(d.Changes)+len(d.Pushed)+len(d.Events) > 0 {
		t.Errorf("nothing was done, told was %+v", d)
	}
	if diff := cmp.Diff([]string{"gate: unit api#1 on api#1"}, told[2].Released); diff != "" {
		t.Error(diff)
	}
	wantFiles := map[string]string{"steps/api#2": "api#2", "conflict-0": "api#2"}
	if diff := cmp.Diff(wantFiles, told[2].Changes[0].Files); diff != "" {
		t.Error(diff)
	}
	// The gate merged api#1: that is no deed.
	if len(last.Changes) != 1 || len(last.Merged) != 1 || last.Merged[0].Name != "api#2" {
		t.Errorf("at last: %+v", last)
	}
	want := Summary{
		Queues: []Queue{{Name: "gate integrated", Window: 20, Items: []Place{{Item: "api#1", Live: true, State: gozer.ItemRunning}}}},
		Builds: []string{"gate: unit api#1 on api#1"}, Branches: came[0].Branches,
	}
	if diff := cmp.Diff(want, came[0]); diff != "" {
		t.Error(diff)
	}
}

// TestNotMirrored: what a mirror would have to do, and is not told, is refused.
func TestNotMirrored(t *testing.T) {
	err := Play("crash\n----\n", func(Deeds, Summary) error { return nil })
	if err == nil || err.Error() != "line 1: a mirror is not told of crash" {
		t.Error(err)
	}
}

func TestTold(t *testing.T) {
	const comment = "Build failed. (gate)\n\n| job | result | time | log |\n|---|---|---|---|\n" +
		"| unit | **FAILURE** | 3s | [log](http://x) `exit` |\n| lint | SUCCESS (non-voting) | | |\n\n<!-- gozer: set-1 FAILURE -->\n"
	if got, want := Told("api#1", comment), "api#1: FAILURE, unit FAILURE, lint SUCCESS (non-voting)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
