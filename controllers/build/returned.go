package build

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/returned"
)

// keyReturned is the key of the Secret with what a build has returned.
const keyReturned = "results.json"

// noted is the annotation: what the executor of an attempt has said.
type noted struct {
	Attempt int32 `json:"attempt"`
	// Summary of what it has returned; nil before there is any. Final is that of
	// the end.
	Summary *returned.Summary `json:"summary,omitempty"`
	Final   bool              `json:"final,omitempty"`
	buildspec.Progress
}

// Keep stores what an attempt of a build has returned: all of it in a Secret for
// the builds that depend on it, and on the Build what the gate goes by. The
// executor says it again until it is answered: what is there stays, and so does
// what a later attempt has returned. A build that has paused has said twice what
// it returns; the Secret is that of the first time, for then it is read.
func Keep(ctx context.Context, c client.Client, namespace, name string, attempt int32, all returned.Results, final bool) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error { return keep(ctx, c, namespace, name, attempt, all, final) })
}

func keep(ctx context.Context, c client.Client, namespace, name string, attempt int32, all returned.Results, final bool) error {
	var b gozer.Build
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &b); err != nil {
		return err
	}
	raw, err := all.JSON()
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: naming.Returned(name, attempt), Labels: map[string]string{gozer.LabelBuild: name},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(&b, gozer.GroupVersion.WithKind("Build"))},
		},
		Data: map[string][]byte{keyReturned: raw},
	}
	if err := patch.Create(ctx, c, secret); err != nil {
		return err
	}
	summary := all.Summary()
	return amend(ctx, c, &b, attempt, func(n *noted) { n.Summary, n.Final = &summary, n.Final || final })
}

// Note takes what an executor says of an attempt that has not ended.
func Note(ctx context.Context, c client.Client, namespace, name string, attempt int32, p buildspec.Progress) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var b gozer.Build
		if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &b); err != nil {
			return err
		}
		return amend(ctx, c, &b, attempt, func(n *noted) {
			n.Paused = n.Paused || p.Paused
			n.Failing = cmp.Or(n.Failing, convert.Cut(p.Failing, 1000))
		})
	})
}

// amend changes what is noted of an attempt. Of an earlier one nothing is noted
// any more.
func amend(ctx context.Context, c client.Client, b *gozer.Build, attempt int32, change func(*noted)) error {
	n, err := notedOn(b)
	switch {
	case err == nil && n.Attempt > attempt:
		return nil
	case err != nil || n.Attempt < attempt:
		n = noted{Attempt: attempt}
	}
	change(&n)
	raw, err := json.Marshal(n)
	if err != nil {
		return err
	}
	before := b.DeepCopy()
	if b.Annotations == nil {
		b.Annotations = map[string]string{}
	}
	if b.Annotations[gozer.AnnotationReturned] == string(raw) {
		return nil
	}
	b.Annotations[gozer.AnnotationReturned] = string(raw)
	return c.Patch(ctx, b, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// GoesOn says whether a paused attempt is to end now.
func GoesOn(ctx context.Context, c client.Reader, namespace, name string, attempt int32) (bool, error) {
	var b gozer.Build
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &b); err != nil {
		return false, err
	}
	return b.Status.Attempt == attempt && b.Status.Resumed, nil
}

// notedOn is the annotation of a build; empty when there is none.
func notedOn(b *gozer.Build) (noted, error) {
	var n noted
	note := b.Annotations[gozer.AnnotationReturned]
	if note == "" {
		return n, nil
	}
	if err := json.Unmarshal([]byte(note), &n); err != nil {
		return n, fmt.Errorf("annotation %s: %w", gozer.AnnotationReturned, err)
	}
	return n, nil
}

// takeNoted takes over what the executor of the present attempt has said before
// its end. What fails and is run again before that counts is not told to others.
func takeNoted(b *gozer.Build) error {
	n, err := notedOn(b)
	if err != nil || n.Attempt != b.Status.Attempt {
		return err
	}
	st := &b.Status
	if len(st.Failures) >= int(b.Spec.RetryFailed) {
		st.Failing = n.Failing
	}
	if n.Paused && !st.Resumed && n.Summary != nil {
		st.Phase = gozer.BuildPaused
		n.take(b)
	}
	return nil
}

// takeReturned takes over what the present attempt has returned; false as long as
// the cache does not show it.
func takeReturned(b *gozer.Build) (bool, error) {
	n, err := notedOn(b)
	if err != nil || n.Attempt != b.Status.Attempt || !n.Final || n.Summary == nil {
		return false, err
	}
	n.take(b)
	return true, nil
}

// take takes over what was returned.
func (n noted) take(b *gozer.Build) {
	out := &gozer.Returned{Secret: naming.Returned(b.Name, n.Attempt), Warnings: n.Summary.Warnings}
	if n.Summary.ChildJobs != nil {
		out.LimitsChildren, out.ChildJobs = true, *n.Summary.ChildJobs
	}
	for _, c := range n.Summary.FileComments {
		out.FileComments = append(out.FileComments, gozer.FileComment(c))
	}
	for _, a := range n.Summary.Artifacts {
		artifact := gozer.Artifact{Name: a.Name, URL: a.URL}
		if a.Metadata != nil {
			artifact.Metadata = &apiextensionsv1.JSON{Raw: a.Metadata}
		}
		out.Artifacts = append(out.Artifacts, artifact)
	}
	if n.Summary.LogURL != "" {
		b.Status.LogURL = n.Summary.LogURL
	}
	b.Status.Returned = out
}

// parents are the builds that this one depends on and that have returned something,
// directly or through others, in the order of the graph.
func (r *Reconciler) parents(ctx context.Context, s *scope) ([]*gozer.Build, error) {
	at := func(name string) int {
		return slices.IndexFunc(s.set.Spec.Jobs, func(j gozer.BuildSetJob) bool { return j.Name == name })
	}
	needed := map[int]bool{}
	var need func(n int)
	need = func(n int) {
		for _, d := range s.set.Spec.Jobs[n].Dependencies {
			if on := at(d.Name); on >= 0 && !needed[on] {
				needed[on] = true
				need(on)
			}
		}
	}
	if own := slices.IndexFunc(s.set.Spec.Jobs, func(j gozer.BuildSetJob) bool { return j.Build == s.build.Name }); own >= 0 {
		need(own)
	}
	var out []*gozer.Build
	for n, j := range s.set.Spec.Jobs {
		if !needed[n] {
			continue
		}
		var b gozer.Build
		if err := r.Get(ctx, client.ObjectKey{Namespace: s.build.Namespace, Name: j.Build}, &b); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if b.Status.Returned != nil {
			out = append(out, &b)
		}
	}
	return out, nil
}
