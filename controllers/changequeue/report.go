package changequeue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// report tells the code host the result and records that it was told.
func (r *Reconciler) report(ctx context.Context, s *scope, i *item, a gate.Action) error {
	actions := s.pipeline.Spec.Reporters.Failure
	switch a.Result {
	case model.ItemSuccess:
		actions = s.pipeline.Spec.Reporters.Success
	case model.ItemDequeued:
		actions = nil
		if i.Status.StartReported > 0 {
			actions = s.pipeline.Spec.Reporters.Dequeue
		}
	case model.ItemNoJobs:
		if s.queue.Spec.Manager != gozer.ManagerDependent {
			actions = nil // nothing was to be done, so there is nothing to say
		}
	}
	if err := r.tell(ctx, s, i, actions, a); err != nil {
		return err
	}
	story := string(a.Result)
	if a.Result != model.ItemSuccess && a.Why != "" {
		story += ": " + a.Why
	}
	i.told(r.Now(), a, story)
	r.forget(s, i)
	kind := corev1.EventTypeNormal
	if a.Result != model.ItemSuccess && a.Result != model.ItemDequeued {
		kind = corev1.EventTypeWarning
	}
	r.Recorder.Eventf(i.QueueItem, kind, string(a.Result), "%s: %s", i.name(), report.Description(report.Item{Result: a.Result, Reason: i.Status.Reason, Merges: i.Status.Merged != nil}))
	return nil
}

// told records that nothing is left to say about the item.
func (i *item) told(now time.Time, a gate.Action, story string) {
	reason := a.Why
	if a.Result == model.ItemSuccess {
		reason = ""
	}
	i.finish(now, a.Result, reason)
	i.Status.Reported = convert.MicroTime(now)
	i.decide(now, "Reported", story)
}

// tell reports to every change of the item: a cycle fails or merges as one.
func (r *Reconciler) tell(ctx context.Context, s *scope, i *item, actions []gozer.ReportAction, a gate.Action) error {
	// A merged change got its status before it was merged.
	if i.Status.Merged == nil {
		if err := r.statuses(ctx, s, i, actions, a.Result, a.Why); err != nil {
			return err
		}
	}
	for _, ref := range i.Spec.Changes {
		n := slices.IndexFunc(actions, func(x gozer.ReportAction) bool { return x.Connection == ref.Project.Connection })
		if n < 0 || !actions[n].Comment || ref.Number == 0 {
			continue
		}
		host, err := r.Hosts.Host(ctx, ref.Project.Connection)
		if err != nil {
			return err
		}
		text, err := r.words(ctx, s, i, ref, a)
		if err != nil {
			return err
		}
		// A change, or a repository, that is gone cannot be told anything: its item must not block the queue.
		if err := host.Comment(ctx, convert.Change(ref), report.Marker(text.BuildSet, a.Result), report.Comment(text)); err != nil && !errors.Is(err, drivers.ErrNotFound) {
			return err
		}
	}
	return nil
}

// words gathers what a report says.
func (r *Reconciler) words(ctx context.Context, s *scope, i *item, ref gozer.ChangeRef, a gate.Action) (report.Item, error) {
	m := s.pipeline.Spec.Messages
	text := report.Item{
		Tenant: s.tenant, Pipeline: s.queue.Spec.Pipeline, Merges: s.queue.Spec.Manager == gozer.ManagerDependent,
		Change: convert.Change(ref), Result: a.Result, Reason: a.Why, BuildSet: i.Name,
		Recheck:  match.Triggered(convert.Triggers(s.pipeline.Spec.Triggers), match.Recheck(convert.Change(ref))),
		Messages: report.Messages{Success: m.Success, Failure: m.Failure, MergeConflict: m.MergeConflict, Footer: m.Footer},
	}
	if i.Status.Merge != nil {
		text.Details = details(i.Status.Merge)
		text.Base = baseOf(i, ref)
	}
	if i.buildSet == nil || a.Result == model.ItemDequeued {
		return text, nil
	}
	for _, step := range i.buildSet.Spec.Steps {
		if step.Change != ref {
			text.Ahead = append(text.Ahead, convert.ChangeName(step.Change))
		}
	}
	var builds gozer.BuildList
	if err := r.List(ctx, &builds, client.InNamespace(i.Namespace), client.MatchingLabels{gozer.LabelBuildSet: i.buildSet.Name}); err != nil {
		return text, err
	}
	for _, job := range i.buildSet.Spec.Jobs {
		n := slices.IndexFunc(builds.Items, func(b gozer.Build) bool { return b.Name == job.Build })
		if n >= 0 {
			text.Builds = append(text.Builds, row(&builds.Items[n], i.buildSet, job.Name))
		}
	}
	return text, nil
}

