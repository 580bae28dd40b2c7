package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
)

// push tells of a new head of main.
func (w *world) push(repo string) {
	w.event(model.TriggerEvent{Event: "push", Project: repo, Ref: "refs/heads/main", Branch: "main"})
}

func (w *world) tenantStatus() gozer.TenantStatus {
	w.t.Helper()
	var t gozer.Tenant
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: "acme"}, &t); err != nil {
		w.t.Fatal(err)
	}
	return t.Status
}

// pipelineNames that exist as objects.
func (w *world) pipelineNames() []string {
	w.t.Helper()
	var list gozer.PipelineList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, p := range list.Items {
		out = append(out, p.Name)
	}
	slices.Sort(out)
	return out
}

// TestReconfiguration: a push to a config project takes force. What runs goes
// on with the builds that it has; what has no place any more leaves.
func TestReconfiguration(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.loaded()
	hold := true
	timeouts := map[string]int64{}
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		timeouts[names(spec)[len(names(spec))-1]] = spec.TimeoutSeconds
		if hold {
			return nil
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	checked := w.host.Open("acme/web", 7, "checked", "", map[string]string{"x": "1"})
	first := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	second := w.host.Open("acme/web", 1, "B", "", map[string]string{"b": "1"})
	w.opened(checked)
	w.approve(first)
	w.approve(second)
	w.eventually("two are gated", func() string {
		if got := w.gateBuilds(); len(got) != 2 {
			return fmt.Sprint(got)
		}
		return ""
	})
	before := w.gateBuilds()

	config := strings.Replace(pipelinesYAML, "name: check\n", "name: late\n", 1)
	config = strings.Replace(config, "supercedes: check", "supercedes: late", 1)
	config = strings.Replace(config, "timeout: 300", "timeout: 200", 1)
	w.host.Push("acme/config", "another configuration", map[string]string{"zuul.yaml": config})
	w.push("acme/config")
	w.eventually("the pipelines are those of the new configuration", func() string {
		return cmp.Diff([]string{"gate", "late"}, w.pipelineNames())
	})
	w.eventually("the item of the removed pipeline leaves", func() string {
		return cmp.Diff([]string{"acme/web#7 DEQUEUED"}, w.itemResults("check"))
	})
	third := w.host.Open("acme/api", 2, "C", "", map[string]string{"c": "1"})
	w.approve(third)
	w.eventually("a third is gated", func() string {
		if got := w.gateBuilds(); len(got) != 3 {
			return fmt.Sprint(got)
		}
		return ""
	})
	if diff := cmp.Diff(before, w.gateBuilds()[:2]); diff != "" {
		t.Errorf("running items were disturbed (-before +after):\n%s", diff)
	}
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		timeouts[names(spec)[len(names(spec))-1]] = spec.TimeoutSeconds
		return &buildspec.Outcome{Result: model.Success}
	})
	w.eventually("all are merged", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/web#1 SUCCESS", "acme/api#2 SUCCESS"}, w.itemResults("gate"))
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(timeouts, "acme/web#7")
	want := map[string]int64{"acme/api#1": 300, "acme/web#1": 300, "acme/api#2": 200}
	if diff := cmp.Diff(want, timeouts); diff != "" {
		t.Errorf("timeouts of the builds (-want +got):\n%s", diff)
	}
}

// TestBranchesAreFollowed: the configuration of a branch comes and goes with it.
func TestBranchesAreFollowed(t *testing.T) {
	w := newWorld(t)
	repo := w.host.Repo(t, "acme/web", map[string]string{".zuul.yaml": projectYAML("web"), "ci/test.sh": "true"})
	w.start()
	w.loaded()
	heads := func() string {
		var out []string
		for _, h := range w.tenantStatus().Layout.Heads {
			if strings.HasSuffix(h.Project, "/web") {
				out = append(out, h.Branch)
			}
		}
		return strings.Join(out, " ")
	}
	jobs := w.tenantStatus().Layout.Jobs
	repo.Git("checkout", "-q", "-b", "stable")
	repo.Commit("stable", map[string]string{".zuul.yaml": projectYAML("web") + "- job: {name: web-old, run: ci/test.sh}\n"})
	repo.Git("checkout", "-q", "main")
	w.event(model.TriggerEvent{Event: "push", Project: "acme/web", Ref: "refs/heads/stable", Branch: "stable"})
	w.eventually("the branch is read", func() string {
		if got, n := heads(), w.tenantStatus().Layout.Jobs; got != "main stable" || n != jobs+1 {
			return fmt.Sprintf("heads %q, %d jobs", got, n)
		}
		return ""
	})
	repo.Git("branch", "-q", "-D", "stable")
	w.event(model.TriggerEvent{Event: "push", Project: "acme/web", Ref: "refs/heads/stable", Branch: "stable", NewRev: strings.Repeat("0", 40)})
	w.eventually("the branch is forgotten", func() string {
		if got, n := heads(), w.tenantStatus().Layout.Jobs; got != "main" || n != jobs {
			return fmt.Sprintf("heads %q, %d jobs", got, n)
		}
		return ""
	})
}

// TestBrokenConfigLoads: what is broken is left out and told; the rest is in force.
func TestBrokenConfigLoads(t *testing.T) {
	w := newWorld(t)
	w.host.Repo(t, "acme/api", map[string]string{
		"zuul.d/a.yaml": projectYAML("api"), "zuul.d/b.yaml": "- job: {name: broken, run: ci/test.sh, timeout: soon}\n- job: {name: orphan, parent: nobody}\n",
		"zuul.d/c.yaml": "- job: [\n", "ci/test.sh": "true",
	})
	w.start()
	w.eventually("errors are told", func() string {
		s := w.tenantStatus()
		if s.Layout == nil || s.ErrorCount != 3 {
			return fmt.Sprintf("%+v", s)
		}
		return ""
	})
	change := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.opened(change)
	w.eventually("the rest works", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
}

// TestRefusedPipelineIsNotMerged: a change to the config project that makes a
// pipeline one which cannot be worked is told so, and stays out.
func TestRefusedPipelineIsNotMerged(t *testing.T) {
	with := pipelinesYAML + "- project: {name: acme/config, check: {jobs: [noop]}, gate: {jobs: [noop]}}\n"
	w := newWorldWith(t, with)
	w.start()
	w.loaded()
	bad := strings.Replace(with, "    supercedes: check\n", "    supercedes: check\n    allow-other-connections: false\n", 1)
	w.approve(w.host.Open("acme/config", 1, "bad", "", map[string]string{"zuul.yaml": bad}))
	w.approve(w.host.Open("acme/config", 2, "good", "", map[string]string{"zuul.yaml": with + "- job: {name: more, run: ci/more.sh}\n"}))
	w.eventually("one is refused, the other merges", func() string {
		return cmp.Diff([]string{"acme/config#1 CONFIG_ERROR", "acme/config#2 SUCCESS"}, w.itemResults("gate"))
	})
	comments := w.host.Comments("acme/config", 1)
	if len(comments) != 1 || !strings.Contains(comments[0], "pipeline gate: allow-other-connections: false has no effect in this version of Gozer") {
		t.Errorf("comments: %q", comments)
	}
	if !slices.Contains(w.pipelineNames(), "gate") {
		t.Errorf("pipelines: %v", w.pipelineNames())
	}
}
