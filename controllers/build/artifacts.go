package build

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/history"
)

// artifacts are what a build gets to know of others: of those ahead that provide what
// it requires, as it was decided when it started, and of those that it depends on.
func (r *Reconciler) artifacts(ctx context.Context, s *scope, parents []*gozer.Build) ([]buildspec.Artifact, error) {
	var out []buildspec.Artifact
	for _, name := range s.job.Providers {
		var b gozer.Build
		err := r.Get(ctx, client.ObjectKey{Namespace: s.build.Namespace, Name: name}, &b)
		switch {
		case client.IgnoreNotFound(err) != nil:
			return nil, err
		case err == nil:
			out = append(out, artifactsOf(&b)...)
			continue
		}
		past, err := r.History.Provided(ctx, history.Provided{Tenant: s.build.Namespace, Build: name})
		if err != nil {
			return nil, err
		}
		for _, p := range past {
			out = append(out, pastArtifacts(p)...)
		}
	}
	for _, p := range parents {
		for _, a := range artifactsOf(p) {
			if !slices.ContainsFunc(out, func(o buildspec.Artifact) bool { return reflect.DeepEqual(o, a) }) {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

func artifactsOf(b *gozer.Build) []buildspec.Artifact {
	c := b.Spec.Change
	about := buildspec.Artifact{Project: c.Project.Name, Job: b.Spec.Job.Name, Branch: c.Branch, Change: c.Number}
	if c.Number != 0 {
		about.Patchset = c.Patchset
	} else {
		about.Ref, about.OldRev, about.NewRev = c.Ref, c.OldRev, c.Patchset
	}
	return about.Each(convert.Artifacts(b.Status.Returned))
}

func pastArtifacts(b history.Build) []buildspec.Artifact {
	_, project, _ := strings.Cut(b.Project, "/")
	about := buildspec.Artifact{Project: project, Job: b.Job, Branch: b.Branch, Change: b.Change, Patchset: b.Patchset}
	return about.Each(b.Artifacts)
}
