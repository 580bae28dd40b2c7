package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// TestAnsibleJob: a job without nodes, with playbooks of a config project and of
// its own, and roles of three repositories. What is proposed is in force for
// what the change may change, and for nothing else.
func TestAnsibleJob(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/config", "a base job", map[string]string{
		"zuul.yaml":           pipelinesYAML + "\n- job: {name: ansible-base, parent: null, nodeset: {nodes: []}, pre-run: playbooks/pre.yaml, post-run: playbooks/post.yaml, roles: [{zuul: acme/web}]}\n",
		"playbooks/pre.yaml":  "- hosts: localhost\n",
		"playbooks/post.yaml": "- hosts: localhost\n",
	})
	w.host.Push("acme/api", "with Ansible", map[string]string{
		".zuul.yaml": strings.Replace(projectYAML("api"), "run: ci/test.sh", "parent: ansible-base, run: ci/test.yaml, include-vars: [vars.yaml, {name: site.yaml, project: acme/config}], extra-vars: {a: 1}, host-vars: {n: {b: 2}}", 1), "ci/test.yaml": "- hosts: localhost\n",
	})
	config, web := w.git("acme/config", "rev-parse", "main"), w.git("acme/web", "rev-parse", "main")
	w.start()
	w.loaded()
	w.say(func(buildspec.Spec) *buildspec.Outcome { return nil })
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	pod := w.executor()
	var containers []string
	for _, c := range pod.Spec.Containers {
		containers = append(containers, c.Name+" "+c.Image)
	}
	if diff := cmp.Diff([]string{"untrusted gozer-ansible:test", "trusted gozer-ansible:test", "executor gozer:test"}, containers); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	for _, v := range pod.Spec.Volumes {
		if v.Secret == nil {
			continue
		}
		var keys corev1.Secret
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.tenant, Name: v.Secret.SecretName}, &keys); err != nil {
			t.Errorf("the Pod cannot start: %v", err)
		}
		for _, item := range v.Secret.Items {
			if len(keys.Data[item.Key]) == 0 {
				t.Errorf("the Pod cannot start: Secret %s has no %s", keys.Name, item.Key)
			}
		}
	}
	spec := w.specOf(pod)
	set := w.onlyBuildSet()
	merged := ""
	for _, st := range set.Spec.States {
		if st.Project.Name == "acme/api" {
			merged = st.Commit
		}
	}
	var got []string
	for _, p := range spec.Playbooks() {
		got = append(got, p.Project.Name+" "+p.Path+" "+nameOf(p.Commit, map[string]string{config: "config's head", web: "web's head", merged: "the tested state"}))
		for _, r := range p.Roles {
			got = append(got, "  "+r.Project.Name+" "+r.Branch+" "+nameOf(r.Commit, map[string]string{config: "config's head", web: "web's head", merged: "the tested state"}))
		}
	}
	for _, v := range spec.IncludeVars {
		got = append(got, fmt.Sprintf("%s %s trusted=%t %s", v.Project.Name, v.Path, v.Trusted, nameOf(v.Commit, map[string]string{config: "config's head", merged: "the tested state"})))
	}
	want := []string{
		"acme/config playbooks/pre.yaml config's head", "  acme/config main config's head", "  acme/web main web's head",
		"acme/api ci/test.yaml the tested state", "  acme/api main the tested state", "  acme/config main config's head", "  acme/web main web's head",
		"acme/config playbooks/post.yaml config's head", "  acme/config main config's head", "  acme/web main web's head",
		"acme/api vars.yaml trusted=false the tested state", "acme/config site.yaml trusted=true config's head",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("playbooks and roles (-want +got):\n%s", diff)
	}
	if len(spec.Nodes) != 0 || spec.ExtraVars["a"] == nil || spec.HostVars["n"]["b"] == nil {
		t.Errorf("nodes %v, variables %v, %v", spec.Nodes, spec.ExtraVars, spec.HostVars)
	}
	w.say(func(buildspec.Spec) *buildspec.Outcome { return &buildspec.Outcome{Result: model.Success} })
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
}

func nameOf(commit string, known map[string]string) string {
	if n, ok := known[commit]; ok {
		return n
	}
	return commit
}
