package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/gitrepo/gitrepotest"
	"github.com/gozer-dev/gozer/internal/mergeplan"
	"github.com/gozer-dev/gozer/internal/merger"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/repostate"
	"github.com/gozer-dev/gozer/internal/testkit/fakehost"
)

// watchedMerger remembers what it was asked.
type watchedMerger struct {
	merger.Merger

	mu sync.Mutex
	// asked for refs, by project, and what was published, by buildset.
	asked     map[string]int
	published map[string][]merger.PrepareRequest
}

func (m *watchedMerger) Refs(ctx context.Context, p model.Project) (repostate.State, error) {
	m.mu.Lock()
	m.asked[p.Name]++
	m.mu.Unlock()
	return m.Merger.Refs(ctx, p)
}

func (m *watchedMerger) Prepare(ctx context.Context, req merger.PrepareRequest) (mergeplan.Result, error) {
	if req.Scope != "" {
		m.mu.Lock()
		m.published[req.Scope] = append(m.published[req.Scope], req)
		m.mu.Unlock()
	}
	return m.Merger.Prepare(ctx, req)
}

func (w *world) watchMerger() *watchedMerger {
	m := &watchedMerger{asked: map[string]int{}, published: map[string][]merger.PrepareRequest{}}
	w.through = func(inner merger.Merger) merger.Merger {
		m.Merger = inner
		return m
	}
	return m
}

// git runs git in a repository of the code host.
func (w *world) git(repo string, args ...string) string {
	w.t.Helper()
	remote, err := w.host.Remote(w.t.Context(), model.Project{Connection: fakehost.Connection, Hostname: fakehost.Hostname, Name: repo})
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := gitrepotest.Try(remote.URL, args...)
	if err != nil {
		w.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return out
}

// requiring gives acme/api a job that needs acme/web.
func (w *world) requiring(attributes string) {
	w.host.Push("acme/api", "needs web", map[string]string{".zuul.yaml": strings.Replace(projectYAML("api"), "run: ci/test.sh", "run: ci/test.sh, "+attributes, 1)})
}

// TestFrozenRepositories: all attempts see the branches and tags that there were
// when the item was prepared.
func TestFrozenRepositories(t *testing.T) {
	w := newWorld(t)
	w.requiring("required-projects: [acme/web]")
	w.git("acme/web", "tag", "-a", "-m", "first", "v1")
	w.git("acme/web", "branch", "stable/1")
	w.git("acme/api", "tag", "v0.1")
	before := model.ShortCommit(w.git("acme/web", "rev-parse", "main"))
	m := w.watchMerger()
	w.start()
	w.loaded()
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Attempt > 1 {
			return &buildspec.Outcome{Result: model.Success}
		}
		// It is lost, and meanwhile the other repository goes on.
		w.git("acme/web", "tag", "-f", "v2", "stable/1")
		w.git("acme/web", "branch", "-f", "stable/2", "main")
		w.host.Push("acme/web", "goes on", map[string]string{"README": "more"})
		return &buildspec.Outcome{Result: model.Retry, Reason: "the node is gone"}
	})
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })

	set := w.onlyBuildSet()
	var names []string
	for _, r := range set.Spec.Repositories {
		names = append(names, r.Project.Name+": "+w.refs(r.State))
	}
	head := model.ShortCommit(w.git("acme/api", "rev-parse", "main"))
	want := []string{
		fmt.Sprintf("acme/api: main %s, v0.1 %s", head, model.ShortCommit(w.git("acme/api", "rev-parse", "v0.1"))),
		fmt.Sprintf("acme/web: main %[1]s, stable/1 %[1]s, v1 %[1]s", before),
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("frozen (-want +got):\n%s", d)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	published := m.published[w.tenant+"/"+set.Name]
	// An attempt is published again when the cache does not show its Pod yet.
	if len(published) < 2 {
		t.Fatalf("published %d times, want at least once for each attempt", len(published))
	}
	for _, p := range published[1:] {
		if d := cmp.Diff(published[0], p); d != "" {
			t.Errorf("the attempts see different repositories:\n%s", d)
		}
	}
}

