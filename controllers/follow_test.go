package controllers_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// family opens three changes, each of which needs the one before, with a review for the last two.
func (w *world) family() []model.Change {
	a := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	b := w.host.Open("acme/web", 2, "B", "Depends-On: "+a.URL, map[string]string{"b": "1"})
	c := w.host.Open("acme/api", 3, "C", "Depends-On: "+b.URL, map[string]string{"c": "1"})
	w.host.Open("acme/api", 4, "not reviewed", "Depends-On: "+a.URL, map[string]string{"d": "1"})
	w.host.Approve("acme/web", 2)
	w.host.Approve("acme/api", 3)
	return []model.Change{a, b, c}
}

var familyMerged = []string{"acme/api#1 SUCCESS", "acme/web#2 SUCCESS", "acme/api#3 SUCCESS"}

// TestFollowers: what needs a change comes in behind it without an event of its
// own, and what enters no pipeline is told nothing.
func TestFollowers(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	family := w.family()
	w.approve(family[0])
	w.eventually("they are in the queue", func() string {
		return cmp.Diff([]string{"acme/api#1", "acme/web#2", "acme/api#3"}, w.itemResults("gate"))
	})
	// Its own event finds it there.
	w.approve(family[1])
	w.eventSays("ev-2", "gate", "it is in the pipeline already")
	w.say(success)
	w.eventually("all merge", func() string { return cmp.Diff(familyMerged, w.itemResults("gate")) })
	if got := w.host.Comments("acme/api", 4); len(got) != 0 {
		t.Errorf("the change that stays out was told %q", got)
	}
}

// TestFollowersAfterACrash: the process dies after each of the writes of which
// the queue is made, and everything that is to be in it is in it.
func TestFollowersAfterACrash(t *testing.T) {
	for after := int64(1); after <= 5; after++ {
		w := newWorld(t)
		w.start()
		w.loaded()
		w.settled()
		w.dieAfter.Store(w.writes.Load() + after)
		w.approve(w.family()[0])
		<-w.ended
		w.ended = nil
		w.dieAfter.Store(0)
		w.start()
		w.eventually("all merge", func() string { return cmp.Diff(familyMerged, w.itemResults("gate")) })
		w.halt()
	}
}

// TestFollowersCannotBeSearched: the change enters all the same; the search is
// tried again, and when that lasts the event says so.
func TestFollowersCannotBeSearched(t *testing.T) {
	w := newWorld(t)
	away := func(call string) error {
		if call == "Needing" {
			return errors.New("search is switched off")
		}
		return nil
	}
	w.host.OnCall(away)
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	family := w.family()
	w.approve(family[0])
	w.eventually("it is in the queue", func() string { return cmp.Diff([]string{"acme/api#1"}, w.itemResults("gate")) })
	w.host.OnCall(nil)
	w.eventually("the others follow", func() string {
		return cmp.Diff([]string{"acme/api#1", "acme/web#2", "acme/api#3"}, w.itemResults("gate"))
	})
	w.host.OnCall(away)
	late := w.host.Open("acme/web", 9, "late", "", map[string]string{"z": "1"})
	w.host.Approve("acme/web", 9)
	w.eventAt(time.Now().Add(-2*time.Minute), model.TriggerEvent{Event: "pull_request_review", Action: "submitted", State: "approved", Project: "acme/web", Number: 9, Patchset: late.Patchset, Branch: "main"})
	w.eventSays("ev-2", "gate", "they need an event of their own: search is switched off")
}
