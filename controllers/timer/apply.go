package timer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/timer"
)

// writers of events at once.
const writers = 8

// store makes ticks durable.
func (r *Reconciler) store(ctx context.Context, s *scope, ticks []timer.Tick) error {
	postReview := map[string]bool{}
	for _, p := range s.pipelines {
		postReview[p.Name] = p.Spec.PostReview
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	stored := 0
	for _, t := range ticks {
		if s.idle(t.Timer.Pipeline, postReview[t.Timer.Pipeline], t.Branch) {
			continue
		}
		// One after the other, so that what comes at the same moment keeps its order.
		e := convert.TriggerEventObject(r.Namespace, s.event(t, s.now.Add(time.Duration(stored)*time.Microsecond)), "")
		stored++
		group.Go(func() error {
			err := patch.Create(ctx, r.Client, e)
			if apierrors.IsInvalid(err) {
				// One branch, with a name that no event can have, must not keep the others out.
				logf.FromContext(ctx).Error(err, "Branch left out", "pipeline", e.Spec.Pipeline, "project", e.Spec.Project, "branch", e.Spec.Branch)
				return nil
			}
			return err
		})
	}
	err := group.Wait()
	if stored > 0 && err == nil {
		logf.FromContext(ctx).Info("Timers came", "tenant", s.tenant.Namespace, "events", stored)
	}
	return err
}

// event of a tick: the branch as it is now.
func (s *scope) event(t timer.Tick, received time.Time) model.TriggerEvent {
	p, head := s.projects[t.Branch.Project], s.heads[branch{t.Branch.Project, t.Branch.Name}]
	e := model.TriggerEvent{
		Name: naming.Tick(s.tenant.Namespace, t.Timer.Pipeline, p, t.Branch.Name, t.At), Connection: p.Connection, Event: model.Timer,
		Project: p.Name, Branch: t.Branch.Name, Ref: "refs/heads/" + t.Branch.Name, NewRev: head,
		Tenant: s.tenant.Namespace, Pipeline: t.Timer.Pipeline, Time: t.Timer.Time, Tick: t.At, ReceivedAt: received,
	}
	if t.Timer.Dereference {
		e.Patchset = head
	}
	return e
}

// lag of the status behind what was stored: branches that come one after the
// other, and times that come every few seconds, do not cost a write each. What
// was stored within the lag is stored again by a process that begins anew, and
// is there already.
const lag = time.Minute

// note writes up to when the times of the pipelines are done with.
func (r *Reconciler) note(ctx context.Context, s *scope) error {
	done := map[key]time.Time{}
	var failed []error
	for n := range s.pipelines {
		p := &s.pipelines[n]
		before := p.DeepCopy()
		p.Status.Timers = nil
		for _, t := range s.timers {
			if t.Pipeline == p.Name {
				done[key{p.UID, t.Time}] = s.now
				p.Status.Timers = append(p.Status.Timers, noted(before, t, s.now))
			}
		}
		slices.SortStableFunc(p.Status.Timers, func(a, b gozer.PipelineTimer) int {
			return cmp.Or(a.Next.Compare(b.Next.Time), cmp.Compare(a.Time, b.Time))
		})
		_, err := patch.Status(ctx, r.Client, p, before, patch.Lock)
		failed = append(failed, client.IgnoreNotFound(err))
	}
	if r.done == nil {
		r.done = map[types.UID]map[key]time.Time{}
	}
	r.done[s.tenant.UID] = done
	return errors.Join(failed...)
}

// noted is what the status should say of a time: what it says, as long as
// nothing came since, or not for long.
func noted(before *gozer.Pipeline, t timer.Timer, now time.Time) gozer.PipelineTimer {
	old, ok := notedFor(before, t.Time)
	came := !t.Schedule.Next(old.Until.Add(-t.Schedule.Jitter)).After(now)
	if ok && !old.Until.After(now) && (!came || now.Sub(old.Until.Time) < lag) {
		return old
	}
	now = now.Truncate(time.Second)
	return gozer.PipelineTimer{Time: t.Time, Until: metav1.NewTime(now), Next: metav1.NewTime(t.Schedule.Next(now))}
}
