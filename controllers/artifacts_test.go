package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/build"
	"github.com/gozer-dev/gozer/internal/buildspec"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/internal/returned"
)

// images lets jobs named image return an artifact, with the change's number, when
// they may end, and notes what jobs named use get.
type images struct {
	w    *world
	mu   sync.Mutex
	ends bool
	fail bool
	got  map[string][]string
}

func (w *world) images() *images {
	i := &images{w: w, got: map[string][]string{}}
	w.say(i.answer)
	return i
}

func (i *images) answer(spec buildspec.Spec) *buildspec.Outcome {
	i.mu.Lock()
	defer i.mu.Unlock()
	change := fmt.Sprintf("%s#%d", spec.Change.Project.Name, spec.Change.Number)
	switch {
	case spec.Job == "use":
		texts := []string{}
		for _, a := range spec.Artifacts {
			texts = append(texts, fmt.Sprintf("%s %s of %s %s#%d %s %t", a.URL, a.Metadata, a.Job, a.Project, a.Change, a.Branch, a.Patchset != ""))
		}
		i.got[change] = texts
	case !i.ends:
		return nil
	case i.fail:
		return &buildspec.Outcome{Result: model.Failure}
	default:
		all := returned.Results{Data: map[string]any{"zuul": map[string]any{"artifacts": []any{
			map[string]any{"name": "image", "url": "docker://" + change, "metadata": map[string]any{"type": "container"}}}}}}
		if err := build.Keep(i.w.t.Context(), i.w.client, i.w.tenant, spec.Build, int32(spec.Attempt), all, true); err != nil {
			return nil // as an executor says it again
		}
		return &buildspec.Outcome{Result: model.Success, Returned: true}
	}
	return &buildspec.Outcome{Result: model.Success}
}

func (i *images) set(ends, fail bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ends, i.fail = ends, fail
}

func (i *images) of(change string) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.got[change]
}

// providing gives acme/api a job that provides something, and acme/web one that requires it.
func (w *world) providing() {
	for repo, job := range map[string]string{"api": "name: image, provides: image", "web": "name: use, requires: image"} {
		name, _, _ := strings.Cut(strings.TrimPrefix(job, "name: "), ",")
		w.host.Push("acme/"+repo, "jobs", map[string]string{".zuul.yaml": fmt.Sprintf(`
- job: {%s, run: ci/test.sh}
- project:
    queue: integrated
    check: {jobs: [%s]}
    gate: {jobs: [%s]}
`, job, name, name)})
	}
}

