package changequeue

import (
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// votes are the voting jobs of the item's state of an epoch, for the engine to
// see who may rescue whom. holds tells that those behind start nothing before it
// has merged: they cannot rescue anybody.
func (i *item) votes(epoch int32) (votes []gate.Vote, holds bool) {
	b := i.buildSet
	if b == nil || b.Spec.Epoch != epoch {
		return nil, false
	}
	known := make(map[string]gozer.JobStatus, len(b.Status.Jobs))
	for _, j := range b.Status.Jobs {
		known[j.Name] = j
	}
	for _, j := range b.Spec.Jobs {
		st := known[j.Name]
		result := model.BuildResult(st.Result)
		holds = holds || j.HoldFollowing && result != model.Undetermined && result != model.Success
		if v, counts := gate.VerdictOf(result, st.Reason); counts && j.Voting {
			job, of := convert.JobOf(j.Name, i.Spec.Changes)
			votes = append(votes, gate.Vote{Job: job, Project: of.Project.Hostname + "/" + of.Project.Name + "@" + of.Branch, Verdict: v})
		}
	}
	return votes, holds
}

// rescuedBy names the change that rescued a merged item; empty if none did.
func (s *scope) rescuedBy(i *item) string {
	by := s.entry(i.Name).Rescuer
	if m := i.Status.Merged; m != nil {
		by = m.RescuedBy
	}
	if r := s.items[by]; r != nil {
		return r.name()
	}
	return by
}

// rescued names the changes that merged because this item passed what they failed in.
func (s *scope) rescued(i *item) []string {
	var out []*item
	for _, o := range s.items {
		if m := o.Status.Merged; m != nil && m.RescuedBy == i.Name {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *item) int { return a.Status.Merged.At.Compare(b.Status.Merged.At.Time) })
	var names []string
	for _, o := range out {
		names = append(names, o.name())
	}
	return names
}

// mayBeRescued says whether those behind an item still stand on it although it failed.
func (s *scope) mayBeRescued(i *item, e gozer.QueueEntry) bool {
	if !s.pipeline.Spec.Rescue || s.queue.Spec.Manager != gozer.ManagerDependent || e.GivenUp || e.Halted {
		return false
	}
	votes, holds := i.votes(e.Epoch)
	return !holds && slices.ContainsFunc(votes, func(v gate.Vote) bool { return v.Verdict == gate.Failed })
}