// TestRepositoryStateIsDeletedByHand: the job runs without the other branches.
func TestRepositoryStateIsDeletedByHand(t *testing.T) {
	w := newWorld(t)
	m := w.watchMerger()
	w.start()
	w.loaded()
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Attempt > 1 {
			return &buildspec.Outcome{Result: model.Success}
		}
		if err := w.client.DeleteAllOf(w.t.Context(), &gozer.RepositoryState{}, client.InNamespace(w.tenant)); err != nil {
			w.t.Error(err)
		}
		return &buildspec.Outcome{Result: model.Retry, Reason: "the node is gone"}
	})
	w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
	w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
	m.mu.Lock()
	defer m.mu.Unlock()
	published := m.published[w.tenant+"/"+w.onlyBuildSet().Name]
	if last := len(published) - 1; last < 1 || len(published[0].Repositories) != 1 || len(published[last].Repositories) != 0 {
		t.Errorf("published %+v", published)
	}
}

// refs of a RepositoryState, in short.
func (w *world) refs(name string) string {
	w.t.Helper()
	var obj gozer.RepositoryState
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.tenant, Name: name}, &obj); err != nil {
		w.t.Fatal(err)
	}
	st, err := convert.FrozenState(&obj)
	if err != nil {
		w.t.Fatal(err)
	}
	if b, tags := st.Count(); int(obj.Spec.Branches) != b || int(obj.Spec.Tags) != tags || st.Default != "main" {
		w.t.Errorf("%s: %+v", name, obj.Spec)
	}
	var out []string
	for _, r := range st.Refs {
		out = append(out, strings.TrimPrefix(strings.TrimPrefix(r.Name, "refs/heads/"), "refs/tags/")+" "+model.ShortCommit(r.Commit()))
	}
	return strings.Join(out, ", ")
}

func (w *world) onlyBuildSet() gozer.BuildSet {
	w.t.Helper()
	var sets gozer.BuildSetList
	if err := w.client.List(w.t.Context(), &sets, client.InNamespace(w.tenant)); err != nil {
		w.t.Fatal(err)
	}
	if len(sets.Items) != 1 {
		w.t.Fatalf("%d buildsets", len(sets.Items))
	}
	return sets.Items[0]
}

// TestCheckouts: a job gets the branch of the change, the default branch, or what
// it asks for.
func TestCheckouts(t *testing.T) {
	for name, c := range map[string]struct{ attributes, api, web string }{
		"the default branch":           {"required-projects: [acme/web]", "main", "main"},
		"a branch of the other":        {"required-projects: [{name: acme/web, override-checkout: stable/1}]", "main", "stable/1"},
		"a tag of the other":           {"required-projects: [{name: acme/web, override-checkout: v1}]", "main", "tag v1"},
		"a tag of both":                {"required-projects: [acme/web], override-checkout: v1", "tag v1", "tag v1"},
		"a tag that only one has":      {"required-projects: [acme/web], override-checkout: v0.1", "tag v0.1", "main"},
		"a branch that does not exist": {"required-projects: [{name: acme/web, override-checkout: none}]", "main", "main"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.requiring(c.attributes)
			for _, repo := range []string{"acme/api", "acme/web"} {
				w.git(repo, "tag", "-a", "-m", "first", "v1")
				w.git(repo, "branch", "stable/1")
			}
			w.git("acme/api", "tag", "v0.1")
			w.host.Push("acme/web", "goes on", map[string]string{"README": "more"})
			var mu sync.Mutex
			var seen []buildspec.Checkout
			w.start()
			w.loaded()
			w.say(func(spec buildspec.Spec) *buildspec.Outcome {
				mu.Lock()
				defer mu.Unlock()
				seen = spec.Projects
				return &buildspec.Outcome{Result: model.Success}
			})
			w.opened(w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}))
			w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api#1 SUCCESS"}, w.itemResults("check")) })
			mu.Lock()
			defer mu.Unlock()
			got := map[string]string{}
			for _, p := range seen {
				got[p.Project.Name] = p.Branch
				at, ref := p.Commit, p.Branch
				if p.Tag != "" {
					got[p.Project.Name], ref = "tag "+p.Tag, p.Tag+"^{commit}"
				}
				if want := w.git(p.Project.Name, "rev-parse", ref); p.Project.Name == "acme/web" && at != want {
					t.Errorf("%s is at %s, want %s", ref, at, want)
				}
			}
			if d := cmp.Diff(map[string]string{"acme/api": c.api, "acme/web": c.web}, got); d != "" {
				t.Errorf("checkouts (-want +got):\n%s", d)
			}
		})
	}
}

