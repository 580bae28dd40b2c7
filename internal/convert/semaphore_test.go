package convert

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/configlang"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/semaphore"
)

func TestJobSemaphores(t *testing.T) {
	j := &jobgraph.Job{Semaphores: []configlang.JobSemaphore{{Name: "a", ResourcesFirst: true}, {Name: "b", ResourcesFirst: true}, {Name: "b"}}}
	got := jobSemaphores(j, []string{"a"})
	want := []gozer.JobSemaphore{{Name: "a", Global: true, ResourcesFirst: true}, {Name: "b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b := &gozer.Build{}
	b.Namespace, b.Spec.Job.Semaphores = "acme", got
	keys := []semaphore.Key{{Scope: "gozer-system", Name: "a"}, {Scope: "acme", Name: "b"}}
	if diff := cmp.Diff(keys, SemaphoreKeys(b, "gozer-system")); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if !SemaphoresBeforeNodes(b) {
		t.Error("one that does not wait for nodes comes before them, and all with it")
	}
	b.Spec.Job.Semaphores = got[:1]
	if SemaphoresBeforeNodes(b) {
		t.Error("nodes are asked for first")
	}
}

func TestSemaphoreSpec(t *testing.T) {
	for name, tc := range map[string]struct {
		most int64
		want gozer.SemaphoreSpec
	}{
		"deploy":    {3, gozer.SemaphoreSpec{Max: 3}},
		"many":      {1 << 40, gozer.SemaphoreSpec{Max: 1024}},
		"none":      {-1, gozer.SemaphoreSpec{Max: 0}},
		"Deploy/EU": {1, gozer.SemaphoreSpec{Name: "Deploy/EU", Max: 1}},
	} {
		if diff := cmp.Diff(tc.want, SemaphoreSpec(name, tc.most)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
