package build

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/patch"
	"github.com/gozer-dev/gozer/internal/naming"
	"github.com/gozer-dev/gozer/internal/returned"
)

// keyReturned is the key of the Secret with what a build has returned.
const keyReturned = "results.json"

// noted is the annotation: the summary of what an attempt has returned.
type noted struct {
	Attempt int32            `json:"attempt"`
	Summary returned.Summary `json:"summary"`
}

// Keep stores what an attempt of a build has returned: all of it in a Secret for
// the builds that depend on it, and on the Build what the gate goes by. The
// executor says it again until it is answered: what is there stays.
func Keep(ctx context.Context, c client.Client, namespace, name string, attempt int32, all returned.Results) error {
	var b gozer.Build
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &b); err != nil {
		return err
	}
	raw, err := json.Marshal(all)
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
	note, err := json.Marshal(noted{Attempt: attempt, Summary: all.Summary()})
	if err != nil {
		return err
	}
	before := b.DeepCopy()
	if b.Annotations == nil {
		b.Annotations = map[string]string{}
	}
	b.Annotations[gozer.AnnotationReturned] = string(note)
	return c.Patch(ctx, &b, client.MergeFrom(before))
}

// takeReturned takes over what the present attempt has returned; false as long as
// the cache does not show it.
func takeReturned(b *gozer.Build) (bool, error) {
	var n noted
	note := b.Annotations[gozer.AnnotationReturned]
	if note == "" {
		return false, nil
	}
	if err := json.Unmarshal([]byte(note), &n); err != nil {
		return false, fmt.Errorf("annotation %s: %w", gozer.AnnotationReturned, err)
	}
	if n.Attempt != b.Status.Attempt {
		return false, nil
	}
	out := &gozer.Returned{Secret: naming.Returned(b.Name, n.Attempt), Warnings: n.Summary.Warnings}
	if n.Summary.ChildJobs != nil {
		out.LimitsChildren, out.ChildJobs = true, *n.Summary.ChildJobs
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
	return true, nil
}

// parents are the Secrets with what the jobs have returned that this build
// depends on, directly or through others, in the order of the graph.
func (r *Reconciler) parents(ctx context.Context, s *scope) ([]string, error) {
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
	var out []string
	for n, j := range s.set.Spec.Jobs {
		if !needed[n] {
			continue
		}
		var b gozer.Build
		if err := r.Get(ctx, client.ObjectKey{Namespace: s.build.Namespace, Name: j.Build}, &b); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if b.Status.Returned != nil {
			out = append(out, b.Status.Returned.Secret)
		}
	}
	return out, nil
}
