package pipeline

import (
	"context"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/tell"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/match"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/report"
)

// tellRefusal tells a change why it may not enter, as a failure (Zuul reports
// changes that it does not enqueue in the same way): only the change that the
// event was about, and only where its project takes part. The event's name in
// the marker makes that it is told once.
func (r *Reconciler) tellRefusal(ctx context.Context, s *scope, p *gozer.Pipeline, c model.Change, ev model.TriggerEvent, why string) error {
	host, err := r.Hosts.Host(ctx, c.Project.Connection)
	if err != nil {
		return err
	}
	text := report.Item{
		Tenant: s.tenant.Namespace, Pipeline: p.Name, Merges: p.Spec.Manager == gozer.ManagerDependent, Change: c,
		Result: model.ItemFailure, Reason: why, BuildSet: ev.Name + "/" + p.Name,
		Recheck:  match.Triggered(convert.Triggers(p.Spec.Triggers), match.Recheck(c)),
		Messages: report.Messages{Failure: p.Spec.Messages.Failure, Footer: p.Spec.Messages.Footer},
	}
	for _, a := range p.Spec.Reporters.Failure {
		if a.Connection != c.Project.Connection {
			continue
		}
		// What the host lacks is said by the pipeline's condition.
		_, err = tell.Marks(ctx, host, c, a, tell.Mark{
			Status: drivers.Status{Context: report.Context(s.tenant.Namespace, p.Name), Description: report.Description(text)},
			Check:  drivers.Check{ID: text.BuildSet, StartedAt: ev.ReceivedAt, EndedAt: s.now},
			Words:  func() (report.Item, error) { return text, nil },
		})
		if err == nil && a.Comment {
			err = host.Comment(ctx, c, report.Marker(text.BuildSet, text.Result), report.Comment(text))
		}
		if _, no := tell.Refused("the comment", err); !no && !tell.Gone(err) {
			return err
		}
	}
	return nil
}
