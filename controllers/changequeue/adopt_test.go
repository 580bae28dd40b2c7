package changequeue

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/gate"
)

// TestAdoptDropsAlternatives: places are stored together with what items were
// assumed to become. Once they are that, or something else, nobody may start
// testing it: it would be tested twice.
func TestAdoptDropsAlternatives(t *testing.T) {
	alternatives := []gozer.AlternativePlace{{Item: "b", Epoch: 2}, {Item: "c", Ahead: "b", AheadEpoch: 2, Epoch: 2}, {Item: "gone", Epoch: 2}, {Item: "d", Ahead: "c", AheadEpoch: 2, Epoch: 3}}
	items := map[string]*item{}
	queue := &gozer.ChangeQueue{Status: gozer.ChangeQueueStatus{Alternatives: alternatives}}
	for _, name := range []string{"b", "c", "d", "gone"} {
		items[name] = &item{QueueItem: &gozer.QueueItem{}}
		queue.Status.Items = append(queue.Status.Items, gozer.QueueEntry{Item: name, Epoch: 1, Active: true})
	}
	s := &scope{queue: queue, items: items}
	s.adopt(gate.Queue{Items: []gate.Item{
		{ID: "b", Place: gate.Place{Epoch: 2, Active: true}},
		{ID: "c", Place: gate.Place{Ahead: "b", AheadEpoch: 1, Epoch: 1}},
		{ID: "d", Place: gate.Place{Ahead: "c", AheadEpoch: 1, Epoch: 2, Active: true}},
	}}, nil, time.Unix(1, 0))
	if diff := cmp.Diff([]gozer.AlternativePlace{alternatives[3]}, s.queue.Status.Alternatives); diff != "" {
		t.Errorf("alternatives (-want +got):\n%s", diff)
	}
}
