package changequeue

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// about is what every report of an item has.
func (r *Reconciler) about(s *scope, i *item, ref gozer.ChangeRef) report.Item {
	m := s.pipeline.Spec.Messages
	text := report.Item{
		Tenant: s.tenant, Pipeline: s.queue.Spec.Pipeline, Merges: s.queue.Spec.Manager == gozer.ManagerDependent,
		Change: convert.Change(ref), BuildSet: i.Name, URL: r.statusURL(i),
		Messages: report.Messages{Enqueue: m.Enqueue, Start: m.Start, Success: m.Success, Failure: m.Failure,
			MergeConflict: m.MergeConflict, NoJobs: m.NoJobs, Dequeue: m.Dequeue, Footer: m.Footer},
	}
	for _, c := range i.Spec.Changes {
		text.Changes = append(text.Changes, convert.Change(c))
	}
	return text
}

// words gathers what the report of a result says.
func (r *Reconciler) words(ctx context.Context, s *scope, i *item, ref gozer.ChangeRef, a gate.Action) (report.Item, error) {
	text := r.about(s, i, ref)
	text.Result, text.Reason = a.Result, a.Why
	text.RescuedBy, text.Rescued = s.rescuedBy(i), s.rescued(i)
	text.Recheck = match.Triggered(convert.Triggers(s.pipeline.Spec.Triggers), match.Recheck(convert.Change(ref)))
	if m := i.Status.Merge; m != nil {
		text.Base = baseOf(i, ref)
		problemOf(&text, m)
	}
	if a.Result == model.ItemFailure {
		text.Cause, text.Needed = s.gone(i)
		if i.Annotations[gozer.AnnotationLost] != "" {
			text.Cause = report.LostRequirement
		}
	}
	if i.buildSet == nil || text.Cause != "" {
		return text, nil
	}
	for _, step := range i.buildSet.Spec.Steps {
		if step.Change != ref {
			text.Ahead = append(text.Ahead, convert.ChangeName(step.Change))
		}
	}
	var err error
	text.Builds, err = r.rows(ctx, i, a.Result == model.ItemDequeued)
	return text, err
}

// problemOf tells what kept the state from being tested.
func problemOf(text *report.Item, m *gozer.ItemMerge) {
	for _, e := range m.ConfigErrors {
		text.ConfigErrors = append(text.ConfigErrors, report.ConfigError{Project: e.Project, Branch: e.Branch, Text: e.Message})
	}
	if m.Problem == "" || m.Problem != string(text.Result) {
		return
	}
	switch {
	case text.Result == model.ItemMergeConflict:
		text.Details = m.Message
	case text.Result == model.ItemMergeFailure:
		text.Cause = report.NotPrepared
	case m.NeedsConfig:
		text.Cause = report.NeedsConfigProject
	}
}

// gone tells which of the changes that an item needs will not merge.
func (s *scope) gone(i *item) (cause report.Cause, urls []string) {
	for _, name := range i.Spec.Needs {
		need := s.items[name]
		if need == nil {
			cause = report.NeedsGone // somebody deleted it
			continue
		}
		if e := s.entry(name); need.Status.Merged != nil || slices.Contains(s.order, name) && (need.Spec.Live || !need.broken(e)) {
			continue
		}
		if cause == "" {
			cause = report.NeedsGone
		}
		if m := need.Status.Merge; m != nil && m.Problem == string(model.ItemConfigError) {
			cause = report.NeedsInvalid
		}
		for _, c := range need.Spec.Changes {
			urls = append(urls, c.URL)
		}
	}
	return cause, urls
}

// broken says whether an item that runs no jobs cannot be stood on.
func (i *item) broken(e gozer.QueueEntry) bool {
	return e.Halted || i.facts(e.Epoch).Problem != model.ItemUndecided || i.Annotations[gozer.AnnotationDequeue] != ""
}

// rows are the item's builds in the order of the configuration, on request only
// those that are decided.
func (r *Reconciler) rows(ctx context.Context, i *item, decided bool) (out []report.Build, err error) {
	var builds gozer.BuildList
	if err := r.List(ctx, &builds, client.InNamespace(i.Namespace), client.MatchingLabels{gozer.LabelItem: i.Name}); err != nil {
		return nil, err
	}
	for _, job := range i.buildSet.Spec.Jobs {
		n := slices.IndexFunc(builds.Items, func(b gozer.Build) bool { return b.Name == job.Build })
		if n < 0 {
			continue
		}
		if x := row(&builds.Items[n], i.buildSet, job.Name); !decided || x.Result != model.Undetermined {
			out = append(out, x)
		}
	}
	return out, nil
}

func row(b *gozer.Build, set *gozer.BuildSet, job string) report.Build {
	out := report.Build{
		Job: job, Result: model.BuildResult(b.Status.Result), Voting: b.Spec.Job.Voting,
		SuccessMessage: b.Spec.Job.SuccessMessage, FailureMessage: b.Spec.Job.FailureMessage,
		Failures: b.Status.Failures, LogURL: b.Status.LogURL, FirstFailure: b.Status.FirstFailure, Reason: b.Status.Reason,
	}
	if b.Status.Returned != nil {
		out.Warnings = b.Status.Returned.Warnings
		for _, c := range b.Status.Returned.FileComments {
			out.FileComments = append(out.FileComments, report.FileComment(c))
		}
	}
	if out.Result == model.Undetermined {
		for _, j := range set.Status.Jobs {
			if j.Name == job {
				out.Result, out.Reason = model.BuildResult(j.Result), j.Reason
			}
		}
	}
	if b.Status.StartedAt != nil && b.Status.CompletedAt != nil {
		out.Duration = b.Status.CompletedAt.Sub(b.Status.StartedAt.Time)
	}
	return out
}

// baseOf names the commit of a change's branch on which everything was merged.
func baseOf(i *item, ref gozer.ChangeRef) string {
	for _, st := range i.Status.Merge.States {
		if st.Project == ref.Project && st.Branch == ref.Branch {
			return st.Project.Name + "@" + model.ShortCommit(st.Base)
		}
	}
	return ""
}
