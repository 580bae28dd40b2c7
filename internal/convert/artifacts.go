package convert

import (
	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/artifacts"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/returned"
)

// Artifacts that a build has returned.
func Artifacts(r *gozer.Returned) []returned.Artifact {
	if r == nil {
		return nil
	}
	var out []returned.Artifact
	for _, a := range r.Artifacts {
		artifact := returned.Artifact{Name: a.Name, URL: a.URL}
		if a.Metadata != nil {
			artifact.Metadata = a.Metadata.Raw
		}
		out = append(out, artifact)
	}
	return out
}

// ProvidingBuild is a build as those see it that require something.
func ProvidingBuild(b *gozer.Build) artifacts.Build {
	return artifacts.Build{
		Name: b.Name, Job: b.Spec.Job.Name, Provides: b.Spec.Job.Provides, Result: model.BuildResult(b.Status.Result),
		Paused: b.Status.Phase == gozer.BuildPaused || b.Status.Resumed, Project: b.Spec.Change.Project.Name, Change: b.Spec.Change.Number,
	}
}
