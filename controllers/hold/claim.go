package hold

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/hold"
	"github.com/gozer-dev/gozer/internal/model"
)

// Claim is a Hold's on the nodes of a build.
type Claim struct {
	Hold *gozer.Hold
	// Until they are kept.
	Until time.Time
}

// Claim notes a build that ended in the Hold that its nodes are kept for; nil when
// there is none. Claiming again gives the same. No more builds are noted than were
// asked for: a write that others came before fails with a conflict.
func (r *Reconciler) Claim(ctx context.Context, b *gozer.Build, nodes []string, longest time.Duration) (*Claim, error) {
	var all gozer.HoldList
	if err := r.List(ctx, &all, client.InNamespace(b.Namespace)); err != nil {
		return nil, err
	}
	if h, n := noted(all.Items, b.Name); h != nil {
		return claimOf(h, n, r.Now()), nil
	}
	name := hold.Choose(requests(all.Items), build(b), r.Now())
	n := slices.IndexFunc(all.Items, func(h gozer.Hold) bool { return h.Name == name })
	if n < 0 || longest <= 0 {
		return nil, nil
	}
	h := &all.Items[n]
	before := h.DeepCopy()
	h.Status.Builds = append(h.Status.Builds, gozer.HeldBuild{
		Build: b.Name, Change: convert.Cut(convert.ChangeName(b.Spec.Change), 512), Result: b.Status.Result, HeldAt: *convert.MicroTime(r.Now()), Nodes: nodes,
		ExpiresAt: metav1.NewTime(r.Now().Add(min(longest, time.Duration(h.Spec.NodeExpiration)*time.Second))),
	})
	h.Status.Held = int32(len(h.Status.Builds)) //nolint:gosec // it has a bound
	if _, err := patch.Status(ctx, r.Client, h, before, patch.Lock); err != nil {
		return nil, err
	}
	return claimOf(h, len(h.Status.Builds)-1, r.Now()), nil
}

// noted finds the Hold that has a build, and where.
func noted(all []gozer.Hold, build string) (*gozer.Hold, int) {
	for i := range all {
		n := slices.IndexFunc(all[i].Status.Builds, func(b gozer.HeldBuild) bool { return b.Build == build })
		if n >= 0 && all[i].DeletionTimestamp == nil {
			return &all[i], n
		}
	}
	return nil, 0
}

func claimOf(h *gozer.Hold, n int, now time.Time) *Claim {
	until := h.Status.Builds[n].ExpiresAt.Time
	if !now.Before(until) {
		return nil
	}
	return &Claim{Hold: h, Until: until}
}

func requests(all []gozer.Hold) []hold.Request {
	var out []hold.Request
	for _, h := range all {
		if h.DeletionTimestamp != nil {
			continue
		}
		q := hold.Request{Name: h.Name, Project: h.Spec.Project, Job: h.Spec.Job, Left: int(h.Spec.Count) - len(h.Status.Builds), Since: h.CreationTimestamp.Time}
		if h.Spec.Change != nil {
			q.Change = *h.Spec.Change
		}
		if h.Spec.Ref != nil {
			q.Ref = *h.Spec.Ref
		}
		if h.Spec.ExpiresAt != nil {
			q.Until = h.Spec.ExpiresAt.Time
		}
		out = append(out, q)
	}
	return out
}

func build(b *gozer.Build) hold.Build {
	c := b.Spec.Change
	return hold.Build{Project: convert.Project(c.Project), Job: b.Spec.Job.Name, Change: c.Number, Ref: c.Ref, Result: model.BuildResult(b.Status.Result)}
}
