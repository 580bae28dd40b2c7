package statusview

import (
	"testing"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestNotes: what is told of rescues and of urgent changes.
func TestNotes(t *testing.T) {
	by := &gozer.QueueItem{}
	by.Name = "gate-api-2"
	by.Spec.Changes = []gozer.ChangeRef{{Project: gozer.ProjectRef{Name: "acme/api"}, Number: 2}}
	x := indexed(Facts{Items: []gozer.QueueItem{*by}})
	q := gozer.ChangeQueue{Spec: gozer.ChangeQueueSpec{Manager: gozer.ManagerDependent}, Status: gozer.ChangeQueueStatus{Window: 20}}
	for name, tc := range map[string]struct {
		entry  gozer.QueueEntry
		reason string
		view   Item
		want   string
	}{
		"may be rescued":       {gozer.QueueEntry{Active: true}, "job unit: FAILURE; " + gozer.MayBeRescued, Item{Failing: true, On: []string{"acme/api#1"}}, "a change behind it may still rescue it"},
		"is rescued":           {gozer.QueueEntry{Active: true, Rescuer: "gate-api-2"}, "", Item{Failing: true}, "is being merged: acme/api#2 rescues it"},
		"given up":             {gozer.QueueEntry{Active: true, GivenUp: true}, "job unit: FAILURE", Item{Failing: true, On: []string{"acme/api#1"}}, "will be reported when acme/api#1 is decided"},
		"urgent and waits":     {gozer.QueueEntry{Urgent: "ev"}, "", Item{}, "urgent; waits: outside the window of 20"},
		"urgent and it runs":   {gozer.QueueEntry{Urgent: "ev", Active: true}, "", Item{Jobs: []Job{{Name: "unit"}}}, "urgent"},
		"neither, and it runs": {gozer.QueueEntry{Active: true}, "", Item{Jobs: []Job{{Name: "unit"}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			it := &gozer.QueueItem{Spec: gozer.QueueItemSpec{Live: true}}
			it.Status.Reason, it.Status.State = tc.reason, gozer.ItemFailing
			if got := x.note(q, tc.entry, it, tc.view); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// TestWaitsForSemaphores: a job says which.
func TestWaitsForSemaphores(t *testing.T) {
	b := gozer.Build{Status: gozer.BuildStatus{Phase: gozer.BuildSemaphores, Reason: "waits for the semaphore deploy"}}
	b.Name = "unit-1"
	jobs := indexed(Facts{Builds: []gozer.Build{b}}).jobs(&gozer.BuildSet{Spec: gozer.BuildSetSpec{Jobs: []gozer.BuildSetJob{{Name: "unit", Build: "unit-1"}}}})
	if j := jobs[0]; j.State != "semaphores" || j.Wait != "waits for the semaphore deploy" {
		t.Errorf("%+v", j)
	}
}

// TestBeforeTheEnd: a job that is paused, and one that will fail.
func TestBeforeTheEnd(t *testing.T) {
	for want, status := range map[string]gozer.BuildStatus{
		"unit ‖ paused":  {Phase: gozer.BuildPaused},
		"unit ✖ failing": {Phase: gozer.BuildRunning, Failing: "a task of run failed on node: no space"},
		"unit ✔":         {Phase: gozer.BuildDone, Failing: "a task of run failed on node: no space", Result: "SUCCESS"},
	} {
		b := gozer.Build{Status: status}
		b.Name = "unit-1"
		jobs := indexed(Facts{Builds: []gozer.Build{b}}).jobs(&gozer.BuildSet{Spec: gozer.BuildSetSpec{Jobs: []gozer.BuildSetJob{{Name: "unit", Build: "unit-1", Voting: true}}}})
		if got := (View{}).job(Style{}, jobs[0]); got.text != want {
			t.Errorf("%q, want %q", got.text, want)
		}
	}
}
