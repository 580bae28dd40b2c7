package controllers_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/controllers/pipeline"
	"github.com/gozer-dev/gozer/controllers/tenant"
	"github.com/gozer-dev/gozer/internal/convert"
	"github.com/gozer-dev/gozer/internal/model"
	"github.com/gozer-dev/gozer/test/scenario"
)

var everyStory = flag.Bool("every-story", false, "play every story that can be, and not only the representative ones")

const storiesDir = "../test/scenario/testdata"

// TestStories plays stories of test/scenario with the real controllers, on real
// git. Whenever a story is at rest, both worlds are to be the same.
func TestStories(t *testing.T) {
	names := scenario.OnTheRealServer
	if *everyStory {
		names = allStories(t)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			var last scenario.Summary
			rests := 0
			err := scenario.Play(storyText(t, name), func(did scenario.Deeds, want scenario.Summary) error {
				rests++
				last = want
				s.act(did)
				s.eventually(fmt.Sprintf("at rest %d, it is as in the story", rests), func() string { return s.differs(want) })
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			s.assertMerged()
			if len(last.Queues) == 0 {
				s.assertNothingLeft()
			} else if !*everyStory {
				t.Error("it leaves things undecided: take a story that comes to an end")
			}
		})
	}
}

func storyText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(storiesDir, name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// allStories are those that can be played with a mirror.
func allStories(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(storiesDir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in %s: %v", storiesDir, err)
	}
	var out []string
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if err := scenario.Mirrored(storyText(t, name)); err != nil {
			t.Logf("left out: %s: %v", name, err)
			continue
		}
		out = append(out, name)
	}
	return out
}

// differs says how the world is not as it is to be yet. Git is asked last: that takes long.
func (s *stage) differs(want scenario.Summary) string {
	s.t.Helper()
	if why := s.waiting(); why != "" {
		return why
	}
	got := s.summary()
	got.Branches = want.Branches
	if diff := cmp.Diff(want, got); diff != "" {
		return diff
	}
	if diff := cmp.Diff(want.Branches, s.branchLines()); diff != "" {
		return diff
	}
	return s.inForce(true)()
}

// waiting says which event nobody dealt with yet.
func (s *stage) waiting() string {
	var x gozer.Tenant
	if err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.tenant, Name: "acme"}, &x); err != nil {
		return err.Error()
	}
	var events gozer.TriggerEventList
	if err := s.client.List(s.t.Context(), &events, client.InNamespace(s.operator)); err != nil {
		return err.Error()
	}
	for _, e := range events.Items {
		if tenant.HasProject(&x, e.Spec.Connection, e.Spec.Project) && !pipeline.DealtWith(&e, s.tenant) {
			return "nobody dealt with " + e.Name
		}
	}
	return ""
}

// summary of the world, in the story's words, but for the branches.
func (s *stage) summary() scenario.Summary {
	s.t.Helper()
	var out scenario.Summary
	queues := s.queues()
	for line := range s.running() {
		out.Builds = append(out.Builds, line)
	}
	var items gozer.QueueItemList
	s.list(&items)
	byName := map[string]gozer.QueueItem{}
	for _, i := range items.Items {
		byName[i.Name] = i
		if i.Spec.Live && i.Status.Result != "" {
			out.Results = append(out.Results, fmt.Sprintf("%s %s %s", i.Spec.Pipeline, convert.ChangeNames(i.Spec.Changes), i.Status.Result))
		}
	}
	merged := map[string][]string{}
	for _, i := range inMergeOrder(items.Items) {
		name := queueName(queues[i.Spec.Queue])
		merged[name] = append(merged[name], convert.ChangeNames(i.Spec.Changes))
	}
	for name, list := range merged {
		out.Merged = append(out.Merged, scenario.MergedIn(name, list))
	}
	for _, q := range queues {
		if len(q.Status.Items) > 0 {
			out.Queues = append(out.Queues, queueSummary(q, byName))
		}
	}
	out.Comments = s.comments()
	return out.Sorted()
}

