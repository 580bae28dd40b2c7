package buildset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/jobgraph"
	"github.com/gozer-dev/gozer/internal/model"
)

// TestWithout: a build that cannot be seen is waited for, but not for ever.
func TestWithout(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tc := range map[string]struct {
		age    time.Duration
		result string
	}{
		"young": {seenBy - time.Second, ""},
		"old":   {seenBy, "CANCELED: the build of job unit was deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := gozer.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			b := &gozer.BuildSet{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "set", CreationTimestamp: metav1.NewTime(made)}}
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(b).WithStatusSubresource(b).Build()
			r := &Reconciler{Client: c, Now: func() time.Time { return made.Add(tc.age) }}
			got, err := r.without(t.Context(), b, b.DeepCopy(), "unit")
			if err != nil {
				t.Fatal(err)
			}
			var after gozer.BuildSet
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(b), &after); err != nil {
				t.Fatal(err)
			}
			result := ""
			if after.Status.Canceled {
				result = after.Status.Result + ": " + after.Status.Reason
			}
			if result != tc.result || (got.RequeueAfter == 0) != (tc.result != "") {
				t.Errorf("it is %q, and looked at again after %s", result, got.RequeueAfter)
			}
		})
	}
}

// TestKeptBuildWasDeleted: one of an earlier buildset is missing like any other.
func TestKeptBuildWasDeleted(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := gozer.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	none := func(client.Object) []string { return nil }
	c := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&gozer.Build{}, "label "+gozer.LabelBuildSet, none).Build()
	b := &gozer.BuildSet{Spec: gozer.BuildSetSpec{Jobs: []gozer.BuildSetJob{{Name: "unit", Build: "gone", Reused: true}}}}
	builds, err := (&Reconciler{Client: c}).builds(t.Context(), b)
	if err != nil || missing(b, builds) != "unit" {
		t.Errorf("%q is missing, %v", missing(b, builds), err)
	}
}

func TestFail(t *testing.T) {
	on := func(name string) []jobgraph.Dependency { return []jobgraph.Dependency{{Name: name, Soft: true}} }
	jobs := []jobgraph.JobState{
		{Name: "registry", Started: true, Paused: true},
		{Name: "image", Started: true, Result: model.Success, Dependencies: on("registry")},
		{Name: "test", Started: true, Dependencies: on("image")},
		{Name: "failing", Started: true, Failing: "a task failed", Dependencies: on("registry")},
		{Name: "deploy", Dependencies: on("test")},
		{Name: "other", Started: true},
	}
	loss{job: "registry", times: 2, last: true}.fail(jobs)
	var got []string
	for _, j := range jobs {
		got = append(got, string(j.Result)+" "+j.Reason)
	}
	want := []string{"RETRY_LIMIT 2 times it was " + lostPaused, "SUCCESS ", "CANCELED job registry, which it depends on, was " + lostPaused, " ", " ", " "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