// reasons of jobs that wait in buildsets.
func (w *world) reasons() string {
	var list gozer.BuildSetList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		return err.Error()
	}
	var out []string
	for _, b := range list.Items {
		for _, j := range b.Status.Jobs {
			if j.Reason != "" {
				out = append(out, j.Name+": "+j.Reason)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// TestArtifactsAhead: a job waits for what jobs of changes ahead provide, says so,
// and gets the artifacts of all of them.
func TestArtifactsAhead(t *testing.T) {
	w := newWorld(t)
	w.providing()
	images := w.images()
	w.start()
	w.loaded()
	for _, c := range []model.Change{
		w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"}),
		w.host.Open("acme/api", 2, "B", "", map[string]string{"b": "1"}),
		w.host.Open("acme/web", 1, "C", "", map[string]string{"c": "1"}),
	} {
		w.approve(c)
	}
	w.eventually("it waits for the nearest", func() string {
		return cmp.Diff("use: waits for image of job image of acme/api#2", w.reasons())
	})
	images.set(true, false)
	w.eventually("all merge", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS", "acme/web#1 SUCCESS"}, w.itemResults("gate"))
	})
	want := []string{
		`docker://acme/api#1 {"type":"container"} of image acme/api#1 main true`,
		`docker://acme/api#2 {"type":"container"} of image acme/api#2 main true`,
	}
	if diff := cmp.Diff(want, images.of("acme/web#1")); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	if got := w.reasons(); got != "" {
		t.Errorf("jobs still say: %s", got)
	}
}

// TestArtifactsOfThePast: where what is needed is tested on its own, that counts, also
// when its objects are gone; when it has failed, so does what requires it.
func TestArtifactsOfThePast(t *testing.T) {
	w := newWorld(t)
	w.providing()
	images := w.images()
	w.start()
	w.loaded()
	needed := w.host.Open("acme/api", 1, "A", "", map[string]string{"a": "1"})
	w.opened(needed)
	needing := w.host.Open("acme/web", 1, "B", "Depends-On: "+needed.URL, map[string]string{"b": "1"})
	w.opened(needing)
	w.eventually("it waits for the item that tests it", func() string {
		return cmp.Diff("use: waits for image of job image of acme/api#1", w.reasons())
	})
	images.set(true, false)
	w.eventually("both are tested", func() string {
		return w.missing("acme/api#1 SUCCESS", "acme/web#1 SUCCESS")
	})
	want := []string{`docker://acme/api#1 {"type":"container"} of image acme/api#1 main true`}
	if diff := cmp.Diff(want, images.of("acme/web#1")); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	w.forget("image")
	w.opened(w.host.Open("acme/web", 2, "C", "Depends-On: "+needed.URL, map[string]string{"c": "1"}))
	w.eventually("it is tested with what the history has", func() string { return cmp.Diff(want, images.of("acme/web#2")) })

	images.set(true, true)
	w.opened(needed)
	w.eventually("it is tested again", func() string { return w.missing("acme/api#1 FAILURE") })
	w.opened(w.host.Open("acme/web", 3, "D", "Depends-On: "+needed.URL, map[string]string{"d": "1"}))
	w.eventually("what requires it fails, and says why", func() string {
		text := strings.Join(w.host.Comments("acme/web", 3), "\n")
		if !strings.Contains(text, "Job use requires artifact(s) image provided by build check-api-1-") ||
			!strings.Contains(text, `(triggered by change 1 on project acme/api), but that build failed with result "FAILURE"`) {
			return text
		}
		return ""
	})
}

// missing tells which results items of check do not have.
func (w *world) missing(want ...string) string {
	got := w.itemResults("check")
	return strings.Join(slices.DeleteFunc(want, func(r string) bool { return slices.Contains(got, r) }), ", ")
}

// forget deletes the items whose builds run a job, with all that is theirs.
func (w *world) forget(job string) {
	w.t.Helper()
	var list gozer.BuildList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
		w.t.Fatal(err)
	}
	for i := range list.Items {
		b := &list.Items[i]
		if b.Spec.Job.Name != job {
			continue
		}
		item := &gozer.QueueItem{}
		item.Namespace, item.Name = b.Namespace, b.Spec.Item
		for _, obj := range []client.Object{b, item} {
			if err := w.client.Delete(w.t.Context(), obj); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.eventually("they are gone", func() string {
		if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.tenant)); err != nil {
			return err.Error()
		}
		if slices.ContainsFunc(list.Items, func(b gozer.Build) bool { return b.Spec.Job.Name == job }) {
			return "there are builds"
		}
		return ""
	})
}

// TestWhatBuildsKnow: of the changes that are tested, of the event, and of the jobs
// that depend on theirs.
func TestWhatBuildsKnow(t *testing.T) {
	w := newWorld(t)
	w.host.Push("acme/api", "jobs", map[string]string{".zuul.yaml": `
- job: {name: first, run: ci/test.sh}
- job: {name: second, run: ci/test.sh}
- project: {queue: integrated, gate: {jobs: [first, second: {dependencies: first}]}}
`})
	var mu sync.Mutex
	known := map[string]buildspec.Spec{}
	w.say(func(spec buildspec.Spec) *buildspec.Outcome {
		mu.Lock()
		defer mu.Unlock()
		known[fmt.Sprint(spec.Job, " ", spec.Change.Number)] = spec
		if spec.Change.Number == 1 && known["first 2"].Job == "" {
			return nil // both are in the queue at once
		}
		return &buildspec.Outcome{Result: model.Success}
	})
	w.start()
	w.loaded()
	w.approve(w.host.Open("acme/api", 1, "Fix {{ it }}", "It was broken.", map[string]string{"a": "1"}))
	w.approve(w.host.Open("acme/api", 2, "Another", "", map[string]string{"b": "1"}))
	w.eventually("all merge", func() string {
		return cmp.Diff([]string{"acme/api#1 SUCCESS", "acme/api#2 SUCCESS"}, w.itemResults("gate"))
	})
	mu.Lock()
	defer mu.Unlock()
	first, second := known["first 2"], known["second 2"]
	if diff := cmp.Diff([][]string{{"second"}, nil}, [][]string{first.ChildJobs, second.ChildJobs}); diff != "" {
		t.Errorf("child jobs (-want +got):\n%s", diff)
	}
	var said []string
	for _, c := range first.Items {
		said = append(said, first.Messages[c.Key()])
	}
	if diff := cmp.Diff([]string{"Fix {{ it }}\n\nIt was broken.", "Another"}, said); diff != "" {
		t.Errorf("messages of items (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(first.EventID, "ev-") || !cmp.Equal(first.BuildRefs, []buildspec.Change{first.Change}) || !cmp.Equal(first.BuildSetRefs, first.BuildRefs) {
		t.Errorf("event %q, refs %v and %v", first.EventID, first.BuildRefs, first.BuildSetRefs)
	}
}
