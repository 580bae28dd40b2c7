package controllers_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/returned"
)

// TestReturned: what a job returns says which of the jobs after it run, reaches
// them, and is told to the author.
func TestReturned(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/api", "jobs after one another", map[string]string{".zuul.yaml": `
- job: {name: image, run: ci/test.sh, nodeset: {nodes: {name: n, label: debian}}}
- job: {name: deploy, run: ci/test.sh, nodeset: {nodes: {name: n, label: debian}}}
- job: {name: docs, run: ci/test.sh, nodeset: {nodes: {name: n, label: debian}}}
- job: {name: after, run: ci/test.sh, nodeset: {nodes: {name: n, label: debian}}}
- project:
    check: {jobs: [image, deploy: {dependencies: [image]}, docs: {dependencies: [image]}, after: {dependencies: [deploy]}]}
`})
	w.start()
	w.loaded()
	var looked atomic.Bool
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		switch {
		case spec.Job == "after" && !looked.Load():
			return nil
		case spec.Job != "image":
			return &buildspec.Outcome{Result: model.Success}
		}
		// The executor says it until it has an answer; here it had none the first time.
		all := returned.Results{Data: map[string]any{"tag": "v1", "zuul": map[string]any{
			"child_jobs": []any{"deploy"}, "warnings": []any{"it is slow"}, "log_url": "https://logs.example/1",
			"artifacts": []any{map[string]any{"name": "image", "url": "docker://x"}},
		}}}
		for range 2 {
			if err := build.Keep(t.Context(), w.client, w.tenant, spec.Build, int32(spec.Attempt), all, true); err != nil {
				t.Error(err)
			}
		}
		return &buildspec.Outcome{Result: model.Success, Returned: true}
	})
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("the last job has what the first one returned", func() string { return cmp.Diff([]string{"image"}, w.parentsOf("after")) })
	looked.Store(true)
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	var list gozer.BuildList
	if err := w.client.List(t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		t.Fatal(err)
	}
	results := map[string]string{}
	var image gozer.Build
	for _, b := range list.Items {
		results[b.Spec.Job.Name] = b.Status.Result
		if b.Spec.Job.Name == "image" {
			image = b
		}
	}
	if diff := cmp.Diff(map[string]string{"image": "SUCCESS", "deploy": "SUCCESS", "docs": "SKIPPED", "after": "SUCCESS"}, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	want := &gozer.Returned{Secret: image.Name + "-1-data", LimitsChildren: true, ChildJobs: []string{"deploy"}, Warnings: []string{"it is slow"},
		Artifacts: []gozer.Artifact{{Name: "image", URL: "docker://x"}}}
	if diff := cmp.Diff(want, image.Status.Returned); diff != "" || image.Status.LogURL != "https://logs.example/1" {
		t.Errorf("log %s, returned (-want +got):\n%s", image.Status.LogURL, diff)
	}
	if comments := strings.Join(w.host.Comments("acme/api", 1), "\n"); strings.Contains(comments, "docs |") {
		t.Errorf("the comment has a job that was left out:\n%s", comments)
	}
}

// parentsOf are the jobs whose results the executor of a job mounts.
func (w *world) parentsOf(job string) []string {
	var pods corev1.PodList
	if err := w.client.List(w.t.Context(), &pods, client.InNamespace(w.tenant), client.MatchingLabels{gozer.LabelRole: build.RoleExecutor, gozer.LabelJob: job}); err != nil {
		w.t.Error(err)
	}
	var out []string
	for _, p := range pods.Items {
		for _, v := range p.Spec.Volumes {
			if v.Name != "parents" {
				continue
			}
			for _, source := range v.Projected.Sources {
				var s corev1.Secret
				if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: source.Secret.Name}, &s); err != nil {
					w.t.Error(err)
				}
				var b gozer.Build
				if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: s.Labels[gozer.LabelBuild]}, &b); err != nil {
					w.t.Error(err)
				}
				out = append(out, b.Spec.Job.Name)
			}
		}
	}
	return out
}
