package changequeue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
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
	stored := false
	for _, a := range actions {
		if !a.Kind.Outside() || s.waiting[a.Item] {
			continue
		}
		if !stored {
			if err := r.flush(ctx, s); err != nil {
				return err
			}
			stored = true
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

// wait puts an item off whose outside action failed.
func (r *Reconciler) wait(ctx context.Context, s *scope, i *item, kind gate.Kind, err error) {
	s.waiting[i.Name] = true
	if h := s.hosts[i.Name]; kind == gate.Report && h.Refused != "" {
		r.rememberRefusal(s.refusedKey(i.Name), h)
	}
	delay := retryHost
	if errors.Is(err, drivers.ErrTryLater) {
		delay = retryMerge
	}
	if s.again == 0 || delay < s.again {
		s.again = delay
	}
	logf.FromContext(ctx).Info("The code host has to be asked again", "item", i.Name, "action", kind, "reason", err.Error())
	i.Status.Reason = convert.Cut(fmt.Sprintf("%s is tried again: %v", kind, err), 1000)
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

// lookup asks the code host and the branches, right before merging: whether
// the change is what was tested, and the branches are where the test assumed them.
func (r *Reconciler) lookup(ctx context.Context, s *scope, i *item) error {
	host, err := r.Hosts.Host(ctx, i.change().Project.Connection)
	if err != nil {
		return err
	}
	ref := i.change()
	now, err := host.Change(ctx, convert.Project(ref.Project), ref.Number)
	if errors.Is(err, drivers.ErrNotFound) {
		s.hosts[i.Name] = gate.Host{Known: true, Refused: "the change does not exist any more"}
		return nil
	}
	if err != nil {
		return err
	}
	h := gate.Host{Known: true, Merged: now.Merged}
	switch {
	case now.Merged:
		return r.merged(ctx, s, i, now)
	case !now.Open:
		h.Refused = "it was closed"
	case now.Head != ref.Head:
		h.Refused = fmt.Sprintf("new commits were pushed: its head is %s, tested was %s", model.ShortCommit(now.Head), model.ShortCommit(ref.Head))
	case now.Draft:
		h.Refused = "it became a draft"
	case now.Branch != ref.Branch:
		h.Refused = fmt.Sprintf("it is to be merged into %s now, tested was %s", now.Branch, ref.Branch)
	default:
		if h.Moved, err = r.movedBranch(ctx, i); err != nil {
			return err
		}
	}
	s.hosts[i.Name] = h
	return nil
}

// movedBranch names a branch that is not where the item's test assumed it.
func (r *Reconciler) movedBranch(ctx context.Context, i *item) (string, error) {
	for _, st := range i.Status.Merge.States {
		tip, err := r.Tips.Tip(ctx, convert.Project(st.Project), st.Branch)
		if err != nil {
			return "", err
		}
		if tip.Commit == st.Base && st.ExpectedTree == "" || st.ExpectedTree != "" && tip.Tree == st.ExpectedTree {
			continue
		}
		return fmt.Sprintf("%s of %s moved to %s outside the gate", st.Branch, st.Project.Name, model.ShortCommit(tip.Commit)), nil
	}
	return "", nil
}

// merge merges the change at the head that was tested. The status goes first:
// a protected branch may ask for it.
func (r *Reconciler) merge(ctx context.Context, s *scope, i *item) error {
	host, err := r.Hosts.Host(ctx, i.change().Project.Connection)
	if err != nil {
		return err
	}
	ref := i.change()
	if !mayMerge(s.pipeline.Spec.Reporters.Success, ref.Project.Connection) {
		s.hosts[i.Name] = gate.Host{Known: true, Refused: fmt.Sprintf("the pipeline %s does not merge: its success reporter for %s has no `merge: true`", s.pipeline.Name, ref.Project.Connection)}
		return nil
	}
	if err := r.setStatus(ctx, s, i, host, s.pipeline.Spec.Reporters.Success, model.ItemSuccess, ""); err != nil {
		return err
	}
	change := convert.Change(ref)
	err = host.Merge(ctx, change, ref.MergeMode, mergeMessage(s))
	var refused *drivers.RefusedError
	switch {
	case errors.Is(err, drivers.ErrHeadMoved):
		s.hosts[i.Name] = gate.Host{Known: true, Refused: "new commits were pushed while it was being merged"}
		return nil
	case errors.Is(err, drivers.ErrTryLater) && r.patient(mergeKey(s, i), mergePatience):
		return err
	case errors.Is(err, drivers.ErrTryLater), errors.As(err, &refused):
		// It may have been merged all the same: look before believing the refusal.
		now, lookErr := host.Change(ctx, change.Project, change.Number)
		if lookErr != nil {
			return lookErr
		}
		if now.Merged {
			return r.merged(ctx, s, i, now)
		}
		s.hosts[i.Name] = gate.Host{Known: true, Refused: err.Error()}
		return nil
	case err != nil:
		return err
	}
	now, err := host.Change(ctx, change.Project, change.Number)
	if err != nil {
		return err
	}
	if !now.Merged {
		return fmt.Errorf("the code host accepted the merge of %s and does not show it yet", i.name())
	}
	return r.merged(ctx, s, i, now)
}

// mayMerge says whether the pipeline is to merge changes of a connection.
func mayMerge(actions []gozer.ReportAction, connection string) bool {
	return slices.ContainsFunc(actions, func(a gozer.ReportAction) bool { return a.Connection == connection && a.Merge })
}

func mergeKey(s *scope, i *item) string  { return s.tenant + "/" + i.Name + "/merge" }
func reportKey(s *scope, i *item) string { return s.tenant + "/" + i.Name + "/report" }

// forget ends all waiting for a host about an item.
func (r *Reconciler) forget(s *scope, i *item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.asked, mergeKey(s, i))
	delete(r.asked, reportKey(s, i))
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

// merged records a merge and compares the branch's tree with the tested one.
func (r *Reconciler) merged(ctx context.Context, s *scope, i *item, now model.Change) error {
	ref := i.change()
	tip, err := r.Tips.Tip(ctx, convert.Project(ref.Project), ref.Branch)
	if err != nil {
		return err
	}
	s.hosts[i.Name] = gate.Host{Known: true, Merged: true}
	m := gozer.ItemMerged{Commit: now.MergeCommit, At: *convert.MicroTime(r.Now())}
	message := fmt.Sprintf("merged as %s", model.ShortCommit(now.MergeCommit))
	if tip.Commit == now.MergeCommit {
		m.Tree = tip.Tree
		if tested := i.testedTree(); tested == tip.Tree {
			message += " with exactly the tree that was tested"
		} else {
			message += fmt.Sprintf("; ATTENTION: its tree %s is not the tested tree %s: somebody changed %s at the same moment",
				model.ShortCommit(tip.Tree), model.ShortCommit(tested), ref.Branch)
			r.Recorder.Event(i.QueueItem, corev1.EventTypeWarning, "TreeDiffers", message)
		}
	}
	i.Status.Merged = &m
	i.decide(r.Now(), "Merged", message)
	r.forget(s, i)
	return nil
}

// testedTree is the tree of the item's own branch in its tested state.
func (i *item) testedTree() string {
	for _, st := range i.Status.Merge.States {
		if st.Project == i.change().Project && st.Branch == i.change().Branch {
			return st.Tree
		}
	}
	return ""
}

func mergeMessage(s *scope) string {
	return fmt.Sprintf("Tested by Gozer in %s/%s.", s.tenant, s.queue.Spec.Pipeline)
}
