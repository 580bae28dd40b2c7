package changequeue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
)

// adopt takes over what the structural actions made of the queue.
func (s *scope) adopt(next gate.Queue, actions []gate.Action, now time.Time) {
	for _, a := range actions {
		s.note(a, now)
	}
	entries := make([]gozer.QueueEntry, 0, len(next.Items))
	s.order = s.order[:0]
	for n := range next.Items {
		g := &next.Items[n]
		old := s.entry(g.ID)
		e := gozer.QueueEntry{
			Item: g.ID, Ahead: g.Ahead, AheadEpoch: int32(g.AheadEpoch), Epoch: int32(g.Epoch),
			Promoted: s.items[g.ID].Annotations[gozer.AnnotationPromote], Active: g.Active, Halted: g.Halted, Rescuer: g.Rescuer, GivenUp: g.GivenUp,
			Urgent: old.Urgent, Why: convert.Cut(g.Why, 1000), Since: old.Since,
		}
		if s.expedited[g.ID] != "" {
			e.Urgent = s.items[g.ID].Annotations[gozer.AnnotationUrgent]
		}
		if old.Ahead != e.Ahead {
			// It was asked about for the sake of the one that has merged.
			delete(s.hosts, g.ID)
		}
		if old.Epoch != e.Epoch || e.Since == nil {
			e.Since = convert.MicroTime(now)
			delete(s.hosts, g.ID)
		}
		entries = append(entries, e)
		s.order = append(s.order, g.ID)
	}
	if len(entries) > 0 {
		// A window has its size from the first item on; an empty queue says nothing.
		s.queue.Status.WindowSet = true
	}
	s.queue.Status.Items = entries
	s.dropAlternatives()
	s.queue.Status.Length = int32(len(entries))
	s.queue.Status.Window = int32(next.Window.Size)
	for _, e := range entries {
		s.tellPlace(e)
	}
}

// alternatives notes where items stand if failed builds that are run again fail for good.
func (s *scope) alternatives() {
	before := s.queue.Status.Alternatives
	s.queue.Status.Alternatives = nil
	if !s.pipeline.Spec.RetryBothOutcomes {
		return
	}
	for _, a := range gate.Alternatives(s.snapshot()) {
		place := gozer.AlternativePlace{Item: a.Item, Ahead: a.Ahead, AheadEpoch: int32(a.AheadEpoch), Epoch: int32(a.Epoch)}
		if n := slices.IndexFunc(before, func(b gozer.AlternativePlace) bool { return b.Item == a.Item }); n >= 0 && s.standsOnMerged(before[n], place) {
			place = before[n]
		}
		s.queue.Status.Alternatives = append(s.queue.Status.Alternatives, place)
	}
}

// dropAlternatives forgets what has come, or cannot come any more. The places may
// be stored before it is known what the new ones are.
func (s *scope) dropAlternatives() {
	s.queue.Status.Alternatives = slices.DeleteFunc(slices.Clone(s.queue.Status.Alternatives), func(a gozer.AlternativePlace) bool {
		e := s.entry(a.Item)
		return e.Epoch == 0 || e.Epoch >= a.Epoch || !e.Active
	})
}

// standsOnMerged says whether an alternative that is being tested stands on what
// is the branch by now: then it stays, as an item does whose item ahead merged.
func (s *scope) standsOnMerged(was, now gozer.AlternativePlace) bool {
	ahead := s.items[was.Ahead]
	return now.Ahead == "" && was.Epoch == now.Epoch && ahead != nil && ahead.Status.Merged != nil &&
		s.sets[naming.Alternative(was.Item, s.entry(was.Item).Epoch, was.Ahead, was.AheadEpoch)] != nil
}

// tellPlace writes into the story of an item what it is to be tested on, and
// why. It follows from the item's entry in the queue, so that it may be stored
// later than that.
func (s *scope) tellPlace(e gozer.QueueEntry) {
	i := s.items[e.Item]
	if e.Epoch == 0 || e.Since == nil || e.Halted || slices.ContainsFunc(i.Status.Decisions, func(d gozer.Decision) bool { return !d.Time.Time.Before(e.Since.Time) }) {
		return
	}
	if e.Epoch == 1 {
		i.decide(e.Since.Time, decisionEnqueued, fmt.Sprintf("entered %s (%s); to be tested on %s", s.queue.Spec.Pipeline, i.Spec.Reason, s.base(e)))
		return
	}
	i.decide(e.Since.Time, decisionReset, fmt.Sprintf("to be tested on %s: %s", s.base(e), e.Why))
}

// What the story says of an item's place, and of what its host could not be told.
const (
	decisionEnqueued = "Enqueued"
	decisionReset    = "Reset"
	decisionNotTold  = "NotTold"
)

// note writes an action into the story of its item, and counts it.
func (s *scope) note(a gate.Action, now time.Time) {
	i := s.items[a.Item]
	// What attaches to the branch, leaves, or resizes the window can be decided again.
	s.pressing = s.pressing || !a.Kind.Outside() && a.Kind != gate.Attach && a.Kind != gate.Remove && a.Kind != gate.Resize
	switch a.Kind {
	case gate.Reset:
		s.queue.Status.Resets++
	case gate.Halt:
		i.decide(now, "Halted", a.Why)
	case gate.Rescue:
		i.decide(now, "Rescued", a.Why)
	case gate.GiveUp:
		i.decide(now, "GivenUp", a.Why)
	case gate.Remove:
		if a.Result == model.ItemSuccess && i.Status.Merged != nil {
			s.queue.Status.Merged++
		}
		if i.Status.Result == "" {
			i.finish(now, a.Result, a.Why)
		}
	}
}

// base names what an item stands on, for people: the changes ahead in merge order, or the branch.
func (s *scope) base(e gozer.QueueEntry) string {
	var names []string
	for e.Ahead != "" && s.items[e.Ahead] != nil && len(names) < maxNamed {
		names = append(names, s.items[e.Ahead].name())
		e = s.entry(e.Ahead)
	}
	if len(names) == 0 {
		return "the branch"
	}
	slices.Reverse(names)
	return strings.Join(names, ", ")
}

// maxNamed bounds how many changes one message names.
const maxNamed = 10

const maxDecisions = 50

// decide appends to the item's story; the beginning is kept when it grows too long.
func (i *item) decide(now time.Time, action, message string) {
	d := gozer.Decision{Time: metav1.NewMicroTime(now), Action: action, Message: convert.Cut(message, 1000)}
	list := append([]gozer.Decision(nil), i.Status.Decisions...)
	if n := len(list); n > 0 && list[n-1].Action == action && list[n-1].Message == d.Message {
		return
	}
	if len(list) >= maxDecisions {
		list = slices.Delete(list, maxDecisions/2, maxDecisions/2+1)
	}
	list = append(list, d)
	i.Status.Decisions = list
}

// note is decide for what may be found again and again: it is told once.
func (i *item) note(now time.Time, action, message string) {
	message = convert.Cut(message, 1000)
	if !slices.ContainsFunc(i.Status.Decisions, func(d gozer.Decision) bool { return d.Action == action && d.Message == message }) {
		i.decide(now, action, message)
	}
}

// finish writes the result of an item.
func (i *item) finish(now time.Time, result model.ItemResult, reason string) {
	i.Status.State = gozer.ItemDone
	i.Status.Result = string(result)
	i.Status.Reason = convert.Cut(reason, 4000)
	i.Status.CompletedAt = convert.MicroTime(now)
	if i.buildSet != nil {
		i.Status.Builds = i.buildSet.Status.Progress
	}
}
