package pipeline

import (
	"context"
	"fmt"
	"slices"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/tell"
	"github.com/gozer-dev/gozer/internal/timer"
)

// inForce says whether all that starts a pipeline is acted on, and all that it
// reports is told. What is wrong in a config project is told there; a Pipeline
// that a person applied tells it here.
func (r *Reconciler) inForce(ctx context.Context, p *gozer.Pipeline) (reason, message string, ok bool) {
	for _, t := range p.Spec.Triggers {
		for _, text := range t.Times {
			if _, err := timer.Parse(text); err != nil {
				return "TimeNotUnderstood", fmt.Sprintf("the time %q is left out: %v", text, err), false
			}
		}
	}
	for _, a := range actions(p.Spec.Reporters) {
		host, err := r.Hosts.Host(ctx, a.Connection)
		if err != nil {
			continue // its Connection says why
		}
		if lacks := tell.Lacks(host, a); len(lacks) > 0 {
			return "NotReported", lacks[0] + ": what a reporter asks of it is left out", false
		}
	}
	return "InForce", "events are acted on", true
}

// actions of all occasions.
func actions(r gozer.Reporters) []gozer.ReportAction {
	return slices.Concat(r.Enqueue, r.Start, r.Success, r.Failure, r.MergeConflict, r.ConfigError, r.NoJobs, r.Dequeue, r.Disabled)
}
