package story

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// Gated is what became of one change.
type Gated struct {
	*Change
	// Items in the pipeline gate: there must be one.
	Items []gozer.QueueItem
	// Sets are the buildsets of the item, by epoch.
	Sets []gozer.BuildSet
	// Builds of the item, those of its first epoch first.
	Builds []gozer.Build
	// Now is the pull request as it is now.
	Now      Pull
	Comments []Comment
	Statuses map[string]Status
	// MergedTree is the tree of the merge commit, read from the forge by git.
	MergedTree string
}

// Outcome of a round.
type Outcome struct {
	Round *Round
	Gated []*Gated
	// Histories are the commits of each repository's main, newest first, first parents only.
	Histories map[string][]string
	// Pods that are left.
	Pods []string
}

func (o *Outcome) of(letter string) *Gated {
	for _, g := range o.Gated {
		if g.Letter == letter {
			return g
		}
	}
	panic("no change " + letter)
}

// Outcome reads what Kubernetes knows of the round.
func (st *Stage) Outcome(ctx context.Context, r *Round) (*Outcome, error) {
	return st.OutcomeIn(ctx, Tenant, r)
}

// OutcomeIn reads the same of changes in another tenant.
func (st *Stage) OutcomeIn(ctx context.Context, tenant string, r *Round) (*Outcome, error) {
	var items gozer.QueueItemList
	var sets gozer.BuildSetList
	var builds gozer.BuildList
	for _, list := range []client.ObjectList{&items, &sets, &builds} {
		if err := st.Kube.List(ctx, list, client.InNamespace(tenant), client.MatchingLabels{gozer.LabelPipeline: "gate"}); err != nil {
			return nil, err
		}
	}
	o := &Outcome{Round: r}
	for _, c := range r.Changes {
		g := &Gated{Change: c}
		for _, i := range items.Items {
			if of := i.Spec.Changes[0]; of.Project.Name == c.Repo && of.Number == c.Pull.Number {
				g.Items = append(g.Items, i)
			}
		}
		mine := func(item string) bool {
			return slices.ContainsFunc(g.Items, func(i gozer.QueueItem) bool { return i.Name == item })
		}
		for _, s := range sets.Items {
			if mine(s.Spec.Item) {
				g.Sets = append(g.Sets, s)
			}
		}
		for _, b := range builds.Items {
			if mine(b.Spec.Item) {
				g.Builds = append(g.Builds, b)
			}
		}
		slices.SortFunc(g.Sets, func(a, b gozer.BuildSet) int { return cmp.Compare(a.Spec.Epoch, b.Spec.Epoch) })
		slices.SortFunc(g.Builds, func(a, b gozer.Build) int { return cmp.Compare(a.Spec.BuildSet, b.Spec.BuildSet) })
		o.Gated = append(o.Gated, g)
	}
	return o, nil
}

// Decided says whether every change has left the gate.
func (o *Outcome) Decided() bool {
	for _, g := range o.Gated {
		if len(g.Items) == 0 || slices.ContainsFunc(g.Items, func(i gozer.QueueItem) bool { return i.Status.Result == "" }) {
			return false
		}
	}
	return true
}

// String is one line for each change.
func (o *Outcome) String() string {
	var b strings.Builder
	for _, g := range o.Gated {
		fmt.Fprintf(&b, "\n  %s %-12s", g.Letter, g.Name())
		if len(g.Items) == 0 {
			b.WriteString(" not in the gate")
		}
		for _, i := range g.Items {
			fmt.Fprintf(&b, " %s %s %s", i.Status.State, i.Status.Result, i.Status.Reason)
		}
		for _, build := range g.Builds {
			fmt.Fprintf(&b, "  [%s %s attempt %d %s %s]", build.Spec.BuildSet, build.Status.Phase, build.Status.Attempt, build.Status.Result, build.Status.Reason)
		}
	}
	return b.String()
}

// Full adds what the forge knows.
func (st *Stage) Full(ctx context.Context, r *Round) (*Outcome, error) {
	o, err := st.Outcome(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, g := range o.Gated {
		if g.Now, err = st.Bob.Pull(ctx, g.Repo, g.Pull.Number); err != nil {
			return nil, err
		}
		if g.Comments, err = st.Bob.Comments(ctx, g.Repo, g.Pull.Number); err != nil {
			return nil, err
		}
		if g.Statuses, err = st.Bob.Statuses(ctx, g.Repo, g.Pull.Head.SHA); err != nil {
			return nil, err
		}
	}
	if o.Pods, err = st.Pods(ctx); err != nil {
		return nil, err
	}
	o.Histories = map[string][]string{}
	for _, repo := range []string{APIRepo, WebRepo} {
		if err := st.readHistory(ctx, o, repo); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// readHistory reads the branch and the trees of the merges with git.
func (st *Stage) readHistory(ctx context.Context, o *Outcome, repo string) error {
	w, err := clone(ctx, st.Bob, repo)
	if err != nil {
		return err
	}
	defer w.remove()
	log, err := w.git(ctx, "log", "--first-parent", "--format=%H", "main")
	if err != nil {
		return err
	}
	o.Histories[repo] = strings.Fields(log)
	for _, g := range o.Gated {
		if g.Repo != repo || !g.Now.Merged {
			continue
		}
		if g.MergedTree, err = w.git(ctx, "rev-parse", g.Now.MergeCommit+"^{tree}"); err != nil {
			return err
		}
	}
	return nil
}

// Tree of a commit on the main branch of a repository, read by git: the forge's API
// gives the commit itself in place of it.
func (st *Stage) Tree(ctx context.Context, repo, commit string) (string, error) {
	w, err := clone(ctx, st.Bob, repo)
	if err != nil {
		return "", err
	}
	defer w.remove()
	return w.git(ctx, "rev-parse", commit+"^{tree}")
}

// Pods of builds that are there now.
func (st *Stage) Pods(ctx context.Context) ([]string, error) { return st.PodsIn(ctx, Tenant) }

// PodsIn are those of another tenant.
func (st *Stage) PodsIn(ctx context.Context, tenant string) ([]string, error) {
	var pods corev1.PodList
	if err := st.Kube.List(ctx, &pods, client.InNamespace(tenant)); err != nil {
		return nil, err
	}
	var out []string
	for _, p := range pods.Items {
		out = append(out, p.Name)
	}
	return out, nil
}
