package changequeue

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/drivers"
	"github.com/gozer-dev/gozer/internal/gate"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
)

// lookup asks the code host and the branches, right before merging: whether
// the changes are what was tested, and the branches are where the test assumed them.
func (r *Reconciler) lookup(ctx context.Context, s *scope, i *item) error {
	changes, refused, err := r.look(ctx, i)
	if err != nil {
		return err
	}
	if refused != "" {
		s.hosts[i.Name] = gate.Host{Known: true, Refused: refused}
		return nil
	}
	tips := map[branch]tip{}
	if err := r.tips(ctx, i, tips); err != nil {
		return err
	}
	if s.entry(i.Name).Ahead != "" {
		// It is asked about for the sake of one ahead, which it rescues; about
		// itself when it is its turn.
		return r.known(ctx, s, i, changes, i.movedBelow(tips))
	}
	for n := range changes {
		if c := &changes[n]; !c.Merged && i.inBranch(*c, tips) {
			// The host merged it and did not live to note that.
			c.Merged, c.MergeCommit = true, tips[branchOf(i.Spec.Changes[n])].Commit
		}
	}
	if allMerged(changes) {
		return r.merged(ctx, s, i, changes, tips)
	}
	return r.known(ctx, s, i, changes, i.moved(changes, tips))
}

// known notes what the host said of an item, unless the item lost a requirement.
// What has to be tested anew is asked about that when it was.
func (r *Reconciler) known(ctx context.Context, s *scope, i *item, changes []model.Change, moved string) error {
	if moved == "" {
		if lost, err := r.mayStillMerge(ctx, s, i, changes); lost || err != nil {
			return err
		}
	}
	s.hosts[i.Name] = gate.Host{Known: true, Moved: moved}
	return nil
}

// lookAfterPush looks at the branches on which the queue stands when somebody
// pushed to one: what was tested on a head that is not there any more is tested
// anew at once, and not only when it is about to merge.
func (r *Reconciler) lookAfterPush(ctx context.Context, s *scope) error {
	push := s.queue.Annotations[gozer.AnnotationPushed]
	if push == "" || push == s.queue.Status.Looked {
		return nil
	}
	tips := map[branch]tip{}
	for _, e := range s.queue.Status.Items {
		i := s.items[e.Item]
		if m := i.Status.Merge; m == nil || m.Epoch != e.Epoch || i.Status.Merged != nil {
			continue
		}
		if err := r.tips(ctx, i, tips); err != nil {
			return err
		}
		why := i.movedBelow(tips)
		if e.Ahead == "" {
			changes, _, err := r.look(ctx, i)
			if err != nil {
				return err
			}
			if why = i.moved(changes, tips); i.anyIn(changes, tips) {
				why = ""
			}
		}
		if why != "" {
			s.hosts[i.Name] = gate.Host{Known: true, Moved: why}
		}
	}
	s.queue.Status.Looked = push
	return nil
}

// movedBelow names a branch that an item behind others was the first to stand on,
// and that is not where it was. Of the others those ahead tell.
func (i *item) movedBelow(tips map[branch]tip) string {
	for _, st := range i.Status.Merge.States {
		if t := tips[branch{st.Project, st.Branch}]; st.ExpectedTree == "" && t.Commit != st.Base {
			return movedTo(st, t)
		}
	}
	return ""
}

// anyIn says whether a change of the item is in its branch already: then it is
// the gate's own merge that moved the branch.
func (i *item) anyIn(changes []model.Change, tips map[branch]tip) bool {
	for _, c := range changes {
		if c.Merged || i.inBranch(c, tips) {
			return true
		}
	}
	return false
}

// look reads the item's changes as they are now, and says what keeps them from merging.
func (r *Reconciler) look(ctx context.Context, i *item) (changes []model.Change, refused string, err error) {
	for _, ref := range i.Spec.Changes {
		host, err := r.Hosts.Host(ctx, ref.Project.Connection)
		if err != nil {
			return nil, "", err
		}
		now, err := host.Change(ctx, convert.Project(ref.Project), ref.Number)
		if errors.Is(err, drivers.ErrNotFound) {
			return nil, i.of(ref, "the change does not exist any more"), nil
		}
		if err != nil {
			return nil, "", err
		}
		if why := different(ref, now); why != "" {
			return nil, i.of(ref, why), nil
		}
		changes = append(changes, now)
	}
	return changes, "", nil
}

// of says which change of a cycle a sentence is about.
func (i *item) of(ref gozer.ChangeRef, why string) string {
	if len(i.Spec.Changes) == 1 {
		return why
	}
	return convert.ChangeName(ref) + ": " + why
}

