package jobgraph

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gozer-dev/gozer/internal/model"
)

func TestReuse(t *testing.T) {
	job := func(name string, change int, needs ...string) *Job {
		j := &Job{Name: name, Change: change}
		for _, n := range needs {
			j.Dependencies = append(j.Dependencies, Dependency{Name: n})
		}
		return j
	}
	for name, tc := range map[string]struct {
		jobs   []*Job
		inputs []string
		past   []Past
		want   []int
	}{
		"the same inputs": {
			[]*Job{job("unit", 0), job("lint", 0)}, []string{"u", "l"}, []Past{{Inputs: "l", Result: model.Success}, {Inputs: "u", Result: ""}}, []int{1, 0},
		},
		"other inputs": {[]*Job{job("unit", 0)}, []string{"u2"}, []Past{{Inputs: "u", Result: model.Success}}, []int{-1}},
		"not known":    {[]*Job{job("unit", 0)}, []string{""}, []Past{{Inputs: "", Result: model.Success}}, []int{-1}},
		"a failure is what the inputs led to": {
			[]*Job{job("unit", 0)}, []string{"u"}, []Past{{Inputs: "u", Result: model.Failure}}, []int{0},
		},
		"what is no fault of the inputs is run again": {
			[]*Job{job("unit", 0)}, []string{"u"},
			[]Past{{Inputs: "u", Result: model.Canceled}, {Inputs: "u", Result: model.NodeFailure}, {Inputs: "u", Result: model.RetryLimit}, {Inputs: "u", Result: model.BuildError}, {Inputs: "u", Result: model.Skipped}}, []int{-1},
		},
		"the latest that serves": {
			[]*Job{job("unit", 0)}, []string{"u"}, []Past{{Inputs: "u", Result: model.Canceled}, {Inputs: "u", Result: model.Failure}, {Inputs: "u", Result: model.Success}}, []int{1},
		},
		"behind a new build, a new build": {
			[]*Job{job("build", 0), job("test", 0, "build"), job("publish", 0, "test"), job("lint", 0)}, []string{"b2", "t", "p", "l"},
			[]Past{{Inputs: "b", Result: model.Success}, {Inputs: "t", Result: model.Success}, {Inputs: "p", Result: model.Success}, {Inputs: "l", Result: model.Success}}, []int{-1, -1, -1, 3},
		},
		"what was served is gone, and a new build needs it": {
			[]*Job{job("registry", 0), job("image", 0, "registry"), job("test", 0, "registry"), job("lint", 0)}, []string{"r", "i2", "t", "l"},
			[]Past{{Inputs: "r", Result: model.Success, Over: true}, {Inputs: "t", Result: model.Success}, {Inputs: "l", Result: model.Success}}, []int{-1, -1, -1, 2},
		},
		"what was served is gone, and nobody new needs it": {
			[]*Job{job("registry", 0), job("image", 0, "registry"), job("lint", 0)}, []string{"r", "i", "l2"},
			[]Past{{Inputs: "r", Result: model.Success, Over: true}, {Inputs: "i", Result: model.Success}}, []int{0, 1, -1},
		},
		"of a cycle, each change by itself": {
			[]*Job{job("build", 0), job("build", 1), job("test", 0, "build"), job("test", 1, "build")}, []string{"x2", "y", "tx", "ty"},
			[]Past{{Inputs: "y", Result: model.Success}, {Inputs: "tx", Result: model.Success}, {Inputs: "ty", Result: model.Success}}, []int{-1, 0, -1, 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Reuse(tc.jobs, tc.inputs, tc.past)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInOrder(t *testing.T) {
	a, b, c := &Job{Name: "a"}, &Job{Name: "b"}, &Job{Name: "c"}
	a.Dependencies = []Dependency{{Name: "b"}}
	b.Dependencies = []Dependency{{Name: "c"}, {Name: "gone"}}
	var got []string
	for _, j := range InOrder([]*Job{a, b, c}) {
		got = append(got, j.Name)
	}
	if diff := cmp.Diff([]string{"c", "b", "a"}, got); diff != "" {
		t.Error(diff)
	}
}