func row(b *gozer.Build, set *gozer.BuildSet, job string) report.Build {
	out := report.Build{
		Job: job, Result: model.BuildResult(b.Status.Result), Voting: b.Spec.Job.Voting,
		LogURL: b.Status.LogURL, FirstFailure: b.Status.FirstFailure, Reason: b.Status.Reason,
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

// details quotes configuration errors, or says what conflicts.
func details(m *gozer.ItemMerge) string {
	if len(m.ConfigErrors) == 0 {
		if m.Problem != "" {
			return m.Message
		}
		return ""
	}
	var b strings.Builder
	for _, e := range m.ConfigErrors {
		// Indented, not fenced: a stranger's text cannot end an indented block.
		for _, line := range strings.Split(e.Message, "\n") {
			b.WriteString("    " + line + "\n")
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// baseOf names the commit of the item's own branch on which everything was merged.
func baseOf(i *item, ref gozer.ChangeRef) string {
	for _, st := range i.Status.Merge.States {
		if st.Project == ref.Project && st.Branch == ref.Branch {
			return st.Project.Name + "@" + model.ShortCommit(st.Base)
		}
	}
	return ""
}

// statuses sets the commit statuses that the actions ask for, on all changes of the item.
func (r *Reconciler) statuses(ctx context.Context, s *scope, i *item, actions []gozer.ReportAction, result model.ItemResult, why string) error {
	text := report.Item{Result: result, Reason: why, Merges: s.queue.Spec.Manager == gozer.ManagerDependent}
	for _, ref := range i.Spec.Changes {
		for _, a := range actions {
			if a.Connection != ref.Project.Connection || a.Status == "" {
				continue
			}
			host, err := r.Hosts.Host(ctx, ref.Project.Connection)
			if err != nil {
				return err
			}
			err = host.SetStatus(ctx, convert.Change(ref), drivers.Status{
				Context: report.Context(s.tenant, s.queue.Spec.Pipeline), State: a.Status,
				Description: report.Description(text), URL: r.statusURL(i),
			})
			if err != nil && !errors.Is(err, drivers.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// statusURL is where a person reads more about an item.
func (r *Reconciler) statusURL(i *item) string {
	if r.WebURL == "" || i.buildSet == nil || len(i.buildSet.Spec.Jobs) == 0 {
		return ""
	}
	return fmt.Sprintf("%s/t/%s/build/%s", r.WebURL, i.Namespace, i.buildSet.Spec.Jobs[0].Build)
}

// reportStarts tells once that jobs of an item run. It is a courtesy: a host
// that cannot be reached does not hold anything up.
func (r *Reconciler) reportStarts(ctx context.Context, s *scope) {
	for _, name := range s.order {
		i := s.items[name]
		if !i.Spec.Live || i.Status.StartReported > 0 || i.Status.Result != "" || i.buildSet == nil {
			continue
		}
		if err := r.sayStarted(ctx, s, i); err != nil {
			logf.FromContext(ctx).Info("The start could not be reported", "item", name, "reason", err.Error())
			s.again = retryHost
			continue
		}
		i.Status.StartReported = i.buildSet.Spec.Epoch
		i.decide(r.Now(), "Started", jobsRun(i.buildSet.Spec.Jobs))
	}
}

// sayStarted sets the status, and comments when the pipeline asks for it.
func (r *Reconciler) sayStarted(ctx context.Context, s *scope, i *item) error {
	actions := s.pipeline.Spec.Reporters.Start
	if err := r.statuses(ctx, s, i, actions, model.ItemUndecided, ""); err != nil {
		return err
	}
	for _, ref := range i.Spec.Changes {
		if !slices.ContainsFunc(actions, func(a gozer.ReportAction) bool { return a.Connection == ref.Project.Connection && a.Comment }) || ref.Number == 0 {
			continue
		}
		host, err := r.Hosts.Host(ctx, ref.Project.Connection)
		if err != nil {
			return err
		}
		err = host.Comment(ctx, convert.Change(ref), report.Marker(i.Name, model.ItemUndecided),
			report.Start(s.pipeline.Spec.Messages.Start, s.queue.Spec.Pipeline, r.statusURL(i), i.Name))
		if err != nil && !errors.Is(err, drivers.ErrNotFound) {
			return err
		}
	}
	return nil
}

// jobsRun names the jobs that a buildset runs.
func jobsRun(jobs []gozer.BuildSetJob) string {
	var names []string
	for _, j := range jobs {
		names = append(names, j.Name)
	}
	return "jobs: " + strings.Join(names, ", ")
}