// different says how a change is not what was tested; empty if it is.
func different(ref gozer.ChangeRef, now model.Change) string {
	switch {
	case now.Merged:
		return ""
	case !now.Open:
		return "it was closed"
	case now.Head != ref.Head:
		return fmt.Sprintf("new commits were pushed: its head is %s, tested was %s", model.ShortCommit(now.Head), model.ShortCommit(ref.Head))
	case now.Draft:
		return "it became a draft"
	case now.Branch != ref.Branch:
		return fmt.Sprintf("it is to be merged into %s now, tested was %s", now.Branch, ref.Branch)
	}
	return ""
}

func allMerged(changes []model.Change) bool {
	for _, c := range changes {
		if !c.Merged {
			return false
		}
	}
	return true
}

type branch struct {
	project gozer.ProjectRef
	name    string
}

func branchOf(c gozer.ChangeRef) branch { return branch{c.Project, c.Branch} }

// tip is where a branch is now.
type tip struct{ Commit, Tree string }

// tips asks where the branches of the item's state are that are not known yet.
func (r *Reconciler) tips(ctx context.Context, i *item, known map[branch]tip) error {
	for _, st := range i.Status.Merge.States {
		at := branch{st.Project, st.Branch}
		if _, ok := known[at]; ok {
			continue
		}
		t, err := r.Tips.Tip(ctx, convert.Project(st.Project), st.Branch)
		if err != nil && !merger.IsTerminal(err) {
			return err
		}
		// A branch that is gone is nowhere: the item is prepared anew, which tells why it cannot be.
		known[at] = tip{t.Commit, t.Tree}
	}
	return nil
}

// inBranch says whether a change that the host shows as open is in its branch
// all the same: the branch was tested without it with another tree than it has,
// and has the tree that was tested with it. Only for a change that is the only
// one of its branch in the item.
func (i *item) inBranch(c model.Change, tips map[branch]tip) bool {
	own := branch{convert.ProjectRef(c.Project), c.Branch}
	n := 0
	for _, ref := range i.Spec.Changes {
		if branchOf(ref) == own {
			n++
		}
	}
	for _, st := range i.Status.Merge.States {
		if (branch{st.Project, st.Branch}) == own {
			before := st.BaseTree
			if st.ExpectedTree != "" {
				before = st.ExpectedTree
			}
			return n == 1 && before != "" && before != st.Tree && tips[own].Tree == st.Tree
		}
	}
	return false
}

// moved names a branch that is not where the item's test assumed it.
func (i *item) moved(changes []model.Change, tips map[branch]tip) string {
	for _, st := range i.Status.Merge.States {
		at := branch{st.Project, st.Branch}
		t := tips[at]
		if t.Commit == st.Base && st.ExpectedTree == "" || st.ExpectedTree != "" && t.Tree == st.ExpectedTree || i.halfway(changes, at, t) {
			continue
		}
		return movedTo(st, t)
	}
	return ""
}

func movedTo(st gozer.PreparedState, t tip) string {
	if t.Commit == "" {
		return fmt.Sprintf("%s of %s is gone", st.Branch, st.Project.Name)
	}
	return fmt.Sprintf("%s of %s moved to %s outside the gate", st.Branch, st.Project.Name, model.ShortCommit(t.Commit))
}

// halfway says whether a branch is where a cycle's merge left it that was not
// finished: at what the host made of a change of the cycle, after those before it.
// The gate merges in order; when a later one is there alone, somebody else merged it.
func (i *item) halfway(changes []model.Change, at branch, t tip) bool {
	for n, c := range changes {
		switch {
		case branchOf(i.Spec.Changes[n]) != at:
		case !c.Merged:
			return false
		case c.MergeCommit == t.Commit:
			return true
		}
	}
	return false
}

// merge merges the item's changes at the heads that were tested, one after the
// other. The marks go first: protected branches may ask for them. What was
// merged before, by a process that died in between, is not merged again.
func (r *Reconciler) merge(ctx context.Context, s *scope, i *item) error {
	actions := reporters(&s.pipeline, model.ItemSuccess)
	for _, ref := range i.Spec.Changes {
		if !mayMerge(actions, ref.Project.Connection) && disabled(&s.pipeline) {
			s.hosts[i.Name] = gate.Host{Known: true, Refused: fmt.Sprintf("the pipeline %s is disabled: %s", s.pipeline.Name, whyDisabled(&s.pipeline))}
			return nil
		}
		if !mayMerge(actions, ref.Project.Connection) {
			s.hosts[i.Name] = gate.Host{Known: true, Refused: fmt.Sprintf("the pipeline %s does not merge: its success reporter for %s has no `merge: true`", s.pipeline.Name, ref.Project.Connection)}
			return nil
		}
	}
	if err := r.marks(ctx, s, i, actions, gate.Action{Result: model.ItemSuccess}); err != nil {
		return err
	}
	changes := make([]model.Change, len(i.Spec.Changes))
	for n, ref := range i.Spec.Changes {
		now, refused, err := r.mergeOne(ctx, s, i, ref)
		if err != nil {
			return err
		}
		if refused != "" {
			s.hosts[i.Name] = gate.Host{Known: true, Refused: i.of(ref, refused) + partly(i.Spec.Changes[:n])}
			return nil
		}
		changes[n] = now
	}
	tips := map[branch]tip{}
	if err := r.tips(ctx, i, tips); err != nil {
		return err
	}
	return r.merged(ctx, s, i, changes, tips)
}

