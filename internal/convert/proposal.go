package convert

import (
	"fmt"

	"github.com/gozer-dev/gozer/internal/layout"
)

// NewRefusals are errors for the pipelines that a proposed configuration brings
// and this version cannot work as they are meant: merged, they would be taken
// away with everything in their queues. Those that were refused before for the
// same reason are not of the proposal's doing.
func NewRefusals(proposed, before *layout.Layout) []*layout.Error {
	was := map[string]string{}
	for _, p := range before.Pipelines() {
		_, was[p.Name], _ = PipelineSpec(p)
	}
	var out []*layout.Error
	for _, p := range proposed.Pipelines() {
		_, refused, _ := PipelineSpec(p)
		if refused == "" || refused == was[p.Name] {
			continue
		}
		out = append(out, proposed.PipelineError(p.Name,
			"leave it out, or keep the pipeline as it is: a pipeline that cannot be worked is taken away when this merges, and what is in it is dequeued",
			fmt.Sprintf("pipeline %s: %s", p.Name, refused)))
	}
	return out
}

// ErrorCount in words.
func ErrorCount(n int) string {
	if n == 1 {
		return "1 error"
	}
	return fmt.Sprintf("%d errors", n)
}

// ProposalErrors sums up what a change makes wrong; there is at least one error.
func ProposalErrors(errs []*layout.Error) string {
	return fmt.Sprintf("%s in the proposed configuration; the first: %s: %s", ErrorCount(len(errs)), errs[0].Where(), errs[0].Message)
}
