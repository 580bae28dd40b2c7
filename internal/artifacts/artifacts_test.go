package artifacts_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gozer-dev/gozer/internal/artifacts"
	"github.com/gozer-dev/gozer/internal/model"
)

// of is an item with one build that provides an image.
func of(title string, change int64, result model.BuildResult) artifacts.Item {
	return artifacts.Item{Title: title, Builds: []artifacts.Build{{Name: title + "-build", Job: "build", Provides: []string{"docs", "image"}, Result: result, Project: "acme/api", Change: change}}}
}

func TestRequire(t *testing.T) {
	paused := of("B", 2, "")
	paused.Builds[0].Paused = true
	several := artifacts.Item{Title: "S", Builds: []artifacts.Build{
		{Name: "one", Job: "one", Provides: []string{"image"}, Result: "SUCCESS"},
		{Name: "none", Job: "none", Provides: []string{"other"}, Result: "FAILURE"},
		{Name: "two", Job: "two", Provides: []string{"image"}, Result: "SUCCESS"},
	}}
	const failed = `Job test requires artifact(s) image provided by build B-build (triggered by change 2 on project acme/api), but that build failed with result "TIMED_OUT"`
	for name, tc := range map[string]struct {
		requires []string
		ahead    []artifacts.Item
		want     artifacts.Needed
	}{
		"nothing ahead":             {[]string{"image"}, nil, artifacts.Needed{}},
		"nothing required":          {nil, []artifacts.Item{of("A", 1, "FAILURE")}, artifacts.Needed{}},
		"something else":            {[]string{"package"}, []artifacts.Item{of("A", 1, "FAILURE")}, artifacts.Needed{}},
		"the front comes first":     {[]string{"image"}, []artifacts.Item{of("B", 2, "SUCCESS"), of("A", 1, "SUCCESS")}, artifacts.Needed{Providers: []string{"A-build", "B-build"}}},
		"paused is enough":          {[]string{"image"}, []artifacts.Item{paused}, artifacts.Needed{Providers: []string{"B-build"}}},
		"several of one change":     {[]string{"image"}, []artifacts.Item{several, of("A", 1, "SUCCESS")}, artifacts.Needed{Providers: []string{"A-build", "one", "two"}}},
		"it runs":                   {[]string{"image", "docs"}, []artifacts.Item{of("A", 1, "")}, artifacts.Needed{Waits: "waits for image, docs of job build of A"}},
		"its jobs are not known":    {[]string{"image"}, []artifacts.Item{{Title: "A", Unknown: true}}, artifacts.Needed{Waits: "waits until the jobs of A are known, for it requires image"}},
		"it failed":                 {[]string{"image"}, []artifacts.Item{of("B", 2, "TIMED_OUT"), of("A", 1, "SUCCESS")}, artifacts.Needed{Fails: failed}},
		"the nearest decides":       {[]string{"image"}, []artifacts.Item{of("B", 2, "TIMED_OUT"), of("A", 1, "FAILURE")}, artifacts.Needed{Fails: failed}},
		"the nearest is waited for": {[]string{"image"}, []artifacts.Item{of("C", 3, ""), of("B", 2, "TIMED_OUT")}, artifacts.Needed{Waits: "waits for image of job build of C"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, artifacts.Require("test", tc.requires, tc.ahead)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRequireProperties: in whatever order those ahead end, the outcome is the same.
func TestRequireProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c"}
		var ends []artifacts.Item
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			var item artifacts.Item
			for n := range rapid.IntRange(0, 3).Draw(t, "builds") {
				item.Builds = append(item.Builds, artifacts.Build{
					Name: rapid.StringMatching("[a-z]{8}").Draw(t, "name"), Change: int64(n),
					Provides: rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 2, rapid.ID[string]).Draw(t, "provides"),
					Result:   rapid.SampledFrom([]model.BuildResult{"SUCCESS", "SUCCESS", "FAILURE"}).Draw(t, "result"),
				})
			}
			ends = append(ends, item)
		}
		requires := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 3, rapid.ID[string]).Draw(t, "requires")
		want := artifacts.Require("test", requires, ends)
		if want.Waits != "" || want.Fails != "" && want.Providers != nil {
			t.Fatalf("all have ended: %+v", want)
		}
		// Some have not ended: either it waits, or it is as in the end.
		before := make([]artifacts.Item, len(ends))
		for i, item := range ends {
			for _, b := range item.Builds {
				if rapid.Bool().Draw(t, "runs") {
					b.Result = ""
				}
				before[i].Builds = append(before[i].Builds, b)
			}
		}
		if got := artifacts.Require("test", requires, before); got.Waits == "" && !cmp.Equal(got, want) {
			t.Fatalf("got %+v before the end, and %+v then", got, want)
		}
	})
}