// partly tells what of a cycle merged before the refusal.
func partly(merged []gozer.ChangeRef) string {
	if len(merged) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s was merged before that", convert.ChangeNames(merged))
}

// mergeOne merges one change; refused says why the host does not.
func (r *Reconciler) mergeOne(ctx context.Context, s *scope, i *item, ref gozer.ChangeRef) (now model.Change, refused string, err error) {
	host, err := r.Hosts.Host(ctx, ref.Project.Connection)
	if err != nil {
		return now, "", err
	}
	change := convert.Change(ref)
	if len(i.Spec.Changes) > 1 {
		if now, err = host.Change(ctx, change.Project, change.Number); err != nil || now.Merged {
			return now, "", err
		}
	}
	err = host.Merge(ctx, change, ref.MergeMode, mergeMessage(s))
	var no *drivers.RefusedError
	switch {
	case errors.Is(err, drivers.ErrHeadMoved):
		return now, "new commits were pushed while it was being merged", nil
	case errors.Is(err, drivers.ErrTryLater) && r.patient(mergeKey(s, i), mergePatience):
		return now, "", err
	case errors.Is(err, drivers.ErrTryLater), errors.As(err, &no):
		refused = err.Error()
	case err != nil:
		return now, "", err
	}
	// It may have been merged although it was refused: look before believing that.
	if now, err = host.Change(ctx, change.Project, change.Number); err != nil || now.Merged {
		return now, "", err
	}
	if refused == "" {
		err = fmt.Errorf("the code host accepted the merge of %s and does not show it yet", convert.ChangeName(ref))
	}
	return now, refused, err
}

// merged records the merge and compares the branches' trees with the tested ones.
// It is stored at once: when more is merged on top, they cannot be compared again.
func (r *Reconciler) merged(ctx context.Context, s *scope, i *item, changes []model.Change, tips map[branch]tip) error {
	s.hosts[i.Name] = gate.Host{Known: true, Merged: true}
	last := len(changes) - 1
	m := gozer.ItemMerged{Commit: changes[last].MergeCommit, RescuedBy: s.entry(i.Name).Rescuer, At: *convert.MicroTime(r.Now())}
	message := fmt.Sprintf("merged as %s", model.ShortCommit(m.Commit))
	compared, differs := true, ""
	for n, ref := range i.Spec.Changes {
		t, tested := tips[branchOf(ref)], i.testedTree(ref)
		switch {
		case changes[n].Branch != "" && changes[n].Branch != ref.Branch:
			// GitHub merges into what it is to be merged into at that moment.
			compared = false
			differs = fmt.Sprintf("; ATTENTION: it was merged into %s, tested was %s of %s: somebody changed that at the same moment",
				changes[n].Branch, ref.Branch, ref.Project.Name)
		case t.Commit != changes[n].MergeCommit && !laterIn(changes, i.Spec.Changes, n, t):
			compared = false // something was merged on top since
		case t.Tree != tested:
			differs = fmt.Sprintf("; ATTENTION: the tree of %s in %s is %s, not the tested tree %s: somebody changed it at the same moment",
				ref.Branch, ref.Project.Name, model.ShortCommit(t.Tree), model.ShortCommit(tested))
		}
	}
	if compared {
		m.Tree = tips[branchOf(i.Spec.Changes[last])].Tree
	}
	switch {
	case differs != "":
		message += differs
		m.Differs = true
		r.Recorder.Event(i.QueueItem, corev1.EventTypeWarning, "TreeDiffers", message)
	case compared:
		message += " with exactly the tree that was tested"
	}
	i.Status.Merged = &m
	i.decide(r.Now(), "Merged", message)
	r.forget(s, i)
	i.conditions(r)
	return r.store(ctx, i)
}

// laterIn says whether a branch is at what a later change of the same item made of it.
func laterIn(changes []model.Change, refs []gozer.ChangeRef, n int, t tip) bool {
	for k := n + 1; k < len(changes); k++ {
		if branchOf(refs[k]) == branchOf(refs[n]) && changes[k].MergeCommit == t.Commit {
			return true
		}
	}
	return false
}

// testedTree is the tree of a change's branch in the item's tested state.
func (i *item) testedTree(ref gozer.ChangeRef) string {
	for _, st := range i.Status.Merge.States {
		if st.Project == ref.Project && st.Branch == ref.Branch {
			return st.Tree
		}
	}
	return ""
}

func mergeMessage(s *scope) string {
	return fmt.Sprintf("Tested by Gozer in %s/%s.", s.tenant, s.queue.Spec.Pipeline)
}
