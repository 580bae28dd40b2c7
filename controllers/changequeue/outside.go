package changequeue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/model"
)

// outside performs the outside actions of a plan. What was decided about the
// queue is stored first, so that cancelled builds do not wait for a slow host.
func (r *Reconciler) outside(ctx context.Context, s *scope, actions []gate.Action) error {
	if slices.ContainsFunc(actions, func(a gate.Action) bool { return a.Kind.Outside() }) && (s.pressing || r.Now().Sub(s.stored) >= storeEvery) {
		if err := r.flush(ctx, s); err != nil {
			return err
		}
		s.stored, s.pressing = r.Now(), false
	}
	for _, a := range actions {
		if !a.Kind.Outside() || s.waiting[a.Item] {
			continue
		}
		i := s.items[a.Item]
		var err error
		switch a.Kind {
		case gate.Lookup:
			err = r.lookup(ctx, s, i)
		case gate.Merge:
			err = r.merge(ctx, s, i)
		case gate.Report:
			err = r.report(ctx, s, i, a)
		}
		if leave := i.Annotations[gozer.AnnotationDequeue]; a.Kind == gate.Lookup && leave != "" {
			// It is asked about only to tell it the truth.
			a = gate.Action{Kind: gate.Report, Item: a.Item, Result: model.ItemDequeued, Why: leave}
		}
		if err != nil && a.Kind == gate.Report && !r.patient(reportKey(s, i), reportPatience) {
			// Whoever cannot be told must not keep everybody behind waiting.
			i.told(r.Now(), a, fmt.Sprintf("%s; the code host could not be told: %v", a.Result, err))
			continue
		}
		if err != nil {
			r.wait(ctx, s, i, a.Kind, err)
		}
	}
	return nil
}

// storeEvery bounds how long what was done outside is only known here. Until it
// is stored, a process that dies makes the next one look it up on the host.
const storeEvery = 500 * time.Millisecond

// wait puts an item off whose outside action failed.
func (r *Reconciler) wait(ctx context.Context, s *scope, i *item, kind gate.Kind, err error) {
	s.waiting[i.Name] = true
	if h := s.hosts[i.Name]; kind == gate.Report && h.Refused != "" {
		r.rememberRefusal(s.refusedKey(i.Name), h)
	}
	s.comeBack(delayOf(err, r.Now()))
	logf.FromContext(ctx).Info("The code host has to be asked again", "item", i.Name, "action", kind, "reason", err.Error())
	i.Status.Reason = convert.Cut(fmt.Sprintf("%s is tried again: %v", kind, err), 1000)
}

// delayOf an error is how soon its host is asked again: of one that does not
// answer, all queues that wait for it would ask every two seconds.
func delayOf(err error, now time.Time) time.Duration {
	var unanswered *drivers.UnansweredError
	switch {
	case errors.Is(err, drivers.ErrTryLater):
		return retryMerge
	case errors.As(err, &unanswered):
		return max(unanswered.Again.Sub(now), retryHost)
	}
	return retryHost
}

func (s *scope) refusedKey(name string) refusedKey {
	return refusedKey{types.NamespacedName{Namespace: s.tenant, Name: name}, s.entry(name).Epoch}
}

func (r *Reconciler) rememberRefusal(key refusedKey, h gate.Host) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused == nil {
		r.refused = map[refusedKey]gate.Host{}
	}
	r.refused[key] = h
}

// recallRefusals puts what was remembered into the scope.
func (r *Reconciler) recallRefusals(s *scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refused) == 0 {
		return
	}
	for _, name := range s.order {
		if h, ok := r.refused[s.refusedKey(name)]; ok {
			s.hosts[name] = h
		}
	}
}

// mayMerge says whether the pipeline is to merge changes of a connection.
func mayMerge(actions []gozer.ReportAction, connection string) bool {
	return slices.ContainsFunc(actions, func(a gozer.ReportAction) bool { return a.Connection == connection && a.Merge })
}

func mergeKey(s *scope, i *item) string   { return s.tenant + "/" + i.Name + "/merge" }
func reportKey(s *scope, i *item) string  { return s.tenant + "/" + i.Name + "/report" }
func verdictKey(s *scope, i *item) string { return s.tenant + "/" + i.Name + "/verdict" }

// forget ends all waiting for a host about an item.
func (r *Reconciler) forget(s *scope, i *item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.asked, mergeKey(s, i))
	delete(r.asked, reportKey(s, i))
	delete(r.asked, verdictKey(s, i))
	delete(r.refused, s.refusedKey(i.Name))
}

// patient says whether a host that says "later", or does not answer, is still
// to be waited for: for so long since it was first asked here.
func (r *Reconciler) patient(name string, bound time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked == nil {
		r.asked = map[string]time.Time{}
	}
	since, ok := r.asked[name]
	if !ok {
		r.asked[name] = r.Now()
		return true
	}
	if r.Now().Sub(since) < bound {
		return true
	}
	delete(r.asked, name)
	return false
}
