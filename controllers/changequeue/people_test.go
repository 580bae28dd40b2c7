package changequeue

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// TestOnlyForPeople: what can be told again later may wait; all else is written at once.
func TestOnlyForPeople(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*gozer.QueueItemStatus)
		want   bool
	}{
		"state":    {func(s *gozer.QueueItemStatus) { s.State = gozer.ItemRunning }, true},
		"progress": {func(s *gozer.QueueItemStatus) { s.Builds, s.AheadChange, s.Reason = "1/2", "api#1", "waits" }, true},
		"enqueued": {func(s *gozer.QueueItemStatus) {
			s.Decisions = append(s.Decisions, gozer.Decision{Action: decisionReset})
		}, true},
		"merged":       {func(s *gozer.QueueItemStatus) { s.Decisions = append(s.Decisions, gozer.Decision{Action: "Merged"}) }, false},
		"it fails":     {func(s *gozer.QueueItemStatus) { s.State = gozer.ItemFailing }, false},
		"result":       {func(s *gozer.QueueItemStatus) { s.State, s.Result = gozer.ItemDone, "SUCCESS" }, false},
		"start told":   {func(s *gozer.QueueItemStatus) { s.StartReported = 1 }, false},
		"report":       {func(s *gozer.QueueItemStatus) { s.Reported = &metav1.MicroTime{} }, false},
		"story is cut": {func(s *gozer.QueueItemStatus) { s.Decisions = nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := &gozer.QueueItem{Status: gozer.QueueItemStatus{State: gozer.ItemPreparing, Decisions: []gozer.Decision{{Action: decisionEnqueued}}}}
			i := &item{QueueItem: before.DeepCopy(), before: before}
			c.change(&i.Status)
			if got := i.onlyForPeople(); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
