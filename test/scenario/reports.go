package scenario

import (
	"slices"
	"strings"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

func messages(p gozer.PipelineSpec) report.Messages {
	m := p.Messages
	return report.Messages{Start: m.Start, Success: m.Success, Failure: m.Failure, MergeConflict: m.MergeConflict, NoJobs: m.NoJobs,
		Dequeue: m.Dequeue, Footer: m.Footer}
}

// report tells the hosts an item's result and records that they were told.
func (w *world) report(v *view, i *item, a gate.Action) {
	actions := occasion(v.spec.Reporters, a.Result, i.started)
	if i.reported {
		w.violation("%s is reported a second time", i.name)
	}
	for _, c := range i.changes {
		text := report.Item{
			Changes: i.changes, Pipeline: v.pipeline, Merges: v.manager == gozer.ManagerDependent, Change: c, Result: a.Result, Reason: a.Why,
			BuildSet: i.name, Messages: messages(v.spec),
		}
		if by := w.store.items[i.rescuedBy]; by != nil {
			text.RescuedBy = by.title()
		}
		for _, o := range w.store.itemList {
			if o.rescuedBy == i.name {
				text.Rescued = append(text.Rescued, o.title())
			}
		}
		if i.merge != nil {
			text.Details = i.merge.details
		}
		if a.Result == model.ItemFailure {
			text.Cause, text.Needed = w.gone(v, i)
			if i.lost != "" {
				text.Cause = report.LostRequirement
			}
		}
		if text.Cause == "" {
			text.Builds = w.rows(i, a.Result == model.ItemDequeued)
		}
		w.checkTold(text)
		w.comment(c, actions, text)
	}
	i.result, i.reported = a.Result, true
	if i.reason = a.Why; a.Result == model.ItemSuccess {
		i.reason = ""
	}
	delete(w.refusals, setName(i.name, v.entry(i.name).Epoch))
	w.say("%s: %s is %s", v.pipeline, i.title(), outcome(i))
	w.wrote()
}

// occasion are the reporters of a result.
func occasion(r gozer.Reporters, result model.ItemResult, started bool) []gozer.ReportAction {
	switch result {
	case model.ItemSuccess:
		return r.Success
	case model.ItemDequeued:
		if started {
			return r.Dequeue
		}
		return nil
	case model.ItemNoJobs:
		return r.NoJobs
	case model.ItemMergeConflict:
		if len(r.MergeConflict) > 0 {
			return r.MergeConflict
		}
	case model.ItemConfigError:
		if len(r.ConfigError) > 0 {
			return r.ConfigError
		}
	}
	return r.Failure
}

func outcome(i *item) string {
	if i.reason == "" {
		return string(i.result)
	}
	return string(i.result) + ": " + strings.ReplaceAll(i.reason, "\n", " / ")
}

// gone tells which of the changes that an item needs will not merge.
func (w *world) gone(v *view, i *item) (cause report.Cause, urls []string) {
	for _, name := range i.needs {
		need := w.store.items[name]
		if need.merged || slices.Contains(v.order, name) && (need.live || !w.broken(v, need)) {
			continue
		}
		if cause == "" {
			cause = report.NeedsGone
		}
		if need.merge != nil && need.merge.problem == model.ItemConfigError {
			cause = report.NeedsInvalid
		}
		for _, c := range need.changes {
			urls = append(urls, c.URL)
		}
	}
	return cause, urls
}

// broken says whether an item that runs no jobs cannot be stood on.
func (w *world) broken(v *view, i *item) bool {
	e := v.entry(i.name)
	return e.Halted || w.facts(i, e.Epoch).Problem != model.ItemUndecided || i.dequeue != ""
}

// rows are the builds of an item's last buildset, on request only those that are decided.
func (w *world) rows(i *item, decided bool) []report.Build {
	if i.merge == nil || w.store.sets[i.merge.set] == nil {
		return nil
	}
	set := w.store.sets[i.merge.set]
	var out []report.Build
	for n, j := range set.jobs {
		b := w.store.builds[j.build]
		row := report.Build{Job: j.key, Result: b.result, Voting: b.voting, Reason: b.reason, Failures: b.failures}
		if row.Result == model.Undetermined && n < len(set.states) {
			row.Result, row.Reason = set.states[n].Result, set.states[n].Reason
		}
		if !decided || row.Result != model.Undetermined {
			out = append(out, row)
		}
	}
	return out
}

// comment tells one change, once.
func (w *world) comment(c model.Change, actions []gozer.ReportAction, text report.Item) {
	n := slices.IndexFunc(actions, func(a gozer.ReportAction) bool { return a.Connection == c.Project.Connection })
	if n < 0 || !actions[n].Comment || c.Number == 0 {
		return
	}
	w.post(c, report.Marker(text.BuildSet, text.Result), report.Comment(text))
}

func (w *world) post(c model.Change, marker, text string) {
	key := changeName(c) + " " + marker
	if w.host.told[key] {
		return
	}
	w.host.told[key] = true
	w.host.comments[changeName(c)] = append(w.host.comments[changeName(c)], text)
	w.say("comment on %s: %s", changeName(c), gist(text))
	w.wrote()
}

// gist is a comment without what stories do not need: the marker, the table's
// frame, what to do next, empty lines.
func gist(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", strings.HasPrefix(line, "<!--"), strings.HasPrefix(line, "|---"), strings.HasPrefix(line, "| job"),
			strings.HasPrefix(line, "Push a fix"), strings.HasPrefix(line, "This change was taken out of the queue."):
			continue
		case strings.HasPrefix(line, "| "):
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			line = strings.Join(strings.Fields(strings.Join(cells, " ")), " ")
			line = strings.NewReplacer("**", "", "|", "").Replace(line)
		}
		out = append(out, strings.TrimSpace(line))
	}
	return strings.Join(out, " / ")
}

// sayStarts tells once that jobs of an item run.
func (w *world) sayStarts(v *view) {
	for _, name := range v.order {
		i := v.items[name]
		if !i.live || i.started || i.result != "" || i.merge == nil || w.store.sets[i.merge.set] == nil {
			continue
		}
		for _, c := range i.changes {
			if slices.ContainsFunc(v.spec.Reporters.Start, func(a gozer.ReportAction) bool { return a.Connection == c.Project.Connection && a.Comment }) && c.Number != 0 {
				w.post(c, report.Marker(i.name, model.ItemUndecided), report.Start(report.Item{Pipeline: v.pipeline, Change: c, BuildSet: i.name, Messages: messages(v.spec)}))
			}
		}
		i.started = true
		w.wrote()
	}
}