// TestOneQuestionForManyItems: items that are reset together need one answer.
func TestOneQuestionForManyItems(t *testing.T) {
	w := newWorld(t)
	m := w.watchMerger()
	w.start()
	w.loaded()
	w.holdUntil(8, func(spec buildspec.Spec) *buildspec.Outcome {
		if spec.Change.Number == 1 {
			return &buildspec.Outcome{Result: model.Failure, Reason: "exit code 1"}
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	for n := range int64(8) {
		w.approve(w.host.Open("acme/api", n+1, "A", "", map[string]string{string(rune('a' + n)): "1"}))
	}
	w.eventually("seven merge", func() string { return cmp.Diff(7, len(w.host.MergedOrder())) })
	m.mu.Lock()
	defer m.mu.Unlock()
	// One for each that entered at a time of its own, and one for the reset of seven.
	if n := m.asked["acme/api"]; n > 9 {
		t.Errorf("asked %d times where the branches are; want 9 at most", n)
	}
}

// TestTagPipeline: a tag that is pushed is tested as it is, with the jobs of the
// branches that have it.
func TestTagPipeline(t *testing.T) {
	w := newWorldWith(t, pipelinesYAML+`
- pipeline:
    name: release
    manager: independent
    trigger: {fake: {event: push, ref: ^refs/tags/}}
- pipeline:
    name: publish
    manager: supercedent
    trigger: {fake: {event: push, ref: ^refs/tags/}}
`)
	w.host.Push("acme/api", "released", map[string]string{".zuul.yaml": projectYAML("api") + "    release: {jobs: [api-unit]}\n    publish: {jobs: [api-unit]}\n"})
	w.git("acme/api", "tag", "-a", "-m", "first", "v1")
	w.host.Push("acme/api", "goes on", map[string]string{"README": "more"})
	var mu sync.Mutex
	seen := map[string]buildspec.Spec{}
	w.start()
	w.loaded()
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		mu.Lock()
		defer mu.Unlock()
		seen[spec.Pipeline] = spec
		return &buildspec.Outcome{Result: model.Success}
	})
	tag := w.git("acme/api", "rev-parse", "v1")
	w.event(model.TriggerEvent{Event: "push", Project: "acme/api", Ref: "refs/tags/v1", OldRev: strings.Repeat("0", 40), NewRev: tag})
	for _, pipeline := range []string{"release", "publish"} {
		w.eventually("it is tested", func() string { return cmp.Diff([]string{"acme/api@v1 SUCCESS"}, w.itemResults(pipeline)) })
		mu.Lock()
		spec := seen[pipeline]
		mu.Unlock()
		want := []buildspec.Checkout{{Project: spec.Change.Project, Tag: "v1", Commit: w.git("acme/api", "rev-parse", "v1^{commit}")}}
		if d := cmp.Diff(want, spec.Projects); d != "" {
			t.Errorf("%s: %s", pipeline, d)
		}
		if c := spec.Change; c.Ref != "refs/tags/v1" || c.Branch != "" || c.Head != tag {
			t.Errorf("%s: %+v", pipeline, c)
		}
	}
	if got := w.items("check"); len(got) != 0 {
		t.Errorf("it is in check: %v", got)
	}
	w.git("acme/api", "tag", "-d", "v1")
	w.event(model.TriggerEvent{Event: "push", Project: "acme/api", Ref: "refs/tags/v1", OldRev: tag, NewRev: tag})
	w.eventually("a tag that is gone is not tested", func() string {
		items := w.items("release")
		if len(items) != 2 {
			return fmt.Sprintf("%d items", len(items))
		}
		return cmp.Diff("MERGE_FAILURE", items[1].Status.Result)
	})
}