func (s *stage) list(list client.ObjectList) {
	s.t.Helper()
	if err := s.client.List(s.t.Context(), list, client.InNamespace(s.tenant)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) queues() map[string]gozer.ChangeQueue {
	s.t.Helper()
	var list gozer.ChangeQueueList
	s.list(&list)
	out := map[string]gozer.ChangeQueue{}
	for _, q := range list.Items {
		out[q.Name] = q
	}
	return out
}

func queueName(q gozer.ChangeQueue) string { return q.Spec.Pipeline + " " + q.Spec.Queue }

// inMergeOrder are the items that merged.
func inMergeOrder(items []gozer.QueueItem) []gozer.QueueItem {
	items = slices.DeleteFunc(slices.Clone(items), func(i gozer.QueueItem) bool { return i.Status.Merged == nil })
	slices.SortFunc(items, func(a, b gozer.QueueItem) int { return a.Status.Merged.At.Compare(b.Status.Merged.At.Time) })
	return items
}

func queueSummary(q gozer.ChangeQueue, items map[string]gozer.QueueItem) scenario.Queue {
	out := scenario.Queue{Name: queueName(q)}
	if q.Spec.Manager == gozer.ManagerDependent {
		out.Window = q.Status.Window
	}
	for _, e := range q.Status.Items {
		i, ahead := items[e.Item], items[e.Ahead]
		out.Items = append(out.Items, scenario.Place{
			Item: convert.ChangeNames(i.Spec.Changes), Ahead: convert.ChangeNames(ahead.Spec.Changes), Live: i.Spec.Live, State: i.Status.State,
		})
	}
	return out
}

// running builds: their names, by the lines that a summary has for them.
func (s *stage) running() map[string]string {
	s.t.Helper()
	var sets gozer.BuildSetList
	var builds gozer.BuildList
	s.list(&builds)
	s.list(&sets)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	for _, b := range builds.Items {
		if b.Status.Phase != gozer.BuildRunning {
			continue
		}
		n := slices.IndexFunc(sets.Items, func(x gozer.BuildSet) bool { return x.Name == b.Spec.BuildSet })
		if n < 0 {
			continue // it is created after its builds
		}
		var state []string
		for _, step := range sets.Items[n].Spec.Steps {
			state = append(state, s.names[step.Change.Head])
		}
		out[scenario.Running(b.Spec.Pipeline, b.Spec.Job.Name, s.names[b.Spec.Change.Head], state)] = b.Name
	}
	return out
}

func (s *stage) branchLines() []string {
	s.t.Helper()
	var out []string
	for _, at := range s.branches {
		out = append(out, scenario.BranchLine(at, s.steps(at)))
	}
	slices.Sort(out)
	return out
}

// steps of a branch: what was pushed to it, and what was merged.
func (s *stage) steps(at model.BranchRef) []string {
	s.t.Helper()
	all := s.commitsOf(at)
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, c := range all[1:] { // the first one makes the repository
		if c.Merged != "" {
			c.ID = c.Merged
		}
		out = append(out, s.names[c.ID])
	}
	return out
}

func (s *stage) comments() []string {
	var out []string
	for _, host := range s.hosts {
		for change, comments := range host.AllComments() {
			for _, text := range comments {
				out = append(out, scenario.Told(change, text))
			}
		}
	}
	return out
}

// assertMerged: what merged is what was tested.
func (s *stage) assertMerged() {
	s.t.Helper()
	var items gozer.QueueItemList
	s.list(&items)
	for _, i := range inMergeOrder(items.Items) {
		if c := meta.FindStatusCondition(i.Status.Conditions, gozer.ConditionMerged); c == nil || c.Reason != "TreeAsTested" {
			s.t.Errorf("%s was merged with another tree than was tested: %+v", i.Name, c)
		}
	}
}

// assertNothingLeft: when nothing is in a queue, nothing runs.
func (s *stage) assertNothingLeft() {
	s.t.Helper()
	s.eventually("nothing is left", func() string {
		var left []string
		var sets gozer.BuildSetList
		s.list(&sets)
		for _, b := range sets.Items {
			if b.Status.Result == "" {
				left = append(left, "buildset "+b.Name)
			}
		}
		var pods corev1.PodList
		s.list(&pods)
		for _, p := range pods.Items {
			left = append(left, "pod "+p.Name)
		}
		return strings.Join(left, ", ")
	})
}
