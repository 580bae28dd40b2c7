package changequeue

import (
	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/model"
)

// reporters of a result. Conflicts and errors of the configuration are failures
// to a pipeline that says nothing of them.
func reporters(p *gozer.Pipeline, result model.ItemResult) []gozer.ReportAction {
	r := p.Spec.Reporters
	if disabled(p) {
		if result == model.ItemDequeued {
			return nil
		}
		return r.Disabled
	}
	switch result {
	case model.ItemSuccess:
		return r.Success
	case model.ItemMergeConflict:
		return orElse(r.MergeConflict, r.Failure)
	case model.ItemConfigError:
		return orElse(r.ConfigError, r.Failure)
	case model.ItemNoJobs:
		return r.NoJobs
	case model.ItemDequeued:
		return r.Dequeue
	}
	return r.Failure
}

func orElse(actions, otherwise []gozer.ReportAction) []gozer.ReportAction {
	if len(actions) > 0 {
		return actions
	}
	return otherwise
}

// beginnings are the reporters of what is told before there is a result; a
// disabled pipeline has none.
func beginnings(p *gozer.Pipeline) (enqueue, start []gozer.ReportAction) {
	if disabled(p) {
		return nil, nil
	}
	return p.Spec.Reporters.Enqueue, p.Spec.Reporters.Start
}
