package build

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
	"github.com/gozer-dev/gozer/internal/buildspec"
)

// TestMessages: what is said of the item's own changes comes first, then what is said
// of those right ahead, as long as it fits.
func TestMessages(t *testing.T) {
	ref := func(n int) gozer.ChangeRef {
		return gozer.ChangeRef{Project: gozer.ProjectRef{Hostname: "git.example.com", Name: "acme/api"}, Number: int64(n), Patchset: "p"}
	}
	spec := &buildspec.Spec{}
	var items []gozer.QueueItem
	for n := range 20 {
		spec.Items = append(spec.Items, change(ref(n)))
		items = append(items, gozer.QueueItem{Spec: gozer.QueueItemSpec{Changes: []gozer.ChangeRef{ref(n)}, Messages: []string{strings.Repeat("x", maxMessages/8)}}})
	}
	items = append(items, gozer.QueueItem{Spec: gozer.QueueItemSpec{Changes: []gozer.ChangeRef{ref(99)}, Messages: []string{"of another one"}}})
	spec.Change = spec.Items[3]
	spec.BuildSetRefs = []buildspec.Change{spec.Items[2], spec.Items[3]}
	var got []string
	for n := range 100 {
		if _, has := messages(spec, items)[change(ref(n)).Key()]; has {
			got = append(got, fmt.Sprint(n))
		}
	}
	if diff := cmp.Diff(strings.Fields("2 3 14 15 16 17 18 19"), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestChildJobs: those that depend on the job directly, by the names that jobs have.
func TestChildJobs(t *testing.T) {
	changes := []gozer.ChangeRef{{Project: gozer.ProjectRef{Name: "acme/api"}, Number: 1}, {Project: gozer.ProjectRef{Name: "acme/web"}, Number: 2}}
	on := func(names ...string) []gozer.JobDependency {
		var out []gozer.JobDependency
		for _, n := range names {
			out = append(out, gozer.JobDependency{Name: n})
		}
		return out
	}
	s := &scope{build: &gozer.Build{}, set: &gozer.BuildSet{}}
	s.build.Name = "b"
	s.set.Spec.Jobs = []gozer.BuildSetJob{
		{Name: "image (acme/api#1)", Build: "b"},
		{Name: "deploy (acme/api#1)", Build: "c", Dependencies: on("image (acme/api#1)")},
		{Name: "deploy (acme/web#2)", Build: "d", Dependencies: on("image (acme/api#1)")},
		{Name: "after (acme/api#1)", Build: "e", Dependencies: on("deploy (acme/api#1)")},
	}
	if diff := cmp.Diff([]string{"deploy"}, childJobs(s, changes)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
