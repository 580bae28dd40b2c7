package gate

import (
	"slices"

	"github.com/gozer-dev/gozer/internal/match"
)

// MayFollow says why a change that needs one which entered a pipeline is not
// brought into its queue; empty when Admit is to decide (Zuul: changes enqueued
// behind, FEATURES 3.2). Nobody is told: the change had no event of its own.
//
// Whoever can open a change can write that it needs another one. So a change
// follows only where somebody's consent is among the requirements: without that,
// the event is the consent, and the follower has none.
func MayFollow(r Rules, queue string, c Candidate) string {
	switch {
	case r.Manager != Dependent:
		return "changes are brought in behind others in dependent pipelines only"
	case !c.Takes:
		return "its project takes no part in " + r.Pipeline
	case c.Queue != queue:
		return "it is in another queue"
	case !slices.ContainsFunc(r.Require, func(q match.Requirement) bool {
		return q.Connection == c.Project.Connection && len(q.Reviews)+len(q.Labels) > 0
	}):
		return r.Pipeline + " requires neither a review nor a label"
	}
	return ""
}
